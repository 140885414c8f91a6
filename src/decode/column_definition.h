#pragma once
// Whether a column that is defined anew (MODIFY, CHANGE) is what it was.

#include <vector>

#include "decode/sql_tokens.h"
#include "model/table_schema.h"

namespace penstock {

/// `definition` is what stands behind the column's name. True when values, type, sign, character set and
/// nullability are certain to be those of `column`; its default, comment, collation and visibility may be
/// others. A text without its character set gets that of the table, which is not known here: not certain.
bool repeats_definition(const std::vector<SqlToken>& definition, const SourceColumn& column);

}  // namespace penstock
