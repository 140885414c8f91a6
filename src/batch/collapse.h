#pragma once
// Only the last image of each key: what a ReplacingMergeTree keeps of a block anyhow.

#include <cstdint>
#include <optional>
#include <vector>

#include "model/block.h"

namespace penstock {

/// The rows of the block, ascending, that no later row of the block replaces: those whose sorting key does
/// not come again, byte for byte. None when that would be so many of the rows that it is not worth it, when
/// no key can come twice (Block::distinct_keys), or when the target keeps every row. Pure. While it looks it
/// holds up to two thirds as much memory as the block, for narrow rows, and a tenth for those of 200 bytes.
std::optional<std::vector<uint32_t>> last_images(const Block& block);

}  // namespace penstock
