#pragma once
// Cuts a table into key ranges for the initial load, so that every row falls into exactly one of them.

#include <cstdint>
#include <string>
#include <vector>

#include "model/table_schema.h"
#include "source/mysql_connection.h"

namespace penstock {

struct Partition {
    uint32_t index = 0;           ///< 0, 1, ... in key order; the NULLs' partition, if any, is last
    std::string predicate;        ///< SQL for WHERE, ASCII; "" is the whole table
    uint64_t estimated_rows = 0;  ///< for progress; never relied on

    bool operator==(const Partition&) const = default;
};

/// Partitions of about rows_per_partition rows each, at most max_partitions (rows per partition grow).
///
/// The boundaries are keys that the server returns, and it compares them itself, in the column's collation;
/// or numbers between such keys, whose order is known. Up to 200,000 rows (the server's estimate) they are
/// counted along the index, one every rows_per_partition rows. That reads a clustered index, the whole table,
/// so keys of larger tables are guessed (KeyInterpolation), of other types than numbers the real ones near
/// them looked up, and ranges that the optimizer estimates above a partition cut again; only a range that
/// guesses do not divide is counted. Skewed keys cut as evenly as dense ones either way, but for the error of
/// the estimates. (1.5 million UUIDs in 15 partitions: counting 1 s, guesses 0.02 s, 8 queries.) A composite
/// key is guessed by its first column that is not the same in the whole range.
///
/// The first partition is open below and the last above: rows that come while the load runs fall inside as
/// well. Predicates start with a plain range on the leading column, so that they read an index range. A table
/// with no key, or fewer rows than one partition, gives one partition.
///
/// partition_column, where not empty, is used instead of the key; its NULLs get a partition of their own.
/// Throws Error(kFailPipe) when it does not exist.
///
/// Where no index that the optimizer uses begins with the first column, each range would read the whole
/// table: it is one partition then, read in one pass.
std::vector<Partition> plan_partitions(MysqlConnection& connection, const TableSchema& schema,
                                       const std::string& partition_column, uint64_t rows_per_partition,
                                       uint32_t max_partitions = 100'000);

/// Sets the number of rows above which keys are not counted; 0 sets it back.
void set_counted_rows_for_tests(uint64_t rows);

}  // namespace penstock
