#pragma once
// Statements on the targets of many tables, several at once.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "destination/clickhouse_client.h"
#include "model/table_plan.h"
#include "pipe/threads.h"

namespace penstock {

/// Those whose targets keep rows: not of the Null engine.
inline std::vector<const TablePlan*> with_rows(const std::vector<TablePlan>& plans) {
    std::vector<const TablePlan*> kept;
    for (const TablePlan& plan : plans) {
        if (plan.engine != TableEngine::kNull) kept.push_back(&plan);
    }
    return kept;
}

inline std::vector<std::string> target_names(const std::vector<const TablePlan*>& plans) {
    std::vector<std::string> names;
    for (const TablePlan* plan : plans) names.push_back(plan->target_table);
    return names;
}

// Most of the time of a CREATE, EXCHANGE or DROP goes by waiting for files.
inline constexpr uint32_t kStatementsAtOnce = 4;

/// Calls `body(client, target)` for each of them (plans, or records of tables), each thread with a client of
/// its own, until a stop comes. Throws the first error, when all that were begun have ended.
template <typename Target, typename Body>
void for_each_target(const ClickHouseEndpoint& endpoint, const std::vector<const Target*>& targets,
                     const std::stop_token& stop, const Body& body) {
    std::atomic<size_t> next{0};
    const auto threads = static_cast<uint32_t>(std::min<size_t>(kStatementsAtOnce, targets.size()));
    run_in_threads(threads, stop, [&](uint32_t, const std::stop_token& local) {
        ClickHouseClient client(endpoint);
        for (size_t i; !local.stop_requested() && (i = next++) < targets.size();) body(client, *targets[i]);
    });
}

}  // namespace penstock
