#pragma once
// Where the ClickHouse library (libchdb.so) is.

#include <filesystem>

namespace penstock {

/// The library to load: `explicit_path` when not empty, else the environment's PENSTOCK_CHDB_LIBRARY, else
/// libchdb.so next to the executable, in ../lib/penstock, or in the cache where `./dev setup` puts it.
/// Throws Error (kUsage) that says what to do when there is none, or when a path that was named is not there.
std::filesystem::path find_chdb_library(const std::filesystem::path& explicit_path);

}  // namespace penstock
