#include "pipe/target_repair.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "destination/schema.h"
#include "destination/versions.h"
#include "pipe/each_target.h"
#include "pipe/load_check.h"
#include "pipe/stopped_tables.h"

namespace penstock {
namespace {

constexpr const char* kOperation = "compare the catalog with the destination";

std::string make_salt() {
    return make_uuid().substr(0, 8);
}

std::vector<IncompleteTable> tables_with_rows(const PipeContext& context) {
    std::vector<IncompleteTable> tables;
    for (const TablePlan* plan : with_rows(context.plans)) tables.push_back({plan->id});
    return tables;
}

/// With those of the engine Null, which tell nothing: what was open goes to them once more.
std::vector<IncompleteTable> tables_with_what_was_open(const PipeContext& context, const Intent& open) {
    std::vector<IncompleteTable> tables;
    for (const TablePlan& plan : context.plans)
        tables.push_back({plan.id, plan.engine == TableEngine::kNull ? open.first_version : 1});
    return tables;
}

/// One line for each table that cannot be mended.
using Reasons = std::map<uint32_t, std::string>;

/// Tables that lack rows of their loads.
void add_short_loads(const PipeContext& context, ClickHouseClient& client,
                     const std::set<uint32_t>& countable, Reasons& reasons) {
    const std::vector<TableRecord> records = context.catalog->tables(context.pipe_id);
    for (const TablePlan* plan : with_rows(context.plans)) {
        const TableRecord& record = records.at(plan->id);
        if (record.stopped() || !countable.contains(plan->id) || reasons.contains(plan->id)) continue;
        const uint64_t lost =
            count_lost_rows(client, *plan, record, context.catalog->partitions(context.pipe_id, plan->id));
        if (lost == 0) continue;
        reasons[plan->id] =
            fmt::format("{} lacks rows that ClickHouse had acknowledged: {} of the {} of its load",
                        quoted_target(plan->target_database, plan->target_table), lost, record.rows_loaded);
    }
}

std::string damage_text(const PipeContext& context, const TableRecord& record, const DamagedTarget& target) {
    const TablePlan& plan = context.plans.at(target.table);
    return fmt::format("{} lacks rows that ClickHouse had acknowledged: its newest block is {} and was {}",
                       quoted_target(plan.target_database, plan.target_table), target.block,
                       record.last_block);
}

void stop(PipeContext& context, const Reasons& reasons) {
    if (reasons.empty()) return;
    uint64_t from_version = context.catalog->checkpoint(context.pipe_id).value_or(Checkpoint{}).next_version;
    if (const std::optional<Intent> intent = context.catalog->intent(context.pipe_id))
        from_version = std::max(from_version, intent->last_version + 1);
    std::vector<StoppedTable> stops;
    for (const auto& [table, why] : reasons) {
        const Error error = Error(Disposition::kFailPipe, kOperation,
                                  why + " (it was emptied or put back, or the server lost power)",
                                  context.is_intake ? "Resync again" : "Resync the table")
                                .at_table(context.plans.at(table).source.qualified_name());
        if (context.is_intake) throw error;
        stops.push_back({.table_index = table, .reason = error.what(), .from_version = from_version});
    }
    stop_tables(context, stops);
}

/// What is open is a repair already, which began where nothing before it was unsafe.
bool is_repaired(const PipeContext& context, const Intent& open) {
    return context.catalog->destination_record(context.pipe_id).repair.until >= open.last_version;
}

/// A power cut takes nothing: nothing of the log was inserted yet, or all of it is on disk.
bool is_safe(const PipeContext& context, const std::optional<Intent>& open) {
    if (open) return false;
    const std::optional<Checkpoint> checkpoint = context.catalog->checkpoint(context.pipe_id);
    const uint64_t safe = context.catalog->destination_record(context.pipe_id).safe_version;
    return !checkpoint || checkpoint->next_version <= safe + 1;
}

/// Where the versions of two minutes ago do not follow from the log any more. False when there is nothing to
/// look at.
bool look_as_far_back_as_possible(PipeContext& context, Rewind& back, const std::optional<Intent>& open) {
    Catalog& catalog = *context.catalog;
    const bool has_batches = !catalog.batches(context.pipe_id, 1).empty();
    back.as_far_as_kept = true;
    const bool went_back = catalog.rewind(context.pipe_id, back);
    if (!went_back && open)
        catalog.begin_repair(context.pipe_id, {.until = open->last_version, .salt = back.salt}, back.tables);
    if (has_batches) {
        spdlog::warn(
            "ClickHouse was started anew, and the tables or the source of the pipe have changed in the two "
            "minutes before: should its machine have lost power, rows that it had acknowledged before that "
            "change may be gone; penstock verify tells");
    }
    return went_back || open;
}

}  // namespace

void begin_repair(PipeContext& context, uint64_t until) {
    context.catalog->begin_repair(context.pipe_id, {.until = until, .salt = make_salt()},
                                  tables_with_rows(context));
}

void stop_null_tables(PipeContext& context, uint64_t from_version, const std::string& why) {
    std::vector<StoppedTable> stops;
    const std::vector<TableRecord> records = context.catalog->tables(context.pipe_id);
    for (const TablePlan& plan : context.plans) {
        if (plan.engine != TableEngine::kNull || records.at(plan.id).stopped()) continue;
        const Error error = Error(Disposition::kFailPipe, kOperation, why, "Resync the table")
                                .at_table(plan.source.qualified_name());
        stops.push_back({.table_index = plan.id, .reason = error.what(), .from_version = from_version});
    }
    if (!stops.empty()) stop_tables(context, stops);
}

void repair_targets(PipeContext& context, ClickHouseClient& client, const SeenTargets& seen) {
    Catalog& catalog = *context.catalog;
    const std::vector<TableRecord> records = catalog.tables(context.pipe_id);
    const std::optional<Intent> open = catalog.intent(context.pipe_id);
    Rewind back{.from_version = std::numeric_limits<uint64_t>::max(),
                .margin_ms = std::chrono::milliseconds(kUnsafe).count(),
                .tables = tables_with_rows(context),
                .salt = make_salt(),
                .block_bytes = flow_block_bytes(context)};
    Reasons lost;
    std::string names;
    for (const DamagedTarget& target : seen.damaged) {
        const TablePlan& plan = context.plans.at(target.table);
        const uint64_t whole = highest_version(client, plan.target_database, plan.target_table);
        if (whole == 0 && records.at(target.table).rows_loaded != 0) {
            lost[target.table] = damage_text(context, records.at(target.table), target);
            continue;
        }
        back.from_version = std::min(back.from_version, whole + 1);
        back.marks.push_back({target.table, {}, target.block});
        names += (names.empty() ? "" : ", ") + plan.target_table;
    }
    const bool can_be_mended = !names.empty();
    if (!can_be_mended && (!seen.started_anew || is_safe(context, open))) {
        stop(context, lost);
        return;
    }
    if (!can_be_mended && open) {
        if (is_repaired(context, *open)) {
            begin_repair(context, open->last_version);
            stop(context, lost);
            return;
        }
        back.tables = tables_with_what_was_open(context, *open);
    }
    bool went_back = catalog.rewind(context.pipe_id, back);
    if (!went_back) {
        add_short_loads(context, client, seen.countable, lost);
        back.start_is_safe = true;
        went_back = catalog.rewind(context.pipe_id, back);
    }
    if (can_be_mended && !went_back) {
        for (const DamagedTarget& target : seen.damaged)
            lost[target.table] = damage_text(context, records.at(target.table), target);
    } else if (can_be_mended) {
        spdlog::warn(
            "ClickHouse lacks rows that it had acknowledged (of {}): they are sent again, from {} on", names,
            catalog.checkpoint(context.pipe_id).value().position.to_string());
    } else if (went_back || look_as_far_back_as_possible(context, back, open)) {
        spdlog::info("ClickHouse was started anew: what it had acknowledged since {} is looked for once more",
                     catalog.checkpoint(context.pipe_id).value().position.to_string());
    }
    stop(context, lost);
    if (can_be_mended && went_back && open) {
        stop_null_tables(
            context, open->last_version + 1,
            "ClickHouse lacks rows that it had acknowledged while a batch was open, and a target of the "
            "engine Null does not tell what its views have seen");
    }
}

}  // namespace penstock
