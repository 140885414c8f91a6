#pragma once
// The API's keys: an id that is public and a secret that is shown once and stored as argon2id (libsodium
// crypto_pwhash_str).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"

namespace penstock {

enum class KeyRole { kAdmin, kReader };  ///< "admin", "reader": a reader may only look

const char* to_string(KeyRole role);
std::optional<KeyRole> parse_key_role(std::string_view text);

constexpr size_t kKeyIdLength = 20;      ///< of [A-Za-z0-9]
constexpr size_t kKeySecretLength = 40;  ///< likewise: 238 bits

struct ApiKey {
    std::string id;
    std::string name;
    KeyRole role = KeyRole::kAdmin;
    int64_t created_at = 0;
    int64_t expires_at = 0;  ///< ms since 1970 UTC; 0: never
    int64_t revoked_at = 0;  ///< 0: not revoked
};

struct NewApiKey {
    ApiKey key;
    std::string secret;  ///< the only time that it is seen
};

/// Any thread. Times are by the catalog's clock.
class ApiKeys {
  public:
    explicit ApiKeys(Catalog& catalog);  ///< which outlives it
    ~ApiKeys();

    /// Names need not be unique. Error(kUsage) when `expires_at` (0: never) has passed already.
    NewApiKey create(const std::string& name, KeyRole role, int64_t expires_at);
    std::vector<ApiKey> list() const;  ///< oldest first, the revoked and expired ones too
    /// False, and nothing is done, when it is the last admin's key in force. Error(kUsage) when there is
    /// none of that id. A key that is revoked already keeps its time.
    bool revoke(std::string_view id);

    /// The key's role when id and secret are right and the key is in force; else nothing. Takes as long for
    /// an unknown id as for a wrong secret (one argon2, secrets/password_hash.h, for which it may have to
    /// wait). A secret that was verified is remembered by a keyed hash, so that only the first request of a
    /// key pays for argon2; a revoked or expired key is refused at once all the same. Throws Error(kRetry)
    /// without memory.
    std::optional<KeyRole> verify(std::string_view id, std::string_view secret);

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace penstock
