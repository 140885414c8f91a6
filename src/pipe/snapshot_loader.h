#pragma once
// The initial load: every table that is not loaded yet, in partitions, several at a time.

#include <stop_token>

#include "pipe/context.h"

namespace penstock {

/// Loads what the catalog says is not loaded: plans partitions (durable), reads each in its own consistent
/// read view, inserts its rows, marks it done. A partition cut short by a crash or a lost link is read again
/// whole; an append-only table is then loaded again whole, at one exact position, into another table of its
/// own (load_target.h). A table is loaded when ClickHouse still holds what it acknowledged (load_check.h).
/// A row that its target cannot hold stops its table alone (stop_tables).
/// Returns when everything else is loaded or a stop was requested (the catalog tells which). Throws the first
/// error that waiting does not cure. Uses snapshot_parallel_tables times initial_load_parallelism threads.
void load_snapshot(PipeContext& context, std::stop_token stop);

}  // namespace penstock
