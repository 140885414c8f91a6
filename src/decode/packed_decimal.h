#pragma once
// DECIMAL as MySQL stores it (internals manual, "Binary value encodings": NEWDECIMAL).
//
// Digits before and after the point lie in groups of nine, 4 bytes big-endian each; the group that is left
// over (the first before the point, the last after it) takes 1 to 4 bytes for 1 to 9 digits. The highest bit
// is inverted; all bits of a negative number are inverted.

#include <cstdint>

#include "base/byte_reader.h"

namespace penstock {

constexpr uint32_t packed_group_bytes(uint32_t digits) {
    return (digits + 1) / 2 - (digits > 8 ? 1 : 0);
}

/// Bytes of a DECIMAL(precision, scale).
constexpr uint32_t packed_decimal_size(uint32_t precision, uint32_t scale) {
    uint32_t whole = precision - scale;
    return whole / 9 * 4 + packed_group_bytes(whole % 9) + scale / 9 * 4 + packed_group_bytes(scale % 9);
}

/// Calls group(count of digits, their value) from left to right over packed_decimal_size bytes at `p`;
/// returns the sign through `negative`. False when a group holds more than its digits allow.
template <typename Group>
inline bool unpack_decimal(const uint8_t* p, uint32_t precision, uint32_t scale, bool& negative,
                           Group&& group) {
    constexpr uint32_t kLimits[] = {1,      10,      100,      1000,      10000,
                                    100000, 1000000, 10000000, 100000000, 1000000000};
    uint32_t whole = precision - scale;
    uint32_t invert = (p[0] & 0x80) != 0 ? 0 : 0xffffffff;
    negative = invert != 0;
    bool first = true, good = true;
    auto take = [&](uint32_t digits) {
        uint32_t bytes = packed_group_bytes(digits);
        auto raw = static_cast<uint32_t>(load_be(p, bytes));
        p += bytes;
        if (first) raw ^= 0x80u << 8 * (bytes - 1);
        first = false;
        uint32_t mask = bytes == 4 ? 0xffffffff : (1u << 8 * bytes) - 1;
        uint32_t value = (raw ^ invert) & mask;
        good = good && value < kLimits[digits];
        group(digits, value);
    };
    if (whole % 9 != 0) take(whole % 9);
    for (uint32_t i = 0; i < whole / 9; ++i) take(9);
    for (uint32_t i = 0; i < scale / 9; ++i) take(9);
    if (scale % 9 != 0) take(scale % 9);
    return good;
}

}  // namespace penstock
