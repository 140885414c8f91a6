#include "model/block.h"

namespace penstock {
namespace {

using Rows = std::span<const uint32_t>;

void keep_fixed(ByteBuffer& values, size_t width, Rows rows) {
    uint8_t* to = values.data();
    for (uint32_t row : rows) {
        std::memmove(to, values.data() + row * width, width);
        to += width;
    }
    values.truncate(rows.size() * width);
}

void keep_strings(ByteBuffer& values, Rows rows) {
    ByteReader reader(values.span(), "read a column of strings");
    uint8_t* to = values.data();
    uint32_t row = 0;
    for (uint32_t wanted : rows) {
        const uint8_t* begin = reader.position();
        for (; row <= wanted; ++row) {
            begin = reader.position();
            reader.skip(static_cast<size_t>(reader.varint()));
        }
        const auto size = static_cast<size_t>(reader.position() - begin);
        std::memmove(to, begin, size);
        to += size;
    }
    values.truncate(static_cast<size_t>(to - values.data()));
}

/// `ends` in elements of `width` bytes.
void keep_arrays(ByteBuffer& ends, ByteBuffer& values, size_t width, Rows rows) {
    uint64_t size = 0, kept = 0;
    for (uint32_t row : rows) {
        // The end in front is overwritten already only where all rows so far are kept: by itself.
        const uint64_t begin = row == 0 ? 0 : load_le<8>(ends.data() + size_t{row - 1} * 8);
        const uint64_t elements = load_le<8>(ends.data() + size_t{row} * 8) - begin;
        std::memmove(values.data() + size * width, values.data() + begin * width, elements * width);
        size += elements;
        std::memcpy(ends.data() + kept++ * 8, &size, 8);
    }
    ends.truncate(rows.size() * 8);
    values.truncate(size * width);
}

}  // namespace

void BlockColumn::keep_rows(std::span<const uint32_t> rows) {
    if (is_array()) return keep_arrays(nulls_, values_, sizeof(float), rows);
    if (type_.nullable) keep_fixed(nulls_, 1, rows);
    if (width_ == 0) return keep_strings(values_, rows);
    keep_fixed(values_, width_, rows);
}

Block::Block(const TablePlan& table_plan) : plan(&table_plan) {
    columns.reserve(table_plan.columns.size());
    for (const TargetColumn& column : table_plan.columns) columns.emplace_back(column.type);
}

void Block::keep_rows(std::span<const uint32_t> kept) {
    for (BlockColumn& column : columns) column.keep_rows(kept);
    keep_fixed(is_deleted, 1, kept);
    keep_fixed(version, 8, kept);
    rows = kept.size();
}

size_t Block::bytes() const {
    size_t total = is_deleted.size() + version.size();
    for (const BlockColumn& column : columns) total += column.bytes();
    return total;
}

size_t Block::capacity() const {
    size_t total = is_deleted.capacity() + version.capacity();
    for (const BlockColumn& column : columns) total += column.capacity();
    return total;
}

void Block::mark(Mark& mark) const {
    mark.columns.clear();
    for (const BlockColumn& column : columns) mark.columns.push_back(column.mark());
    mark.rows = rows;
}

void Block::roll_back(const Mark& mark) {
    if (mark.rows == 0) return clear();  // it may be one of before the block had columns
    for (size_t i = 0; i < columns.size(); ++i) columns[i].roll_back(mark.columns[i]);
    is_deleted.truncate(mark.rows);
    version.truncate(mark.rows * 8);
    rows = mark.rows;
}

void Block::clear() {
    for (BlockColumn& column : columns) column.clear();
    is_deleted.clear();
    version.clear();
    rows = 0;
    distinct_keys = true;
}

}  // namespace penstock
