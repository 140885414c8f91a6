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
    bool pause = false;                      ///< nothing came for a moment
    std::chrono::seconds age{};              ///< of its newest commit, as the source's clock and ours have it
    std::chrono::milliseconds caught_up{};   ///< how much less the age is than when the batch was opened
};

/// Few large parts cost ClickHouse less than many small ones. So a batch goes on growing while an earlier one
/// is inserted, and past `full_rows` while the pipe is so far behind that nobody would see the rows in time
/// anyhow; its byte budget still ends it. Past `interval` it grows, up to kPatience, only where that distance
/// shrinks: behind a delayed replica, or one whose clock is wrong, it does not, and the interval is kept. The
/// end of a backlog does not wait for the interval: its rows have waited.
inline bool is_due(const OpenBatch& batch, uint64_t full_rows, std::chrono::milliseconds interval) {
    constexpr std::chrono::seconds kFarBehind{10};
    constexpr std::chrono::seconds kCatchesUp{2};  // the source's clock has whole seconds here
    constexpr std::chrono::milliseconds kPatience{5000};
    if (batch.earlier_under_way) return false;
    if (batch.pause && batch.moved && batch.flowed_for >= interval) return true;
    const bool behind = batch.age >= kFarBehind && !batch.pause;
    const bool waits = behind && batch.caught_up >= kCatchesUp;
    if (batch.moved && batch.open_for >= (waits ? std::max(interval, kPatience) : interval)) return true;
    return batch.rows >= full_rows && !behind;
}

}  // namespace penstock
