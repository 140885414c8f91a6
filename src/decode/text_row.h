#pragma once
// Rows of a text-protocol result into the columns of a block: the snapshot's way in. Gives the same value
// for the same row as binlog_row.h.

#include <memory>
#include <string>
#include <vector>

#include "model/block.h"

namespace penstock {

/// The SELECT expression that reads `column` exactly in the text protocol, in a session with names utf8mb4,
/// time_zone '+00:00' and sql_mode '': the quoted name; `col` + 0E0 for FLOAT and DOUBLE, whose own text may
/// lose digits; `col` + 0 for BIT. Throws Error(kFailPipe) for kUnsupported.
std::string select_expression(const SourceColumn& column);

/// Decodes rows of "SELECT <select_expression of plan.columns[0]>, ...": field i is plan.columns[i].
/// Reading and appending allocate nothing per row.
class TextRowDecoder {
  public:
    /// The plan outlives the decoder. Throws Error(kFailPipe) naming the column when a target type cannot
    /// hold its source type.
    explicit TextRowDecoder(const TablePlan& plan);
    TextRowDecoder(TextRowDecoder&&) noexcept;
    TextRowDecoder& operator=(TextRowDecoder&&) noexcept;
    ~TextRowDecoder();

    /// `values` and `lengths` as mysql_fetch_row and mysql_fetch_lengths give them; a null pointer is NULL.
    /// Throws Error(kFailPipe) naming table and column for text that is not of the column's type.
    void append(const char* const* values, const unsigned long* lengths, Block& block) const;

  private:
    struct Step;
    std::vector<Step> steps_;
    std::unique_ptr<std::string> scratch_;  // keeps its memory from row to row
};

}  // namespace penstock
