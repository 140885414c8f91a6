#include "api/sign_in.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include <fmt/format.h>
#include <sodium.h>

#include "api/api_error.h"
#include "api/sockets.h"

namespace penstock {

namespace {

constexpr const char* kChallenge = "Basic realm=\"penstock\", charset=\"UTF-8\"";
constexpr size_t kMaxKnown = 10'000;

struct Credentials {
    std::string id, secret;
    ~Credentials() { sodium_memzero(secret.data(), secret.size()); }
};

/// Of an Authorization header; empty where it is none of Basic authentication (RFC 7617).
Credentials basic_credentials(std::string_view header) {
    constexpr std::string_view kScheme = "basic ";
    bool basic = header.size() > kScheme.size() &&
                 std::equal(kScheme.begin(), kScheme.end(), header.begin(),
                            [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
    if (!basic) return {};
    header.remove_prefix(kScheme.size());
    std::string text(header.size(), '\0');
    size_t size = 0;
    int bad = sodium_base642bin(reinterpret_cast<unsigned char*>(text.data()), text.size(), header.data(),
                                header.size(), " ", &size, nullptr, sodium_base64_VARIANT_ORIGINAL);
    text.resize(size);
    size_t colon = text.find(':');
    if (bad != 0 || colon == std::string::npos) return {};
    Credentials result{text.substr(0, colon), text.substr(colon + 1)};
    sodium_memzero(text.data(), text.size());
    return result;
}

[[noreturn]] void too_many(const std::string& what, uint32_t seconds) {
    std::string wait = std::to_string(seconds);
    throw ApiError(429, fmt::format("{}; again in {} s", what, seconds),
                   {{"X-RateLimit-Reset", wait}, {"Retry-After", wait}});
}

[[noreturn]] void refuse(const std::string& why) {
    throw ApiError(401, why, {{"WWW-Authenticate", kChallenge}});
}

}  // namespace

SignIn::SignIn(ApiKeys& keys, uint32_t requests_per_minute, uint32_t failures_per_minute,
               std::function<RateLimit::Time()> now)
    : keys_(keys),
      requests_per_minute_(requests_per_minute),
      requests_(requests_per_minute, now),
      failures_(failures_per_minute, now),
      network_failures_(failures_per_minute * kNetworkFactor, now) {}

SignedIn SignIn::sign_in(const std::string& authorization, const std::string& client) {
    Credentials credentials = basic_credentials(authorization);
    if (credentials.id.empty()) refuse("sign in with Basic authentication: key id and key secret");
    // Wrong secrets of one key lock out that key only, as seen from here; wrong ones of many keys lock out
    // whoever has not been right from here.
    const std::string network = network_of(client), pair = network + " " + credentials.id;
    const bool known = is_known(pair);
    uint32_t seconds = failures_.wait(pair);
    if (!known) seconds = std::max(seconds, network_failures_.wait(network));
    if (seconds != 0) too_many("too many failed sign-ins from " + client, seconds);
    std::optional<KeyRole> role = keys_.verify(credentials.id, credentials.secret);
    if (!role) {
        failures_.take(pair);
        if (!known) network_failures_.take(network);
        refuse("the key is unknown, wrong, expired or revoked");
    }
    remember(pair);
    return {credentials.id, *role};
}

void SignIn::count_request(const std::string& key_id) {
    if (uint32_t seconds = requests_.take(key_id); seconds != 0) {
        too_many(fmt::format("this key has made {} requests within a minute", requests_per_minute_), seconds);
    }
}

bool SignIn::is_known(const std::string& pair) const {
    std::lock_guard lock(mutex_);
    return known_.contains(pair);
}

void SignIn::remember(const std::string& pair) {
    std::lock_guard lock(mutex_);
    if (known_.size() >= kMaxKnown) known_.clear();
    known_.insert(pair);
}

}  // namespace penstock
