#include "pipe/pipe_merge.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "destination/schema.h"
#include "destination/table_names.h"
#include "pipe/each_target.h"
#include "pipe/load_target.h"
#include "pipe/pipe_file.h"
#include "pipe/pipe_setup.h"
#include "pipe/stopped_tables.h"

namespace penstock {
namespace {

constexpr size_t kExchangedAtOnce = 500;  // tables of which all columns are known at once

/// Whether the table, if there is one, was made by this intake. Throws when it is somebody else's.
bool is_own_target(const std::map<std::string, TableIdentity>& found, const std::string& database,
                   const std::string& table, const std::string& intake_id) {
    const auto there = found.find(table);
    if (there == found.end()) return false;
    if (!intake_id.empty() && there->second.comment == resync_mark(intake_id)) return true;
    throw Error(Disposition::kUsage, "begin the resync",
                "the table " + quoted_target(database, table) + " exists and is not one of this resync",
                "Rename or drop the table, then try again");
}

/// Whether it is there, and not somebody else's by now.
bool is_there(const std::map<std::string, TableIdentity>& found, const std::string& table,
              const TableRecord& record) {
    const auto there = found.find(table);
    return there != found.end() && record.is_target(there->second.uuid);
}

/// The planned type, without NULL, for which the old target has a wider one; empty: it has the same, or one
/// that did not hold its values (then `column` is not carried over).
struct Carried {
    bool there = false;
    std::string narrowed_to{};
};
Carried carried(const TablePlan& plan, const ExistingTable& before, const ExistingColumn& column) {
    const auto old = std::find_if(before.columns.begin(), before.columns.end(),
                                  [&](const ExistingColumn& c) { return c.name == column.name; });
    if (old == before.columns.end() || old->default_kind == "EPHEMERAL") return {};  // cannot be read
    if (old->type == column.type) return {true};
    const auto planned = std::find_if(plan.columns.begin(), plan.columns.end(),
                                      [&](const TargetColumn& c) { return c.name == column.name; });
    if (planned == plan.columns.end() || !fit_column(plan, *planned, old->type).fits) return {};
    TargetType type = planned->type;
    type.nullable = false;
    return {true, type.wire_name()};
}

/// Rows of the old target that are marked as deleted and unknown to the new one. They get the version before
/// the resync's first, below any change to come. May be repeated: what is carried over already is known to
/// the new target.
void carry_deleted_rows(ClickHouseClient& client, const TablePlan& plan, const std::string& old_name,
                        uint64_t version_before, const std::map<std::string, ExistingTable>& described) {
    if (plan.delete_on_merge) return;  // the engine removes them
    const auto before = described.find(old_name), now = described.find(plan.target_table);
    if (before == described.end() || now == described.end()) return;
    const bool replacing = plan.engine == TableEngine::kReplacingMergeTree;
    std::vector<std::string> columns, key;
    for (uint32_t i : plan.sorting_key) key.push_back(plan.columns[i].name);
    // The old rows in the new types. A column that was made wider may hold more than the new type, of an
    // older definition of the source: such a value is NULL then, such a key no row of the new table.
    std::string values, known = "1";
    for (const ExistingColumn& column : now->second.columns) {
        if (column.name == MetaColumns::kIsDeleted || column.name == MetaColumns::kVersion) continue;
        const Carried old = carried(plan, before->second, column);
        if (!old.there) continue;
        columns.push_back(column.name);
        const std::string name = quote_target_identifier(column.name);
        if (old.narrowed_to.empty()) {
            values += name + ", ";
            continue;
        }
        const std::string value =
            fmt::format("accurateCastOrNull({}, {})", name, quote_target_literal(old.narrowed_to));
        values += value + " AS " + name + ", ";
        if (std::find(key.begin(), key.end(), column.name) != key.end())
            known += fmt::format(" AND (isNotNull({}) OR isNull({}))", value, name);
    }
    for (const std::string& name : key) {
        if (replacing && std::find(columns.begin(), columns.end(), name) == columns.end()) {
            spdlog::warn("{}: rows marked as deleted are not carried over: the key has changed", old_name);
            return;
        }
    }
    const std::string source = fmt::format(
        "(SELECT {}{}, {} FROM {}{} WHERE {})", values, quote_target_identifier(MetaColumns::kIsDeleted),
        quote_target_identifier(MetaColumns::kVersion), quoted_target(plan.target_database, old_name),
        replacing ? " FINAL" : "", known);
    const std::string target = quoted_target(plan.target_database, plan.target_table);
    const std::string deleted = quote_target_identifier(MetaColumns::kIsDeleted) + " = 1";
    const std::string version = quote_target_identifier(MetaColumns::kVersion);
    const std::string list = quote_target_identifiers(columns);
    const std::string into = fmt::format("INSERT INTO {} ({}, {}, {})", target, list,
                                         quote_target_identifier(MetaColumns::kIsDeleted), version);
    ClickHouseParameters settings{
        {"transform_null_in", "1"}, {"insert_deduplicate", "0"}, {"prefer_column_name_to_alias", "1"}};
    if (values.find("'Time64(") != values.npos) settings.emplace_back("enable_time_time64_type", "1");
    if (replacing) {
        const std::string keys = quote_target_identifiers(key);
        const std::string gone = fmt::format("SELECT {} FROM {} WHERE {}", keys, source, deleted);
        client.query(fmt::format("{0} SELECT {1}, 1, {2} FROM {3} WHERE {4} AND ({5}) NOT IN "
                                 "(SELECT {5} FROM {6} WHERE ({5}) IN ({7}))",
                                 into, list, version_before, source, deleted, keys, target, gone),
                     settings);
    } else {  // an append-only target keeps each row for ever; versions tell the rows apart
        client.query(fmt::format("{0} SELECT {1}, 1, {2} FROM {3} WHERE {4} AND {2} <= {5} AND {2} NOT IN "
                                 "(SELECT {2} FROM {6} WHERE {4} AND {2} <= {5})",
                                 into, list, version, source, deleted, version_before, target),
                     settings);
    }
}

/// Stops the tables whose new target has been dropped: the old one stays. By TablePlan::id.
std::set<uint32_t> stop_without_target(PipeContext& intake, const std::vector<std::string>& final_names,
                                       const std::vector<TableRecord>& records,
                                       const std::vector<const TablePlan*>& plans,
                                       const std::map<std::string, TableIdentity>& found) {
    std::set<uint32_t> lost;
    std::vector<StoppedTable> stops;
    for (const TablePlan* plan : plans) {
        const TableRecord& record = records.at(plan->id);
        if (record.stopped_in_load() || is_there(found, final_names.at(plan->id), record)) continue;
        if (is_there(found, plan->target_table, record)) continue;
        lost.insert(plan->id);
        intake.catalog->reset_load(intake.pipe_id, plan->id);
        stops.push_back({.table_index = plan->id,
                         .reason = unfit_target_error(*plan, problem_with_target(nullptr, *plan)).what()});
    }
    if (!stops.empty()) stop_tables(intake, stops);
    return lost;
}

void exchange_some(PipeContext& intake, const std::vector<std::string>& final_names,
                   const std::vector<TableRecord>& records, const std::vector<const TablePlan*>& plans) {
    ClickHouseClient client(intake.destination);
    const std::string& database = intake.spec.target_database;
    std::vector<std::string> names = target_names(plans);
    for (const TablePlan* plan : plans) names.push_back(final_names.at(plan->id));
    const auto found = identify_tables(client, database, names);
    const auto described = describe_tables(client, database, names);
    const uint64_t first = intake.catalog->first_version(intake.pipe_id);
    const uint64_t version_before = first == 0 ? 0 : first - 1;
    const std::set<uint32_t> lost = stop_without_target(intake, final_names, records, plans, found);
    for_each_target(intake.destination, plans, {}, [&](ClickHouseClient& own, const TablePlan& plan) {
        const TableRecord& record = records.at(plan.id);
        const std::string& name = final_names.at(plan.id);
        if (lost.contains(plan.id)) return;
        if (!found.contains(name)) {
            if (found.contains(plan.target_table)) rename_table(own, database, plan.target_table, name);
            return;
        }
        if (!is_there(found, name, record)) {
            if (record.stopped_in_load()) {  // the old one stays
                if (is_there(found, plan.target_table, record)) drop_table(own, database, plan.target_table);
                return;
            }
            try {
                carry_deleted_rows(own, plan, name, version_before, described);
                exchange_tables(own, database, name, plan.target_table);
            } catch (const Error& e) {  // dropped since it was looked at: the next attempt finds out
                if (identify_tables(own, database, {name, plan.target_table}).size() == 2) throw;
                throw Error(Disposition::kRetry, e.operation(), e.message(), e.hint());
            }
        }
        drop_table(own, database, plan.target_table);
    });
}

}  // namespace

std::vector<TableMapping> mappings_of(const IntakeRecord& intake) {
    return mappings_from_json(nlohmann::json::parse(intake.mappings_json));
}

std::vector<TableMapping> mappings_within(const IntakeRecord& intake, const std::string& database) {
    std::vector<TableMapping> mappings = mappings_of(intake);
    if (intake.purpose != IntakePurpose::kResync) return mappings;
    for (TableMapping& mapping : mappings) {
        if (mapping.engine == TableEngine::kNull) continue;
        mapping.target_table = resync_name(database, mapping.target_table, intake.id);
    }
    return mappings;
}

std::string resync_name(const std::string& database, const std::string& target,
                        const std::string& intake_id) {
    return temporary_name(database, target, "_resync_", intake_id);
}

std::string resync_mark(const std::string& intake_id) {
    return "loaded by penstock resync " + intake_id;
}

void require_exchange(ClickHouseClient& client, const std::string& database) {
    const std::string engine =
        client.query("SELECT engine FROM system.databases WHERE name = " + quote_target_literal(database));
    if (engine == "Ordinary" || engine == "Memory") {
        throw Error(Disposition::kUsage, "begin the resync",
                    "the database " + quote_target_identifier(database) + " has the engine " + engine +
                        ", which cannot exchange tables",
                    "Move the targets to a database of the engine Atomic");
    }
}

void drop_left_over_targets(const ClickHouseEndpoint& endpoint, const std::string& database,
                            const std::vector<std::string>& names, const std::string& intake_id) {
    ClickHouseClient client(endpoint);
    const auto found = identify_tables(client, database, names);
    std::vector<const std::string*> left_over;
    for (const std::string& name : names) {
        if (is_own_target(found, database, name, intake_id)) left_over.push_back(&name);
    }
    for_each_target(endpoint, left_over, {},
                    [&](ClickHouseClient& own, const std::string& name) { drop_table(own, database, name); });
}

void exchange_targets(PipeContext& intake, const std::vector<std::string>& final_names) {
    const std::vector<TableRecord> records = intake.catalog->tables(intake.pipe_id);
    const std::vector<const TablePlan*> plans = with_rows(intake.plans);
    for (size_t begin = 0; begin < plans.size(); begin += kExchangedAtOnce) {
        const size_t end = std::min(begin + kExchangedAtOnce, plans.size());
        exchange_some(intake, final_names, records, {&plans[begin], &plans[end - 1] + 1});
    }
}

void discard_targets(const ClickHouseEndpoint& endpoint, const std::string& database,
                     const std::vector<TableRecord>& tables, bool is_resync) {
    drop_load_tables(endpoint, database, tables);
    ClickHouseClient client(endpoint);
    std::vector<const TableRecord*> targets;
    std::vector<std::string> names;
    for (const TableRecord& table : tables) {
        const auto mapping = nlohmann::json::parse(table.mapping_json);
        if (mappings_from_json(nlohmann::json::array({mapping})).front().engine == TableEngine::kNull)
            continue;  // the user's own table, with nothing in it
        targets.push_back(&table);
        names.push_back(table.target_table);
    }
    const auto found = identify_tables(client, database, names);
    for_each_target(endpoint, targets, {}, [&](ClickHouseClient& own, const TableRecord& table) {
        if (is_resync) {
            if (is_there(found, table.target_table, table)) drop_table(own, database, table.target_table);
        } else if (found.contains(table.target_table)) {
            truncate_table(own, database, table.target_table);
        }
    });
}

}  // namespace penstock
