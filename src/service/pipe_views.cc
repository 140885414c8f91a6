#include "service/pipe_views.h"

#include <algorithm>
#include <optional>
#include <set>

#include <nlohmann/json.hpp>

#include "pipe/pipe_file.h"
#include "service/iso_time.h"

namespace penstock {

namespace {

using nlohmann::json;

void add_counts(json& shown, const RowCounts& counts) {
    shown["inserted"] = counts.inserted;
    shown["updated"] = counts.updated;
    shown["deleted"] = counts.deleted;
    shown["adjusted"] = counts.adjusted;
}

void add_partitions(json& list, const Catalog& catalog, const std::string& id, uint32_t table_index,
                    const std::string& target_table) {
    for (const PartitionRecord& partition : catalog.partitions(id, table_index)) {
        list.push_back({{"targetTable", target_table},
                        {"partition", partition.index},
                        {"predicate", partition.predicate},
                        {"estimatedRows", partition.estimated_rows},
                        {"rows", partition.rows},
                        {"attempts", partition.attempts},
                        {"state", partition.state == PartitionState::kDone ? "done"
                                  : partition.attempts > 0                 ? "loading"
                                                                           : "pending"}});
    }
}

}  // namespace

json shown_tables(const std::vector<TableStatus>& tables) {
    json list = json::array();
    for (const TableStatus& table : tables) {
        json shown = {{"sourceSchemaName", table.source_database},
                      {"sourceTable", table.source_table},
                      {"targetTable", table.target_table},
                      {"state", state_name(table.state)},
                      {"resyncing", table.resyncing},
                      {"rowsLoaded", table.rows_loaded},
                      {"rowsEstimated", table.rows_estimated},
                      {"partitionsLoaded", table.partitions_loaded},
                      {"partitionsTotal", table.partitions_total}};
        add_counts(shown, table.record.counts);
        shown["error"] = table.error.empty() ? json() : json(table.error);
        shown["errorPosition"] = table.error_position.empty() ? json() : json(table.error_position);
        shown["adjustedColumns"] = json::array();
        for (const AdjustedColumn& column : table.record.adjusted_columns) {
            shown["adjustedColumns"].push_back({{"column", column.column}, {"values", column.values}});
        }
        list.push_back(std::move(shown));
    }
    return list;
}

json shown_partitions(const Catalog& catalog, const std::string& pipe_id, const std::string& target_table) {
    json list = json::array();
    std::set<std::string> shown;  // targets of the load under way
    auto wanted = [&](const std::string& name) { return target_table.empty() || name == target_table; };
    if (std::optional<IntakeRecord> intake = catalog.intake_of(pipe_id)) {
        // Its tables are in the order of its mappings, which name the targets as readers know them.
        const std::vector<TableMapping> mappings = mappings_from_json(json::parse(intake->mappings_json));
        for (const TableRecord& table : catalog.tables(intake->id)) {
            if (table.table_index >= mappings.size()) continue;
            const std::string& target = mappings[table.table_index].target_table;
            shown.insert(target);
            if (wanted(target)) add_partitions(list, catalog, intake->id, table.table_index, target);
        }
    }
    for (const TableRecord& table : catalog.tables(pipe_id)) {
        if (shown.contains(table.target_table) || !wanted(table.target_table)) continue;
        add_partitions(list, catalog, pipe_id, table.table_index, table.target_table);
    }
    return list;
}

json shown_batches(const Catalog& catalog, const std::string& pipe_id, uint64_t limit) {
    json list = json::array();
    for (const BatchRecord& batch : catalog.batches(pipe_id, limit)) {
        json shown = {{"batch", batch.batch},
                      {"position", batch.to.to_string()},
                      {"startedAt", iso_time(batch.started_at)},
                      {"finishedAt", iso_time(batch.finished_at)},
                      {"blocks", batch.blocks},
                      {"bytes", batch.bytes}};
        add_counts(shown, batch.counts);
        list.push_back(std::move(shown));
    }
    return list;
}

json shown_events(const Catalog& catalog, const std::string& pipe_id, uint64_t limit, uint64_t before) {
    json list = json::array();
    for (const Transition& transition : catalog.transitions(pipe_id, limit, before)) {
        list.push_back({{"number", transition.number},
                        {"time", iso_time(transition.time)},
                        {"from", transition.from},
                        {"to", transition.to},
                        {"reason", transition.reason}});
    }
    return list;
}

json shown_progress(const Catalog& catalog, const PipeRecord& record, const PipeRunner& runner) {
    const Progress& progress = runner.progress();
    const std::string trouble = progress.any_trouble();
    const std::optional<Checkpoint> checkpoint = catalog.checkpoint(record.id);
    const PipeState state = progress.state;
    std::optional<double> lag;
    if (state == PipeState::kRunning || state == PipeState::kDegraded) lag = progress.lag_seconds();
    json shown = {{"state", record.state},
                  {"reason", record.state_reason},
                  {"trouble", nullptr},
                  {"rowsRead", progress.rows_read()},
                  {"rowsLoaded", progress.rows_loaded.load()},
                  {"rowsEstimated", progress.rows_estimated.load()},
                  {"secondsLeft", nullptr},
                  {"tablesLoaded", progress.tables_loaded.load()},
                  {"tablesTotal", progress.tables_total.load()},
                  {"partitionsLoaded", progress.partitions_loaded.load()},
                  {"partitionsTotal", progress.partitions_total.load()},
                  {"batches", progress.batches.load()},
                  {"lagSeconds", nullptr},
                  {"position", nullptr}};
    add_counts(shown, {progress.inserted, progress.updated, progress.deleted, progress.adjusted});
    if (!trouble.empty()) shown["trouble"] = trouble;
    if (lag) shown["lagSeconds"] = *lag;
    if (std::optional<double> left = progress.seconds_left()) shown["secondsLeft"] = *left;
    if (checkpoint) shown["position"] = checkpoint->position.to_string();
    return shown;
}

json shown_check(const std::vector<Prerequisite>& items) {
    json list = json::array();
    for (const Prerequisite& item : items) {
        const char* state = item.state == Prerequisite::State::kOk        ? "ok"
                            : item.state == Prerequisite::State::kWarning ? "warning"
                                                                          : "failed";
        list.push_back({{"name", item.name},
                        {"state", state},
                        {"found", item.found},
                        {"needed", item.needed},
                        {"fixSql", item.fix_sql}});
    }
    return list;
}

}  // namespace penstock
