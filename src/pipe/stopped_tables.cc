#include "pipe/stopped_tables.h"

#include <algorithm>
#include <functional>

#include <spdlog/spdlog.h>

#include "destination/schema.h"
#include "destination/versions.h"

namespace penstock {
namespace {

constexpr size_t kShownReasons = 5;

/// The reasons, the newest first.
std::string reasons_of(const std::vector<TableRecord>& tables) {
    std::vector<const TableRecord*> stopped;
    for (const TableRecord& table : tables) {
        if (table.stopped()) stopped.push_back(&table);
    }
    std::ranges::stable_sort(stopped, std::greater(), &TableRecord::stopped_from);
    std::string text;
    for (size_t i = 0; i < std::min(stopped.size(), kShownReasons); ++i)
        text += (i == 0 ? "" : "; ") + stopped[i]->stop_reason;
    if (stopped.size() > kShownReasons)
        text += "; and " + std::to_string(stopped.size() - kShownReasons) + " more";
    return text;
}

/// Above all that may be inserted already; 0 before a checkpoint.
uint64_t first_free_version(const Catalog& catalog, const std::string& pipe_id) {
    if (const std::optional<Intent> intent = catalog.intent(pipe_id)) return intent->last_version + 1;
    const std::optional<Checkpoint> checkpoint = catalog.checkpoint(pipe_id);
    return checkpoint ? checkpoint->next_version : 0;
}

size_t count_stopped(const std::vector<TableRecord>& tables) {
    return static_cast<size_t>(
        std::count_if(tables.begin(), tables.end(), [](const TableRecord& t) { return t.stopped(); }));
}

}  // namespace

void stop_tables(PipeContext& context, const std::vector<StoppedTable>& stops) {
    for (const StoppedTable& stop : stops) spdlog::error("table stopped: {}", stop.reason);
    context.catalog->stop_tables(context.pipe_id, stops);
    if (context.is_intake) return;
    context.progress->set_stopped_tables(stopped_text(context.catalog->tables(context.pipe_id)));
}

void stop_lost_targets(PipeContext& context) {
    const Catalog& catalog = *context.catalog;
    const uint64_t free_version = first_free_version(catalog, context.pipe_id);
    const std::vector<TableRecord> tables = catalog.tables(context.pipe_id);
    ClickHouseClient client(context.destination);
    std::vector<StoppedTable> stops;
    std::vector<uint32_t> loaded_in_vain;
    context.lost_targets.clear();
    look_at_targets(client, context.plans, [&](const TablePlan& plan, const ExistingTable* target) {
        std::string problem = problem_with_target(target, plan);
        const TableRecord& record = tables.at(plan.id);
        if (problem.empty() && !record.target_uuid.empty() && !target->uuid.empty() &&
            !record.is_target(target->uuid)) {
            problem = quoted_target(plan.target_database, plan.target_table) +
                      " is another table than the one that this pipe filled (dropped and made again, "
                      "exchanged or restored): the rows of before are missing";
        }
        const auto refused = context.refused_targets.find(plan.id);
        if (problem.empty() && refused == context.refused_targets.end())
            return context.forms->take(plan, *target);
        const std::string reason =
            problem.empty() ? refused->second : unfit_target_error(plan, problem).what();
        context.lost_targets.insert(plan.id);
        const TableRecord& table = tables.at(plan.id);
        if (context.is_intake && table.load_state == LoadState::kLoaded) loaded_in_vain.push_back(plan.id);
        if (table.stopped()) return;
        stops.push_back({.table_index = plan.id, .reason = reason, .from_version = free_version});
    });
    // As if its load had met the trouble: the target of before, if any, stays in its place.
    for (const uint32_t table : loaded_in_vain) context.catalog->reset_load(context.pipe_id, table);
    if (!stops.empty()) stop_tables(context, stops);
}

void stop_altered_tables(PipeContext& context, const std::map<uint32_t, std::string>& altered) {
    const Catalog& catalog = *context.catalog;
    const uint64_t free_version = first_free_version(catalog, context.pipe_id);
    const std::vector<TableRecord> tables = catalog.tables(context.pipe_id);
    std::vector<StoppedTable> stops;
    for (const auto& [id, difference] : altered) {
        if (tables.at(id).stopped()) continue;
        const Error error =
            Error(Disposition::kFailPipe, "follow changes",
                  "the table was altered at the source, and its log does not say so: " + difference,
                  "Resync the table: what came since the change may be wrong")
                .at_table(context.plans.at(id).source.qualified_name());
        stops.push_back({.table_index = id, .reason = error.what(), .from_version = free_version});
    }
    if (!stops.empty()) stop_tables(context, stops);
}

void stop_half_inserted_tables(PipeContext& context, const Intent& intent) {
    const std::vector<TableRecord> tables = context.catalog->tables(context.pipe_id);
    std::vector<StoppedTable> stops;
    ClickHouseClient client(context.destination);
    for (const TablePlan& plan : context.plans) {
        if (!is_append_only(plan) || tables.at(plan.id).stopped()) continue;
        if (plan.engine != TableEngine::kNull &&
            versions_between(client, plan.target_database, plan.target_table, intent.first_version,
                             intent.last_version)
                .empty()) {
            continue;
        }
        const Error error =
            Error(Disposition::kFailPipe, "follow the source to another server",
                  "a part of the open batch is in the table already, and the new server has its transactions "
                  "in another order: they would be in it twice",
                  "Resync the table")
                .at_table(plan.source.qualified_name());
        stops.push_back(
            {.table_index = plan.id, .reason = error.what(), .from_version = intent.last_version + 1});
    }
    if (!stops.empty()) stop_tables(context, stops);
}

std::string stopped_text(const std::vector<TableRecord>& tables) {
    const size_t count = count_stopped(tables);
    if (count == 0) return {};
    return std::to_string(count) + " of " + std::to_string(tables.size()) +
           (count == 1 ? " tables is stopped: " : " tables are stopped: ") + reasons_of(tables);
}

bool all_stopped(const std::vector<TableRecord>& tables) {
    return !tables.empty() && count_stopped(tables) == tables.size();
}

Error all_stopped_error(const std::vector<TableRecord>& tables) {
    return Error(
        Disposition::kFailPipe, "follow changes",
        (tables.size() == 1 ? "the pipe's only table is stopped: " : "every table of the pipe is stopped: ") +
            reasons_of(tables));
}

Error incomplete_load_error(const std::vector<TableRecord>& tables) {
    return Error(Disposition::kFailPipe, "load the tables", stopped_text(tables));
}

}  // namespace penstock
