#pragma once
// Target tables: made, described, compared with their plan, emptied, exchanged, dropped.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "destination/clickhouse_client.h"
#include "destination/quoting.h"
#include "model/column_form.h"
#include "model/table_plan.h"

namespace penstock {

// Every function throws what ClickHouseClient::query throws.

struct DestinationInfo {
    std::string version;  ///< "26.7.2.1"
    bool has_time64 = false;
};
DestinationInfo read_destination_info(ClickHouseClient& client);

// What the functions below run. Pure. With a cluster (ClickHouseEndpoint::cluster) it is done on all of its
// servers, and tables get the Replicated engine with the server's own path and replica name: the cluster's
// servers share a database of engine Atomic and macros {shard} and {replica}.

struct TableOptions {
    std::string comment{};
    /// ClickHouse remembers the tokens of the last blocks, so that one that is sent again adds nothing.
    /// Tables that are not replicated pay for it with a log that is always open, 1 MB of memory each by the
    /// server's own count. Replicated ones keep it in Keeper, whatever this says.
    bool deduplicates = true;
};
/// CREATE TABLE IF NOT EXISTS for the plan: its columns, then the meta columns, its engine and key, and the
/// comment, unless it is empty.
std::string create_table_sql(const TablePlan& plan, const std::string& cluster = {},
                             const TableOptions& options = {});
/// `comment`: of `like`, which older servers do not take over.
std::string create_table_like_sql(const std::string& database, const std::string& name,
                                  const std::string& like, const std::string& comment,
                                  const std::string& cluster);
std::string create_database_sql(const std::string& database, const std::string& cluster);
std::string truncate_table_sql(const std::string& database, const std::string& table,
                               const std::string& cluster);
std::string drop_table_sql(const std::string& database, const std::string& table, const std::string& cluster);
std::string rename_table_sql(const std::string& database, const std::string& from, const std::string& to,
                             const std::string& cluster);
std::string exchange_tables_sql(const std::string& database, const std::string& a, const std::string& b,
                                const std::string& cluster);

/// A database that this server has is taken to be on all servers of the cluster.
void create_database(ClickHouseClient& client, const std::string& database);
/// Makes the table if it is not there; require_fit says whether one that is there fits.
void create_table(ClickHouseClient& client, const TablePlan& plan, const TableOptions& options = {});

/// Makes `name`, which must not be there, as the plan's target is: with what people have tuned of it.
void create_table_like_target(ClickHouseClient& client, const TablePlan& plan, const std::string& name);
/// The statement that would make the table as it is now, its name in it; empty when there is none.
std::string table_definition(ClickHouseClient& client, const std::string& database, const std::string& table);

struct ExistingColumn {
    std::string name;
    std::string type;          ///< as ClickHouse prints it
    std::string default_kind;  ///< empty, DEFAULT, MATERIALIZED, ALIAS, EPHEMERAL
};
struct ExistingTable {
    std::string engine;       ///< "ReplacingMergeTree", also with Replicated or Shared in front
    std::string engine_full;  ///< with its arguments and the rest of the definition
    std::string sorting_key;  ///< "a, `b c`"
    std::vector<ExistingColumn> columns;
    std::optional<uint64_t> rows{};  ///< where the server keeps count of them
    std::string uuid{};              ///< as of TargetState
    int64_t altered_at = 0;          ///< as of TargetState
};
/// Nothing when the table does not exist.
std::optional<ExistingTable> describe_table(ClickHouseClient& client, const std::string& database,
                                            const std::string& table);
/// Those of `tables` that exist, by name. One query goes through all names of the database, so this asks for
/// many at once; it holds all that it returns.
std::map<std::string, ExistingTable> describe_tables(ClickHouseClient& client, const std::string& database,
                                                     const std::vector<std::string>& tables);

struct TableStorage {
    std::string engine, engine_full;  ///< as of ExistingTable
};
/// Those of `tables` that exist, by name.
std::map<std::string, TableStorage> storage_of_tables(ClickHouseClient& client, const std::string& database,
                                                      const std::vector<std::string>& tables);

struct TableIdentity {
    std::string uuid;  ///< which its data keep when it is renamed or exchanged
    std::string comment;
};
/// Those of `tables` that exist, by name.
std::map<std::string, TableIdentity> identify_tables(ClickHouseClient& client, const std::string& database,
                                                     const std::vector<std::string>& tables);

/// What keeps the table from taking the plan's rows, one clause per difference; empty when it fits. Pure.
/// What holds every value exactly is no difference (fit_column), nor is a column more.
std::vector<std::string> differences(const TablePlan& plan, const ExistingTable& table);
/// How rows of the plan are sent to a table that fits; null: as planned.
std::shared_ptr<const TableForm> form_of_target(const TablePlan& plan, const ExistingTable& table);

/// Calls `take` for each plan, in order, with its target as it is now; null: there is none. What is known of
/// all targets at once is bounded, however many there are.
using TakeTarget = std::function<void(const TablePlan&, const ExistingTable*)>;
void look_at_targets(ClickHouseClient& client, const std::vector<TablePlan>& plans, const TakeTarget& take);

/// Throws one Error(kFailPipe) that names every difference: columns that are missing, or of a type that does
/// not hold every value; another engine or, for ReplacingMergeTree, another sorting key or version column.
void require_fit(const ExistingTable& table, const TablePlan& plan);
/// Why rows of the plan cannot go into its target: it is gone (null), or does not fit. Empty when they can.
std::string problem_with_target(const ExistingTable* table, const TablePlan& plan);

/// The tables of the database whose rows go on into materialized views as they are inserted.
std::set<std::string> tables_with_views(ClickHouseClient& client, const std::string& database);

uint64_t count_rows(ClickHouseClient& client, const std::string& database, const std::string& table);
void truncate_table(ClickHouseClient& client, const std::string& database, const std::string& table);
void drop_table(ClickHouseClient& client, const std::string& database,
                const std::string& table);  ///< if exists
void rename_table(ClickHouseClient& client, const std::string& database, const std::string& from,
                  const std::string& to);
/// Swaps the two tables' names in one step.
void exchange_tables(ClickHouseClient& client, const std::string& database, const std::string& a,
                     const std::string& b);

}  // namespace penstock
