#pragma once
// What ClickHouse knows of target tables without reading a row: which table has the name, whether views read
// it, and up to which block it holds rows.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "destination/clickhouse_client.h"

namespace penstock {

struct TargetState {
    /// Of the table, which keeps it when it is renamed or exchanged; empty in a database that gives none.
    std::string uuid;
    bool has_views = false;  ///< what is inserted goes on into materialized views
    /// The newest block of rows in it (system.parts: max_block_number of active parts with rows). A MergeTree
    /// numbers its blocks upwards as they are inserted, and merges keep the number, so a lower one than
    /// before says that the newest rows are gone. -1 where there are no rows, or the number says nothing:
    /// other engines, replicated ones, tables with a TTL for rows.
    int64_t last_block = -1;
    /// The newest mutation (ALTER TABLE ... DELETE and the like), numbered like the blocks: what it removes
    /// is not lost. -1 where there is none.
    int64_t last_mutation = -1;
    /// When its definition was changed last: the server's Unix seconds; 0 when that is so new that another
    /// change would have the same time.
    int64_t altered_at = 0;
    bool counts_blocks = false;  ///< last_block says something

    /// The rows of a block that was seen are gone, and nobody has asked for it.
    bool lacks(int64_t block) const { return counts_blocks && last_block < block && last_mutation < block; }
};

struct TargetStates {
    std::map<std::string, TargetState> tables;  ///< those of the asked ones that exist, by name
    std::string server{};  ///< the one that answered: behind an address there may be several
    /// Another number each time that the server starts: where it tells nothing better, when that was, by its
    /// own clock, in Unix seconds, give or take one.
    int64_t life = 0;
};

/// The server was started anew between the two.
bool is_another_life(int64_t before, int64_t now);

/// Throws what ClickHouseClient::query throws. Where the user may not read system.parts no block counts.
TargetStates read_target_states(ClickHouseClient& client, const std::string& database,
                                const std::vector<std::string>& tables);

}  // namespace penstock
