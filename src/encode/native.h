#pragma once
// A block as one block of ClickHouse's Native format, as the HTTP interface takes it (revision 0: no
// BlockInfo in front, no serialization kind per column). Format: ClickHouse docs, "Native" format.
//
//   VarUInt columns | VarUInt rows | per column:
//       VarUInt length, name | VarUInt length, type | [rows x UInt8 null map, if Nullable] | rows values
//
// Several blocks may follow one another in one body.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "encode/compress.h"
#include "model/block.h"
#include "model/column_form.h"

namespace penstock {

/// The columns that encode_native writes, in order: those of the plan, then _peerdb_is_deleted and
/// _peerdb_version. _peerdb_synced_at is left to its DEFAULT. Every engine gets the same columns.
std::vector<std::string> native_column_names(const TablePlan& plan);

/// The bytes of a block, piece by piece. Column buffers are given as they are, without a copy, but those of
/// columns that the target has in another form. Block and form (null: all as planned) outlive the reader and
/// do not change while it is read.
class NativeReader {
  public:
    explicit NativeReader(const Block& block, const TableForm* form = nullptr) : block_(block), form_(form) {}

    /// The next piece, valid until the next call; empty at the end. Throws Error(kFailPipe) when a column's
    /// rows do not match the block's: a bug, caught before it is data.
    ByteSpan next();

  private:
    ByteSpan header(std::string_view name, std::string_view type);
    ByteSpan added_nulls();
    ByteSpan widened(const BlockColumn& data, const ColumnForm& form);

    const Block& block_;
    const TableForm* form_;
    ByteBuffer scratch_;
    size_t column_ = 0;
    size_t done_ = 0;  // of what a column's form makes piece by piece: rows
    /// What comes next: of the block, of the column.
    enum class Step { kBlock, kHeader, kNulls, kArrayEnds, kValues } step_ = Step::kBlock;
};

/// One frame over many blocks, made piece by piece as it is sent. One thread.
class NativeFrame {
  public:
    /// Gives the next block, null at the end; the block before is not used any more.
    using NextBlock = std::function<const Block*()>;
    /// Compressor and buffer are used by nobody else until the end.
    /// `form` of every block, see NativeReader; outlives the frame.
    NativeFrame(Compressor& compressor, ByteBuffer& buffer, NextBlock next_block,
                const TableForm* form = nullptr)
        : compressor_(compressor), buffer_(buffer), next_block_(std::move(next_block)), form_(form) {}

    /// The next bytes of the frame, valid until the next call; empty at the end. Uncompressed bytes are the
    /// blocks' own, without a copy.
    ByteSpan next();

  private:
    Compressor& compressor_;
    ByteBuffer& buffer_;
    NextBlock next_block_;
    const TableForm* form_;
    std::optional<NativeReader> reader_;  // of the block under way
    bool begun_ = false, ended_ = false;
};

/// Writes the block into the open frame of `out`, as NativeReader gives it.
/// Throws Error(kFailPipe) when a column's rows do not match the block's: a bug, caught before it is data.
void encode_native(const Block& block, Compressor& out, const TableForm* form = nullptr);

}  // namespace penstock
