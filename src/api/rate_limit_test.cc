#include "api/rate_limit.h"

#include <gtest/gtest.h>

namespace penstock {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Clock {
    RateLimit::Time now{};
    auto reader() {
        return [this] { return now; };
    }
};

TEST(RateLimit, AMinutesTokensAtOnceThenEvenly) {
    Clock clock;
    RateLimit limit(6, clock.reader());
    for (int i = 0; i < 6; ++i) EXPECT_EQ(limit.take("k"), 0u) << i;
    EXPECT_EQ(limit.take("k"), 10u);
    clock.now += seconds(4);
    EXPECT_EQ(limit.take("k"), 6u);
    clock.now += milliseconds(5500);
    EXPECT_EQ(limit.take("k"), 1u);
    clock.now += milliseconds(500);
    EXPECT_EQ(limit.take("k"), 0u);
    EXPECT_EQ(limit.take("k"), 10u);
}

TEST(RateLimit, NeverMoreThanAMinutesTokens) {
    Clock clock;
    RateLimit limit(2, clock.reader());
    clock.now += seconds(1);
    EXPECT_EQ(limit.take("k"), 0u);
    clock.now += std::chrono::hours(5);
    EXPECT_EQ(limit.take("k"), 0u);
    EXPECT_EQ(limit.take("k"), 0u);
    EXPECT_EQ(limit.take("k"), 30u);
}

TEST(RateLimit, NamesAreApart) {
    Clock clock;
    RateLimit limit(1, clock.reader());
    EXPECT_EQ(limit.take("a"), 0u);
    EXPECT_EQ(limit.take("b"), 0u);
    EXPECT_EQ(limit.take("a"), 60u);
}

TEST(RateLimit, WaitTakesNothing) {
    Clock clock;
    RateLimit limit(1, clock.reader());
    EXPECT_EQ(limit.wait("k"), 0u);
    EXPECT_EQ(limit.wait("k"), 0u);
    EXPECT_EQ(limit.take("k"), 0u);
    EXPECT_EQ(limit.wait("k"), 60u);
    clock.now += seconds(59);
    EXPECT_EQ(limit.wait("k"), 1u);
    clock.now += seconds(1);
    EXPECT_EQ(limit.wait("k"), 0u);
}

TEST(RateLimit, ZeroIsNoLimit) {
    RateLimit limit(0);
    for (int i = 0; i < 10'000; ++i) ASSERT_EQ(limit.take("k"), 0u);
}

TEST(RateLimit, ForgetsWhoHasMostTokensLeft) {
    Clock clock;
    RateLimit limit(2, clock.reader(), 2);
    EXPECT_EQ(limit.take("busy"), 0u);
    EXPECT_EQ(limit.take("busy"), 0u);
    EXPECT_EQ(limit.take("quiet"), 0u);
    EXPECT_EQ(limit.take("new"), 0u);  // "quiet" goes
    EXPECT_EQ(limit.take("busy"), 30u);
    EXPECT_EQ(limit.take("new"), 0u);
    EXPECT_EQ(limit.take("new"), 30u);
}

}  // namespace

}  // namespace penstock
