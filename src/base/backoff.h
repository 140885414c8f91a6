#pragma once
// Waiting between attempts, ended at once by a stop.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace penstock {

/// Sleeps; true when the time passed, false when a stop came first.
inline bool sleep_unless_stopped(const std::stop_token& stop, std::chrono::milliseconds time) {
    std::mutex mutex;
    std::condition_variable_any condition;
    std::unique_lock lock(mutex);
    condition.wait_for(lock, stop, time, [] { return false; });
    return !stop.stop_requested();
}

/// Doubling delays between a first and a longest one. One thread.
class Backoff {
  public:
    Backoff(std::chrono::milliseconds first, std::chrono::milliseconds longest)
        : first_(first), longest_(longest), next_(first) {}

    std::chrono::milliseconds next() {
        std::chrono::milliseconds delay = next_;
        next_ = std::min(next_ * 2, longest_);
        return delay;
    }
    void reset() { next_ = first_; }  ///< progress was made

  private:
    std::chrono::milliseconds first_, longest_, next_;
};

}  // namespace penstock
