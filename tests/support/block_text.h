#pragma once
// Values of a block as ClickHouse would print them, so that a test can hold them against what the source's
// server prints (pipe/verify_value.h brings both to one text).

#include <optional>
#include <string>
#include <vector>

#include "model/block.h"

namespace penstock::test {

/// One row: per column of the plan the text that CAST(column AS String) gives in ClickHouse, or nothing for
/// NULL. A TIME in a DateTime64 column is its number of microseconds, as verify asks for it.
using RowText = std::vector<std::optional<std::string>>;

/// All rows of the block. Throws std::runtime_error for a kind of target column that it does not know.
std::vector<RowText> block_text(const Block& block);

}  // namespace penstock::test
