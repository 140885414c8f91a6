#pragma once
// Secrets at rest: sealed with XChaCha20-Poly1305 (libsodium crypto_aead_xchacha20poly1305_ietf) under one
// master key of the data directory.
//
// Sealed text: base64 of  version (1 byte, 1) | key id (4 bytes) | nonce (24) | ciphertext and tag.
// The key id is the first bytes of a hash of the key, so that a wrong key is said to be wrong. What stands
// before the nonce and `context` (for example "pipe/UUID/password") are authenticated: a sealed text is of no
// use in another place.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock {

constexpr const char* kMasterKeyVariable = "PENSTOCK_MASTER_KEY";

/// Wiped when destroyed. Const methods may be called from any thread.
class MasterKey {
  public:
    /// $PENSTOCK_MASTER_KEY (base64 of 32 bytes) where it is set and not empty; else `file`, which is made
    /// (mode 0600, random, durable) when it is missing and `make_if_missing`. Throws Error(kUsage): missing,
    /// not 32 bytes, open to others. Does not look at the catalog: a program that opens what a catalog holds
    /// takes its key from load_master_key (secrets/rotation.h).
    static MasterKey load(const std::string& file, bool make_if_missing);
    /// From base64 text. `origin` is where it is from, as errors name it: a file or "$VARIABLE".
    static MasterKey from_text(std::string_view base64, const std::string& origin);
    static std::string generate_text();  ///< a new random key as base64; the caller wipes it
    ~MasterKey();
    MasterKey(MasterKey&& other) noexcept;  ///< leaves a key that must not be used
    MasterKey(const MasterKey&) = delete;
    MasterKey& operator=(const MasterKey&) = delete;

    const std::string& id() const { return id_; }  ///< 8 hexadecimal digits; says nothing about the key
    const std::string& origin() const { return origin_; }

    /// Every call gives another text.
    std::string seal(std::string_view secret, std::string_view context) const;
    /// Throws Error(kUsage): sealed under another key, damaged, or of another context. Never names the
    /// secret.
    std::string open(std::string_view sealed, std::string_view context) const;

  private:
    MasterKey() = default;
    std::array<uint8_t, 32> key_{};
    std::array<uint8_t, 4> id_bytes_{};
    std::string id_, origin_;
};

}  // namespace penstock
