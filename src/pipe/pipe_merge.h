#pragma once
// The end of an intake: new targets take the place of the old ones, and its tables join the pipe.

#include <string>
#include <vector>

#include "destination/clickhouse_client.h"
#include "model/pipe_spec.h"
#include "pipe/context.h"

namespace penstock {

/// The mappings of an intake as the pipe describes them, and as it has them itself: with the names of the
/// targets of a resync. A Null engine table keeps nothing that could be exchanged: its views are fed again.
std::vector<TableMapping> mappings_of(const IntakeRecord& intake);
std::vector<TableMapping> mappings_within(const IntakeRecord& intake, const std::string& database);

/// What the target that a resync loads is called until it takes the place of `target`: another name for each
/// resync, so that what an abandoned one has sent, and comes in late, finds no table.
std::string resync_name(const std::string& database, const std::string& target, const std::string& intake_id);

/// The comment of the targets that this intake has made: whose a table of such a name is.
std::string resync_mark(const std::string& intake_id);

/// Throws Error(kUsage) when the database's engine cannot exchange tables.
void require_exchange(ClickHouseClient& client, const std::string& database);

/// Drops what the intake made before a crash, before its tables were stored: of these names. Throws
/// Error(kUsage) when a table of such a name is somebody else's.
void drop_left_over_targets(const ClickHouseEndpoint& endpoint, const std::string& database,
                            const std::vector<std::string>& names, const std::string& intake_id);

/// For each table of the resync: rows that are only marked as deleted are carried over to the new target,
/// which takes the old one's name in one step (EXCHANGE TABLES), and the old one is dropped. A new target
/// that could not be loaded is dropped instead, where there is an old one; the table of one that is gone is
/// stopped. Materialized views and grants go
/// by name and stay. May be repeated after a crash anywhere in it: the tables' identities tell what is done.
/// No flow may write to either target meanwhile. Null engine tables have nothing to exchange. `final_names`:
/// of the targets that readers use, by TablePlan::id.
void exchange_targets(PipeContext& intake, const std::vector<std::string>& final_names);

/// Drops what an intake has made in ClickHouse: new targets of a resync go; targets of added tables, which
/// were empty before, are emptied. So do the tables that they are loaded into. `tables` as stored.
void discard_targets(const ClickHouseEndpoint& endpoint, const std::string& database,
                     const std::vector<TableRecord>& tables, bool is_resync);

}  // namespace penstock
