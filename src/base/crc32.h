#pragma once
// CRC-32 as zlib, gzip and the checksums of the binary log have it (IEEE 802.3, reflected).

#include <cstdint>

#include "base/byte_reader.h"

namespace penstock {

/// Of `bytes`, after bytes whose CRC is `before`.
uint32_t crc32(ByteSpan bytes, uint32_t before = 0);

}  // namespace penstock
