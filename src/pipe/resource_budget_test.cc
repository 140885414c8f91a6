#include "pipe/resource_budget.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace penstock {
namespace {

constexpr size_t kMegabyte = size_t{1} << 20;

TEST(ResourceBudget, NeverMoreWorkersThanAllowed) {
    ResourceBudget budget(3, kMegabyte);
    std::atomic<int> now{0}, most{0}, done{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 12; ++i) {
        threads.emplace_back([&](const std::stop_token& stop) {
            for (int n = 0; n < 200; ++n) {
                ResourceBudget::Worker worker = budget.acquire_worker(stop);
                ASSERT_TRUE(worker.holds_place());
                int count = ++now;
                for (int seen = most; seen < count && !most.compare_exchange_weak(seen, count);) {
                }
                std::this_thread::yield();
                --now;
                ++done;
            }
        });
    }
    for (std::jthread& thread : threads) thread.join();
    EXPECT_EQ(done, 12 * 200);
    EXPECT_LE(most, 3);
    EXPECT_GE(most, 1);
}

TEST(ResourceBudget, PlacesAreGivenInTheOrderOfTheCalls) {
    ResourceBudget budget(1, kMegabyte);
    ResourceBudget::Worker held = budget.acquire_worker({});
    std::vector<int> served;  // guarded by the only place
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 5; ++i) {
            threads.emplace_back([&, i] {
                ResourceBudget::Worker worker = budget.acquire_worker({});
                served.push_back(i);
            });
            while (budget.waiting() < threads.size()) std::this_thread::yield();
        }
        held = ResourceBudget::Worker();
    }
    EXPECT_EQ(served, (std::vector<int>{0, 1, 2, 3, 4}));
    EXPECT_EQ(budget.waiting(), 0u);
}

TEST(ResourceBudget, AStopEndsTheWaitAndHoldsNothing) {
    ResourceBudget budget(1, kMegabyte);
    ResourceBudget::Worker held = budget.acquire_worker({});
    {
        std::jthread waiting(
            [&](const std::stop_token& stop) { EXPECT_FALSE(budget.acquire_worker(stop).holds_place()); });
    }  // stopped and joined
    std::stop_source stopped;
    stopped.request_stop();
    held = ResourceBudget::Worker();
    EXPECT_FALSE(budget.acquire_worker(stopped.get_token()).holds_place());
    EXPECT_TRUE(budget.acquire_worker({}).holds_place());  // the line is empty again
}

TEST(ResourceBudget, MoreIsSeenByThoseThatWait) {
    ResourceBudget budget(1, kMegabyte);
    ResourceBudget::Worker held = budget.acquire_worker({});
    std::jthread waiting(
        [&](const std::stop_token& stop) { EXPECT_TRUE(budget.acquire_worker(stop).holds_place()); });
    budget.set_limits(2, kMegabyte);
    waiting.join();
}

TEST(ResourceBudget, AFurtherWorkerTakesAFreePlaceAndWaitsForNone) {
    ResourceBudget budget(2, kMegabyte);
    ResourceBudget::Worker held = budget.acquire_worker({});
    {
        ResourceBudget::Worker further = budget.try_acquire_worker();
        EXPECT_TRUE(further.holds_place());
        EXPECT_FALSE(budget.try_acquire_worker().holds_place());
    }
    EXPECT_TRUE(budget.try_acquire_worker().holds_place());
    budget.set_limits(1, kMegabyte);
    EXPECT_FALSE(budget.try_acquire_worker().holds_place());
}

TEST(ResourceBudget, NoLimitIsBelowOne) {
    ResourceBudget budget(0, kMegabyte);
    EXPECT_TRUE(budget.acquire_worker({}).holds_place());
}

TEST(ResourceBudget, AMovedWorkerGivesItsPlaceBackOnce) {
    ResourceBudget budget(1, kMegabyte);
    {
        ResourceBudget::Worker one = budget.acquire_worker({});
        ResourceBudget::Worker other = std::move(one);
        EXPECT_TRUE(other.holds_place());
        EXPECT_FALSE(one.holds_place());  // NOLINT(bugprone-use-after-move)
    }
    ResourceBudget::Worker again = budget.acquire_worker({});
    EXPECT_TRUE(again.holds_place());
}

TEST(ResourceBudget, BlocksShareTheMemory) {
    ResourceBudget budget(1, 64 * kMegabyte);
    EXPECT_EQ(budget.block_bytes(), 16 * kMegabyte);  // no pipe yet: as for the first
    {
        ResourceBudget::Share one(&budget), two(&budget), none(nullptr);
        EXPECT_EQ(budget.block_bytes(), 8 * kMegabyte);
        ResourceBudget::Share three(&budget), four(&budget);
        EXPECT_EQ(budget.block_bytes(), 4 * kMegabyte);
        budget.set_limits(1, 8192 * kMegabyte);
        EXPECT_EQ(budget.block_bytes(), ResourceBudget::kMaxBlock);
        budget.set_limits(1, kMegabyte);
        EXPECT_EQ(budget.block_bytes(), ResourceBudget::kMinBlock);
    }
    budget.set_limits(1, 64 * kMegabyte);
    EXPECT_EQ(budget.block_bytes(), 16 * kMegabyte);
}

}  // namespace
}  // namespace penstock
