#pragma once
// What the stages of one running pipe share.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "destination/clickhouse_client.h"
#include "encode/compress.h"
#include "model/pipe_spec.h"
#include "model/table_plan.h"
#include "pipe/progress.h"
#include "pipe/resource_budget.h"
#include "pipe/target_forms.h"
#include "source/server_info.h"

namespace penstock {

/// Set up by the pipe's runner before any stage starts and constant from then on; the catalog, the
/// progress and the forms have their own locks. Plans are referred to by pointer: the vector is not resized
/// while stages run.
struct PipeContext {
    std::string pipe_id;
    PipeSpec spec;
    bool is_intake = false;  ///< its tables are on their way into a pipe, which shows its own trouble
    ClickHouseEndpoint destination;
    ServerInfo source_info;
    std::vector<TablePlan> plans;     ///< by TablePlan::id
    std::set<uint32_t> lost_targets;  ///< by TablePlan::id: stopped, what is open for them goes nowhere
    /// By TablePlan::id: why ClickHouse refuses the blocks of such targets (UnfitTarget::refused). The next
    /// attempt stops their tables (stop_lost_targets).
    std::map<uint32_t, std::string> refused_targets;
    bool has_ledger = false;    ///< the destination has one: set by reconcile_destination, as the next
    uint64_t ledger_epoch = 0;  ///< ours in it
    /// Servers of the destination that reconcile_destination has asked, and TargetStates::life of each.
    std::map<std::string, int64_t> server_lives;
    std::shared_ptr<TargetForms> forms = std::make_shared<TargetForms>();  ///< of the plans' targets
    Compression compression = Compression::kZstd;                          ///< of insert bodies
    Catalog* catalog = nullptr;
    Progress* progress = nullptr;
    ResourceBudget* budget = nullptr;  ///< of all pipes of the service; none: no limit but the defaults
};

/// The size at which a pipe cuts a block, and the rows of one chunk, now. It changes with the limits of the
/// budget and with what else shares it, so it is asked for whenever another block or batch begins.
inline size_t flow_block_bytes(const PipeContext& context) {
    return context.budget != nullptr ? context.budget->block_bytes() : ResourceBudget::kMaxBlock;
}

/// How many blocks a flow holds at once, and a worker of the initial load too.
inline constexpr size_t kBlocksAtOnce = 3;

/// What one worker of the initial load may hold: all of them no more than a flow holds. More than the
/// greatest gains nothing.
inline size_t load_worker_bytes(const PipeContext& context) {
    const SourceSettings& settings = context.spec.settings;
    const size_t workers = size_t{settings.initial_load_parallelism} * settings.snapshot_parallel_tables;
    const size_t share = kBlocksAtOnce * flow_block_bytes(context) / std::max<size_t>(workers, 1);
    return std::clamp<size_t>(share, kBlocksAtOnce * (size_t{64} << 10), size_t{24} << 20);
}

/// The size of a worker's blocks, many of which go into one INSERT: larger ones leave the processor's cache.
inline size_t load_block_bytes(const PipeContext& context) {
    return std::min(load_worker_bytes(context) / kBlocksAtOnce, size_t{2} << 20);
}

/// Rows of such a table stay as they were inserted: a row inserted twice stays twice.
inline bool is_append_only(const TablePlan& plan) {
    return plan.engine != TableEngine::kReplacingMergeTree;
}

}  // namespace penstock
