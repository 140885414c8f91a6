#pragma once
// Table definitions, read from information_schema.

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/table_schema.h"
#include "source/mysql_connection.h"
#include "source/server_info.h"

namespace penstock {

/// One table, every column in ordinal order: generated and invisible ones too (a generated invisible primary
/// key is an ordinary column here). key is the primary key, else the best NOT NULL unique key (fewest
/// columns, then by name) without prefix or expression parts. Column types that Penstock does not know are
/// kUnsupported. A label with a '?' may hold a character that the server's own description cannot show: it is
/// then read through a temporary table of this connection (needs CREATE TEMPORARY TABLES). Throws
/// Error(kFailPipe) at_table: missing, not visible to this user, a view, or a label that cannot be read.
TableSchema read_table_schema(MysqlConnection& connection, const ServerInfo& info, std::string_view database,
                              std::string_view table);

/// Tables of one query of information_schema, which goes through all of a database: more would be fewer
/// queries, and more to hold at once.
inline constexpr size_t kTablesAtOnce = 4000;

/// The same for many tables, with a few queries in all; the answer is in the order asked for. Throws for the
/// first table, in that order, that is not there.
std::vector<TableSchema> read_table_schemas(MysqlConnection& connection, const ServerInfo& info,
                                            const std::vector<std::pair<std::string, std::string>>& tables);

/// The recorded key is a key still: a primary key or a unique index of the table has no column, all NOT NULL,
/// but those of it. A table without a recorded key has nothing to lose.
bool has_unique_key(MysqlConnection& connection, const ServerInfo& info, const TableSchema& recorded);

/// (database, table) of every base table that the user can see outside the system schemas, sorted.
std::vector<std::pair<std::string, std::string>> list_tables(MysqlConnection& connection);

/// Type names as COLUMN_TYPE begins with them, in lower case. "json" is kJson here; on MariaDB it is text.
const std::map<std::string_view, SourceType>& source_type_names();

/// Fills type, sign, sizes and labels from column_type ("decimal(10,2) unsigned", "enum('a','b''c')").
/// Pure. `mysql_json` says whether "json" is the binary type (MySQL) or text (MariaDB).
void parse_column_type(std::string_view column_type, bool mysql_json, SourceColumn& column);

}  // namespace penstock
