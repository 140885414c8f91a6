#pragma once
// The bounds-checked cursor through which all bytes of a server are read.

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/error.h"

namespace penstock {

using ByteSpan = std::span<const uint8_t>;

inline std::string_view as_text(ByteSpan bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline ByteSpan as_bytes(std::string_view text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// Unsigned little-endian integer of N bytes (1 to 8) at p; the caller has checked the bounds.
template <int N>
inline uint64_t load_le(const uint8_t* p) {
    static_assert(N >= 1 && N <= 8);
    if constexpr (std::has_single_bit(static_cast<unsigned>(N))) {
        uint64_t v = 0;
        std::memcpy(&v, p, N);  // x86-64 and aarch64 are little-endian; asserted in byte_reader.cc
        return v;
    } else {  // in registers: bytes that are put together in memory are waited for
        constexpr int kLow = static_cast<int>(std::bit_floor(static_cast<unsigned>(N)));
        return load_le<kLow>(p) | load_le<N - kLow>(p + kLow) << 8 * kLow;
    }
}

/// The same of n bytes, 0 to 8.
inline uint64_t load_le(const uint8_t* p, size_t n) {
    switch (n) {
        case 0:
            return 0;
        case 1:
            return load_le<1>(p);
        case 2:
            return load_le<2>(p);
        case 3:
            return load_le<3>(p);
        case 4:
            return load_le<4>(p);
        case 5:
            return load_le<5>(p);
        case 6:
            return load_le<6>(p);
        case 7:
            return load_le<7>(p);
        default:
            return load_le<8>(p);
    }
}

/// Unsigned big-endian integer of n bytes (0 to 8) at p; the caller has checked the bounds.
inline uint64_t load_be(const uint8_t* p, size_t n) {
    uint64_t v = 0;
    for (size_t i = 0; i < n; ++i) v = v << 8 | p[i];
    return v;
}

/// Reads forward over bytes that it does not own. Any read past the end throws Error(kFailPipe) with
/// `what` as its operation; a reader never reads outside its span.
class ByteReader {
  public:
    ByteReader(ByteSpan bytes, const char* what) : p_(bytes.data()), end_(p_ + bytes.size()), what_(what) {}

    size_t remaining() const { return static_cast<size_t>(end_ - p_); }
    bool empty() const { return p_ == end_; }
    const uint8_t* position() const { return p_; }

    template <int N>
    uint64_t le() {
        need(N);
        uint64_t v = load_le<N>(p_);
        p_ += N;
        return v;
    }
    uint8_t u8() { return static_cast<uint8_t>(le<1>()); }
    uint16_t u16() { return static_cast<uint16_t>(le<2>()); }
    uint32_t u32() { return static_cast<uint32_t>(le<4>()); }
    uint64_t u64() { return le<8>(); }
    /// Little-endian integer whose width (1 to 8 bytes) is known at run time.
    uint64_t le_n(size_t n) {
        need(n);
        if (n > 8) fail("integer wider than 8 bytes");
        const uint64_t v = load_le(p_, n);
        p_ += n;
        return v;
    }

    ByteSpan bytes(size_t n) {
        need(n);
        ByteSpan s(p_, n);
        p_ += n;
        return s;
    }
    ByteSpan rest() { return bytes(remaining()); }
    void skip(size_t n) {
        need(n);
        p_ += n;
    }

    /// MySQL length-encoded integer (Protocol::LengthEncodedInteger).
    uint64_t lenenc() {
        uint8_t first = u8();
        if (first < 0xfb) return first;
        if (first == 0xfc) return le<2>();
        if (first == 0xfd) return le<3>();
        if (first == 0xfe) return le<8>();
        fail("bad length-encoded integer");
    }
    ByteSpan lenenc_bytes() {
        uint64_t n = lenenc();
        if (n > remaining()) fail("length runs past the end");
        return bytes(static_cast<size_t>(n));
    }

    /// Unsigned LEB128 number, ClickHouse's VarUInt.
    uint64_t varint() {
        uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const uint8_t byte = u8();
            value |= uint64_t{byte & 0x7fu} << shift;
            if (byte < 0x80) return value;
        }
        fail("bad variable-length integer");
    }

    [[noreturn]] void fail(const char* message) const;

  private:
    void need(size_t n) const {
        if (n > remaining()) fail("cut short");
    }

    const uint8_t* p_;
    const uint8_t* end_;
    const char* what_;
};

}  // namespace penstock
