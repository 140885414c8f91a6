#include "pipe/pipe.h"

#include <utility>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "destination/schema.h"
#include "pipe/change_stream.h"
#include "pipe/context.h"
#include "pipe/lifecycle_log.h"
#include "pipe/pipe_check.h"
#include "pipe/pipe_file.h"
#include "pipe/snapshot_loader.h"
#include "source/server_info.h"
#include "source/table_definition.h"

namespace penstock {
namespace {

/// Everything that can be wrong before a pipe exists. Creates nothing.
void require_all(const PipeSpec& spec, const ClickHouseEndpoint& destination) {
    ClickHouseClient client(destination);
    DestinationInfo info = read_destination_info(client);
    require_source(spec);
    MysqlConnection connection = MysqlConnection::open(spec.source);
    ServerInfo server = read_server_info(connection);
    require_targets(
        client, spec,
        make_plans(spec, read_table_schemas(connection, server, source_tables(spec)), info.has_time64));
}

/// All targets or none: what was made is dropped again when one cannot be made.
void create_targets(ClickHouseClient& client, const PipeSpec& spec, const std::vector<TablePlan>& plans) {
    create_database(client, spec.target_database);
    std::vector<const TablePlan*> made;
    try {
        for (const TablePlan& plan : plans) {
            if (check_target(client, plan)) continue;
            create_table(client, plan);
            made.push_back(&plan);
        }
    } catch (const Error&) {
        for (const TablePlan* plan : made) {
            try {
                drop_table(client, plan->target_database, plan->target_table);
            } catch (const Error& e) {
                spdlog::warn("{}", e.what());
            }
        }
        throw;
    }
}

/// Definitions recorded, start position stored, targets created. May be repeated after a crash anywhere in
/// it: what it stores is stored at its end, and a target that exists already is empty and has our columns.
void set_up(PipeContext& context, bool has_time64) {
    const PipeSpec& spec = context.spec;
    Catalog& catalog = *context.catalog;
    MysqlConnection connection = MysqlConnection::open(spec.source);
    context.source_info = read_server_info(connection);
    Position start;
    if (spec.settings.mode != ReplicationMode::kSnapshot) {
        start = current_position(connection, context.source_info, spec.settings.mechanism);
    }
    std::vector<TableSchema> schemas =
        read_table_schemas(connection, context.source_info, source_tables(spec));
    context.plans = make_plans(spec, schemas, has_time64);

    ClickHouseClient client(context.destination);
    require_targets(client, spec, context.plans);
    create_targets(client, spec, context.plans);
    std::vector<TableRecord> records;
    for (const TablePlan& plan : context.plans) {
        TableRecord record;
        record.table_index = plan.id;
        record.target_table = plan.target_table;
        if (spec.settings.mode == ReplicationMode::kCdcOnly) record.load_state = LoadState::kLoaded;
        records.push_back(std::move(record));
    }
    catalog.put_tables(context.pipe_id, records);
    for (const TablePlan& plan : context.plans)
        catalog.put_schema(context.pipe_id, plan.id, start, plan.source);
    catalog.put_source_identity(context.pipe_id, context.source_info.identity());
    if (!start.none()) {
        catalog.put_start_position(context.pipe_id, start);
        catalog.put_checkpoint(context.pipe_id, Checkpoint{start, 1, 1});
    }
}

/// The stored pipe of this name, or a new one in state Provisioning.
PipeRecord find_or_create(const PipeSpec& spec, const ClickHouseEndpoint& destination, Catalog& catalog) {
    const nlohmann::json wanted = to_json(spec);
    if (std::optional<PipeRecord> stored = catalog.find_pipe(spec.name)) {
        PipeSpec before = from_json(nlohmann::json::parse(stored->spec_json));
        require_compatible(before, spec);
        if (stored->spec_json != wanted.dump()) catalog.update_spec(stored->id, wanted.dump());
        return *catalog.get_pipe(stored->id);
    }
    require_all(spec, destination);
    PipeRecord record;
    record.id = make_uuid();
    record.name = spec.name;
    record.spec_json = wanted.dump();
    record.state = state_name(PipeState::kProvisioning);
    record.state_reason = "created";
    catalog.create_pipe(record);
    return *catalog.get_pipe(record.id);
}

/// From wherever the pipe is to a stop or its end, state by state.
void go_on(PipeContext& context, LifecycleLog& life, const std::stop_token& stop) {
    const ReplicationMode mode = context.spec.settings.mode;
    ClickHouseClient client(context.destination, stop);
    bool has_time64 = read_destination_info(client).has_time64;

    if (life.state() == PipeState::kProvisioning) {
        require_source(context.spec);
        life.fire(PipeEvent::kReady, "source and destination are reached and ready");
    }
    if (life.state() == PipeState::kSetup && !stop.stop_requested()) {
        set_up(context, has_time64);
        life.fire(setup_done_event(mode), "targets are created, start position is stored");
    } else {
        context.plans = load_plans(*context.catalog, context.pipe_id, context.spec, has_time64);
        for (const TablePlan& plan : context.plans) {
            if (check_target(client, plan)) continue;
            throw Error(Disposition::kFailPipe, "find the target",
                        "table " + plan.target_database + "." + plan.target_table + " is gone",
                        "Load the pipe anew (another name, empty targets), or restore the table");
        }
        MysqlConnection connection = MysqlConnection::open(context.spec.source);
        context.source_info = read_server_info(connection);
    }
    if (life.state() == PipeState::kSnapshot) {
        load_snapshot(context, stop);
        if (stop.stop_requested()) return;
        if (mode == ReplicationMode::kSnapshot) {
            life.fire(snapshot_done_event(mode), "all tables are loaded");
            return;
        }
    }
    if (stop.stop_requested()) return;
    follow_changes(context, stop, [&] {
        if (life.state() == PipeState::kSnapshot) {
            life.fire(snapshot_done_event(mode), "all tables are loaded and the log is caught up with them");
        }
    });
}

}  // namespace

void require_compatible(const PipeSpec& before, const PipeSpec& now) {
    auto refuse = [&](const std::string& what) {
        throw Error(Disposition::kUsage, "run the pipe",
                    "pipe '" + now.name + "' exists already, with another " + what,
                    "Give the changed pipe another name, or put the old value back");
    };
    nlohmann::json a = to_json(before), b = to_json(now);
    const nlohmann::json::json_pointer mappings("/source/mysql/tableMappings");
    if (a.at(mappings) != b.at(mappings)) refuse("source.mysql.tableMappings");
    if (before.target_database != now.target_database) refuse("destination.database");
    const SourceSettings &s = before.settings, &t = now.settings;
    if (s.mode != t.mode) refuse("replicationMode");
    if (s.mechanism != t.mechanism) refuse("replicationMechanism");
    if (s.allow_nullable_columns != t.allow_nullable_columns) refuse("allowNullableColumns");
    if (s.delete_on_merge != t.delete_on_merge) refuse("deleteOnMerge");
    if (s.tinyint1_as_bool != t.tinyint1_as_bool) refuse("tinyInt1");
}

std::vector<TablePlan> load_plans(const Catalog& catalog, const std::string& pipe_id, const PipeSpec& spec,
                                  bool has_time64) {
    std::vector<TableSchema> schemas(spec.mappings.size());
    size_t found = 0;
    for (SchemaRecord& record : catalog.schemas(pipe_id)) {  // the newest of a table comes last
        TableSchema& slot = schemas.at(record.table_index);
        if (slot.name.empty()) ++found;
        slot = std::move(record.schema);
    }
    if (found != schemas.size()) {
        throw Error(Disposition::kUsage, "read the catalog", "pipe '" + spec.name + "' is not set up yet",
                    "Start it with: penstock run PIPE.yaml");
    }
    return make_plans(spec, schemas, has_time64);
}

PipeState run_pipe(const PipeSpec& spec, const ClickHouseEndpoint& destination, Compression compression,
                   Catalog& catalog, Progress& progress, std::stop_token stop) {
    PipeRecord record = find_or_create(spec, destination, catalog);
    LifecycleLog life(catalog, record, progress);

    PipeContext context;
    context.pipe_id = record.id;
    context.spec = spec;
    context.destination = destination;
    context.compression = compression;
    context.catalog = &catalog;
    context.progress = &progress;

    // A run that ended without a word left the pipe in an active state, or on its way to Paused.
    life.fire(PipeEvent::kStopped, "the process ended while pausing");
    life.fire(PipeEvent::kStart, "penstock run");
    try {
        std::stop_callback pausing(stop, [&] { life.fire(PipeEvent::kStop, "stop requested"); });
        if (life.state() != PipeState::kCompleted) go_on(context, life, stop);
    } catch (const Error& e) {
        if (e.disposition() != Disposition::kRetry) {
            life.fire(PipeEvent::kFail, e.what());
            throw;
        }
        if (!stop.stop_requested()) {  // trouble that may pass: the pipe waits for its next start
            life.fire(PipeEvent::kStop, e.what());
            life.fire(PipeEvent::kStopped, e.what());
            throw;
        }
    }
    life.fire(PipeEvent::kStopped, "nothing is in flight any more");
    return life.state();
}

}  // namespace penstock
