#pragma once
// Does every column of a block hold one value for each row?

#include "model/block.h"

namespace penstock {

inline bool has_rows(const BlockColumn& column, uint64_t rows) {
    if (column.nulls().size() != (column.type().nullable ? rows : 0)) return false;
    ByteSpan values = column.values();
    if (column.type().kind == TargetKind::kFloat32Array) {
        ByteSpan ends = column.array_ends();
        uint64_t last = 0;
        for (size_t at = 0; at + 8 <= ends.size(); at += 8) {
            if (load_le<8>(&ends[at]) < last) return false;
            last = load_le<8>(&ends[at]);
        }
        return ends.size() == rows * 8 && values.size() == last * 4;
    }
    if (uint32_t width = column.type().width(); width != 0) return values.size() == rows * width;
    uint64_t strings = 0;
    for (size_t at = 0; at < values.size(); ++strings) {  // VarUInt length, bytes
        uint64_t size = 0;
        for (int shift = 0;; shift += 7) {
            if (at == values.size() || shift > 63) return false;
            uint8_t byte = values[at++];
            size |= static_cast<uint64_t>(byte & 0x7f) << shift;
            if ((byte & 0x80) == 0) break;
        }
        if (size > values.size() - at) return false;
        at += size;
    }
    return strings == rows;
}

inline bool is_well_formed(const Block& block) {
    for (const BlockColumn& column : block.columns) {
        if (!has_rows(column, block.rows)) return false;
    }
    return block.is_deleted.size() == block.rows && block.version.size() == 8 * block.rows;
}

}  // namespace penstock
