#pragma once
// Who sends a request, by Basic authentication (RFC 7617) with an API key, and how often it may.

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>

#include "api/rate_limit.h"
#include "secrets/api_keys.h"

namespace penstock {

struct SignedIn {
    std::string key_id;
    KeyRole role = KeyRole::kReader;
};

/// Any thread.
class SignIn {
  public:
    static constexpr uint32_t kNetworkFactor = 10;

    /// Limits as in ApiServerOptions. `keys` outlives this.
    SignIn(ApiKeys& keys, uint32_t requests_per_minute, uint32_t failures_per_minute,
           std::function<RateLimit::Time()> now = std::chrono::steady_clock::now);

    /// `authorization`: the header; `client`: the address it came from. Throws ApiError: 401 where it names
    /// no key that is in force, 429 with the time to wait after too many failures with this key id from this
    /// client's network, or, for a key that was never right from there, kNetworkFactor times as many with
    /// any.
    SignedIn sign_in(const std::string& authorization, const std::string& client);
    /// Counts a request of a key. Throws ApiError(429) with the time to wait.
    void count_request(const std::string& key_id);

  private:
    bool is_known(const std::string& pair) const;
    void remember(const std::string& pair);

    ApiKeys& keys_;
    const uint32_t requests_per_minute_;
    RateLimit requests_, failures_, network_failures_;
    mutable std::mutex mutex_;     // guards known_
    std::set<std::string> known_;  // network and key id of sign-ins that succeeded
};

}  // namespace penstock
