#include "pipe/batch_due.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kFull = 100;
constexpr auto kInterval = 10'000ms;

OpenBatch full() {
    return {.rows = kFull, .moved = true, .open_for = 1ms, .flowed_for = 2 * kInterval, .age = 9s};
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
    old.age = 10s;
    EXPECT_FALSE(is_due(old, kFull, kInterval));
    old.open_for = kInterval;
    EXPECT_TRUE(is_due(old, kFull, kInterval));
    old = full();
    old.age = 10s;
    old.pause = true;
    EXPECT_TRUE(is_due(old, kFull, kInterval));
}

TEST(BatchDue, GrowsPastItsRowsToTheEndOfABacklog) {
    OpenBatch near = full();
    near.age = 0s;
    near.caught_up = 2s;
    near.open_for = 999ms;
    EXPECT_FALSE(is_due(near, kFull, kInterval));
    near.open_for = 1s;  // the source goes on and on
    EXPECT_TRUE(is_due(near, kFull, kInterval));
    near.open_for = 1ms;
    near.caught_up = 1'999ms;
    EXPECT_TRUE(is_due(near, kFull, kInterval));
    near.caught_up = 2s;
    near.pause = true;
    EXPECT_TRUE(is_due(near, kFull, kInterval));
}

TEST(BatchDue, GrowsPastTheIntervalWhileThePipeCatchesUp) {
    OpenBatch old = full();
    old.age = 1h;
    old.caught_up = 2s;
    old.open_for = 4'999ms;
    EXPECT_FALSE(is_due(old, kFull, 100ms));
    old.open_for = 5'000ms;
    EXPECT_TRUE(is_due(old, kFull, 100ms));
    old.open_for = 100ms;
    old.caught_up = 1'999ms;  // a source that always is an hour behind, or has a wrong clock
    EXPECT_TRUE(is_due(old, kFull, 100ms));
    old.caught_up = -1s;
    EXPECT_TRUE(is_due(old, kFull, 100ms));
    old.caught_up = 2s;
    old.age = 9s;  // nearly there
    EXPECT_TRUE(is_due(old, kFull, 100ms));
}

TEST(BatchDue, TheEndOfABacklogDoesNotWait) {
    OpenBatch last = full();
    last.rows = 1;
    EXPECT_FALSE(is_due(last, kFull, kInterval));
    last.pause = true;
    EXPECT_TRUE(is_due(last, kFull, kInterval));
    last.flowed_for = kInterval - 1ms;  // a pause after a few: more of them may share a part
    EXPECT_FALSE(is_due(last, kFull, kInterval));
    last.backlog = 10s;  // may be 9.001
    EXPECT_FALSE(is_due(last, kFull, kInterval));
    last.backlog = 11s;  // read in less than they took
    EXPECT_TRUE(is_due(last, kFull, kInterval));
    last.backlog = 0s;
    last.flowed_for = kInterval;
    last.moved = false;
    EXPECT_FALSE(is_due(last, kFull, kInterval));
}

TEST(BatchClock, TellsHowMuchTheBatchHasCaughtUp) {
    const BatchClock::Time begin{};
    BatchClock clock(begin);
    OpenBatch batch;
    clock.measure(batch, begin + 100ms, 0);  // no commit yet
    EXPECT_EQ(batch.open_for, 100ms);
    EXPECT_EQ(batch.caught_up, -100ms);
    clock.measure(batch, begin + 200ms, 1000);
    EXPECT_EQ(batch.caught_up, -200ms);
    clock.measure(batch, begin + 500ms, 1060);
    EXPECT_EQ(batch.caught_up, 60s - 500ms);
    clock.open(begin + 1s, 1060);
    clock.measure(batch, begin + 3s, 1062);
    EXPECT_EQ(batch.open_for, 2s);
    EXPECT_EQ(batch.caught_up, 0s);
}

TEST(BatchClock, ABacklogEndsWithTheFirstPause) {
    const BatchClock::Time begin{};
    BatchClock clock(begin);
    OpenBatch batch;
    clock.measure(batch, begin + 50ms, 0);
    clock.pause(begin + 50ms);  // nothing was wanted so far
    clock.measure(batch, begin + 100ms, 1000);
    clock.open(begin + 100ms, 1000);
    clock.measure(batch, begin + 300ms, 8200);
    EXPECT_EQ(batch.backlog, 7200s);
    EXPECT_EQ(batch.flowed_for, 250ms);
    clock.pause(begin + 400ms);
    clock.measure(batch, begin + 500ms, 8201);
    EXPECT_EQ(batch.backlog, 0s);
    EXPECT_EQ(batch.flowed_for, 100ms);
    // Sessions that set their time, or a replica of two sources: old and new commits take turns.
    clock.measure(batch, begin + 600ms, 1000);
    clock.measure(batch, begin + 700ms, 8202);
    EXPECT_EQ(batch.backlog, 0s);
}

}  // namespace
}  // namespace penstock
