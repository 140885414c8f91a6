#pragma once
// What a running pipe shows of itself: written by its threads, read by whoever displays it.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "pipe/lifecycle.h"

namespace penstock {

/// Counters since this process took the pipe up, except where said. Any thread may read and write.
struct Progress {
    std::atomic<PipeState> state{PipeState::kProvisioning};

    // The initial load; totals include what earlier runs loaded.
    std::atomic<uint64_t> tables_total{0}, tables_loaded{0};
    std::atomic<uint64_t> partitions_total{0}, partitions_loaded{0};
    std::atomic<uint64_t> rows_estimated{0}, rows_loaded{0};

    // Changes from the log that ClickHouse acknowledged.
    std::atomic<uint64_t> inserted{0}, updated{0}, deleted{0}, batches{0};
    std::atomic<uint64_t> adjusted{0};  ///< values changed by a policy, load and log
    std::atomic<uint32_t> last_commit_time{
        0};  ///< source's clock, seconds, of the newest acknowledged commit

    /// Trouble that the pipe is waiting out; empty when there is none.
    void set_trouble(std::string line) {
        std::lock_guard lock(mutex_);
        trouble_ = std::move(line);
    }
    std::string trouble() const {
        std::lock_guard lock(mutex_);
        return trouble_;
    }

  private:
    mutable std::mutex mutex_;
    std::string trouble_;
};

}  // namespace penstock
