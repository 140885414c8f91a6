#pragma once
// Counts every allocation of the program: malloc and its kin, and so operator new.

#include <cstdint>

namespace penstock {

/// Allocations so far. Growing a block of memory (realloc) counts as one.
uint64_t allocations();

}  // namespace penstock
