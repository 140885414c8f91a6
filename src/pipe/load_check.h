#pragma once
// Does ClickHouse hold the rows of a load? What it acknowledged may be gone: it does not sync what it writes,
// so that a power cut takes the newest of it, and it can be put back to an older state.

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "catalog/records.h"
#include "destination/clickhouse_client.h"
#include "model/table_plan.h"

namespace penstock {

/// A table whose partitions are all done.
struct LoadedTable {
    const TablePlan* plan;
    std::string table;  ///< where its rows are: the target, or the table that it is loaded into
    std::vector<PartitionRecord> partitions;
};

/// What ClickHouse does not hold as it was acknowledged.
struct WrongRows {
    std::vector<uint32_t> partitions;  ///< PartitionRecord::index; empty: all is right
    uint64_t acknowledged = 0, held = 0;
};

/// So many tables are counted in one query.
inline constexpr size_t kTablesAtOnce = 100;

/// For each table, all of one database, its partitions held against the rows that are there, by their
/// versions; a table that is gone holds none. More rows than acknowledged are right where they merge (some
/// were sent twice), and wrong where they stay. Nothing is found where rows are not there to be counted: Null
/// engines, a TTL, Replicated tables (another server may not have them yet), a key that is not the source's.
/// Nothing of the log may be in the tables. Costs two queries, and a read of one column of each table. Throws
/// what ClickHouseClient::query throws.
std::vector<WrongRows> find_wrong_rows(ClickHouseClient& client, const std::vector<LoadedTable>& tables);

/// What ClickHouse has acknowledged outlives a power cut of its machine from here on (its server syncs no
/// files by itself). Does nothing, but a line in the log, where its user may not do that. Throws nothing.
void put_on_disk(ClickHouseClient& client);

/// Of a loaded table that the log has changed since: how many rows of its load are missing, at least. A
/// change may have replaced or removed a row, each of them another one, and nobody else has. `table`: the
/// record. Reads one column. Throws what ClickHouseClient::query throws.
uint64_t count_lost_rows(ClickHouseClient& client, const TablePlan& plan, const TableRecord& table,
                         const std::vector<PartitionRecord>& partitions);

/// One line for people, for a table of which something is wrong.
Error wrong_rows_error(const LoadedTable& table, const WrongRows& wrong);

/// A table of which rows go missing so often, in one load, is changed by something else.
inline constexpr int kMostTimesWrong = 5;

}  // namespace penstock
