#include "pipe/pipe_worker.h"

#include <algorithm>
#include <utility>

#include <malloc.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "destination/pipe_ledger.h"
#include "destination/schema.h"
#include "pipe/destination_check.h"
#include "pipe/pipe_check.h"
#include "pipe/pipe_file.h"
#include "pipe/pipe_merge.h"
#include "pipe/pipe_setup.h"
#include "pipe/resync_wanted.h"
#include "pipe/snapshot_loader.h"
#include "pipe/stopped_tables.h"

namespace penstock {
namespace {

std::string to_text(const std::vector<TableMapping>& mappings) {
    nlohmann::json list = nlohmann::json::array();
    for (const TableMapping& mapping : mappings) list.push_back(mapping_to_json(mapping));
    return list.dump();
}

std::vector<std::string> target_names(const std::vector<TableMapping>& mappings) {
    std::vector<std::string> names;
    for (const TableMapping& mapping : mappings) names.push_back(mapping.target_table);
    return names;
}

/// What was done, and which tables it was not done for.
std::string with_stopped(const std::string& done, const std::vector<TableRecord>& tables) {
    const std::string stopped = stopped_text(tables);
    return stopped.empty() ? done : done + "; " + stopped;
}

MergedTable merged(bool from_intake, uint32_t index, const TableMapping& mapping) {
    return {from_intake, index, mapping.target_table, mapping_to_json(mapping).dump()};
}

}  // namespace

PipeWorker::PipeWorker(const RunnerEnvironment& environment, std::string pipe_id, LifecycleLog& life,
                       Progress& progress)
    : environment_(environment),
      catalog_(*environment.catalog),
      pipe_id_(std::move(pipe_id)),
      life_(life),
      progress_(progress) {}

void PipeWorker::work(const LifecycleLog::Turn& turn, const std::stop_token& stop) {
    turn_ = turn.number;
    if (turn.state == PipeState::kPausing) return pause();
    destination_ = environment_.destination();
    destination_.query_id_prefix = query_ids();
    if (turn.state == PipeState::kProvisioning) return provision();
    end_predecessors(stop);
    ClickHouseClient client(destination_, stop);
    has_time64_ = read_destination_info(client).has_time64;
    if (!finish_merge(stop)) return;
    progress_.set_stopped_tables(stopped_text(catalog_.tables(pipe_id_)));
    switch (turn.state) {
        case PipeState::kSetup:
            return set_up(stop);
        case PipeState::kSnapshot:
            return take_snapshot(stop);
        case PipeState::kRunning:
        case PipeState::kDegraded:
            return run(stop);
        case PipeState::kModifying:
            return modify(stop);
        case PipeState::kResync:
            return resync(stop);
        default:
            return;  // at rest
    }
}

// Provisioning: both ends are reached and the source is ready.
void PipeWorker::provision() {
    ClickHouseClient client(destination_);
    read_destination_info(client);
    const std::vector<std::string> warnings = require_source(spec_);
    fire(PipeEvent::kReady, with_warnings("source and destination are reached and ready", warnings));
}

// Setup: the first tables of a pipe, or an intake for those that are added or loaded anew.
void PipeWorker::set_up(const std::stop_token& stop) {
    if (is_changed()) {
        fire(PipeEvent::kModify, "tables were removed");
        return;
    }
    PipeRecord record = catalog_.get_pipe(pipe_id_).value();
    std::vector<TableMapping> have = recorded_spec(catalog_, pipe_id_, spec_).mappings;
    std::vector<TableMapping> missing = without(spec_.mappings, have);
    std::vector<TableMapping> again = wanted_resync(record);
    std::optional<IntakeRecord> intake = catalog_.intake_of(pipe_id_);

    if (intake && (!again.empty() || !without(missing, mappings_of(*intake)).empty())) {
        if (intake->purpose == IntakePurpose::kResync) {
            if (!want_again(record, mappings_of(*intake))) return;
            again = wanted_resync(record);
        }
        drop_intake(*intake);
        intake.reset();
    }
    if (!intake && have.empty() && again.empty()) {
        PipeContext context = base_context(pipe_id_);
        if (!set_up_tables(context, spec_.mappings, Joining::kFirst, 1, has_time64_, stop)) return;
    } else if (!intake && !again.empty()) {
        // What a Null engine table got from the log would reach its views twice: it leaves the pipe first.
        std::vector<TableMapping> kept = have;
        const MappingIndex loaded_anew(again);
        std::erase_if(kept, [&](const TableMapping& m) {
            return m.engine == TableEngine::kNull && loaded_anew.contains(m);
        });
        if (kept.size() < have.size() && !remove_tables(kept, stop)) return;
        for (const TableMapping& mapping : missing) {
            if (!loaded_anew.contains(mapping)) again.push_back(mapping);
        }
        begin_intake(IntakePurpose::kResync, again, record);
    } else if (!intake && !missing.empty()) {
        if (is_loaded() && spec_.settings.mode != ReplicationMode::kCdcOnly) {
            begin_intake(IntakePurpose::kAdd, missing, record);
        } else {  // nothing to load, or a load that has not ended: they join it
            stop_flows();
            PipeContext context = context_of(pipe_id_);
            if (!settle(context, stop)) return;
            if (!set_up_tables(context, missing, Joining::kLater, 1, has_time64_, stop)) return;
        }
    }
    catalog_.exchange_resync_wanted(pipe_id_, record.resync_wanted, "");  // what is left of it names no table
    intake = catalog_.intake_of(pipe_id_);
    if (intake && catalog_.tables(intake->id).empty()) {
        std::optional<Checkpoint> checkpoint = catalog_.checkpoint(pipe_id_);
        PipeContext context = base_context(intake->id);
        if (context.spec.settings.mode == ReplicationMode::kCdcOnly) {
            context.spec.settings.mode = ReplicationMode::kCdc;
        }
        const std::vector<TableMapping> mappings = mappings_within(*intake, spec_.target_database);
        const Joining joining =
            intake->purpose == IntakePurpose::kResync ? Joining::kReplacing : Joining::kFirst;
        const uint64_t first_version = checkpoint ? checkpoint->next_version : 1;
        if (!set_up_tables(context, mappings, joining, first_version, has_time64_, stop)) return;
    }
    if (intake || !is_loaded()) {
        fire(PipeEvent::kSetupDoneLoad, "targets are created, definitions and position are stored");
    } else {
        fire(PipeEvent::kSetupDoneFlow, "targets are created, nothing is to be loaded");
    }
}

// Snapshot: the load, and the log until it is level with what the load has seen. The pipe's own tables go on
// flowing while an intake is loaded beside them.
void PipeWorker::take_snapshot(const std::stop_token& stop) {
    if (has_other_work()) return;
    const ReplicationMode mode = spec_.settings.mode;
    std::optional<IntakeRecord> intake = catalog_.intake_of(pipe_id_);
    const bool replaced = intake && intake_replaces_all(*intake);
    if (!is_loaded() && !replaced) {
        PipeContext context = context_of(pipe_id_);
        reconcile_destination(context);
        stop_lost_targets(context);
        load(context, stop);
        if (stop.stop_requested()) return;
        stop_lost_targets(context);  // what was altered meanwhile
        if (!intake) require_tables();
    }
    // Tables that are replaced may be ones whose log is lost.
    if (follows() && is_loaded()) start_flow(replaced);
    if (intake) {
        if (flow_ && replaced) flow_->on_failure(nullptr);
        PipeContext context = intake_context(*intake);
        reconcile_destination(context);
        stop_lost_targets(context);
        load(context, stop);
        if (stop.stop_requested()) return;
        stop_lost_targets(context);
        if (follows() && !follow_intake(*intake, stop)) return;
        catalog_.set_merging(intake->id);
        if (intake->purpose == IntakePurpose::kResync) {
            fire(PipeEvent::kSnapshotDoneSwap,
                 with_stopped("the new targets are level with the old ones", catalog_.tables(intake->id)));
            return;
        }
        if (!finish_merge(stop)) return;
        require_tables();
        fire(snapshot_done_event(mode),
             with_stopped("the new tables are loaded and level with the others", catalog_.tables(pipe_id_)));
        return;
    }
    require_tables();
    if (follows() && flow_ && !flow_->wait_until_level(stop)) return;
    fire(snapshot_done_event(mode),
         with_stopped(
             follows() ? "the tables are loaded and the log is level with them" : "the tables are loaded",
             catalog_.tables(pipe_id_)));
}

/// What ClickHouse had acknowledged and lost before the load had ended is loaded again.
void PipeWorker::load(PipeContext& context, const std::stop_token& stop) {
    do {
        load_snapshot(context, stop);
    } while (!stop.stop_requested() && reset_damaged_loads(context));
}

/// Follows the log for the intake's tables until they are level with the pipe's own, whose flow is ended
/// then. Nothing is open on either side afterwards. False on a stop.
bool PipeWorker::follow_intake(const IntakeRecord& intake, const std::stop_token& stop) {
    try {
        if (!all_stopped(catalog_.tables(intake.id))) return follow_until_level(intake, stop);
    } catch (const Error&) {
        if (!all_stopped(catalog_.tables(intake.id))) throw;
    }
    // They join the pipe as they are, wherever its log is.
    if (end_flow(intake_replaces_all(intake))) return true;
    PipeContext own = context_of(pipe_id_);
    return settle(own, stop);
}

bool PipeWorker::follow_until_level(const IntakeRecord& intake, const std::stop_token& stop) {
    PipeContext context = intake_context(intake);
    Flow flow(context, catalog_.snapshot_high_position(intake.id), true);
    if (!flow.wait_until_level(stop)) return false;
    const bool replaced = intake_replaces_all(intake), was_flowing = flow_ != nullptr;
    const bool lost = end_flow(replaced);
    if (!lost && !replaced && !catalog_.tables(pipe_id_).empty()) {
        PipeContext own = context_of(pipe_id_);
        if (!settle(own, stop)) return false;
    }
    // The intake passes the place where the pipe stands; a log that is lost, or was not read at all, holds
    // nothing up when its tables are replaced.
    std::optional<Checkpoint> own = catalog_.checkpoint(pipe_id_);
    const bool must_pass = !replaced || (was_flowing && !lost);
    if (own && must_pass && !flow.wait_until_reached(own->position, stop)) return false;
    flow.stop();
    if (!settle(context, stop)) return false;
    if (intake.purpose != IntakePurpose::kResync || !was_flowing || lost) return true;
    return catch_up(catalog_.checkpoint(intake.id).value().position, replaced, stop);
}

/// What the new targets hold already reaches the old ones too: views on them would miss it else, because they
/// see what comes after the exchange only. False on a stop.
bool PipeWorker::catch_up(const Position& position, bool may_fail, const std::stop_token& stop) {
    try {
        PipeContext own = context_of(pipe_id_);
        FlowSignals signals;
        signals.until = position;
        signals.hurry = true;
        follow_changes(own, stop, signals);
    } catch (const Error& e) {
        if (!may_fail || e.disposition() == Disposition::kRetry) throw;
        spdlog::warn("{}; its tables are replaced", e.what());
    }
    return !stop.stop_requested();
}

// Running and Degraded: changes flow.
void PipeWorker::run(const std::stop_token& stop) {
    if (has_other_work()) return;
    if (catalog_.intake_of(pipe_id_)) {
        fire(PipeEvent::kAddTables, "tables are to be loaded");
        return;
    }
    const std::vector<TableRecord> tables = catalog_.tables(pipe_id_);
    require_tables();
    // Tables that stopped while the pipe was in another state.
    if (std::string stopped = stopped_text(tables); !stopped.empty() && life_.state() == PipeState::kRunning)
        life_.fire(PipeEvent::kRetry, stopped);
    start_flow();
    if (flow_) flow_->wait(stop);
}

// Modifying: tables that are not described any more leave; changed settings are taken over by what starts
// next.
void PipeWorker::modify(const std::stop_token& stop) {
    stop_flows();
    std::vector<TableMapping> have = recorded_spec(catalog_, pipe_id_, spec_).mappings;
    const MappingIndex described(spec_.mappings);
    std::vector<TableMapping> kept = have;
    std::erase_if(kept, [&](const TableMapping& m) { return !described.contains(m); });
    if (kept.size() < have.size() && !remove_tables(kept, stop)) return;
    std::optional<IntakeRecord> intake = catalog_.intake_of(pipe_id_);
    if (intake) {
        std::vector<TableMapping> mappings = mappings_of(*intake);
        std::vector<TableMapping> gone = without(mappings, spec_.mappings);
        if (!gone.empty()) {
            if (intake->purpose == IntakePurpose::kResync) {
                PipeRecord record = catalog_.get_pipe(pipe_id_).value();
                if (!want_again(record, without(mappings, gone))) return;
            }
            drop_intake(*intake);
        }
    }
    if (needs_setup() && !catalog_.tables(pipe_id_).empty()) {
        fire(PipeEvent::kAddTables, "modified; tables are to be loaded");
    } else {
        fire(PipeEvent::kModified, "the changes are in force");
    }
}

// Resync: finish_merge has done the work.
void PipeWorker::resync(const std::stop_token&) {
    if (has_other_work()) return;
    require_tables();
    fire(swapped_event(spec_.settings.mode),
         with_stopped("the new targets have taken the place of the old ones", catalog_.tables(pipe_id_)));
}

void PipeWorker::pause() {
    stop_flows();
    progress_.set_trouble({});
    fire(PipeEvent::kStopped, "nothing is in flight any more");
}

void PipeWorker::stop_flows() {
    flow_.reset();
}

bool PipeWorker::end_flow(bool may_have_failed) {
    if (!flow_) return false;
    flow_->stop();
    const bool failed = flow_->has_failed();
    if (failed && !may_have_failed) rethrow_flow_failure();
    flow_.reset();
    return failed;
}

void PipeWorker::rethrow_flow_failure() {
    if (!flow_) return;
    std::stop_source now;
    now.request_stop();
    try {
        flow_->wait(now.get_token());
    } catch (const Error& e) {
        if (!is_led_out()) throw;
        spdlog::warn("{}; its tables are replaced", e.what());
        flow_.reset();
    }
}

/// Whatever has become of the pipe's own tables: what is asked for or under way takes their place.
bool PipeWorker::is_led_out() const {
    if (const std::optional<IntakeRecord> intake = catalog_.intake_of(pipe_id_))
        return intake_replaces_all(*intake);
    return needs_setup() && replaces_all(wanted_resync(catalog_.get_pipe(pipe_id_).value()));
}

void PipeWorker::start_flow(bool may_fail) {
    if (flow_) return;
    const std::vector<TableRecord> tables = catalog_.tables(pipe_id_);
    if (tables.empty() || all_stopped(tables)) return;
    PipeContext context = context_of(pipe_id_);
    malloc_trim(0);  // what setup and load have freed: the flow's threads take theirs elsewhere
    flow_ = std::make_unique<Flow>(std::move(context), catalog_.snapshot_high_position(pipe_id_), false);
    if (!may_fail) flow_->on_failure(flow_failed_);
}

bool PipeWorker::finish_merge(const std::stop_token& stop) {
    std::optional<IntakeRecord> intake = catalog_.intake_of(pipe_id_);
    if (!intake || !intake->merging) return true;
    stop_flows();
    PipeContext context = intake_context(*intake);
    // Both are settled unless a crash came in between; then the log says what was open.
    if (!settle(context, stop)) return false;
    std::vector<TableMapping> own = recorded_spec(catalog_, pipe_id_, spec_).mappings;
    std::vector<TableMapping> taken = mappings_of(*intake);
    if (intake->purpose == IntakePurpose::kResync) exchange_targets(context, target_names(taken));

    const std::vector<TableRecord> records = catalog_.tables(intake->id);
    std::vector<MergedTable> tables;
    const MappingIndex own_index(own), taken_index(taken);
    for (uint32_t i = 0; i < own.size(); ++i) {
        if (!taken_index.contains(own[i])) tables.push_back(merged(false, i, own[i]));
    }
    for (uint32_t i = 0; i < taken.size(); ++i) {
        const std::optional<size_t> old = own_index.find(taken[i]);
        if (records.at(i).stopped_in_load() && old) {  // the old target stays in its place
            tables.push_back(merged(false, static_cast<uint32_t>(*old), own[*old]));
            tables.back().stop_reason = records[i].stop_reason;
        } else {
            tables.push_back(merged(true, i, taken[i]));
        }
    }
    drop_load_tables_but(tables);
    catalog_.merge_tables(pipe_id_, intake->id, tables);
    return true;
}

bool PipeWorker::is_changed() const {
    return !without(recorded_spec(catalog_, pipe_id_, spec_).mappings, spec_.mappings).empty();
}

bool PipeWorker::has_other_work() {
    if (is_changed()) {
        fire(PipeEvent::kModify, "tables were removed");
        return true;
    }
    if (needs_setup()) {
        fire(PipeEvent::kAddTables, "tables are to be set up");
        return true;
    }
    return false;
}

bool PipeWorker::needs_setup() const {
    if (!catalog_.get_pipe(pipe_id_).value().resync_wanted.empty()) return true;
    std::vector<TableMapping> missing =
        without(spec_.mappings, recorded_spec(catalog_, pipe_id_, spec_).mappings);
    std::optional<IntakeRecord> intake = catalog_.intake_of(pipe_id_);
    return !(intake ? without(missing, mappings_of(*intake)) : missing).empty();
}

bool PipeWorker::is_loaded() const {
    std::vector<TableRecord> tables = catalog_.tables(pipe_id_);
    return std::all_of(tables.begin(), tables.end(), [](const TableRecord& t) {
        return t.load_state == LoadState::kLoaded || t.stopped();
    });
}

void PipeWorker::require_tables() const {
    const std::vector<TableRecord> tables = catalog_.tables(pipe_id_);
    if (!follows() && !stopped_text(tables).empty()) throw incomplete_load_error(tables);
    if (all_stopped(tables)) throw all_stopped_error(tables);
}

bool PipeWorker::intake_replaces_all(const IntakeRecord& intake) const {
    return replaces_all(mappings_of(intake));
}

bool PipeWorker::replaces_all(const std::vector<TableMapping>& taken) const {
    std::vector<TableMapping> own = recorded_spec(catalog_, pipe_id_, spec_).mappings;
    const std::vector<TableRecord> tables = catalog_.tables(pipe_id_);
    for (size_t i = tables.size(); i-- > 0;) {
        if (tables[i].stopped()) own.erase(own.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return without(own, taken).empty();
}

std::vector<TableMapping> PipeWorker::wanted_resync(const PipeRecord& record) const {
    std::vector<TableMapping> wanted;
    if (catalog_.tables(pipe_id_).empty() && !catalog_.intake_of(pipe_id_))
        return wanted;  // nothing to replace
    const ResyncWanted asked = ResyncWanted::parse(record.resync_wanted);
    for (const TableMapping& mapping : spec_.mappings) {
        if (asked.wants(mapping.target_table)) wanted.push_back(mapping);
    }
    return wanted;
}

/// `record` is the pipe as it was when the mappings were chosen.
void PipeWorker::begin_intake(IntakePurpose purpose, const std::vector<TableMapping>& mappings,
                              const PipeRecord& record) {
    IntakeRecord intake;
    intake.id = make_uuid();
    intake.purpose = purpose;
    intake.mappings_json = to_text(mappings);
    catalog_.create_intake(pipe_id_, intake, record.resync_wanted);
}

/// Stores that these are to be loaded anew too, before what has been done of it is dropped. False when a
/// command has changed the wish meanwhile: its turn comes next.
bool PipeWorker::want_again(PipeRecord& record, const std::vector<TableMapping>& mappings) {
    ResyncWanted wanted = ResyncWanted::parse(record.resync_wanted);
    for (const TableMapping& mapping : mappings) wanted.join({.targets = {mapping.target_table}});
    if (!catalog_.exchange_resync_wanted(pipe_id_, record.resync_wanted, wanted.to_text())) return false;
    record.resync_wanted = wanted.to_text();
    return true;
}

/// Leaves only these of the pipe's own tables. False on a stop.
bool PipeWorker::remove_tables(const std::vector<TableMapping>& kept, const std::stop_token& stop) {
    stop_flows();
    PipeContext context = context_of(pipe_id_);
    if (!settle(context, stop)) return false;
    const MappingIndex stay(kept);
    std::vector<MergedTable> tables;
    for (uint32_t i = 0; i < context.spec.mappings.size(); ++i) {
        const TableMapping& mapping = context.spec.mappings[i];
        if (stay.contains(mapping)) tables.push_back(merged(false, i, mapping));
    }
    drop_load_tables_but(tables);
    catalog_.merge_tables(pipe_id_, "", tables);
    return true;
}

/// A batch that may be partly inserted is finished, with the tables that it was begun with. False on a stop.
bool PipeWorker::settle(const PipeContext& context, const std::stop_token& stop) {
    if (!catalog_.intent(context.pipe_id)) return true;
    PipeContext own = context;
    FlowSignals signals;
    signals.only_settle = true;
    signals.hurry = true;
    follow_changes(own, stop, signals);
    return !catalog_.intent(context.pipe_id);
}

PipeContext PipeWorker::base_context(const std::string& id) {
    PipeContext context;
    context.pipe_id = id;
    context.spec = spec_;
    context.destination = destination_;
    if (id != pipe_id_) context.destination.query_id_prefix += id + "-";
    const Compression by_address = is_loopback(destination_.url) ? Compression::kNone : Compression::kZstd;
    context.compression = environment_.compression.value_or(by_address);
    context.catalog = &catalog_;
    context.progress = &progress_;
    context.budget = environment_.budget;
    return context;
}

/// Of tables that are set up.
PipeContext PipeWorker::context_of(const std::string& id) {
    PipeContext context = base_context(id);
    context.spec = recorded_spec(catalog_, id, spec_);
    if (context.spec.mappings.empty()) return context;
    context.plans = load_plans(catalog_, id, context.spec, has_time64_);
    MysqlConnection connection = MysqlConnection::open(spec_.source);
    context.source_info = read_server_info(connection);
    return context;
}

PipeContext PipeWorker::intake_context(const IntakeRecord& intake) {
    PipeContext context = base_context(intake.id);
    if (context.spec.settings.mode == ReplicationMode::kCdcOnly) {
        context.spec.settings.mode = ReplicationMode::kCdc;
    }
    context.is_intake = true;
    context.spec.source.server_id.reset();  // the pipe's own flow may be using it
    context.spec = recorded_spec(catalog_, intake.id, context.spec);
    context.plans = load_plans(catalog_, intake.id, context.spec, has_time64_);
    MysqlConnection connection = MysqlConnection::open(spec_.source);
    context.source_info = read_server_info(connection);
    return context;
}

}  // namespace penstock
