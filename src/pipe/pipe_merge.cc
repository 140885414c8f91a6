#include "pipe/pipe_merge.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "destination/schema.h"
#include "pipe/pipe_setup.h"

namespace penstock {
namespace {

/// The name that readers use, from the one with the suffix.
std::string final_name(const TablePlan& plan) {
    std::string_view name = plan.target_table;
    name.remove_suffix(std::string_view(kResyncSuffix).size());
    return std::string(name);
}

/// Whether the table is there, made by this intake. Throws when it is there and somebody else's.
bool is_own_target(ClickHouseClient& client, const std::string& database, const std::string& table,
                   const std::string& intake_id) {
    std::optional<ExistingTable> found = describe_table(client, database, table);
    if (!found) return false;
    if (!intake_id.empty() && found->comment == resync_mark(intake_id)) return true;
    throw Error(Disposition::kUsage, "begin the resync",
                "the table " + quoted_target(database, table) + " exists and is not one of this resync",
                "A resync needs that name: rename or drop the table, then try again");
}

bool has_column(const ExistingTable& table, const std::string& name, const std::string& type) {
    return std::any_of(table.columns.begin(), table.columns.end(), [&](const ExistingColumn& column) {
        return column.name == name && column.type == type;
    });
}

void drop_own_target(ClickHouseClient& client, const TablePlan& plan, const TableRecord& record) {
    // Else it is somebody else's by now.
    if (table_uuid(client, plan.target_database, plan.target_table) == record.target_uuid)
        drop_table(client, plan.target_database, plan.target_table);
}

/// Rows of the old target that are marked as deleted and unknown to the new one. They get the version of the
/// load, below any change to come. May be repeated: what is carried over already is known to the new target.
void carry_deleted_rows(ClickHouseClient& client, const TablePlan& plan, uint64_t load_version) {
    if (plan.delete_on_merge) return;  // the engine removes them
    const std::string old_name = final_name(plan);
    std::optional<ExistingTable> before = describe_table(client, plan.target_database, old_name);
    std::optional<ExistingTable> now = describe_table(client, plan.target_database, plan.target_table);
    if (!before || !now) return;
    std::vector<std::string> columns, key;
    for (const ExistingColumn& column : now->columns) {
        if (column.name == MetaColumns::kIsDeleted || column.name == MetaColumns::kVersion) continue;
        if (has_column(*before, column.name, column.type)) columns.push_back(column.name);
    }
    for (uint32_t i : plan.sorting_key) key.push_back(plan.columns[i].name);
    const bool replacing = plan.engine == TableEngine::kReplacingMergeTree;
    for (const std::string& name : key) {
        if (replacing && std::find(columns.begin(), columns.end(), name) == columns.end()) {
            spdlog::warn("{}: rows marked as deleted are not carried over: the key has changed", old_name);
            return;
        }
    }
    const std::string source = quoted_target(plan.target_database, old_name);
    const std::string target = quoted_target(plan.target_database, plan.target_table);
    const std::string deleted = quote_target_identifier(MetaColumns::kIsDeleted) + " = 1";
    const std::string version = quote_target_identifier(MetaColumns::kVersion);
    const std::string list = quote_target_identifiers(columns);
    const std::string into = fmt::format("INSERT INTO {} ({}, {}, {})", target, list,
                                         quote_target_identifier(MetaColumns::kIsDeleted), version);
    const ClickHouseParameters settings{{"transform_null_in", "1"}, {"insert_deduplicate", "0"}};
    if (replacing) {
        const std::string keys = quote_target_identifiers(key);
        const std::string gone = fmt::format("SELECT {} FROM {} FINAL WHERE {}", keys, source, deleted);
        client.query(fmt::format("{0} SELECT {1}, 1, {2} FROM {3} FINAL WHERE {4} AND ({5}) NOT IN "
                                 "(SELECT {5} FROM {6} WHERE ({5}) IN ({7}))",
                                 into, list, load_version, source, deleted, keys, target, gone),
                     settings);
    } else {  // an append-only target keeps each row for ever; versions tell the rows apart
        client.query(fmt::format("{0} SELECT {1}, 1, {2} FROM {3} WHERE {4} AND {2} <= {5} AND {2} NOT IN "
                                 "(SELECT {2} FROM {6} WHERE {4} AND {2} <= {5})",
                                 into, list, version, source, deleted, load_version, target),
                     settings);
    }
}

}  // namespace

std::string resync_mark(const std::string& intake_id) {
    return "loaded by penstock resync " + intake_id;
}

void require_resync_names(ClickHouseClient& client, const std::string& database,
                          const std::vector<TableMapping>& mappings, const std::string& intake_id) {
    const std::string engine =
        client.query("SELECT engine FROM system.databases WHERE name = " + quote_target_literal(database));
    if (engine == "Ordinary" || engine == "Memory") {
        throw Error(Disposition::kUsage, "begin the resync",
                    "the database " + quote_target_identifier(database) + " has the engine " + engine +
                        ", which cannot exchange tables",
                    "Move the targets to a database of the engine Atomic");
    }
    for (const TableMapping& mapping : mappings) {
        if (mapping.engine == TableEngine::kNull) continue;
        is_own_target(client, database, mapping.target_table + kResyncSuffix, intake_id);
    }
}

void drop_left_over_targets(ClickHouseClient& client, const std::vector<TablePlan>& plans,
                            const std::string& intake_id) {
    for (const TablePlan& plan : plans) {
        if (plan.engine == TableEngine::kNull) continue;
        if (is_own_target(client, plan.target_database, plan.target_table, intake_id)) {
            drop_table(client, plan.target_database, plan.target_table);
        }
    }
}

void exchange_targets(const PipeContext& intake) {
    ClickHouseClient client(intake.destination);
    std::vector<TableRecord> records = intake.catalog->tables(intake.pipe_id);
    for (const TablePlan& plan : intake.plans) {
        if (plan.engine == TableEngine::kNull) continue;
        const TableRecord& record = records.at(plan.id);
        const std::string& database = plan.target_database;
        const std::string name = final_name(plan);
        std::string in_place = table_uuid(client, database, name);
        if (in_place != record.target_uuid) {
            if (in_place.empty()) {
                rename_table(client, database, plan.target_table, name);
            } else if (record.stopped_in_load()) {
                drop_own_target(client, plan, record);
                continue;
            } else {
                carry_deleted_rows(client, plan, record.snapshot_version);
                exchange_tables(client, database, name, plan.target_table);
            }
        }
        if (table_uuid(client, database, plan.target_table) != record.target_uuid) {
            drop_table(client, database, plan.target_table);
        }
    }
}

void discard_targets(const PipeContext& intake, bool is_resync) {
    ClickHouseClient client(intake.destination);
    const std::vector<TableRecord> records = intake.catalog->tables(intake.pipe_id);
    for (const TablePlan& plan : intake.plans) {
        if (plan.engine == TableEngine::kNull) continue;
        if (is_resync) {
            drop_own_target(client, plan, records.at(plan.id));
        } else if (describe_table(client, plan.target_database, plan.target_table)) {
            truncate_table(client, plan.target_database, plan.target_table);
        }
    }
}

}  // namespace penstock
