#pragma once
// A pipe of `penstock run`: found in the catalog by its name, or made.

#include <string>

#include "catalog/catalog.h"
#include "destination/clickhouse_client.h"
#include "model/pipe_spec.h"

namespace penstock {

/// The id of the stored pipe called spec.name, or of a new one in state Provisioning. A new pipe is checked
/// first (source, tables, types, targets): Error(kUsage) then means that nothing was created anywhere. Throws
/// Error(kUsage) too when `spec` maps other tables than the stored pipe, and for a pipe of a service.
std::string open_pipe(const PipeSpec& spec, const ClickHouseEndpoint& destination, Catalog& catalog);

/// Throws Error(kUsage) naming the first setting in which `now` differs from `before` that a stored pipe
/// cannot take over.
void require_compatible(const PipeSpec& before, const PipeSpec& now);

}  // namespace penstock
