#pragma once
// Which versions of row changes a target holds.

#include <cstdint>
#include <string>
#include <vector>

#include "destination/clickhouse_client.h"

namespace penstock {

/// Of a query that counts rows: where parts are listed apart from the server that is asked, by the newest
/// list.
inline const ClickHouseParameters kNewestParts{{"select_sequential_consistency", "1"}};

/// The highest version in the table, 0 where it has no rows; at most 2^64 - 1, whatever the column's type is.
/// Reads one column of all rows. Throws what ClickHouseClient::query throws.
uint64_t highest_version(ClickHouseClient& client, const std::string& database, const std::string& table);

/// The versions from `first` to `last` of the rows in the table, ascending, as often as they are there.
std::vector<uint64_t> versions_between(ClickHouseClient& client, const std::string& database,
                                       const std::string& table, uint64_t first, uint64_t last);

struct VersionCounts {
    uint64_t up_to = 0, above = 0;  ///< rows
};

/// On either side of the end of version `last`. Throws what ClickHouseClient::query throws.
VersionCounts count_versions(ClickHouseClient& client, const std::string& database, const std::string& table,
                             uint64_t last);

}  // namespace penstock
