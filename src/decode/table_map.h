#pragma once
// The table that the rows events behind a TABLE_MAP_EVENT are about, as the log knows it.

#include <cstdint>
#include <string_view>
#include <vector>

#include "decode/binlog_event.h"

namespace penstock {

/// Column types as TABLE_MAP_EVENT numbers them (enum_field_types).
struct TableMapColumn {
    uint8_t type = 0;  ///< real type: ENUM and SET taken out of STRING, BLOB for all its sizes
    /// Per type: FLOAT, DOUBLE: bytes; VARCHAR, STRING: longest value in bytes; ENUM, SET: bytes of the
    /// number; BIT: bits; NEWDECIMAL: precision * 256 + digits after the point; BLOB, GEOMETRY, JSON,
    /// VECTOR: bytes of the length; TIMESTAMP2, DATETIME2, TIME2: fractional digits; 0 elsewhere.
    uint16_t metadata = 0;
    bool nullable = false;
    // From optional metadata; meaningful where TableMapEvent says that it is there.
    bool is_unsigned = false;
    std::string_view name;
};
/// Views into the event's packet.
struct TableMap {
    std::string_view database;
    std::string_view table;
    std::vector<TableMapColumn> columns;
    ByteSpan optional_metadata;  ///< type, length, value fields; empty with binlog_row_metadata=NO_LOG
    /// Index of the first column whose type Penstock does not know, or columns.size(): metadata from there
    /// on is 0 and rows of the table cannot be read.
    size_t first_unknown = 0;
    bool has_names = false;       ///< binlog_row_metadata=FULL
    bool has_signedness = false;  ///< MINIMAL gives this already
};

/// Throws Error(kFailPipe) for damaged bytes.
TableMap read_table_map(const TableMapEvent& event);

}  // namespace penstock
