#pragma once
// Rows of the binary log, from their bytes into the columns of a block.
// Format: MySQL internals manual, "Rows Event" and "Binary value encodings"; MariaDB KB, "Rows_event_v1".

#include <cstdint>
#include <memory>
#include <vector>

#include "decode/row_image.h"
#include "decode/table_map.h"
#include "model/block.h"

namespace penstock {

/// Decodes the rows of one table map for one plan. Built once per distinct table map (see
/// TableMapEvent::definition); reading and appending allocate nothing per row. For one thread.
class BinlogRowDecoder {
  public:
    /// Compares the table map with the recorded schema: column count, types, metadata (lengths, digits,
    /// fractional seconds), and names, signs, enum and set labels where the map has them. Throws
    /// Error(kFailPipe) that names table, column, what was recorded and what came. The plan outlives the
    /// decoder; the map does not need to.
    BinlogRowDecoder(const TablePlan& plan, const TableMap& map);
    BinlogRowDecoder(BinlogRowDecoder&&) noexcept;
    BinlogRowDecoder& operator=(BinlogRowDecoder&&) noexcept;
    ~BinlogRowDecoder();

    /// Reads one row image into `image`. Throws Error(kFailPipe) when `present` lacks a column that the plan
    /// copies (binlog_row_image other than FULL) or the bytes run short.
    void read(ByteReader& rows, ByteSpan present, RowImage& image) const;

    /// Reads the after image of a partial update (MySQL PARTIAL_UPDATE_ROWS) into `after`; `before` is the
    /// same row's before image. Throws as read does.
    void read_partial_update(ByteReader& rows, ByteSpan present, const RowImage& before,
                             RowImage& after) const;

    /// Appends one value to every column of `block` (which is of the same plan); finish_row is the caller's.
    void append(const RowImage& image, Block& block) const;

    /// True when no sorting-key column differs, byte for byte.
    bool same_key(const RowImage& a, const RowImage& b) const;

  private:
    struct Extent;   // how long a field of one source column is
    struct Step;     // how one target column is decoded
    struct Scratch;  // buffers that keep their memory from row to row

    void append_json(const Step& step, Field document, ByteSpan diffs, BlockColumn& out) const;
    void require_copied(ByteSpan present) const;
    void read_partial(ByteReader& rows, ByteSpan present, RowImage& image) const;
    std::string_view inflated(const Step& step, ByteSpan stored) const;
    void append_value(const Step& step, Field field, BlockColumn& out) const;

    const TablePlan* plan_;
    std::vector<Extent> extents_;  // by source column
    std::vector<Step> steps_;      // by plan column
    std::unique_ptr<Scratch> scratch_;
};

}  // namespace penstock
