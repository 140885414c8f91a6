#pragma once
// Has a mapped table's definition changed since it was recorded?

#include <string>

#include "pipe/context.h"

namespace penstock {

/// Reads the definition from the source and compares it with the plan's. Throws Error(kFailPipe) that names
/// the table and each column that was added, dropped or altered. `at` is the place in the log, for the
/// message.
void check_schema_unchanged(const PipeContext& context, const TablePlan& plan, const std::string& at);

/// The columns that differ, as text ("c: added; d: int -> bigint"); empty when none does.
std::string describe_schema_change(const TableSchema& recorded, const TableSchema& now);

}  // namespace penstock
