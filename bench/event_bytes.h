#pragma once
// Events of MySQL's log made by hand, for benchmarks that need no server (dev.mysql.com, "Binlog Event").

#include <cstdint>
#include <vector>

#include "base/crc32.h"
#include "decode/event_types.h"

namespace penstock {

inline void put_le(std::vector<uint8_t>& bytes, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<uint8_t>(value >> 8 * i));
}

/// Header, body and checksum. `end` is where the event ends in its file.
inline std::vector<uint8_t> event_bytes(uint8_t type, const std::vector<uint8_t>& body, uint64_t end = 0) {
    std::vector<uint8_t> event;
    event.reserve(19 + body.size() + 4);
    put_le(event, 1, 4);  // time
    event.push_back(type);
    put_le(event, 1, 4);  // server
    put_le(event, 19 + body.size() + 4, 4);
    put_le(event, end, 4);
    put_le(event, 0, 2);
    event.insert(event.end(), body.begin(), body.end());
    put_le(event, crc32(event), 4);
    return event;
}

inline std::vector<uint8_t> format_description_body(bool checksums) {
    std::vector<uint8_t> body = {4, 0};
    body.resize(2 + 50 + 4);
    body.push_back(19);
    body.resize(body.size() + 41);
    body.push_back(checksums ? 1 : 0);
    return body;
}

}  // namespace penstock
