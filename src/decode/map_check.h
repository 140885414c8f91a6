#pragma once
// Is the table map that came the table that was recorded?

#include "decode/table_map.h"
#include "model/table_plan.h"

namespace penstock {

/// Compares column count, types, lengths, digits, NULL and, where the map has them, names, signs, character
/// sets, the labels of ENUM and SET, and the primary key (not for targets that keep every row: they need
/// none). Columns that the plan does not copy only need a type whose length is known. A MariaDB's hash
/// columns (TableSchema::hash_columns) may follow the recorded ones.
/// Throws Error(kFailPipe) that names table, column, what was recorded and what came.
void check_table_map(const TablePlan& plan, const TableMap& map);

}  // namespace penstock
