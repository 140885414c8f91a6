#pragma once
// What the storage engine of a source's table means for a pipe: whether the log has its rows, and whether a
// reader sees one state of it however long it reads.

#include <optional>
#include <string_view>
#include <vector>

#include "model/table_schema.h"
#include "source/mysql_connection.h"
#include "source/snapshot_reader.h"

namespace penstock {

/// "InnoDB", "ROCKSDB". A table of any other engine changes under its reader: rows that are written while it
/// is read may be in or not, so that no place in the log is that of what was read.
bool reads_consistently(std::string_view storage_engine);

/// Of an engine whose tables' rows are not those that the log has of them.
struct RowsElsewhere {
    std::string_view why;      ///< where the rows are, after the engine's name
    std::string_view way_out;  ///< for a pipe that follows the log
};
/// By the name that information_schema.TABLES has, in any letter case; none for an engine that logs the rows
/// that it keeps.
std::optional<RowsElsewhere> rows_elsewhere(std::string_view storage_engine);
/// Neither of those, nor one that is known to log the rows that it keeps.
bool is_unknown_engine(std::string_view storage_engine);

/// What helps where rows must be read consistently and are not, as one line.
inline constexpr const char* kConsistentWaysOut =
    "ALTER TABLE ... ENGINE = InnoDB, or the tableEngine ReplacingMergeTree, or the replicationMode snapshot";

/// Throws Error(kFailPipe) at_table unless all rows that the readers will read of the table are of such an
/// engine: it cannot become another one before the views end. `other`: a connection without a view, which
/// would see the table as it was.
void require_consistent_engine(std::vector<SnapshotReader>& readers, MysqlConnection& other,
                               const TableSchema& table);

}  // namespace penstock
