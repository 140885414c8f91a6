#include "pipe/progress.h"

#include <atomic>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(Progress, TheWatcherHearsOfBeginningsAndEndsInTurn) {
    Progress progress;
    std::atomic<bool> in_trouble{false};
    std::atomic<int> out_of_turn{0};
    progress.watch_trouble([&](const std::string& line) {
        std::this_thread::yield();  // where another word could come in between
        if (in_trouble.exchange(!line.empty()) == !line.empty()) ++out_of_turn;
    });
    {
        std::jthread one([&] {
            for (int i = 0; i < 100'000; ++i) progress.set_trouble("lost");
        });
        std::jthread other([&] {
            for (int i = 0; i < 100'000; ++i) progress.set_trouble({});
        });
    }
    EXPECT_EQ(out_of_turn, 0);
    EXPECT_EQ(in_trouble, !progress.trouble().empty());
}

TEST(Progress, TimeLeftIsKnownOnlyWhileRowsAreLoaded) {
    Progress progress;
    progress.state = PipeState::kSnapshot;
    progress.rows_estimated = 1000;
    progress.rows_loaded = 400;  // by an earlier process
    progress.start_load_clock(400);
    EXPECT_FALSE(progress.seconds_left());
    progress.rows_loaded = 700;
    const std::optional<double> left = progress.seconds_left();
    ASSERT_TRUE(left);
    EXPECT_GT(*left, 0);
    progress.rows_loaded = 1200;  // estimates are no more than that
    EXPECT_EQ(progress.seconds_left(), 0.0);
    progress.state = PipeState::kRunning;
    EXPECT_FALSE(progress.seconds_left());
}

}  // namespace
}  // namespace penstock
