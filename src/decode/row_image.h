#pragma once
// A row as its fields lie in a packet, before they become column values.

#include <cstdint>
#include <vector>

#include "base/byte_reader.h"

namespace penstock {

struct Field {
    const uint8_t* data = nullptr;
    uint32_t size = 0;
    bool null = false;
};

/// fields[i] belongs to source column i. Reused from row to row; views into the packet.
struct RowImage {
    std::vector<Field> fields;
};

}  // namespace penstock
