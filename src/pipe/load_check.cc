#include "pipe/load_check.h"

#include <algorithm>
#include <map>
#include <span>
#include <sstream>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "destination/schema.h"
#include "destination/versions.h"
#include "pipe/context.h"

namespace penstock {
namespace {

constexpr size_t kDistinctAtOnce = 8;  // partitions whose keys ClickHouse holds in memory at once

/// What was acknowledged under one version.
struct Acknowledged {
    std::vector<uint32_t> partitions;
    uint64_t rows = 0;
    bool sent_again = false;
};

/// A table as it is counted.
struct Counted {
    bool is_there = false, can_be_counted = true;
    std::map<uint64_t, Acknowledged> versions;
    std::map<uint64_t, uint64_t> held;  // rows by version
};

/// No two rows of the source have the same sorting key.
bool keeps_rows_apart(const TablePlan& plan) {
    if (is_append_only(plan)) return true;
    return !plan.source.key.empty() &&
           std::all_of(plan.source.key.begin(), plan.source.key.end(), [&](uint32_t column) {
               return std::any_of(plan.sorting_key.begin(), plan.sorting_key.end(),
                                  [&](uint32_t i) { return plan.columns[i].source == column; });
           });
}

std::map<uint64_t, Acknowledged> by_version(const std::vector<PartitionRecord>& partitions) {
    std::map<uint64_t, Acknowledged> versions;
    for (const PartitionRecord& partition : partitions) {
        Acknowledged& entry = versions[partition.version];
        entry.partitions.push_back(partition.index);
        entry.rows += partition.rows;
        entry.sent_again |= partition.attempts > 1;
    }
    return versions;
}

/// Reads "place in the list<TAB>version<TAB>rows" lines.
void read_counts(ClickHouseClient& client, const std::string& sql, std::vector<Counted>& counted) {
    std::istringstream lines(client.query(sql + " FORMAT TabSeparated", kNewestParts));
    size_t place = 0;
    for (uint64_t version = 0, rows = 0; lines >> place >> version >> rows;) {
        counted.at(place).held[version] = rows;
    }
}

/// The part of a query that one table is.
std::string counting(size_t place, const LoadedTable& table, const std::string& count,
                     const std::string& versions) {
    return fmt::format("SELECT {0}, {1}, {2} FROM {3} WHERE {1} {4} GROUP BY {1}", place,
                       quote_target_identifier(MetaColumns::kVersion), count,
                       quoted_target(table.plan->target_database, table.table), versions);
}

/// Rows that were sent again, by an attempt after one that failed, may stand for others that are gone.
void count_distinct(ClickHouseClient& client, size_t place, const LoadedTable& table,
                    std::vector<Counted>& counted) {
    std::vector<std::string> key, again;
    for (const uint32_t i : table.plan->sorting_key) key.push_back(table.plan->columns[i].name);
    for (const auto& [version, entry] : counted[place].versions) {
        if (entry.sent_again && entry.partitions.size() == 1) again.push_back(std::to_string(version));
    }
    for (size_t begin = 0; begin < again.size(); begin += kDistinctAtOnce) {
        const size_t end = std::min(begin + kDistinctAtOnce, again.size());
        read_counts(client,
                    counting(place, table, "uniqExact(tuple(" + quote_target_identifiers(key) + "))",
                             fmt::format("IN ({})", fmt::join(&again[begin], &again[end - 1] + 1, ", "))),
                    counted);
    }
}

std::vector<WrongRows> find_at_once(ClickHouseClient& client, std::span<const LoadedTable> tables) {
    std::vector<WrongRows> wrong(tables.size());
    std::vector<Counted> counted(tables.size());
    std::vector<std::string> names;
    for (size_t i = 0; i < tables.size(); ++i) {
        names.push_back(tables[i].table);
        counted[i].versions = by_version(tables[i].partitions);
    }
    const auto storage = storage_of_tables(client, tables.front().plan->target_database, names);
    std::string sql;
    for (size_t i = 0; i < tables.size(); ++i) {
        const TablePlan& plan = *tables[i].plan;
        const auto found = storage.find(tables[i].table);
        counted[i].is_there = found != storage.end();
        counted[i].can_be_counted =
            plan.engine != TableEngine::kNull && keeps_rows_apart(plan) && !counted[i].versions.empty();
        if (!counted[i].is_there || !counted[i].can_be_counted) continue;
        counted[i].can_be_counted = !found->second.engine.starts_with("Replicated") &&
                                    found->second.engine_full.find(" TTL ") == std::string::npos;
        if (!counted[i].can_be_counted) continue;
        sql += (sql.empty() ? "" : " UNION ALL ") +
               counting(i, tables[i], "count()",
                        fmt::format("BETWEEN {} AND {}", counted[i].versions.begin()->first,
                                    counted[i].versions.rbegin()->first));
    }
    if (!sql.empty()) read_counts(client, sql, counted);
    for (size_t i = 0; i < tables.size(); ++i) {
        if (!counted[i].can_be_counted) continue;
        const bool merges = !is_append_only(*tables[i].plan);
        if (merges && counted[i].is_there) count_distinct(client, i, tables[i], counted);
        for (const auto& [version, entry] : counted[i].versions) {
            const auto found = counted[i].held.find(version);
            const uint64_t held = found == counted[i].held.end() ? 0 : found->second;
            if (held == entry.rows || (held > entry.rows && merges)) continue;
            WrongRows& sum = wrong[i];
            sum.partitions.insert(sum.partitions.end(), entry.partitions.begin(), entry.partitions.end());
            sum.acknowledged += entry.rows;
            sum.held += held;
        }
    }
    return wrong;
}

}  // namespace

std::vector<WrongRows> find_wrong_rows(ClickHouseClient& client, const std::vector<LoadedTable>& tables) {
    std::vector<WrongRows> wrong;
    for (size_t i = 0; i < tables.size(); i += kTablesAtOnce) {
        const std::span some = std::span(tables).subspan(i, std::min(kTablesAtOnce, tables.size() - i));
        for (WrongRows& found : find_at_once(client, some)) wrong.push_back(std::move(found));
    }
    return wrong;
}

void put_on_disk(ClickHouseClient& client) {
    try {
        client.query("SYSTEM SYNC FILE CACHE");
    } catch (const Error& e) {
        spdlog::info(
            "{}; a power cut of its machine in the next two minutes may take rows of the load{}", e.what(),
            client.was_denied() ? ". GRANT SYSTEM SYNC FILE CACHE ON *.* TO the user of the service" : "");
    }
}

uint64_t count_lost_rows(ClickHouseClient& client, const TablePlan& plan, const TableRecord& table,
                         const std::vector<PartitionRecord>& partitions) {
    if (table.rows_loaded == 0 || !keeps_rows_apart(plan)) return 0;
    uint64_t last = 0;
    for (const PartitionRecord& partition : partitions) last = std::max(last, partition.version);
    const VersionCounts there = count_versions(client, plan.target_database, plan.target_table, last);
    uint64_t replaced = 0;
    if (!is_append_only(plan)) {
        replaced = table.counts.updated + table.counts.deleted;
        if (!plan.delete_on_merge) replaced = std::min(replaced, there.above);
    }
    const uint64_t accounted_for = there.up_to + replaced;
    return accounted_for < table.rows_loaded ? table.rows_loaded - accounted_for : 0;
}

Error wrong_rows_error(const LoadedTable& table, const WrongRows& wrong) {
    return Error(
               Disposition::kFailPipe, "check the loaded rows",
               fmt::format("of {} rows in {} partitions, which ClickHouse had acknowledged, {} holds {}",
                           wrong.acknowledged, wrong.partitions.size(),
                           quoted_target(table.plan->target_database, table.plan->target_table), wrong.held),
               "See whether ClickHouse has lost data, and that nothing else changes the table; if it is "
               "stopped, resync it")
        .at_table(table.plan->source.qualified_name());
}

}  // namespace penstock
