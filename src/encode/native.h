#pragma once
// A block as one block of ClickHouse's Native format, as the HTTP interface takes it (revision 0: no
// BlockInfo in front, no serialization kind per column). Format: ClickHouse docs, "Native" format.
//
//   VarUInt columns | VarUInt rows | per column:
//       VarUInt length, name | VarUInt length, type | [rows x UInt8 null map, if Nullable] | rows values
//
// Several blocks may follow one another in one body.

#include <string>
#include <vector>

#include "encode/compress.h"
#include "model/block.h"

namespace penstock {

/// The columns that encode_native writes, in order: those of the plan, then _peerdb_is_deleted and
/// _peerdb_version. _peerdb_synced_at is left to its DEFAULT. Every engine gets the same columns.
std::vector<std::string> native_column_names(const TablePlan& plan);

/// Writes the block into the open frame of `out`. Column buffers go in as they are, without a copy between.
/// Throws Error(kFailPipe) when a column's rows do not match the block's: a bug, caught before it is data.
void encode_native(const Block& block, Compressor& out);

}  // namespace penstock
