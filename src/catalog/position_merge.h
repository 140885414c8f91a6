#pragma once

#include "model/position.h"

namespace penstock {

/// The smallest position that has reached both. `none` merges with anything; positions of two kinds throw
/// Error(kFailPipe).
Position merge_positions(const Position& a, const Position& b);

}  // namespace penstock
