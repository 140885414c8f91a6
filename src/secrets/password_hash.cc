#include "secrets/password_hash.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>

#include <sodium.h>

#include "base/error.h"

namespace penstock {

namespace {

struct Turns {
    std::mutex mutex;
    std::condition_variable changed;
    unsigned free = kConcurrentHashes;  // guarded by mutex
    std::atomic<uint64_t> computations = 0;
};

Turns& turns() {
    static Turns all;
    return all;
}

[[noreturn]] void fail_memory() {
    throw Error(Disposition::kRetry, "check an API key", "there is not enough memory for it");
}

}  // namespace

PasswordHash::PasswordHash() {
    if (sodium_init() < 0) throw Error(Disposition::kFailPipe, "secrets", "libsodium does not start");
    std::unique_lock lock(turns().mutex);
    turns().changed.wait(lock, [] { return turns().free > 0; });
    --turns().free;
}

PasswordHash::~PasswordHash() {
    {
        std::lock_guard lock(turns().mutex);
        ++turns().free;
    }
    turns().changed.notify_one();
}

std::string PasswordHash::hash(std::string_view secret) {
    ++turns().computations;
    std::array<char, crypto_pwhash_STRBYTES> text{};
    if (crypto_pwhash_str(text.data(), secret.data(), secret.size(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0) {
        fail_memory();
    }
    return text.data();
}

bool PasswordHash::matches(const std::string& hash, std::string_view secret) {
    ++turns().computations;
    errno = 0;
    if (crypto_pwhash_str_verify(hash.c_str(), secret.data(), secret.size()) == 0) return true;
    if (errno == ENOMEM) fail_memory();
    return false;
}

uint64_t PasswordHash::computations() {
    return turns().computations;
}

}  // namespace penstock
