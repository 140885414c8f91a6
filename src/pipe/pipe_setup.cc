#include "pipe/pipe_setup.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <utility>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "destination/schema.h"
#include "pipe/each_target.h"
#include "pipe/pipe_check.h"
#include "pipe/pipe_file.h"
#include "pipe/pipe_merge.h"
#include "source/log_resume.h"
#include "source/server_info.h"
#include "source/table_definition.h"
#include "source/visible_position.h"

namespace penstock {
namespace {

/// All or none: what was made is dropped again when one cannot be made.
void create_targets(const ClickHouseEndpoint& endpoint, const std::vector<const TablePlan*>& plans,
                    const std::function<TableOptions(const TablePlan&)>& options,
                    const std::stop_token& stop) {
    std::mutex mutex;
    std::vector<const TablePlan*> made;  // guarded by mutex
    try {
        for_each_target(endpoint, plans, stop, [&](ClickHouseClient& client, const TablePlan& plan) {
            create_table(client, plan, options(plan));
            std::lock_guard lock(mutex);
            made.push_back(&plan);
        });
    } catch (const Error&) {
        for_each_target(endpoint, made, {}, [](ClickHouseClient& client, const TablePlan& plan) {
            try {
                drop_table(client, plan.target_database, plan.target_table);
            } catch (const Error& e) {
                spdlog::warn("{}", e.what());
            }
        });
        throw;
    }
}

/// How the targets of a pipe of so many tables are made.
std::function<TableOptions(const TablePlan&)> target_options(size_t tables, const std::string& comment,
                                                             const std::string& cluster) {
    const bool many = tables > kRememberingTables && cluster.empty();
    if (many) {
        spdlog::info(
            "{} tables are more than {}: ReplacingMergeTree targets made from now on remember no block "
            "tokens (see docs/lifecycle.md)",
            tables, kRememberingTables);
    }
    return [many, comment](const TablePlan& plan) {
        return TableOptions{.comment = comment, .deduplicates = !many || is_append_only(plan)};
    };
}

constexpr size_t kMappingsAtOnce = 500;

struct Definitions {
    std::vector<TableSchema> schemas;
    Position position;  // of the log, at which the schemas are in force, and before which all is to be seen
    LogAnchor anchor;
};

/// Whether the tables are still defined as in `schemas`, of which a second copy need not be held for that.
bool are_unchanged(MysqlConnection& connection, const ServerInfo& info,
                   const std::vector<std::pair<std::string, std::string>>& tables,
                   const std::vector<TableSchema>& schemas) {
    for (size_t begin = 0, end; begin < tables.size(); begin = end) {
        end = std::min(begin + kTablesAtOnce, tables.size());
        const auto some = read_table_schemas(connection, info, {&tables[begin], &tables[end - 1] + 1});
        if (!std::equal(some.begin(), some.end(), schemas.begin() + static_cast<std::ptrdiff_t>(begin)))
            return false;
    }
    return true;
}

/// Reads until nothing was altered between the definitions and the position.
Definitions read_definitions(PipeContext& context, const PipeSpec& spec) {
    MysqlConnection connection = MysqlConnection::open(spec.source);
    context.source_info = read_server_info(connection);
    const auto tables = source_tables(spec);
    Definitions found;
    VisiblePosition begin;
    do {
        found.schemas = read_table_schemas(connection, context.source_info, tables);
        if (spec.settings.mode != ReplicationMode::kSnapshot) {
            begin = read_visible_position(spec.source, connection, context.source_info,
                                          spec.settings.mechanism, tables);
        }
    } while (!are_unchanged(connection, context.source_info, tables, found.schemas));
    if (!begin.unproved.empty()) spdlog::warn("{}", begin.unproved);
    found.position = std::move(begin.position);
    if (begin.place) found.anchor = anchor_at(spec.source, context.source_info, *begin.place);
    return found;
}

/// Source and target; no name holds a zero byte.
std::string identity(const TableMapping& mapping) {
    std::string text = mapping.source_database;
    for (const std::string* name : {&mapping.source_table, &mapping.target_table})
        text.append(1, '\0').append(*name);
    return text;
}

}  // namespace

PipeSpec recorded_spec(const Catalog& catalog, const std::string& id, const PipeSpec& described) {
    PipeSpec spec = described;
    spec.mappings.clear();
    nlohmann::json some = nlohmann::json::array();  // as JSON they take ten times the memory
    auto take = [&] {
        std::ranges::move(mappings_from_json(std::exchange(some, nlohmann::json::array())),
                          std::back_inserter(spec.mappings));
    };
    for (const TableRecord& table : catalog.tables(id)) {
        some.push_back(nlohmann::json::parse(table.mapping_json));
        if (some.size() == kMappingsAtOnce) take();
    }
    take();
    return spec;
}

std::vector<TablePlan> load_plans(const Catalog& catalog, const std::string& id, const PipeSpec& spec,
                                  bool has_time64) {
    if (spec.mappings.empty()) {
        throw Error(Disposition::kUsage, "read the catalog", "pipe '" + spec.name + "' is not set up yet",
                    "Start it first");
    }
    std::vector<TableSchema> schemas(spec.mappings.size());
    for (SchemaRecord& record : catalog.schemas(id)) {  // the newest of a table comes last
        schemas.at(record.table_index) = std::move(record.schema);
    }
    return make_plans(spec, std::move(schemas), has_time64);
}

MappingIndex::MappingIndex(const std::vector<TableMapping>& mappings) {
    for (size_t i = 0; i < mappings.size(); ++i) places_.emplace(identity(mappings[i]), i);
}

std::optional<size_t> MappingIndex::find(const TableMapping& mapping) const {
    const auto found = places_.find(identity(mapping));
    if (found == places_.end()) return std::nullopt;
    return found->second;
}

std::vector<TableMapping> without(const std::vector<TableMapping>& mappings,
                                  const std::vector<TableMapping>& others) {
    const MappingIndex known(others);
    std::vector<TableMapping> rest;
    for (const TableMapping& mapping : mappings) {
        if (!known.contains(mapping)) rest.push_back(mapping);
    }
    return rest;
}

bool set_up_tables(PipeContext& context, const std::vector<TableMapping>& mappings, Joining joining,
                   uint64_t first_version, bool has_time64, const std::stop_token& stop) {
    Catalog& catalog = *context.catalog;
    PipeSpec spec = context.spec;
    spec.mappings = mappings;
    Definitions found = read_definitions(context, spec);
    auto first_index = static_cast<uint32_t>(catalog.tables(context.pipe_id).size());
    std::vector<TablePlan> plans = make_plans(spec, std::move(found.schemas), has_time64);

    ClickHouseClient client(context.destination);
    std::string mark;
    if (joining == Joining::kReplacing) {
        mark = resync_mark(context.pipe_id);
        drop_left_over_targets(context.destination, spec.target_database, target_names(with_rows(plans)),
                               context.pipe_id);
    }
    const FoundTargets targets = require_targets(client, spec, plans);
    first_version = std::max(first_version, targets.highest_version + 1);
    if (!targets.absent.empty()) {
        create_database(client, spec.target_database);
        const size_t tables = std::max(context.spec.mappings.size(), first_index + plans.size());
        create_targets(context.destination, targets.absent,
                       target_options(tables, mark, context.destination.cluster), stop);
        if (stop.stop_requested()) return false;
    }
    std::vector<std::string> names;
    for (const TablePlan& plan : plans) names.push_back(plan.target_table);
    std::map<std::string, TableIdentity> made = identify_tables(client, spec.target_database, names);

    const bool loads = spec.settings.mode != ReplicationMode::kCdcOnly;
    std::vector<TableRecord> tables;
    std::vector<SchemaRecord> schemas;
    for (uint32_t i = 0; i < plans.size(); ++i) {
        TableRecord record;
        record.table_index = first_index + i;
        record.target_table = plans[i].target_table;
        record.mapping_json = mapping_to_json(mappings[i]).dump();
        record.load_state = loads ? LoadState::kPending : LoadState::kLoaded;
        if (joining == Joining::kLater) record.joined_position = found.position;
        record.target_uuid = made[record.target_table].uuid;
        tables.push_back(std::move(record));
        schemas.push_back({first_index + i, found.position, std::move(plans[i].source)});
    }
    if (joining != Joining::kLater) {
        catalog.put_source_identity(context.pipe_id, context.source_info.identity());
        catalog.clear_snapshot_high(context.pipe_id);
        if (!found.position.none()) {
            Checkpoint checkpoint{found.position, first_version, 1, found.anchor};
            if (std::optional<Checkpoint> before = catalog.checkpoint(context.pipe_id)) {
                checkpoint.next_version = std::max(checkpoint.next_version, before->next_version);
                checkpoint.next_batch = std::max(checkpoint.next_batch, before->next_batch);
            }
            first_version = checkpoint.next_version;
            catalog.put_start_position(context.pipe_id, found.position);
            catalog.put_checkpoint(context.pipe_id, checkpoint);
        }
        catalog.put_first_version(context.pipe_id, first_version);
    } else {
        catalog.raise_next_version(context.pipe_id, first_version);
    }
    catalog.add_tables(context.pipe_id, tables, schemas);
    return true;
}

}  // namespace penstock
