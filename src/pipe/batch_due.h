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
    bool pause = false;              ///< nothing came for a moment
    std::chrono::milliseconds open_for{};
    std::chrono::milliseconds flowed_for{};  ///< events have come for so long without a pause
    std::chrono::seconds
        backlog{};               ///< from the first commit of this connection to the newest; 0 after a pause
    std::chrono::seconds age{};  ///< of its newest commit, as the source's clock and ours have it
    std::chrono::milliseconds caught_up{};  ///< how much less the age is than when the batch was opened
};

/// The times of OpenBatch, from event to event of one connection to the source. Commit times are Unix seconds
/// by the source's clock, 0: none yet.
class BatchClock {
  public:
    using Time = std::chrono::steady_clock::time_point;

    explicit BatchClock(Time now) : opened_(now), flows_since_(now) {}

    /// A batch begins behind the commit of that time.
    void open(Time now, uint32_t last_commit) {
        opened_ = now;
        opened_behind_ = last_commit;
    }
    /// The log is read to its end: what comes next is no backlog. But MySQL sends a heartbeat also in front
    /// of the first transaction that is wanted.
    void pause(Time now) {
        flows_since_ = now;
        if (first_commit_ != 0) at_backlog_ = false;
    }
    /// Sets the times of `batch` but its age.
    void measure(OpenBatch& batch, Time now, uint32_t last_commit) {
        using std::chrono::duration_cast;
        using std::chrono::milliseconds;
        if (opened_behind_ == 0) opened_behind_ = last_commit;
        if (first_commit_ == 0) first_commit_ = last_commit;
        batch.open_for = duration_cast<milliseconds>(now - opened_);
        batch.flowed_for = duration_cast<milliseconds>(now - flows_since_);
        batch.backlog = at_backlog_ ? span(first_commit_, last_commit) : std::chrono::seconds(0);
        batch.caught_up = span(opened_behind_, last_commit) - batch.open_for;
    }

  private:
    static std::chrono::seconds span(uint32_t from, uint32_t to) {
        return std::chrono::seconds(int64_t{to} - from);
    }

    Time opened_, flows_since_;
    uint32_t opened_behind_ = 0, first_commit_ = 0;
    bool at_backlog_ = true;
};

/// Few large parts cost ClickHouse less than many small ones. So a batch goes on growing while an earlier one
/// is inserted, and past `full_rows` in a backlog: while the pipe is so far behind that nobody would see the
/// rows in time anyhow, and in its first second where it has caught up; its byte budget still ends it. Past
/// `interval` it grows, up to kPatience, only where the pipe is far behind and that distance shrinks: behind
/// a delayed replica, or one whose clock is wrong, it does not, and the interval is kept. The end of a
/// backlog, which took the pipe or the source at least an interval, does not wait for another: its rows have
/// waited.
inline bool is_due(const OpenBatch& batch, uint64_t full_rows, std::chrono::milliseconds interval) {
    constexpr std::chrono::seconds kFarBehind{10};
    constexpr std::chrono::seconds kWhole{
        1};  // the source's clock has whole seconds here: a span may be less
    constexpr std::chrono::seconds kCatchesUp{2};
    constexpr std::chrono::milliseconds kPatience{5000}, kSoon{1000};
    if (batch.earlier_under_way) return false;
    const bool waited = batch.flowed_for >= interval || batch.backlog - kWhole >= interval;
    if (batch.pause && batch.moved && waited) return true;
    const bool far_behind = batch.age >= kFarBehind && !batch.pause;
    const bool caught_up = batch.caught_up >= kCatchesUp && !batch.pause;
    const bool waits = far_behind && caught_up;
    if (batch.moved && batch.open_for >= (waits ? std::max(interval, kPatience) : interval)) return true;
    // Level with a source that never pauses, what was caught up says nothing of what comes.
    const bool grows = far_behind || (caught_up && batch.open_for < kSoon);
    return batch.rows >= full_rows && !grows;
}

}  // namespace penstock
