#pragma once
// How long names of tables may be, and names for tables that live for a while only.

#include <cstddef>
#include <string>
#include <string_view>

namespace penstock {

// ClickHouse names files after tables, in a file system whose names have 255 bytes: "DATABASE.TABLE.UUID.sql"
// for a table that is dropped, both names escaped.
inline constexpr size_t kMaxTableName = 200;
inline constexpr size_t kMaxBothNames = 255 - 1 - 1 - 36 - 4;
/// What temporary_name needs beside the name of the database.
inline constexpr size_t kTemporaryPart = sizeof("_resync_01234567") - 1;

/// Bytes of the name in a file's name: all but ASCII letters, digits and _ are escaped there.
size_t escaped_size(std::string_view name);

/// `<table><part><8 hex digits>`: "orders_load_5f3a9c01". The digits tell the ids apart, and tables that the
/// limits cut short. `id` is a UUID, `part` is "_load_" or "_resync_".
std::string temporary_name(std::string_view database, std::string_view table, std::string_view part,
                           std::string_view id);

}  // namespace penstock
