#pragma once
// Which storage engines of the source show one state of a table however long it is read.

#include <string_view>
#include <vector>

#include "model/table_schema.h"
#include "source/mysql_connection.h"
#include "source/snapshot_reader.h"

namespace penstock {

/// "InnoDB", "ROCKSDB". A table of any other engine changes under its reader: rows that are written while it
/// is read may be in or not, so that no place in the log is that of what was read.
bool reads_consistently(std::string_view storage_engine);

/// What helps where rows must be read consistently and are not, as one line.
inline constexpr const char* kConsistentWaysOut =
    "ALTER TABLE ... ENGINE = InnoDB, or the tableEngine ReplacingMergeTree, or the replicationMode snapshot";

/// Throws Error(kFailPipe) at_table unless all rows that the readers will read of the table are of such an
/// engine: it cannot become another one before the views end. `other`: a connection without a view, which
/// would see the table as it was.
void require_consistent_engine(std::vector<SnapshotReader>& readers, MysqlConnection& other,
                               const TableSchema& table);

}  // namespace penstock
