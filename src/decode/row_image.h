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
    /// By column, of a partial update: what changed in the JSON document that the field holds. Empty, as a
    /// whole or for a column, where the field is the value. See json_diff.h.
    std::vector<ByteSpan> json_diffs;
};

}  // namespace penstock
