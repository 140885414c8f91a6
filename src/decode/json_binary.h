#pragma once
// MySQL's binary JSON to the text that the server prints for it (CAST(json AS CHAR)).
//
// Layout (MySQL internals, "JSON binary format"; integers little-endian, offsets from the container's start):
//   document:  type 1 | value
//   container: count | size (2 bytes each, 4 in the large form) | for an object, per key: offset 2 or 4,
//              length 2 | per value: type 1, offset or the value itself 2 or 4 | keys | values
//   types:     0, 1 object small, large; 2, 3 array; 4 literal; 5 to 10 integers of 16, 32, 64 bits, signed
//   and
//              unsigned by turns; 11 double; 12 string; 15 opaque: MySQL type 1, then as a string
//   string:    length (7 bits a byte, lowest first, top bit: more follows) | UTF-8

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/byte_reader.h"

namespace penstock {

/// Appends the text of `document` to `out`. No bytes at all are the literal null, as in the server.
/// Throws Error(kFailPipe) for bytes that are not a document.
void append_json_text(ByteSpan document, std::string& out);

/// For what prints documents in parts: appends one value, given by its type and the bytes that begin at it,
/// at a depth (0: the whole document). `budget` is spent on what is printed: the values, keys and bytes of an
/// honest document's strings are no more than its bytes.
void append_json_value(uint8_t type, ByteSpan bytes, int depth, size_t& budget, std::string& out);
/// Appends `text` between quotes, escaped as the server does.
void append_json_string(std::string_view text, std::string& out);

/// Appends a finite double as the server prints it inside JSON: the fewest digits that read back as the same
/// number, always with a point or an exponent.
void append_json_double(double value, std::string& out);

}  // namespace penstock
