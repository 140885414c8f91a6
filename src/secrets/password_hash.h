#pragma once
// argon2id (libsodium crypto_pwhash_str, INTERACTIVE limits: 64 MB and two passes each). At most
// kConcurrentHashes computations run at once in the process; further callers wait for their turn.

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock {

constexpr unsigned kConcurrentHashes = 2;

/// Each method is one computation, throws Error(kRetry) when the memory is not there, and may be called from
/// any thread.
class PasswordHash {
  public:
    /// Holds a turn: waits for it when it is made, gives it back when it is destroyed.
    PasswordHash();
    ~PasswordHash();
    PasswordHash(const PasswordHash&) = delete;
    PasswordHash& operator=(const PasswordHash&) = delete;

    std::string hash(std::string_view secret);  ///< as text, with a random salt
    bool matches(const std::string& hash, std::string_view secret);

    static uint64_t computations();  ///< of this process so far
};

}  // namespace penstock
