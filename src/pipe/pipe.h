#pragma once
// One pipe from its description to its end: the whole program of `penstock run`.

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "destination/clickhouse_client.h"
#include "encode/compress.h"
#include "model/pipe_spec.h"
#include "model/table_plan.h"
#include "pipe/progress.h"

namespace penstock {

/// Takes the pipe called spec.name up where the catalog says it is, or creates it, and runs it until it is
/// Completed, a stop is requested (then Paused), or an error that waiting does not cure (then Failed, and
/// the Error is thrown). Every transition is in the catalog before what follows from it happens.
///
/// A new pipe is checked first (source, tables, types, targets): Error(kUsage) then means that nothing was
/// created anywhere. Throws Error(kUsage) too when `spec` maps other tables than the stored pipe.
/// Returns the state at the end: Paused or Completed. Uses threads of its own; returns when all have ended.
PipeState run_pipe(const PipeSpec& spec, const ClickHouseEndpoint& destination, Compression compression,
                   Catalog& catalog, Progress& progress, std::stop_token stop);

/// Throws Error(kUsage) naming the first setting in which `now` differs from `before` that a running pipe
/// cannot take over.
void require_compatible(const PipeSpec& before, const PipeSpec& now);

/// The plans of a stored pipe, from its recorded schemas. Throws Error(kUsage) when it is not set up yet.
std::vector<TablePlan> load_plans(const Catalog& catalog, const std::string& pipe_id, const PipeSpec& spec,
                                  bool has_time64);

}  // namespace penstock
