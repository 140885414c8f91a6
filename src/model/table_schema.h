#pragma once
// A source table as information_schema describes it: the recorded schema of a mapped table.

#include <cstdint>
#include <string>
#include <vector>

#include "base/shared_text.h"

namespace penstock {

/// A column's type at the source. The numbers are stored in the catalog: never renumber.
enum class SourceType : uint8_t {
    kTinyInt = 1,
    kSmallInt = 2,
    kMediumInt = 3,
    kInt = 4,
    kBigInt = 5,
    kDecimal = 6,
    kFloat = 7,
    kDouble = 8,
    kBit = 9,
    kChar = 10,
    kVarChar = 11,
    kText = 12,  ///< tinytext, text, mediumtext, longtext
    kBinary = 13,
    kVarBinary = 14,
    kBlob = 15,  ///< tinyblob, blob, mediumblob, longblob
    kDate = 16,
    kDateTime = 17,
    kTimestamp = 18,
    kTime = 19,
    kYear = 20,
    kEnum = 21,
    kSet = 22,
    kJson = 23,         ///< MySQL's binary JSON; MariaDB's JSON is kText
    kGeometry = 24,     ///< of any kind; values are SRID (4 bytes) and WKB
    kVector = 25,       ///< MySQL 9's and MariaDB 11.7's: 4-byte floats
    kUuid = 26,         ///< MariaDB
    kInet4 = 27,        ///< MariaDB
    kInet6 = 28,        ///< MariaDB
    kUnsupported = 255  ///< anything else; a mapping that includes it is refused with its name
};

struct SourceColumn {
    SharedText name;         ///< utf8mb4
    SharedText column_type;  ///< COLUMN_TYPE as the server prints it, e.g. "decimal(10,2) unsigned"
    SourceType type = SourceType::kUnsupported;
    bool is_unsigned = false;
    bool nullable = false;
    bool generated = false;    ///< virtual or stored
    bool is_tinyint1 = false;  ///< tinyint(1): MySQL's BOOL
    bool compressed = false;   ///< MariaDB's COMPRESSED: the log has the compressed bytes
    uint32_t length = 0;    ///< characters for char/varchar; bytes for binary/varbinary/vector; bits for bit
    uint8_t precision = 0;  ///< decimal: 1 to 65
    uint8_t scale = 0;      ///< decimal: 0 to 30
    uint8_t fsp = 0;        ///< fractional second digits, 0 to 6
    SharedText charset;     ///< of char, varchar, text, enum, set; empty elsewhere
    std::vector<std::string> labels;  ///< enum and set members in order, utf8mb4

    bool operator==(const SourceColumn&) const = default;
};

struct TableSchema {
    std::string database;
    std::string name;
    std::string storage_engine;         ///< "InnoDB", ...
    std::vector<SourceColumn> columns;  ///< all, in ordinal order, invisible ones too
    std::vector<uint32_t> key;          ///< indexes into columns of the primary key, else of a NOT NULL
                                        ///< unique key, in key order; empty when there is neither
    bool key_is_primary = false;
    /// MariaDB: unique indexes by hash, over TEXT, BLOB or what is too long for others. Rows of the log end
    /// with a BIGINT for each.
    uint32_t hash_columns = 0;

    std::string qualified_name() const { return database + "." + name; }
    bool operator==(const TableSchema&) const = default;
};

}  // namespace penstock
