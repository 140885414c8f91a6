#include "pipe/batch_due.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kFull = 100;
constexpr auto kInterval = 10'000ms;

OpenBatch full() {
    return {.rows = kFull, .moved = true, .more_waits = true, .open_for = 1ms, .age = 59s};
}

TEST(BatchDue, ByItsRowsOrByTheInterval) {
    EXPECT_TRUE(is_due(full(), kFull, kInterval));
    OpenBatch small = full();
    small.rows = kFull - 1;
    EXPECT_FALSE(is_due(small, kFull, kInterval));
    small.open_for = 9'999ms;
    EXPECT_FALSE(is_due(small, kFull, kInterval));
    small.open_for = kInterval;
    EXPECT_TRUE(is_due(small, kFull, kInterval));
    small.moved = false;  // nothing to tell
    EXPECT_FALSE(is_due(small, kFull, kInterval));
}

TEST(BatchDue, NotWhileAnEarlierOneIsUnderWay) {
    OpenBatch batch = full();
    batch.earlier_under_way = true;
    batch.open_for = 2 * kInterval;
    EXPECT_FALSE(is_due(batch, kFull, kInterval));
}

TEST(BatchDue, GrowsPastItsRowsWhileThePipeIsFarBehind) {
    OpenBatch old = full();
    old.age = 60s;
    EXPECT_FALSE(is_due(old, kFull, kInterval));
    old.open_for = kInterval;
    EXPECT_TRUE(is_due(old, kFull, kInterval));
    old = full();
    old.age = 60s;
    old.more_waits = false;  // the last of the backlog
    EXPECT_TRUE(is_due(old, kFull, kInterval));
}

}  // namespace
}  // namespace penstock
