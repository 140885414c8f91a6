#pragma once
// How far the target is behind: the commits that were read of the log and are not visible yet.

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>

#include "pipe/progress.h"

namespace penstock {

/// Of one stream. The reading thread opens and closes batches, the inserting thread acknowledges them in that
/// order. Tells Progress::oldest_commit and last_heard.
class LagBook {
  public:
    /// What the stream before left in `progress` holds until this one is heard.
    explicit LagBook(Progress& progress) : progress_(progress) {}

    /// The source has sent something, between two transactions. `rests`: it has nothing more to send now.
    void hear(bool rests) {
        progress_.last_heard = std::chrono::system_clock::now().time_since_epoch();
        if (!rests) return;
        std::lock_guard lock(mutex_);
        if (batches_.empty()) progress_.oldest_commit = 0;
    }
    /// The open batch has rows; the first time, of a commit of this time (the source's clock, seconds).
    void open(uint32_t commit_time) {
        if (is_open_) return;
        is_open_ = true;
        std::lock_guard lock(mutex_);
        batches_.push_back(commit_time);
        tell();
    }
    /// True when the batch has rows, and so is acknowledged some time.
    bool close() { return std::exchange(is_open_, false); }
    void acknowledge() {
        std::lock_guard lock(mutex_);
        batches_.pop_front();
        tell();
    }

  private:
    void tell() { progress_.oldest_commit = batches_.empty() ? 0 : batches_.front(); }

    Progress& progress_;
    bool is_open_ = false;  // the reading thread's
    std::mutex mutex_;
    std::deque<uint32_t> batches_;  // the first commit of each
};

}  // namespace penstock
