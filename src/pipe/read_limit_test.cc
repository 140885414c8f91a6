#include "pipe/read_limit.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const ReadLimit::Clock::time_point kNow{seconds(1000)};

TEST(ReadLimit, WithoutALimitNobodyWaits) {
    ReadLimit limit(0, 0);
    EXPECT_FALSE(limit.limits());
    EXPECT_EQ(limit.admit(1'000'000, 1'000'000'000, kNow), kNow);
}

TEST(ReadLimit, ReadersShareTheRows) {
    ReadLimit limit(1000, 0);
    EXPECT_TRUE(limit.limits());
    EXPECT_EQ(limit.admit(500, 1 << 30, kNow), kNow + milliseconds(500));
    EXPECT_EQ(limit.admit(250, 0, kNow + milliseconds(100)), kNow + milliseconds(750));
}

TEST(ReadLimit, TheStricterLimitCounts) {
    ReadLimit limit(1000, 100);
    EXPECT_EQ(limit.admit(1, 100, kNow), kNow + seconds(1));
    EXPECT_EQ(limit.admit(3000, 100, kNow), kNow + seconds(4));
}

TEST(ReadLimit, IdleTimeIsNotSaved) {
    ReadLimit limit(1000, 0);
    limit.admit(1000, 0, kNow);
    EXPECT_EQ(limit.admit(1000, 0, kNow + seconds(100)), kNow + seconds(101));
}

}  // namespace
}  // namespace penstock
