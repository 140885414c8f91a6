#pragma once
// Only the last image of each key: what a ReplacingMergeTree keeps of a block anyhow.

#include <cstdint>
#include <optional>
#include <vector>

#include "model/block.h"

namespace penstock {

/// The rows of the block, ascending, that no later row of the block replaces: those whose sorting key does
/// not come again, byte for byte. None when that would be most of the rows, so that it is not worth it, when
/// no key can come twice (Block::distinct_keys), or when the target keeps every row. Pure; its memory is
/// about a sixteenth of the block's.
std::optional<std::vector<uint32_t>> last_images(const Block& block);

}  // namespace penstock
