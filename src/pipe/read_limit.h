#pragma once
// How fast the initial load may read from its source.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <stop_token>

#include "base/backoff.h"

namespace penstock {

/// Shared by the readers of a pipe; any thread. 0 is no limit.
class ReadLimit {
  public:
    using Clock = std::chrono::steady_clock;

    ReadLimit(uint64_t rows_per_second, uint64_t bytes_per_second)
        : rows_per_second_(rows_per_second), bytes_per_second_(bytes_per_second) {}

    bool limits() const { return rows_per_second_ != 0 || bytes_per_second_ != 0; }

    /// Accounts for what a reader has just read; until the time returned it reads no more. A time in which
    /// nobody read is not made up for.
    Clock::time_point admit(uint64_t rows, uint64_t bytes, Clock::time_point now) {
        double seconds = 0;
        if (rows_per_second_ != 0)
            seconds = static_cast<double>(rows) / static_cast<double>(rows_per_second_);
        if (bytes_per_second_ != 0) {
            seconds = std::max(seconds, static_cast<double>(bytes) / static_cast<double>(bytes_per_second_));
        }
        std::lock_guard lock(mutex_);
        free_at_ = std::max(free_at_, now) +
                   std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
        return free_at_;
    }

    /// The same, and waits until then or until a stop.
    void wait(uint64_t rows, uint64_t bytes, const std::stop_token& stop) {
        const Clock::time_point now = Clock::now();
        const Clock::time_point then = admit(rows, bytes, now);
        if (then > now) sleep_unless_stopped(stop, std::chrono::ceil<std::chrono::milliseconds>(then - now));
    }

  private:
    const uint64_t rows_per_second_, bytes_per_second_;
    std::mutex mutex_;
    Clock::time_point free_at_{};  // guarded by mutex_
};

}  // namespace penstock
