#include "api/date_time.h"

#include <gtest/gtest.h>

namespace penstock {

namespace {

TEST(DateTime, Parses) {
    EXPECT_EQ(parse_date_time("1970-01-01T00:00:00Z"), 0);
    EXPECT_EQ(parse_date_time("2030-01-01T00:00:00.007Z"), 1893456000007);
    EXPECT_EQ(parse_date_time("2030-01-01t02:30:00.0079999+02:30"), 1893456000007);
    EXPECT_EQ(parse_date_time("2029-12-31 23:00:00-01:00"), 1893456000000);
    EXPECT_EQ(parse_date_time("2028-02-29T00:00:00.5Z"), 1835395200500);
}

TEST(DateTime, RefusesWhatIsNone) {
    for (const char* text : {"", "2030-01-01", "2030-01-01T00:00:00", "2030-13-01T00:00:00Z",
                             "2030-02-29T00:00:00Z", "2030-01-01T24:00:00Z", "2030-01-01T00:60:00Z",
                             "2030-01-01T00:00:60Z", "2030-01-01T00:00:00.Z", "2030-01-01T00:00:00Zx",
                             "2030-01-01T00:00:00+24:00", "2030-1-01T00:00:00Z", "x030-01-01T00:00:00Z"}) {
        EXPECT_EQ(parse_date_time(text), std::nullopt) << text;
    }
}

}  // namespace

}  // namespace penstock
