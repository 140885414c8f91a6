#pragma once
// Change data capture: from the source's log to acknowledged rows, batch by batch.

#include <atomic>
#include <functional>
#include <stop_token>

#include "pipe/context.h"

namespace penstock {

/// Between a flow and whoever watches it. The functions are called from the flow's threads.
struct FlowSignals {
    /// Everything up to the position is acknowledged by ClickHouse: once at the start, then at each
    /// checkpoint.
    std::function<void(const Position&)> acknowledged;
    std::atomic<bool> hurry{false};  ///< close batches within a second, whatever the sync interval
    bool only_settle = false;        ///< return as soon as no batch is open
    Position until{};  ///< if any: return when everything up to it, and nothing beyond, is acknowledged
};

/// Follows the log from the catalog's checkpoint until a stop is requested; on a stop the batch being
/// inserted is finished and the rest dropped (it is read again next time). Two threads: one reads, decodes
/// and batches, one inserts. Link losses and overloads are waited out, shown as trouble, and continued from
/// the checkpoint; throws the first error that waiting does not cure. A table that cannot be followed any
/// further is stopped alone; when the last one is, all_stopped_error is thrown.
void follow_changes(PipeContext& context, std::stop_token stop, FlowSignals& signals);

}  // namespace penstock
