#include "pipe/destination_check.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "destination/pipe_ledger.h"
#include "destination/running_queries.h"
#include "destination/schema.h"
#include "destination/target_state.h"
#include "destination/versions.h"
#include "pipe/each_target.h"
#include "pipe/load_check.h"
#include "pipe/target_repair.h"

namespace penstock {
namespace {

constexpr const char* kOperation = "compare the catalog with the destination";

/// Longer than a process goes on inserting without a look at the ledger (kOwnedFor).
constexpr std::chrono::milliseconds kGivenUp = 2 * kOwnedFor;

/// This process, in the ledgers: the data directory that it holds the lock of, and itself.
std::string process_id(const PipeContext& context) {
    static const std::string id = make_uuid();
    return context.catalog->file_identity() + "/" + id;
}

/// Whether that process has ended for certain: it had the lock that we have.
bool has_ended(const PipeContext& context, const std::string& owner) {
    return owner.starts_with(context.catalog->file_identity() + "/");
}

Error taken_up_elsewhere() {
    return Error(Disposition::kFailPipe, kOperation,
                 "another penstock process has taken this pipe up: it works on a copy of the data directory",
                 "End one of the two, then start the pipe in the other");
}

/// Another process may work on a copy of the data directory: it finds us in the ledger, ends, and what it has
/// sent meanwhile has arrived or never does.
LedgerNote take_over(PipeContext& context, ClickHouseClient& client, const std::string& ledger_id,
                     LedgerNote note) {
    const std::string& database = context.spec.target_database;
    const std::string before = std::exchange(note.owner, process_id(context));
    note.epoch += 1;
    write_ledger(client, database, ledger_id, note);
    if (has_ended(context, before)) return note;
    std::this_thread::sleep_for(kGivenUp);
    end_queries(context.destination, context.destination.query_id_prefix, {});
    return read_ledger(client, database, ledger_id).value_or(note);
}

LedgerNote note_of(const PipeContext& context, const DestinationRecord& known, uint64_t epoch) {
    const Checkpoint checkpoint = context.catalog->checkpoint(context.pipe_id).value_or(Checkpoint{});
    return {.epoch = epoch,
            .owner = process_id(context),
            .turn = known.turn,
            .tables_turn = known.tables_turn,
            .position = checkpoint.position.to_string(),
            .anchor = checkpoint.anchor.to_string(),
            .next_version = checkpoint.next_version,
            .next_batch = checkpoint.next_batch};
}

/// In the place of the target: stop_lost_targets tells.
bool is_another_table(const TableRecord& record, const TargetState& found) {
    return !record.target_uuid.empty() && !found.uuid.empty() && !record.is_target(found.uuid);
}

/// Another catalog may have sent more than this one and the ledger know: what it had open, or has closed
/// since it wrote into the ledger last. All that is one open batch.
void repair_what_was_sent(PipeContext& context, ClickHouseClient& client) {
    Catalog& catalog = *context.catalog;
    const std::optional<Checkpoint> checkpoint = catalog.checkpoint(context.pipe_id);
    if (!checkpoint) return;
    const std::optional<Intent> open = catalog.intent(context.pipe_id);
    const uint64_t given_out = open ? open->last_version : checkpoint->next_version - 1;
    const std::vector<TableRecord> records = catalog.tables(context.pipe_id);
    std::vector<const TablePlan*> plans;
    for (const TablePlan* plan : with_rows(context.plans)) {
        const TableRecord& record = records.at(plan->id);
        if (record.stopped()) continue;
        if (record.load_state != LoadState::kLoaded) return;  // nothing of the log was sent yet
        plans.push_back(plan);
    }
    const TargetStates found = read_target_states(client, context.spec.target_database, target_names(plans));
    uint64_t sent = 0;
    for (const TablePlan* plan : plans) {
        const auto there = found.tables.find(plan->target_table);
        if (there == found.tables.end() || is_another_table(records.at(plan->id), there->second)) continue;
        sent = std::max(sent, highest_version(client, plan->target_database, plan->target_table));
    }
    if (sent <= given_out) return;
    begin_repair(context, sent);
    catalog.put_intent(context.pipe_id, {.batch = checkpoint->next_batch,
                                         .from = checkpoint->position,
                                         .first_version = checkpoint->next_version,
                                         .last_version = sent,
                                         .block_bytes = flow_block_bytes(context)});
}

/// The catalog is older than the destination.
void adopt_newer_place(PipeContext& context, ClickHouseClient& client, const DestinationRecord& known,
                       const LedgerNote& note) {
    Catalog& catalog = *context.catalog;
    const std::optional<Checkpoint> checkpoint = catalog.checkpoint(context.pipe_id);
    const bool exact = checkpoint && note.tables_turn == known.tables_turn &&
                       note.next_version >= checkpoint->next_version && !note.position.empty();
    if (!exact) {
        throw Error(Disposition::kFailPipe, kOperation,
                    "the data directory is older than the targets: ClickHouse holds this pipe up to " +
                        (note.position.empty() ? "a later place" : note.position) +
                        ", and its tables have changed since the data directory was as it is now",
                    "Put the newest data directory back, or resync the pipe")
            .at_position(checkpoint ? checkpoint->position.to_string() : "");
    }
    const Checkpoint newer{Position::parse(note.position), note.next_version, note.next_batch,
                           LogAnchor::parse(note.anchor)};
    spdlog::warn(
        "the data directory is older than the targets, which hold the pipe up to {}: going on from there",
        note.position);
    catalog.adopt_checkpoint(context.pipe_id, newer, note.turn);
    repair_what_was_sent(context, client);
    stop_null_tables(
        context, newer.next_version,
        "the data directory is older than the targets, and a target of the engine Null does not tell "
        "what its views have seen");
}

void do_without_ledger(PipeContext& context, const Error& e) {
    spdlog::warn(
        "{}; without its table {} penstock does not find out when its data directory is older than the "
        "targets, or another process works on a copy of it. GRANT CREATE TABLE, SELECT, INSERT ON {} TO "
        "the user of the service",
        e.what(), kLedgerTable, quoted_target(context.spec.target_database, kLedgerTable));
    context.has_ledger = false;
}

void take_up_ledger(PipeContext& context, ClickHouseClient& client) {
    const std::string& database = context.spec.target_database;
    DestinationRecord known = context.catalog->destination_record(context.pipe_id);
    create_ledger(client, database);
    std::optional<LedgerNote> note = read_ledger(client, database, known.ledger_id);
    const bool ours = note && note->owner == process_id(context);
    // A flow that connects anew takes nothing back, but from a ledger that is older than itself.
    if (note && !ours && context.ledger_epoch != 0 && note->epoch >= context.ledger_epoch)
        throw taken_up_elsewhere();
    const std::string before = note ? note->owner : "";
    if (note && !ours) note = take_over(context, client, known.ledger_id, *note);
    if (note && note->turn > known.turn) {
        adopt_newer_place(context, client, known, *note);
        known = context.catalog->destination_record(context.pipe_id);
    } else if (!note || (!ours && !has_ended(context, before))) {
        repair_what_was_sent(context, client);
    }
    context.ledger_epoch = std::max(context.ledger_epoch, note ? note->epoch : 1);
    write_ledger(client, database, known.ledger_id, note_of(context, known, context.ledger_epoch));
}

/// Without the rights to have a ledger a pipe works, and says what it cannot find out.
void take_up_ledger_if_allowed(PipeContext& context, ClickHouseClient& client) {
    context.has_ledger = true;
    try {
        take_up_ledger(context, client);
    } catch (const Error& e) {
        if (!client.was_denied()) throw;
        do_without_ledger(context, e);
    }
}

/// What the targets hold; the marks of those that lack nothing are stored.
struct Looked {
    SeenTargets targets;
    std::string server;
    int64_t life = 0;
};

Looked look_at_marks(PipeContext& context, ClickHouseClient& client,
                     const std::vector<TableRecord>& records) {
    std::vector<const TablePlan*> plans;
    for (const TablePlan* plan : with_rows(context.plans)) {
        const TableRecord& record = records.at(plan->id);
        if (!record.stopped() && record.load_state == LoadState::kLoaded) plans.push_back(plan);
    }
    Looked looked;
    if (plans.empty()) return looked;
    const TargetStates found = read_target_states(client, context.spec.target_database, target_names(plans));
    looked.server = found.server;
    looked.life = found.life;
    const DestinationRecord known = context.catalog->destination_record(context.pipe_id);
    const bool same_server = known.life != 0 && known.server == found.server;
    looked.targets.started_anew = same_server && is_another_life(known.life, found.life);
    if (found.life != 0) context.server_lives[found.server] = found.life;
    std::vector<TargetMark> marks;
    for (const TablePlan* plan : plans) {
        const TableRecord& record = records.at(plan->id);
        const auto there = found.tables.find(plan->target_table);
        if (there == found.tables.end()) continue;  // stop_lost_targets tells, as of another table
        const TargetState& state = there->second;
        if (state.counts_blocks && state.last_mutation < 0) looked.targets.countable.insert(plan->id);
        if (is_another_table(record, state)) continue;
        const bool emptied = state.last_block < 0 && plan->delete_on_merge;  // all may be deleted rows
        // A server that has not been down loses nothing: somebody has dropped a partition.
        const bool purged = state.last_block >= 0 && same_server && !looked.targets.started_anew;
        if (state.lacks(record.last_block) && !emptied && !purged) {
            looked.targets.damaged.push_back({plan->id, state.last_block});
        } else if (state.uuid != record.target_uuid || state.last_block != record.last_block) {
            marks.push_back({plan->id, state.uuid, state.counts_blocks ? state.last_block : -1});
        }
    }
    context.catalog->put_target_marks(context.pipe_id, marks);
    return looked;
}

/// Each row of a load was counted once, but a server that was started anew may have lost some since. True
/// when any table is to be loaded again.
bool reset_wrong_loads(PipeContext& context, ClickHouseClient& client) {
    Catalog& catalog = *context.catalog;
    const std::vector<TableRecord> records = catalog.tables(context.pipe_id);
    std::vector<LoadedTable> tables;
    for (const TablePlan* plan : with_rows(context.plans)) {
        const TableRecord& record = records.at(plan->id);
        if (record.stopped() || record.load_state != LoadState::kLoaded) continue;
        tables.push_back({plan, plan->target_table, catalog.partitions(context.pipe_id, plan->id)});
    }
    bool any = false;
    const std::vector<WrongRows> wrong = find_wrong_rows(client, tables);
    for (size_t i = 0; i < tables.size(); ++i) {
        if (wrong[i].partitions.empty()) continue;
        spdlog::warn("{}; loading it again", wrong_rows_error(tables[i], wrong[i]).what());
        catalog.reset_load(context.pipe_id, tables[i].plan->id);
        any = true;
    }
    return any;
}

}  // namespace

void reconcile_destination(PipeContext& context) {
    ClickHouseClient client(context.destination);
    take_up_ledger_if_allowed(context, client);
    Catalog& catalog = *context.catalog;
    const std::vector<TableRecord> records = catalog.tables(context.pipe_id);
    const Looked looked = look_at_marks(context, client, records);
    repair_targets(context, client, looked.targets);
    if (looked.life == 0) return;
    const DestinationRecord known = catalog.destination_record(context.pipe_id);
    if (known.server != looked.server || is_another_life(known.life, looked.life))
        catalog.put_destination_life(context.pipe_id, looked.server, looked.life);
}

bool reset_damaged_loads(PipeContext& context) {
    Catalog& catalog = *context.catalog;
    ClickHouseClient client(context.destination);
    put_on_disk(client);
    const Looked looked = look_at_marks(context, client, catalog.tables(context.pipe_id));
    for (const DamagedTarget& target : looked.targets.damaged) {
        spdlog::warn("{}: ClickHouse lacks rows of its load that it had acknowledged; it is loaded again",
                     context.plans.at(target.table).target_table);
        catalog.put_target_marks(context.pipe_id, {{target.table, {}, target.block}});
        catalog.reset_load(context.pipe_id, target.table);
    }
    if (!looked.targets.started_anew) return !looked.targets.damaged.empty();
    const bool wrong = reset_wrong_loads(context, client);
    catalog.put_destination_life(context.pipe_id, looked.server, looked.life);
    return wrong || !looked.targets.damaged.empty();
}

void mark_targets(PipeContext& context, const std::vector<uint32_t>& tables) {
    if (tables.empty()) return;
    std::vector<std::string> names;
    for (const uint32_t table : tables) names.push_back(context.plans.at(table).target_table);
    ClickHouseClient client(context.destination);
    const TargetStates found = read_target_states(client, context.spec.target_database, names);
    std::vector<TargetMark> marks;
    for (size_t i = 0; i < tables.size(); ++i) {
        const auto there = found.tables.find(names[i]);
        if (there == found.tables.end()) continue;
        marks.push_back({tables[i], there->second.uuid, there->second.last_block});
    }
    context.catalog->put_target_marks(context.pipe_id, marks);
}

void require_ownership(PipeContext& context, ClickHouseClient& client) {
    if (!context.has_ledger) return;
    const std::string id = context.catalog->destination_record(context.pipe_id).ledger_id;
    const std::optional<LedgerNote> note = read_ledger(client, context.spec.target_database, id);
    if (!note || note->epoch < context.ledger_epoch || note->owner == process_id(context)) return;
    throw taken_up_elsewhere();
}

void note_in_ledger(PipeContext& context, ClickHouseClient& client) {
    if (!context.has_ledger) return;
    try {
        require_ownership(context, client);
        const DestinationRecord known = context.catalog->destination_record(context.pipe_id);
        create_ledger(client, context.spec.target_database);  // somebody may have dropped it
        write_ledger(client, context.spec.target_database, known.ledger_id,
                     note_of(context, known, context.ledger_epoch));
    } catch (const Error& e) {
        if (!client.was_denied()) throw;
        do_without_ledger(context, e);
    }
}

}  // namespace penstock
