#pragma once
// The end of an intake: new targets take the place of the old ones, and its tables join the pipe.

#include <string>
#include <vector>

#include "destination/clickhouse_client.h"
#include "model/pipe_spec.h"
#include "pipe/context.h"

namespace penstock {

/// The comment of the targets that this intake has made: whose a table named `<target>_resync` is.
std::string resync_mark(const std::string& intake_id);

/// Throws Error(kUsage) when a resync of these mappings, whose intake may be there already (else ""), cannot
/// have its names: another table has one, or the database's engine cannot exchange tables.
void require_resync_names(ClickHouseClient& client, const std::string& database,
                          const std::vector<TableMapping>& mappings, const std::string& intake_id);

/// Drops what the intake made before a crash, before its tables were stored. Throws as require_resync_names.
void drop_left_over_targets(const ClickHouseEndpoint& endpoint, const std::vector<TablePlan>& plans,
                            const std::string& intake_id);

/// For each table of the resync: rows that are only marked as deleted are carried over to the new target,
/// which takes the old one's name in one step (EXCHANGE TABLES), and the old one is dropped. A new target
/// that could not be loaded is dropped instead, where there is an old one. Materialized views and grants go
/// by name and stay. May be repeated after a crash anywhere in it: the tables' identities tell what is done.
/// No flow may write to either target meanwhile. Null engine tables have nothing to exchange.
void exchange_targets(const PipeContext& intake);

/// Drops what an intake has made in ClickHouse: new targets of a resync go; targets of added tables, which
/// were empty before, are emptied. Only for an intake whose tables are stored.
void discard_targets(const PipeContext& intake, bool is_resync);

}  // namespace penstock
