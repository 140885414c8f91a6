#include "secrets/master_key.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <sodium.h>

#include "base/error.h"
#include "secrets/key_file.h"

namespace penstock {

namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kHeaderSize = 1 + 4;  // version, key id
constexpr size_t kNonceSize = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr size_t kTagSize = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr int kBase64 = sodium_base64_VARIANT_ORIGINAL;
static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == 32);

using Bytes = std::vector<uint8_t>;

void start_sodium() {
    if (sodium_init() < 0) throw Error(Disposition::kFailPipe, "secrets", "libsodium does not start");
}

std::string to_base64(const uint8_t* bytes, size_t size) {
    std::string text(sodium_base64_ENCODED_LEN(size, kBase64), '\0');
    sodium_bin2base64(text.data(), text.size(), bytes, size, kBase64);
    text.pop_back();  // the terminating zero
    return text;
}

/// False when it is not base64, or of more bytes than `out` has room for. Sets `size`.
bool from_base64(std::string_view text, uint8_t* out, size_t room, size_t& size) {
    size = 0;
    if (text.empty()) return true;  // libsodium takes no null pointer
    const char* end = nullptr;
    return sodium_base642bin(out, room, text.data(), text.size(), nullptr, &size, &end, kBase64) == 0 &&
           end == text.data() + text.size();
}

std::string to_hex(const uint8_t* bytes, size_t size) {
    std::string text(size * 2 + 1, '\0');
    sodium_bin2hex(text.data(), text.size(), bytes, size);
    text.pop_back();
    return text;
}

const uint8_t* bytes_of(std::string_view text) {
    return reinterpret_cast<const uint8_t*>(text.data());
}

/// What a seal is bound to beside its key.
std::string authenticated(const uint8_t* header, std::string_view context) {
    return std::string(header, header + kHeaderSize).append(context);
}

}  // namespace

MasterKey MasterKey::load(const std::string& file, bool make_if_missing) {
    start_sodium();
    const char* variable = std::getenv(kMasterKeyVariable);
    if (variable != nullptr && *variable != '\0') {
        return from_text(variable, std::string("$") + kMasterKeyVariable);
    }
    std::optional<SecretText> text = read_key_file(file);
    if (!text && make_if_missing) {
        // Another process may have made it since; then that one counts.
        write_key_file(file, SecretText(generate_text()).get(), false);
        text = read_key_file(file);
    }
    if (!text) {
        throw Error(Disposition::kUsage, "master key " + file, "the file does not exist",
                    std::string("Put it back, or set ") + kMasterKeyVariable);
    }
    return from_text(text->get(), file);
}

MasterKey MasterKey::from_text(std::string_view base64, const std::string& origin) {
    start_sodium();
    MasterKey key;
    size_t size = 0;
    if (!from_base64(base64, key.key_.data(), key.key_.size(), size) || size != key.key_.size()) {
        throw Error(Disposition::kUsage, "master key " + origin, "it is not 32 bytes as base64",
                    "One is made by: head -c 32 /dev/urandom | base64");
    }
    constexpr std::string_view kPurpose = "penstock master key id";
    std::array<uint8_t, crypto_generichash_BYTES> hash{};
    crypto_generichash(hash.data(), hash.size(), bytes_of(kPurpose), kPurpose.size(), key.key_.data(),
                       key.key_.size());
    std::copy_n(hash.begin(), key.id_bytes_.size(), key.id_bytes_.begin());
    key.id_ = to_hex(key.id_bytes_.data(), key.id_bytes_.size());
    key.origin_ = origin;
    return key;
}

std::string MasterKey::generate_text() {
    start_sodium();
    std::array<uint8_t, 32> bytes{};
    randombytes_buf(bytes.data(), bytes.size());
    std::string text = to_base64(bytes.data(), bytes.size());
    sodium_memzero(bytes.data(), bytes.size());
    return text;
}

MasterKey::MasterKey(MasterKey&& other) noexcept
    : key_(other.key_),
      id_bytes_(other.id_bytes_),
      id_(std::move(other.id_)),
      origin_(std::move(other.origin_)) {
    sodium_memzero(other.key_.data(), other.key_.size());
}

MasterKey::~MasterKey() {
    sodium_memzero(key_.data(), key_.size());
}

std::string MasterKey::seal(std::string_view secret, std::string_view context) const {
    Bytes bytes(kHeaderSize + kNonceSize + secret.size() + kTagSize);
    bytes[0] = kVersion;
    std::copy(id_bytes_.begin(), id_bytes_.end(), bytes.begin() + 1);
    uint8_t* nonce = bytes.data() + kHeaderSize;
    randombytes_buf(nonce, kNonceSize);
    const std::string bound = authenticated(bytes.data(), context);
    crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + kNonceSize, nullptr, bytes_of(secret), secret.size(),
                                               bytes_of(bound), bound.size(), nullptr, nonce, key_.data());
    return to_base64(bytes.data(), bytes.size());
}

std::string MasterKey::open(std::string_view sealed, std::string_view context) const {
    auto fail = [&](const std::string& message, const std::string& hint) {
        throw Error(Disposition::kUsage, "open the sealed " + std::string(context), message, hint);
    };
    constexpr const char* kGiveAnew = "Give the password again";
    Bytes bytes(sealed.size());
    size_t size = 0;
    if (!from_base64(sealed, bytes.data(), bytes.size(), size) ||
        size < kHeaderSize + kNonceSize + kTagSize) {
        fail("the sealed text is damaged", kGiveAnew);
    }
    if (bytes[0] != kVersion) {
        fail("it was sealed by a newer Penstock (form " + std::to_string(bytes[0]) + ")", "Use that one");
    }
    if (!std::equal(id_bytes_.begin(), id_bytes_.end(), bytes.begin() + 1)) {
        fail("it is sealed under the master key " + to_hex(bytes.data() + 1, id_bytes_.size()) + ", but " +
                 origin_ + " holds " + id_,
             "Use the master key that it was sealed under");
    }
    const uint8_t* nonce = bytes.data() + kHeaderSize;
    const size_t sealed_size = size - kHeaderSize - kNonceSize;
    const std::string bound = authenticated(bytes.data(), context);
    std::string secret(sealed_size - kTagSize, '\0');
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(reinterpret_cast<uint8_t*>(secret.data()), nullptr,
                                                   nullptr, nonce + kNonceSize, sealed_size, bytes_of(bound),
                                                   bound.size(), nonce, key_.data()) != 0) {
        fail("the sealed text is damaged, or was sealed for another place", kGiveAnew);
    }
    return secret;
}

}  // namespace penstock
