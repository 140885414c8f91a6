#pragma once
// What the catalog stores for a service process rather than for one pipe. Times are ms since 1970-01-01 UTC.

#include <cstdint>
#include <string>

namespace penstock {

/// A ClickHouse service that pipes write to.
struct ServiceRecord {
    std::string id{};               ///< UUID text
    std::string name{};             ///< unique
    std::string settings_json{};    ///< without the password
    std::string sealed_password{};  ///< sealed for "service/ID/password"; empty: none
    int64_t created_at = 0;         ///< set when the id is stored for the first time
    int64_t updated_at = 0;         ///< set by every put_service
};

/// What the pipes of a service share for following changes.
struct CdcScaling {
    uint32_t cpu_millicores = 0;
    uint32_t memory_gb = 0;
    bool operator==(const CdcScaling&) const = default;
};

/// An API key; secrets/api_keys.h gives the fields their meaning.
struct ApiKeyRecord {
    std::string id{};
    std::string name{};
    std::string secret_hash{};  ///< never the secret
    std::string role{};
    int64_t created_at = 0;  ///< set by add_api_key
    int64_t expires_at = 0;  ///< 0: never
    int64_t revoked_at = 0;  ///< 0: not revoked
};

}  // namespace penstock
