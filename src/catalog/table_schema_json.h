#pragma once
// A recorded schema as the catalog stores it. A field that has its default value is left out, so that a
// field added later reads well from an older file.

#include <string>
#include <string_view>

#include "model/table_schema.h"

namespace penstock {

std::string table_schema_to_json(const TableSchema& schema);  ///< throws Error for text that is not UTF-8
TableSchema table_schema_from_json(std::string_view text);    ///< throws Error(kFailPipe) naming the fault

}  // namespace penstock
