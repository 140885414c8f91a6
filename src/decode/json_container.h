#pragma once
// The entries of a JSON object or array in MySQL's binary form; its layout is in json_binary.h. For the files
// of that form only.

#include <cstdint>
#include <string_view>

#include "base/byte_reader.h"

namespace penstock::json_binary {

enum Type : uint8_t {
    kSmallObject = 0,
    kLargeObject = 1,
    kSmallArray = 2,
    kLargeArray = 3,
    kLiteral = 4,
    kInt16 = 5,
    kUInt16 = 6,
    kInt32 = 7,
    kUInt32 = 8,
    kInt64 = 9,
    kUInt64 = 10,
    kDouble = 11,
    kString = 12,
    kOpaque = 15,
};

inline constexpr const char* kWhat = "decode: binary JSON";
inline constexpr int kMaxDepth =
    100;  // MySQL manual, "The JSON Data Type": deeper documents cannot be stored

[[noreturn]] inline void fail(const char* why) {
    ByteReader({}, kWhat).fail(why);
}

/// Calls take(key, type, bytes) for each entry, in order; keys of arrays are empty. `bytes` begin at the
/// value and may run past its end, to the container's.
template <int N, typename Take>
void each_entry(ByteSpan bytes, bool is_object, Take&& take) {
    ByteReader entries(bytes, kWhat);
    const uint64_t count = entries.le<N>(), size = entries.le<N>();
    if (size > bytes.size()) fail("container longer than its bytes");
    if (size < 2 * N) fail("container shorter than its head");
    bytes = bytes.first(size);
    entries = ByteReader(bytes.subspan(2 * N), kWhat);
    ByteReader keys = entries;
    if (is_object) {
        if (count * (N + 2) > entries.remaining()) fail("keys cut short");
        entries.skip(count * (N + 2));
    }
    for (uint64_t i = 0; i < count; ++i) {
        std::string_view key;
        if (is_object) {
            uint64_t offset = keys.le<N>(), length = keys.u16();
            if (offset > size || length > size - offset) fail("key outside its object");
            key = as_text(bytes.subspan(offset, length));
        }
        const uint8_t type = entries.u8();
        const ByteSpan entry = entries.bytes(N);
        if (type == kLiteral || type == kInt16 || type == kUInt16 ||
            (N == 4 && (type == kInt32 || type == kUInt32))) {
            take(key, type, entry);
            continue;
        }
        const uint64_t offset = load_le<N>(entry.data());
        if (offset >= size) fail("value outside its container");
        take(key, type, bytes.subspan(offset));
    }
}

}  // namespace penstock::json_binary
