#pragma once
// When a batch of changes that may close, between two transactions, does.

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace penstock {

struct OpenBatch {
    uint64_t rows = 0;               ///< row changes in it
    bool moved = false;              ///< the position moved since the batch before
    bool earlier_under_way = false;  ///< ClickHouse is still taking what came before
    std::chrono::milliseconds open_for{};
    std::chrono::milliseconds flowed_for{};  ///< events have come for so long without a pause
    std::chrono::seconds flowed_commits{};   ///< between the first and the last commit of that flow
    bool pause = false;                      ///< nothing came for a moment
    std::chrono::seconds age{};              ///< of its newest commit, as the source's clock and ours have it
    std::chrono::milliseconds caught_up{};   ///< how much less the age is than when the batch was opened
};

/// Few large parts cost ClickHouse less than many small ones. So a batch goes on growing while an earlier one
/// is inserted, and past `full_rows` in a backlog: while the pipe is so far behind that nobody would see the
/// rows in time anyhow, or catches up; its byte budget still ends it. Past `interval` it grows, up to
/// kPatience, only where it is far behind and that distance shrinks: behind a delayed replica, or one whose
/// clock is wrong, it does not, and the interval is kept. The end of a backlog, which has taken the source or
/// the pipe at least an interval, does not wait for another: its rows have waited.
inline bool is_due(const OpenBatch& batch, uint64_t full_rows, std::chrono::milliseconds interval) {
    constexpr std::chrono::seconds kFarBehind{10};
    constexpr std::chrono::seconds kWhole{
        1};  // the source's clock has whole seconds here: a span may be less
    constexpr std::chrono::seconds kCatchesUp{2};
    constexpr std::chrono::milliseconds kPatience{5000};
    if (batch.earlier_under_way) return false;
    const bool long_flow = batch.flowed_for >= interval || batch.flowed_commits - kWhole >= interval;
    if (batch.pause && batch.moved && long_flow) return true;
    const bool far_behind = batch.age >= kFarBehind && !batch.pause;
    const bool catches_up = batch.caught_up >= kCatchesUp && !batch.pause;
    const bool waits = far_behind && catches_up;
    if (batch.moved && batch.open_for >= (waits ? std::max(interval, kPatience) : interval)) return true;
    return batch.rows >= full_rows && !far_behind && !catches_up;
}

}  // namespace penstock
