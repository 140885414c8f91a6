#pragma once
// How often something may happen in a minute, for each name (a key, an address) apart: token buckets.

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace penstock {

/// A name begins with a whole minute's tokens and gets them back evenly. Any thread.
class RateLimit {
  public:
    using Time = std::chrono::steady_clock::time_point;

    /// `per_minute` 0: no limit. At most `max_names` names are remembered; the one that has most tokens
    /// left is forgotten for a new one.
    explicit RateLimit(uint32_t per_minute, std::function<Time()> now = std::chrono::steady_clock::now,
                       size_t max_names = 10'000);

    /// Takes a token and returns 0; where there is none, the seconds until there is one, rounded up.
    uint32_t take(const std::string& name);
    /// The same answer, nothing taken.
    uint32_t wait(const std::string& name) const;

  private:
    struct Bucket {
        double tokens = 0;
        Time filled{};
    };
    double tokens_now(const Bucket& bucket, Time now) const;
    uint32_t seconds_until_one(double tokens) const;
    void make_room(Time now);

    const double per_minute_;
    const std::function<Time()> now_;
    const size_t max_names_;
    mutable std::mutex mutex_;  // guards buckets_
    std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace penstock
