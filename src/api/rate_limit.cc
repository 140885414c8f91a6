#include "api/rate_limit.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace penstock {

namespace {

/// A hair below one is one: the tokens of a minute are summed up in pieces.
constexpr double kOne = 1 - 1e-9;

}  // namespace

RateLimit::RateLimit(uint32_t per_minute, std::function<Time()> now, size_t max_names)
    : per_minute_(per_minute), now_(std::move(now)), max_names_(max_names) {}

double RateLimit::tokens_now(const Bucket& bucket, Time now) const {
    double minutes = std::chrono::duration<double>(now - bucket.filled).count() / 60;
    return std::min(per_minute_, bucket.tokens + minutes * per_minute_);
}

uint32_t RateLimit::seconds_until_one(double tokens) const {
    // What the sum of pieces is off by is no second more.
    return std::max(1u, static_cast<uint32_t>(std::ceil((1 - tokens) * 60 / per_minute_ - 1e-6)));
}

uint32_t RateLimit::take(const std::string& name) {
    if (per_minute_ == 0) return 0;
    std::lock_guard lock(mutex_);
    Time now = now_();
    auto found = buckets_.find(name);
    if (found == buckets_.end()) {
        if (buckets_.size() >= max_names_) make_room(now);
        found = buckets_.emplace(name, Bucket{per_minute_, now}).first;
    }
    Bucket& bucket = found->second;
    bucket.tokens = tokens_now(bucket, now);
    bucket.filled = now;
    if (bucket.tokens < kOne) return seconds_until_one(bucket.tokens);
    bucket.tokens -= 1;
    return 0;
}

uint32_t RateLimit::wait(const std::string& name) const {
    if (per_minute_ == 0) return 0;
    std::lock_guard lock(mutex_);
    auto found = buckets_.find(name);
    if (found == buckets_.end()) return 0;
    double tokens = tokens_now(found->second, now_());
    return tokens < kOne ? seconds_until_one(tokens) : 0;
}

void RateLimit::make_room(Time now) {
    std::erase_if(buckets_, [&](const auto& entry) { return tokens_now(entry.second, now) >= per_minute_; });
    if (buckets_.size() < max_names_) return;
    buckets_.erase(std::max_element(buckets_.begin(), buckets_.end(), [&](const auto& a, const auto& b) {
        return tokens_now(a.second, now) < tokens_now(b.second, now);
    }));
}

}  // namespace penstock
