#pragma once
// Rows on their way to ClickHouse, column by column, already in the body layout of the Native format:
// per column, a byte per row for NULL (Nullable columns only) or the end of each row's array (UInt64, counted
// in elements from the block's start), then the values. Fixed-width values are little-endian; strings are
// VarUInt length and bytes.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/byte_buffer.h"
#include "model/table_plan.h"

namespace penstock {

/// One column. Append exactly one value per row.
class BlockColumn {
  public:
    explicit BlockColumn(TargetType type) : type_(type), width_(type.width()) {}

    const TargetType& type() const { return type_; }
    /// Empty unless the type is Nullable.
    ByteSpan nulls() const { return is_array() ? ByteSpan() : nulls_.span(); }
    ByteSpan values() const { return values_.span(); }
    /// Empty unless the type is an array.
    ByteSpan array_ends() const { return is_array() ? nulls_.span() : ByteSpan(); }
    size_t bytes() const { return nulls_.size() + values_.size(); }
    size_t capacity() const { return nulls_.capacity() + values_.capacity(); }

    /// T's size must be the type's width.
    template <typename T>
    void append(T value) {
        if (type_.nullable) nulls_.push_back(0);
        values_.append_value(value);
    }
    /// For decimals wider than 8 bytes: the little-endian two's complement bytes, width() of them.
    void append_raw(const void* bytes) {
        if (type_.nullable) nulls_.push_back(0);
        values_.append(bytes, width_);
    }
    void append_string(std::string_view text) {
        if (type_.nullable) nulls_.push_back(0);
        values_.append_varint(text.size());
        values_.append(text);
    }
    /// An array of Float32: their bytes, a multiple of four.
    void append_floats(ByteSpan floats) {
        values_.append(floats);
        nulls_.append_value<uint64_t>(values_.size() / sizeof(float));
    }
    /// NULL; the type's default value when the column is not Nullable (allowNullableColumns: false).
    void append_null() {
        if (type_.nullable) nulls_.push_back(1);
        if (is_array()) {
            append_floats({});
        } else if (width_ == 0) {
            values_.push_back(0);
        } else {
            std::memset(values_.extend(width_), 0, width_);
        }
    }
    /// Counts a value that the pipe's policy changed (see InvalidDatePolicy, tinyint(1) as Bool).
    void count_adjusted() { ++adjusted_; }
    uint64_t adjusted() const { return adjusted_; }

    void clear() {
        nulls_.clear();
        values_.clear();
        adjusted_ = 0;
    }

    /// Where the column ends now; roll_back returns there.
    struct Mark {
        size_t nulls = 0, values = 0;
        uint64_t adjusted = 0;
    };
    Mark mark() const { return {nulls_.size(), values_.size(), adjusted_}; }
    void keep_rows(std::span<const uint32_t> rows);  ///< see Block::keep_rows
    void roll_back(const Mark& mark) {
        nulls_.truncate(mark.nulls);
        values_.truncate(mark.values);
        adjusted_ = mark.adjusted;
    }

  private:
    bool is_array() const { return type_.kind == TargetKind::kFloat32Array; }

    TargetType type_;
    uint32_t width_;
    ByteBuffer nulls_;  // or the ends of arrays, which are never Nullable
    ByteBuffer values_;
    uint64_t adjusted_ = 0;
};

/// Rows of one table. columns[i] belongs to plan.columns[i]; is_deleted and version have one entry a row.
/// The plan outlives the block. Not thread-safe; moved from stage to stage.
struct Block {
    Block() = default;  ///< of no table, and without columns: it is empty
    explicit Block(const TablePlan& table_plan);

    const TablePlan* plan = nullptr;
    std::vector<BlockColumn> columns;
    ByteBuffer is_deleted;  ///< UInt8 each
    ByteBuffer version;     ///< UInt64 each
    uint64_t rows = 0;
    bool distinct_keys = true;  ///< no two rows share a key of the source: none is an update or a deletion

    /// Completes the row whose values were just appended to every column.
    void finish_row(uint64_t row_version, bool deleted) {
        is_deleted.push_back(deleted ? 1 : 0);
        version.append_value(row_version);
        ++rows;
    }
    /// Drops all rows but these, which ascend; in place.
    void keep_rows(std::span<const uint32_t> rows);
    size_t bytes() const;     ///< of all columns; O(columns)
    size_t capacity() const;  ///< bytes of memory that it holds
    /// What budgets count: bytes() and what the columns take however few rows they have, which is most of it
    /// where each of thousands of tables has one. A function of the rows, as chunks are cut by it.
    size_t memory() const { return rows == 0 ? 0 : bytes() + columns.size() * kColumnMemory; }
    static constexpr size_t kColumnMemory = 128;  // the column, and the least that two buffers are
    void clear();                                 ///< keeps the memory

    /// The end of the block between two rows, so that what is appended after it, also a row that was not
    /// finished, can be taken back. Reusable: it keeps its memory.
    struct Mark {
        std::vector<BlockColumn::Mark> columns;
        uint64_t rows = 0;
    };
    void mark(Mark& mark) const;
    void roll_back(const Mark& mark);
};

}  // namespace penstock
