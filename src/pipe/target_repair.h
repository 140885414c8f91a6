#pragma once
// Rows that ClickHouse had acknowledged and lost: sent again from an older place of the log, or their tables
// stop.

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "destination/clickhouse_client.h"
#include "pipe/context.h"

namespace penstock {

/// A target that certainly lacks rows.
struct DamagedTarget {
    uint32_t table = 0;  ///< TablePlan::id
    int64_t block = 0;   ///< the newest that is left (TargetState)
};

/// What a look at the targets has told.
struct SeenTargets {
    std::vector<DamagedTarget> damaged;
    std::set<uint32_t> countable;  ///< tables of which no row goes rightly unless the log replaces it
    bool started_anew = false;     ///< the server, since it was spoken to last
};

/// Sends again what the damaged targets lack, and what others may lack that were written to in the minutes
/// before. After the server was started anew, none of its newest rows being gone, it may have lost any of
/// those all the same (its machine lost power): they are looked for, and sent again where they are missing.
/// Where that is not possible the tables concerned stop. Throws kFailPipe where an intake would have to be
/// resynced.
void repair_targets(PipeContext& context, ClickHouseClient& client, const SeenTargets& seen);

/// Begins to look, in every target that keeps rows, for what the log gives up to that version.
void begin_repair(PipeContext& context, uint64_t until);

/// Of the engine Null.
void stop_null_tables(PipeContext& context, uint64_t from_version, const std::string& why);

/// A machine that loses power may lose what was written so long ago: files are on disk half a minute after
/// they were written, unless the disk is far behind.
inline constexpr std::chrono::minutes kUnsafe{2};

}  // namespace penstock
