#include "pipe/lifecycle.h"

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace penstock {
namespace {

using enum PipeState;
using enum PipeEvent;

/// docs/lifecycle.md's table: the rows "| State | event | State |" below the heading "The table".
std::map<std::pair<std::string, std::string>, std::string> documented_table() {
    std::ifstream file(PENSTOCK_TEST_DATA "/../../docs/lifecycle.md");
    std::map<std::pair<std::string, std::string>, std::string> table;
    std::string line;
    bool inside = false;
    while (std::getline(file, line)) {
        if (line.starts_with("## ")) inside = line == "## The table";
        if (!inside || !line.starts_with("| ")) continue;
        std::vector<std::string> cells;
        std::istringstream row(line.substr(1));
        std::string cell;
        while (std::getline(row, cell, '|')) {
            size_t first = cell.find_first_not_of(' ');
            cells.push_back(
                first == std::string::npos ? "" : cell.substr(first, cell.find_last_not_of(' ') - first + 1));
        }
        if (cells.size() < 3 || cells[0] == "State") continue;
        bool added = table.emplace(std::pair(cells[0], cells[1]), cells[2]).second;
        EXPECT_TRUE(added) << line << " is there twice";
    }
    return table;
}

TEST(Lifecycle, every_pair_is_as_documented) {
    auto documented = documented_table();
    ASSERT_FALSE(documented.empty());
    size_t rows = 0;
    for (PipeState state : all_states()) {
        for (PipeEvent event : all_events()) {
            // Asked with two resume states: only "where it was" gives back both.
            auto next = next_state(state, event, kSnapshot);
            auto other = next_state(state, event, kSetup);
            auto found = documented.find({std::string(state_name(state)), std::string(event_name(event))});
            std::string expected = found == documented.end() ? "" : found->second;
            std::string actual;
            if (next) actual = *next == *other ? std::string(state_name(*next)) : "where it was";
            EXPECT_EQ(actual, expected) << state_name(state) << " on " << event_name(event);
            rows += next ? 1 : 0;
        }
    }
    EXPECT_EQ(rows, documented.size()) << "the document has rows with unknown names";
}

TEST(Lifecycle, modes_take_their_own_way) {
    struct Way {
        ReplicationMode mode;
        std::vector<PipeState> states;
    };
    for (const Way& way : {Way{ReplicationMode::kCdc, {kSetup, kSnapshot, kRunning}},
                           Way{ReplicationMode::kSnapshot, {kSetup, kSnapshot, kCompleted}},
                           Way{ReplicationMode::kCdcOnly, {kSetup, kRunning}}}) {
        std::vector<PipeState> went;
        PipeState state = kProvisioning;
        while (state != kRunning && state != kCompleted) {
            PipeEvent setup_done = way.mode == ReplicationMode::kCdcOnly ? kSetupDoneFlow : kSetupDoneLoad;
            PipeEvent event = state == kProvisioning ? kReady
                              : state == kSetup      ? setup_done
                                                     : snapshot_done_event(way.mode);
            auto next = next_state(state, event, state);
            ASSERT_TRUE(next);
            state = *next;
            went.push_back(state);
        }
        EXPECT_EQ(went, way.states);
    }
}

TEST(Lifecycle, every_command_has_its_place_in_every_state) {
    for (PipeState state : all_states()) {
        SCOPED_TRACE(state_name(state));
        const bool rest = is_at_rest(state);
        EXPECT_EQ(next_state(state, kStart, kRunning).has_value(),
                  state == kPaused || state == kFailed || state == kPausing);
        EXPECT_EQ(next_state(state, kStop, kRunning).has_value(),
                  (!rest || state == kFailed) && state != kPausing);
        EXPECT_TRUE(next_state(state, kReload, kRunning).has_value());
        EXPECT_EQ(next_state(state, kModify, kRunning).has_value(), state != kCompleted);
        EXPECT_EQ(next_state(state, kAddTables, kRunning).has_value(), state != kCompleted);
        EXPECT_EQ(next_state(state, kFail, kRunning).has_value(), !rest);
    }
}

TEST(Lifecycle, a_resync_ends_as_the_mode_says) {
    for (ReplicationMode mode :
         {ReplicationMode::kCdc, ReplicationMode::kSnapshot, ReplicationMode::kCdcOnly}) {
        PipeState state = kFailed;
        for (PipeEvent event : {kReload, kSetupDoneLoad, kSnapshotDoneSwap, swapped_event(mode)}) {
            auto next = next_state(state, event, kRunning);
            ASSERT_TRUE(next) << state_name(state) << " on " << event_name(event);
            state = *next;
        }
        EXPECT_EQ(state, mode == ReplicationMode::kSnapshot ? kCompleted : kRunning);
    }
}

TEST(Lifecycle, a_paused_or_failed_pipe_goes_on_where_it_was) {
    for (PipeState active : {kProvisioning, kSetup, kSnapshot, kRunning, kDegraded}) {
        PipeState goes_on_in = active == kDegraded ? kRunning : active;
        for (const std::vector<PipeEvent>& events :
             {std::vector{kStop, kStopped, kStart}, std::vector{kFail, kStart},
              std::vector{kStop, kFail, kStart}}) {
            PipeState state = active, resume = resume_state_after(active, kProvisioning);
            for (PipeEvent event : events) {
                auto next = next_state(state, event, resume);
                ASSERT_TRUE(next) << state_name(state) << " on " << event_name(event);
                state = *next;
                resume = resume_state_after(state, resume);
            }
            EXPECT_EQ(state, goes_on_in) << "from " << state_name(active);
        }
    }
}

TEST(Lifecycle, numbers_and_names_are_those_that_are_stored) {
    const std::vector<std::pair<int, std::string>> stored = {
        {1, "Provisioning"}, {2, "Setup"},  {3, "Snapshot"},  {4, "Running"}, {5, "Pausing"},  {6, "Paused"},
        {7, "Modifying"},    {8, "Resync"}, {9, "Completed"}, {10, "Failed"}, {11, "Degraded"}};
    ASSERT_EQ(all_states().size(), stored.size());
    for (size_t i = 0; i < stored.size(); ++i) {
        PipeState state = all_states()[i];
        EXPECT_EQ(static_cast<int>(state), stored[i].first);
        EXPECT_EQ(state_name(state), stored[i].second);
        EXPECT_EQ(parse_state(stored[i].second), state);
    }
    EXPECT_FALSE(parse_state("running"));
    EXPECT_FALSE(parse_state(""));
    std::set<std::string_view> events;
    for (PipeEvent event : all_events()) EXPECT_TRUE(events.insert(event_name(event)).second);
    EXPECT_EQ(static_cast<size_t>(kSwappedEnd), events.size());
}

}  // namespace
}  // namespace penstock
