#include "secrets/api_keys.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <sodium.h>

#include "base/error.h"
#include "secrets/password_hash.h"

namespace penstock {

namespace {

using Fingerprint = std::array<uint8_t, crypto_generichash_BYTES>;

std::string random_text(size_t length) {
    constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    std::string text;
    for (size_t i = 0; i < length; ++i) {
        text += kLetters[randombytes_uniform(static_cast<uint32_t>(kLetters.size()))];
    }
    return text;
}

KeyRole role_of(const ApiKeyRecord& record) {
    std::optional<KeyRole> role = parse_key_role(record.role);
    if (!role) {
        throw Error(Disposition::kFailPipe, "API key " + record.id,
                    "it has the role \"" + record.role + "\", which this Penstock does not know");
    }
    return *role;
}

ApiKey key_of(const ApiKeyRecord& record) {
    return {.id = record.id,
            .name = record.name,
            .role = role_of(record),
            .created_at = record.created_at,
            .expires_at = record.expires_at,
            .revoked_at = record.revoked_at};
}

bool in_force(const ApiKeyRecord& record, int64_t now) {
    return record.revoked_at == 0 && (record.expires_at == 0 || now < record.expires_at);
}

}  // namespace

const char* to_string(KeyRole role) {
    return role == KeyRole::kAdmin ? "admin" : "reader";
}

std::optional<KeyRole> parse_key_role(std::string_view text) {
    if (text == "admin") return KeyRole::kAdmin;
    if (text == "reader") return KeyRole::kReader;
    return std::nullopt;
}

class ApiKeys::Impl {
  public:
    explicit Impl(Catalog& catalog) : catalog_(catalog) {
        if (sodium_init() < 0) throw Error(Disposition::kFailPipe, "secrets", "libsodium does not start");
        crypto_generichash_keygen(memory_key_.data());
    }
    ~Impl() { sodium_memzero(memory_key_.data(), memory_key_.size()); }

    Catalog& catalog() const { return catalog_; }
    std::mutex& revocation() { return revocation_; }

    /// Of the secret together with the stored hash: it is worth nothing once another hash is stored.
    Fingerprint fingerprint(const ApiKeyRecord& record, std::string_view secret) const {
        Fingerprint result{};
        crypto_generichash_state state;
        crypto_generichash_init(&state, memory_key_.data(), memory_key_.size(), result.size());
        for (std::string_view part :
             {std::string_view(record.id), std::string_view(record.secret_hash), secret}) {
            uint64_t size = part.size();  // so that no part can pass for the end of the one before
            crypto_generichash_update(&state, reinterpret_cast<const uint8_t*>(&size), sizeof size);
            crypto_generichash_update(&state, reinterpret_cast<const uint8_t*>(part.data()), part.size());
        }
        crypto_generichash_final(&state, result.data(), result.size());
        sodium_memzero(&state, sizeof state);
        return result;
    }

    bool remembers(const std::string& id, const Fingerprint& seen) const {
        std::lock_guard lock(mutex_);
        auto known = verified_.find(id);
        return known != verified_.end() && sodium_memcmp(known->second.data(), seen.data(), seen.size()) == 0;
    }
    void remember(const std::string& id, const Fingerprint& seen) {
        std::lock_guard lock(mutex_);
        verified_[id] = seen;
    }
    void forget(const std::string& id) {
        std::lock_guard lock(mutex_);
        verified_.erase(id);
    }

  private:
    Catalog& catalog_;
    std::array<uint8_t, crypto_generichash_KEYBYTES> memory_key_{};
    std::mutex revocation_;  // taken before mutex_
    mutable std::mutex mutex_;
    std::unordered_map<std::string, Fingerprint> verified_;  // guarded by mutex_; by key id
};

ApiKeys::ApiKeys(Catalog& catalog) : impl_(std::make_unique<Impl>(catalog)) {}
ApiKeys::~ApiKeys() = default;

NewApiKey ApiKeys::create(const std::string& name, KeyRole role, int64_t expires_at) {
    Catalog& catalog = impl_->catalog();
    if (expires_at != 0 && expires_at <= catalog.now()) {
        throw Error(Disposition::kUsage, "create the API key", "its time of expiry has passed already",
                    "Give a later one, or none");
    }
    ApiKeyRecord record{
        .id = random_text(kKeyIdLength), .name = name, .role = to_string(role), .expires_at = expires_at};
    std::string secret = random_text(kKeySecretLength);
    record.secret_hash = PasswordHash().hash(secret);
    catalog.add_api_key(record);
    return {.key = key_of(catalog.get_api_key(record.id).value()), .secret = std::move(secret)};
}

std::vector<ApiKey> ApiKeys::list() const {
    std::vector<ApiKey> keys;
    for (const ApiKeyRecord& record : impl_->catalog().api_keys()) keys.push_back(key_of(record));
    return keys;
}

bool ApiKeys::revoke(std::string_view id) {
    Catalog& catalog = impl_->catalog();
    std::lock_guard one_at_a_time(impl_->revocation());  // two could each take the other for the last
    const std::optional<ApiKeyRecord> record = catalog.get_api_key(id);
    if (!record) {
        throw Error(Disposition::kUsage, "revoke the API key", "there is no key " + std::string(id));
    }
    const int64_t now = catalog.now();
    const auto is_admin = [&](const ApiKeyRecord& key) {
        return in_force(key, now) && role_of(key) == KeyRole::kAdmin;
    };
    const std::vector<ApiKeyRecord> keys = catalog.api_keys();
    if (is_admin(*record) && std::ranges::count_if(keys, is_admin) == 1) return false;
    catalog.revoke_api_key(id);
    impl_->forget(std::string(id));
    return true;
}

std::optional<KeyRole> ApiKeys::verify(std::string_view id, std::string_view secret) {
    Catalog& catalog = impl_->catalog();
    std::optional<ApiKeyRecord> record = catalog.get_api_key(id);
    if (!record) {
        PasswordHash().hash(secret);  // as much work as a wrong secret is
        return std::nullopt;
    }
    if (!in_force(*record, catalog.now())) {
        impl_->forget(record->id);
        return std::nullopt;
    }
    const Fingerprint seen = impl_->fingerprint(*record, secret);
    if (impl_->remembers(record->id, seen)) return role_of(*record);

    PasswordHash turn;
    // While this request waited for its turn, another may have verified the same secret.
    if (!impl_->remembers(record->id, seen) && !turn.matches(record->secret_hash, secret))
        return std::nullopt;
    // All that took a while.
    record = catalog.get_api_key(id);
    if (!record || !in_force(*record, catalog.now())) return std::nullopt;
    impl_->remember(record->id, seen);
    return role_of(*record);
}

}  // namespace penstock
