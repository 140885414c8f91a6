#pragma once
// MariaDB's types of a fixed number of bytes: UUID, INET4, INET6. From the log's bytes and from the server's
// text to the bytes of a target value (see TargetKind).
//
// In the log they are BINARY: zero bytes at the end are left out. Bytes are in the order in which they are
// printed, also a UUID's, whose parts the server stores in another order (MariaDB KB, "UUID Data Type") but
// not logs so.

#include <array>
#include <cstdint>
#include <string_view>

#include "base/byte_reader.h"

namespace penstock {

/// Bytes of a value, up to 16, in the order in which they are printed.
struct FixedBinary {
    std::array<uint8_t, 16> bytes{};
};

/// The log's bytes with the zeros that it leaves out. False when there are more than `width`.
bool read_fixed(ByteSpan stored, size_t width, FixedBinary& value);

/// "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", digits of either case. False for anything else.
bool parse_uuid_text(std::string_view text, FixedBinary& value);
/// "192.0.2.1" and "2001:db8::1" or "::ffff:192.0.2.1". False for anything else.
bool parse_inet4_text(std::string_view text, FixedBinary& value);
bool parse_inet6_text(std::string_view text, FixedBinary& value);

/// As a ClickHouse UUID: each half as a little-endian number.
std::array<uint8_t, 16> uuid_target(const FixedBinary& value);
/// As a ClickHouse IPv4: its number.
uint32_t ipv4_target(const FixedBinary& value);

}  // namespace penstock
