#include "destination/schema.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/error.h"
#include "destination/query_rows.h"

namespace penstock {

namespace {

// Blocks whose tokens a table remembers: the number that replicated tables remember by default. A block is
// sent again only until its batch's checkpoint is stored, a few blocks later, so this is ample; one token
// costs some tens of bytes of memory.
constexpr int kDeduplicationWindow = 10'000;

constexpr size_t kTablesAtOnce = 1000;  // of one query about many tables

// Rows that are marked as deleted leave only in CLEANUP merges (ClickHouse docs, "ReplacingMergeTree",
// is_deleted). The first setting allows them, by OPTIMIZE ... FINAL CLEANUP too; the others make the server
// do one by itself for a partition that nothing was written to for so many seconds.
constexpr int kCleanupAfterSeconds = 3600;

bool uses_time64(const TablePlan& plan) {
    return std::any_of(plan.columns.begin(), plan.columns.end(),
                       [](const TargetColumn& column) { return column.type.kind == TargetKind::kTime64; });
}

std::string engine_sql(const TablePlan& plan) {
    switch (plan.engine) {
        case TableEngine::kNull:
            return "Null";
        case TableEngine::kMergeTree:
            return "MergeTree";
        case TableEngine::kReplacingMergeTree:
            break;
    }
    std::string arguments = quote_target_identifier(MetaColumns::kVersion);
    if (plan.delete_on_merge) arguments += ", " + quote_target_identifier(MetaColumns::kIsDeleted);
    return "ReplacingMergeTree(" + arguments + ")";
}

bool is_replicated(const TablePlan& plan, const std::string& cluster) {
    return !cluster.empty() && plan.engine != TableEngine::kNull;
}

std::string on_cluster(const std::string& cluster) {
    return cluster.empty() ? "" : " ON CLUSTER " + quote_target_identifier(cluster);
}

std::string storage_sql(const TablePlan& plan, bool replicated, bool deduplicates) {
    if (plan.engine == TableEngine::kNull) return "";
    std::vector<std::string> key;
    for (uint32_t column : plan.sorting_key) key.push_back(plan.columns[column].name);
    std::string order = key.empty() ? "tuple()" : "(" + quote_target_identifiers(key) + ")";
    std::string cleanup;
    if (plan.engine == TableEngine::kReplacingMergeTree && plan.delete_on_merge) {
        cleanup = fmt::format(
            ", allow_experimental_replacing_merge_with_cleanup = 1, "
            "enable_replacing_merge_with_cleanup_for_min_age_to_force_merge = 1, "
            "min_age_to_force_merge_on_partition_only = 1, min_age_to_force_merge_seconds = {}",
            kCleanupAfterSeconds);
    }
    return fmt::format(" ORDER BY {} SETTINGS {} = {}{}{}", order,
                       replicated ? "replicated_deduplication_window" : "non_replicated_deduplication_window",
                       replicated || deduplicates ? kDeduplicationWindow : 0,
                       plan.has_nullable_key() ? ", allow_nullable_key = 1" : "", cleanup);
}

/// The column names of a sorting key as system.tables prints it; nothing when it holds an expression.
std::optional<std::vector<std::string>> key_names(std::string_view text) {
    std::vector<std::string> names;
    if (text.starts_with('(') && text.ends_with(')')) text = text.substr(1, text.size() - 2);
    while (!text.empty()) {
        std::string name;
        size_t i = 0;
        if (text[0] == '`') {
            for (i = 1; i < text.size() && text[i] != '`'; ++i) {
                bool escaped = text[i] == '\\' && i + 1 < text.size();
                name += escaped ? unescaped(text[++i]) : text[i];
            }
            ++i;
        } else {
            i = std::min(text.find(','), text.size());
            name = text.substr(0, i);
            if (name.find_first_of("()+-*/% ") != name.npos) return std::nullopt;
        }
        if (i < text.size() && !text.substr(i).starts_with(", ")) return std::nullopt;
        names.push_back(std::move(name));
        text.remove_prefix(std::min(text.size(), i + 2));
    }
    return names;
}

const ExistingColumn* find_column(const ExistingTable& table, const std::string& name) {
    const auto column = std::find_if(table.columns.begin(), table.columns.end(),
                                     [&](const ExistingColumn& c) { return c.name == name; });
    return column == table.columns.end() ? nullptr : &*column;
}

/// `fit` says whether a column of a type holds what should be in one of type `wanted`.
template <typename Fit>
void compare_column(const std::string& name, const std::string& wanted, const ExistingTable& table,
                    const Fit& fit, std::vector<std::string>& found) {
    const ExistingColumn* column = find_column(table, name);
    if (column == nullptr) {
        found.push_back(fmt::format("column {} ({}) is missing", name, wanted));
        return;
    }
    if (!column->default_kind.empty() && column->default_kind != "DEFAULT") {
        found.push_back(fmt::format("column {} is {} and takes no values", name, column->default_kind));
        return;
    }
    const ColumnFit fits = fit(column->type);
    if (fits.fits) return;
    found.push_back(fmt::format("column {} is {} and should be {}", name, column->type, wanted));
    if (!fits.reason.empty()) found.back() += ": " + fits.reason;
}

void compare_engine(const TablePlan& plan, const ExistingTable& table, std::vector<std::string>& found) {
    std::string_view engine = table.engine;
    for (std::string_view prefix : {"Replicated", "Shared"}) {
        if (engine.starts_with(prefix)) engine.remove_prefix(prefix.size());
    }
    std::string wanted = engine_sql(plan);
    if (engine != wanted.substr(0, wanted.find('('))) {
        found.push_back(fmt::format("the engine is {} and should be {}", table.engine, wanted));
        return;
    }
    if (plan.engine != TableEngine::kReplacingMergeTree) return;
    size_t end = table.engine_full.find(')');
    std::string_view arguments = std::string_view(table.engine_full).substr(0, end);
    if (arguments.find(MetaColumns::kVersion) == arguments.npos) {
        found.push_back(fmt::format("the engine does not take {} as its version", MetaColumns::kVersion));
    }
    if ((arguments.find(MetaColumns::kIsDeleted) != arguments.npos) != plan.delete_on_merge) {
        found.push_back(
            plan.delete_on_merge
                ? fmt::format("the engine does not take {} as its is_deleted, which deleteOnMerge "
                              "needs",
                              MetaColumns::kIsDeleted)
                : fmt::format("the engine takes {} as its is_deleted without deleteOnMerge",
                              MetaColumns::kIsDeleted));
    }
    std::vector<std::string> wanted_key;
    for (uint32_t column : plan.sorting_key) wanted_key.push_back(plan.columns[column].name);
    std::string wanted_text = quote_target_identifiers(wanted_key);
    std::optional<std::vector<std::string>> key = key_names(table.sorting_key);
    if (key) {  // rows are told apart by the set, whatever its order
        std::sort(key->begin(), key->end());
        std::sort(wanted_key.begin(), wanted_key.end());
    }
    if (!key || *key != wanted_key) {
        found.push_back(
            fmt::format("the sorting key is ({}) and should be ({})", table.sorting_key, wanted_text));
    }
}

}  // namespace

DestinationInfo read_destination_info(ClickHouseClient& client) {
    DestinationInfo info;
    info.version = client.query("SELECT version()");
    try {
        std::string type = client.query("SELECT toTypeName(CAST('1:00:00' AS Time64(6)))",
                                        {{"enable_time_time64_type", "1"}});
        info.has_time64 = type == "Time64(6)";
    } catch (const Error& error) {
        // An older server knows neither the setting nor the type.
        if (error.disposition() == Disposition::kRetry) throw;
    }
    return info;
}

std::string create_table_sql(const TablePlan& plan, const std::string& cluster, const TableOptions& options) {
    const bool replicated = is_replicated(plan, cluster);
    std::string sql =
        fmt::format("CREATE TABLE IF NOT EXISTS {}{} (",
                    quoted_target(plan.target_database, plan.target_table), on_cluster(cluster));
    for (const TargetColumn& column : plan.columns) {
        sql += fmt::format("{} {}, ", quote_target_identifier(column.name), column.type.ddl_name());
    }
    sql += fmt::format("{} DateTime64(9) DEFAULT now64(9), {} UInt8, {} UInt64) ENGINE = {}{}{}",
                       quote_target_identifier(MetaColumns::kSyncedAt),
                       quote_target_identifier(MetaColumns::kIsDeleted),
                       quote_target_identifier(MetaColumns::kVersion), replicated ? "Replicated" : "",
                       engine_sql(plan), storage_sql(plan, replicated, options.deduplicates));
    if (!options.comment.empty()) sql += " COMMENT " + quote_target_literal(options.comment);
    return sql;
}

std::string create_table_like_sql(const std::string& database, const std::string& name,
                                  const std::string& like, const std::string& comment,
                                  const std::string& cluster) {
    return fmt::format("CREATE TABLE {}{} AS {}{}", quoted_target(database, name), on_cluster(cluster),
                       quoted_target(database, like),
                       comment.empty() ? "" : " COMMENT " + quote_target_literal(comment));
}

std::string create_database_sql(const std::string& database, const std::string& cluster) {
    return "CREATE DATABASE IF NOT EXISTS " + quote_target_identifier(database) + on_cluster(cluster);
}

std::string truncate_table_sql(const std::string& database, const std::string& table,
                               const std::string& cluster) {
    return "TRUNCATE TABLE " + quoted_target(database, table) + on_cluster(cluster);
}

std::string drop_table_sql(const std::string& database, const std::string& table,
                           const std::string& cluster) {
    return fmt::format("DROP TABLE IF EXISTS {}{} SYNC", quoted_target(database, table), on_cluster(cluster));
}

std::string rename_table_sql(const std::string& database, const std::string& from, const std::string& to,
                             const std::string& cluster) {
    return fmt::format("RENAME TABLE {} TO {}{}", quoted_target(database, from), quoted_target(database, to),
                       on_cluster(cluster));
}

std::string exchange_tables_sql(const std::string& database, const std::string& a, const std::string& b,
                                const std::string& cluster) {
    return fmt::format("EXCHANGE TABLES {} AND {}{}", quoted_target(database, a), quoted_target(database, b),
                       on_cluster(cluster));
}

void create_database(ClickHouseClient& client, const std::string& database) {
    // Asked first: a user may write to a database without the right to make one.
    std::string there =
        client.query("SELECT count() FROM system.databases WHERE name = " + quote_target_literal(database));
    if (there == "0") client.query(create_database_sql(database, client.endpoint().cluster));
}

namespace {

ClickHouseParameters create_parameters(const TablePlan& plan) {
    if (!uses_time64(plan)) return {};
    return {{"enable_time_time64_type", "1"}};
}

}  // namespace

void create_table(ClickHouseClient& client, const TablePlan& plan, const TableOptions& options) {
    client.query(create_table_sql(plan, client.endpoint().cluster, options), create_parameters(plan));
}

std::map<std::string, ExistingTable> describe_tables(ClickHouseClient& client, const std::string& database,
                                                     const std::vector<std::string>& tables) {
    std::map<std::string, ExistingTable> found;
    const std::string of = quote_target_literal(database);
    for_names(tables, [&](const std::string& names) {
        for (auto& row :
             query_rows(client, fmt::format("SELECT name, engine, engine_full, sorting_key, "
                                            "ifNull(toString(total_rows), ''), toString(uuid), {} FROM "
                                            "system.tables WHERE database = {} AND name IN ({})",
                                            kAlteredAt, of, names))) {
            ExistingTable& table = found[row.at(0)];
            table = {row.at(1), row.at(2), row.at(3), {}, {}, table_uuid(row.at(5)), std::stoll(row.at(6))};
            if (!row.at(4).empty()) table.rows = std::stoull(row.at(4));
        }
        for (auto& row : query_rows(client, fmt::format("SELECT table, name, type, default_kind FROM "
                                                        "system.columns WHERE database = {} AND table IN "
                                                        "({}) ORDER BY table, position",
                                                        of, names))) {
            auto table = found.find(row.at(0));
            if (table != found.end()) table->second.columns.push_back({row.at(1), row.at(2), row.at(3)});
        }
    });
    return found;
}

std::map<std::string, TableStorage> storage_of_tables(ClickHouseClient& client, const std::string& database,
                                                      const std::vector<std::string>& tables) {
    std::map<std::string, TableStorage> found;
    for_names(tables, [&](const std::string& names) {
        for (auto& row : query_rows(client, fmt::format("SELECT name, engine, engine_full FROM system.tables "
                                                        "WHERE database = {} AND name IN ({})",
                                                        quote_target_literal(database), names))) {
            found[row.at(0)] = {row.at(1), row.at(2)};
        }
    });
    return found;
}

std::map<std::string, TableIdentity> identify_tables(ClickHouseClient& client, const std::string& database,
                                                     const std::vector<std::string>& tables) {
    std::map<std::string, TableIdentity> found;
    for_names(tables, [&](const std::string& names) {
        for (auto& row :
             query_rows(client, fmt::format("SELECT name, toString(uuid), comment FROM system.tables "
                                            "WHERE database = {} AND name IN ({})",
                                            quote_target_literal(database), names))) {
            found[row.at(0)] = {table_uuid(row.at(1)), row.at(2)};
        }
    });
    return found;
}

void create_table_like_target(ClickHouseClient& client, const TablePlan& plan, const std::string& name) {
    const std::string& target = plan.target_table;
    const auto found = identify_tables(client, plan.target_database, {target});
    const auto like = found.find(target);
    client.query(
        create_table_like_sql(plan.target_database, name, target,
                              like == found.end() ? "" : like->second.comment, client.endpoint().cluster),
        create_parameters(plan));
}

std::string table_definition(ClickHouseClient& client, const std::string& database,
                             const std::string& table) {
    return client.query("SELECT create_table_query FROM system.tables WHERE database = " +
                        quote_target_literal(database) + " AND name = " + quote_target_literal(table));
}

std::optional<ExistingTable> describe_table(ClickHouseClient& client, const std::string& database,
                                            const std::string& table) {
    auto found = describe_tables(client, database, {table});
    if (found.empty()) return std::nullopt;
    return std::move(found.begin()->second);
}

void look_at_targets(ClickHouseClient& client, const std::vector<TablePlan>& plans, const TakeTarget& take) {
    for (size_t begin = 0, end; begin < plans.size(); begin = end) {
        const std::string& database = plans[begin].target_database;
        std::vector<std::string> names;
        for (end = begin; end < plans.size() && names.size() < kTablesAtOnce; ++end) {
            if (plans[end].target_database != database) break;
            names.push_back(plans[end].target_table);
        }
        const auto found = describe_tables(client, database, names);
        for (size_t i = begin; i < end; ++i) {
            auto table = found.find(plans[i].target_table);
            take(plans[i], table == found.end() ? nullptr : &table->second);
        }
    }
}

std::vector<std::string> differences(const TablePlan& plan, const ExistingTable& table) {
    std::vector<std::string> found;
    compare_engine(plan, table, found);
    for (const TargetColumn& column : plan.columns) {
        compare_column(
            column.name, column.type.ddl_name(), table,
            [&](const std::string& type) { return fit_column(plan, column, type); }, found);
    }
    for (const auto& [name, wanted] :
         {std::pair{MetaColumns::kIsDeleted, "UInt8"}, {MetaColumns::kVersion, "UInt64"}}) {
        compare_column(
            name, wanted, table,
            [&](const std::string& type) {
                return ColumnFit{type == wanted, {}, {}};
            },
            found);
    }
    return found;
}

std::shared_ptr<const TableForm> form_of_target(const TablePlan& plan, const ExistingTable& table) {
    TableForm form;
    bool as_planned = true;
    for (const TargetColumn& column : plan.columns) {
        const ExistingColumn* there = find_column(table, column.name);
        if (there == nullptr) return nullptr;
        const ColumnForm& own = form.columns.emplace_back(fit_column(plan, column, there->type).form);
        as_planned = as_planned && own.wire_type == column.type.wire_name();
    }
    return as_planned ? nullptr : std::make_shared<TableForm>(std::move(form));
}

std::string problem_with_target(const ExistingTable* table, const TablePlan& plan) {
    const std::string name = quoted_target(plan.target_database, plan.target_table);
    if (table == nullptr) return name + " is gone";
    const std::vector<std::string> found = differences(plan, *table);
    return found.empty() ? "" : fmt::format("{} does not fit: {}", name, fmt::join(found, "; "));
}

void require_fit(const ExistingTable& table, const TablePlan& plan) {
    const std::string problem = problem_with_target(&table, plan);
    if (problem.empty()) return;
    throw Error(Disposition::kFailPipe, "check the target", problem,
                "Change or drop it, or choose another targetTable")
        .at_table(plan.source.qualified_name());
}

std::set<std::string> tables_with_views(ClickHouseClient& client, const std::string& database) {
    std::set<std::string> names;
    for (auto& row : query_rows(client,
                                "SELECT name FROM system.tables WHERE notEmpty(dependencies_table) "
                                "AND database = " +
                                    quote_target_literal(database))) {
        names.insert(std::move(row.at(0)));
    }
    return names;
}

uint64_t count_rows(ClickHouseClient& client, const std::string& database, const std::string& table) {
    return std::stoull(client.query("SELECT count() FROM " + quoted_target(database, table)));
}

void truncate_table(ClickHouseClient& client, const std::string& database, const std::string& table) {
    client.query(truncate_table_sql(database, table, client.endpoint().cluster),
                 {{"max_table_size_to_drop", "0"}});
}

void drop_table(ClickHouseClient& client, const std::string& database, const std::string& table) {
    client.query(drop_table_sql(database, table, client.endpoint().cluster),
                 {{"max_table_size_to_drop", "0"}});
}

void rename_table(ClickHouseClient& client, const std::string& database, const std::string& from,
                  const std::string& to) {
    client.query(rename_table_sql(database, from, to, client.endpoint().cluster));
}

void exchange_tables(ClickHouseClient& client, const std::string& database, const std::string& a,
                     const std::string& b) {
    client.query(exchange_tables_sql(database, a, b, client.endpoint().cluster));
}

}  // namespace penstock
