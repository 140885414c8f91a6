#pragma once
// The catalog's schema, by version. A version that was released is never edited: a change is a new one.

#include <span>

namespace penstock {

class Database;

/// SQLite's application_id of a catalog: "PNST".
constexpr int kCatalogApplicationId = 0x504e5354;

/// migrations()[i] brings version i to version i + 1 (PRAGMA user_version).
std::span<const char* const> catalog_migrations();

/// Checks that the file is empty or a sound catalog of a known version, sets WAL, synchronous=FULL and
/// foreign keys, and brings it to the newest version, each step in its own transaction. Throws Error with the
/// database's disposition and leaves a refused file untouched.
void prepare_catalog(Database& database, std::span<const char* const> migrations = catalog_migrations());

}  // namespace penstock
