#include "source/table_definition.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <span>

namespace penstock {
namespace {

using TableName = std::pair<std::string, std::string>;

std::string text_of(const std::optional<std::string>& value) {
    return value.value_or(std::string());
}

bool has_word(std::string_view text, std::string_view words) {
    return text.find(words) != std::string_view::npos;
}

/// Reads the members of "enum('a','b''c')" between its parentheses. The server doubles quotes and puts a
/// backslash before backslashes, line ends and NULs (MySQL manual, "String Literals").
std::vector<std::string> parse_labels(std::string_view list) {
    std::vector<std::string> labels;
    size_t i = 0;
    while (i < list.size()) {
        if (list[i] != '\'') {  // the comma between two members
            ++i;
            continue;
        }
        std::string& label = labels.emplace_back();
        for (++i; i < list.size(); ++i) {
            if (list[i] == '\'') {
                if (i + 1 >= list.size() || list[i + 1] != '\'') break;
                ++i;
            } else if (list[i] == '\\' && i + 1 < list.size()) {
                switch (list[++i]) {
                    case 'n':
                        label += '\n';
                        continue;
                    case 'r':
                        label += '\r';
                        continue;
                    case '0':
                        label += '\0';
                        continue;
                    default:
                        break;
                }
            }
            label += list[i];
        }
        ++i;
    }
    return labels;
}

/// The numbers in "(10,2)".
std::vector<uint32_t> parse_numbers(std::string_view list) {
    std::vector<uint32_t> numbers;
    const char* p = list.data();
    const char* end = p + list.size();
    while (p < end) {
        uint32_t n = 0;
        auto [stop, error] = std::from_chars(p, end, n);
        if (error == std::errc()) numbers.push_back(n);
        p = stop == p ? p + 1 : stop;
    }
    return numbers;
}

/// What information_schema says of some tables, by name as the server spells it.
struct Facts {
    struct Table {
        std::string type;
        TableSchema schema;
        // Per unique index that may serve as a key: its columns in order; dropped when a part disqualifies
        // it.
        std::map<std::string, std::vector<uint32_t>> keys;
        std::set<std::string> unfit;
    };
    std::map<TableName, Table> tables;
};

std::string name_filter(const std::string& database, const std::vector<std::string>& names) {
    std::string sql = "TABLE_SCHEMA = " + quote_string(database) + " AND TABLE_NAME ";
    if (names.size() == 1) return sql + "= " + quote_string(names[0]);
    sql += "IN (";
    for (size_t i = 0; i < names.size(); ++i) sql += (i == 0 ? "" : ", ") + quote_string(names[i]);
    return sql + ")";
}

/// Rows of a result that may be long, one at a time.
template <typename Take>
void for_each_row(MysqlConnection& connection, const std::string& sql, const Take& take) {
    RowStream rows = connection.stream(sql);
    MysqlConnection::Row row(rows.columns());
    while (rows.next()) {
        for (uint32_t i = 0; i < rows.columns(); ++i) {
            row[i].reset();
            if (rows.values()[i] != nullptr) row[i].emplace(rows.values()[i], rows.lengths()[i]);
        }
        take(row);
    }
}

void read_columns(MysqlConnection& connection, const ServerInfo& info, const std::string& filter,
                  Facts& facts) {
    const std::string sql =
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME, EXTRA "
        "FROM information_schema.COLUMNS WHERE " +
        filter + " ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION";
    for_each_row(connection, sql, [&](const MysqlConnection::Row& row) {
        auto table = facts.tables.find({text_of(row[0]), text_of(row[1])});
        if (table == facts.tables.end()) return;
        SourceColumn& column = table->second.schema.columns.emplace_back();
        column.name = text_of(row[2]);
        column.column_type = text_of(row[3]);
        column.nullable = text_of(row[4]) == "YES";
        column.charset = text_of(row[5]);
        if (column.charset == "utf8") column.charset = "utf8mb3";
        const std::string extra = text_of(row[6]);
        // MySQL's DEFAULT_GENERATED is a default value, not a generated column.
        column.generated = has_word(extra, "VIRTUAL") || has_word(extra, "STORED GENERATED") ||
                           has_word(extra, "PERSISTENT");
        parse_column_type(column.column_type, !info.mariadb(), column);
    });
}

void read_keys(MysqlConnection& connection, const ServerInfo& info, const std::string& filter, Facts& facts) {
    // The expression of a functional part stands in for a column name that is NULL (MySQL 8.0.13+).
    const std::string sql =
        "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART, INDEX_TYPE, SEQ_IN_INDEX "
        "FROM information_schema.STATISTICS WHERE NON_UNIQUE = 0 AND " +
        filter + " ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX";
    for_each_row(connection, sql, [&](const MysqlConnection::Row& row) {
        auto found = facts.tables.find({text_of(row[0]), text_of(row[1])});
        if (found == facts.tables.end()) return;
        Facts::Table& table = found->second;
        const std::string index = text_of(row[2]);
        // In memory a hash is what the index is made of, and no column.
        const bool hashes =
            info.mariadb() && text_of(row[5]) == "HASH" && table.schema.storage_engine != "MEMORY";
        if (hashes && text_of(row[6]) == "1") ++table.schema.hash_columns;
        const auto& columns = table.schema.columns;
        auto column = std::find_if(columns.begin(), columns.end(),
                                   [&](const SourceColumn& c) { return row[3] && c.name == *row[3]; });
        const bool primary = index == "PRIMARY";
        // A hash index of MariaDB (unique over long columns) cannot give rows in order.
        const bool fit = column != columns.end() && !column->nullable &&
                         (primary || (!row[4] && text_of(row[5]) != "HASH"));
        if (fit) {
            table.keys[index].push_back(static_cast<uint32_t>(column - columns.begin()));
        } else {
            table.unfit.insert(index);
        }
    });
}

/// information_schema shows every character beyond the Basic Multilingual Plane as '?' (its text is utf8mb3),
/// in SHOW CREATE TABLE too. A label with a '?' is therefore read from a temporary table of this connection
/// that has the column's type, in which every label is stored once by its number.
void read_doubtful_labels(MysqlConnection& connection, const TableSchema& table, SourceColumn& column) {
    const bool doubtful =
        (column.charset == "utf8mb4" || column.charset == "utf16" || column.charset == "utf16le" ||
         column.charset == "utf32" || column.charset == "gb18030") &&
        std::any_of(column.labels.begin(), column.labels.end(),
                    [](const std::string& l) { return has_word(l, "?"); });
    if (!doubtful) return;
    const std::string scratch = quote_table(table.database, "penstock_labels");
    const std::string name = quote_identifier(column.name);
    try {
        connection.execute("CREATE TEMPORARY TABLE " + scratch + " AS SELECT " + name + " FROM " +
                           quote_table(table.database, table.name) + " LIMIT 0");
        for (size_t i = 0; i < column.labels.size(); ++i) {
            const uint64_t number = column.type == SourceType::kEnum ? i + 1 : uint64_t{1} << i;
            connection.execute("INSERT INTO " + scratch + " VALUES (" + std::to_string(number) + ")");
        }
        std::vector<std::string> labels;
        for (auto& row :
             connection.query("SELECT " + name + " FROM " + scratch + " ORDER BY " + name + " + 0 < 0, " +
                              name + " + 0")) {  // the 64th member of a SET counts as negative
            labels.push_back(text_of(row[0]));
        }
        connection.execute("DROP TEMPORARY TABLE " + scratch);
        if (labels.size() == column.labels.size()) column.labels = std::move(labels);
    } catch (const Error& e) {
        if (e.disposition() == Disposition::kRetry) throw;
        throw Error(
            Disposition::kFailPipe, "read the definition from " + connection.address(),
            "column " + column.name + " has a label with a '?', which stands for any character that " +
                "information_schema cannot show, and the label could not be read otherwise: " + e.message(),
            "GRANT CREATE TEMPORARY TABLES ON " + quote_identifier(table.database) +
                ".* TO the user of the pipe, or exclude the column")
            .at_table(table.qualified_name());
    }
}

void choose_key(Facts::Table& table) {
    for (const std::string& index : table.unfit) table.keys.erase(index);
    if (auto primary = table.keys.find("PRIMARY"); primary != table.keys.end()) {
        table.schema.key = primary->second;
        table.schema.key_is_primary = true;
        return;
    }
    // std::map is sorted by name, so the first of the shortest is a fixed choice.
    auto best = std::min_element(table.keys.begin(), table.keys.end(), [](const auto& a, const auto& b) {
        return a.second.size() < b.second.size();
    });
    if (best != table.keys.end()) table.schema.key = best->second;
}

void read_database(MysqlConnection& connection, const ServerInfo& info, const std::string& database,
                   const std::vector<std::string>& names, Facts& facts) {
    const std::string filter = name_filter(database, names);
    for (const auto& row : connection.query(
             "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES WHERE " +
             filter)) {
        Facts::Table& table = facts.tables[{text_of(row[0]), text_of(row[1])}];
        table.type = text_of(row[2]);
        table.schema.database = text_of(row[0]);
        table.schema.name = text_of(row[1]);
        table.schema.storage_engine = text_of(row[3]);
    }
    if (facts.tables.empty()) return;
    read_columns(connection, info, filter, facts);
    read_keys(connection, info, filter, facts);
}

[[noreturn]] void refuse(const MysqlConnection& connection, const TableName& name, const std::string& message,
                         const std::string& hint) {
    throw Error(Disposition::kFailPipe, "read the definition from " + connection.address(), message, hint)
        .at_table(name.first + "." + name.second);
}

}  // namespace

const std::map<std::string_view, SourceType>& source_type_names() {
    static const std::map<std::string_view, SourceType> names = {
        {"tinyint", SourceType::kTinyInt},
        {"smallint", SourceType::kSmallInt},
        {"mediumint", SourceType::kMediumInt},
        {"int", SourceType::kInt},
        {"bigint", SourceType::kBigInt},
        {"decimal", SourceType::kDecimal},
        {"float", SourceType::kFloat},
        {"double", SourceType::kDouble},
        {"bit", SourceType::kBit},
        {"char", SourceType::kChar},
        {"varchar", SourceType::kVarChar},
        {"tinytext", SourceType::kText},
        {"text", SourceType::kText},
        {"mediumtext", SourceType::kText},
        {"longtext", SourceType::kText},
        {"binary", SourceType::kBinary},
        {"varbinary", SourceType::kVarBinary},
        {"tinyblob", SourceType::kBlob},
        {"blob", SourceType::kBlob},
        {"mediumblob", SourceType::kBlob},
        {"longblob", SourceType::kBlob},
        {"date", SourceType::kDate},
        {"datetime", SourceType::kDateTime},
        {"timestamp", SourceType::kTimestamp},
        {"time", SourceType::kTime},
        {"year", SourceType::kYear},
        {"enum", SourceType::kEnum},
        {"set", SourceType::kSet},
        {"json", SourceType::kJson},
        {"geometry", SourceType::kGeometry},
        {"point", SourceType::kGeometry},
        {"linestring", SourceType::kGeometry},
        {"polygon", SourceType::kGeometry},
        {"multipoint", SourceType::kGeometry},
        {"multilinestring", SourceType::kGeometry},
        {"multipolygon", SourceType::kGeometry},
        {"geometrycollection", SourceType::kGeometry},
        {"geomcollection", SourceType::kGeometry},
        {"vector", SourceType::kVector},
        {"uuid", SourceType::kUuid},
        {"inet4", SourceType::kInet4},
        {"inet6", SourceType::kInet6},
    };
    return names;
}

void parse_column_type(std::string_view column_type, bool mysql_json, SourceColumn& column) {
    column.type = SourceType::kUnsupported;
    const size_t name_end = column_type.find_first_of("( ");
    const std::string_view name = column_type.substr(0, name_end);
    if (name == "json") {
        column.type = mysql_json ? SourceType::kJson : SourceType::kText;
        return;
    }
    auto known = source_type_names().find(name);
    if (known == source_type_names().end()) return;
    column.type = known->second;

    std::string_view inside;
    std::string_view after =
        name_end == std::string_view::npos ? std::string_view() : column_type.substr(name_end);
    if (after.starts_with('(')) {
        const size_t close = after.rfind(')');  // labels may hold parentheses; nothing after a type does
        if (close == std::string_view::npos) {
            column.type = SourceType::kUnsupported;
            return;
        }
        inside = after.substr(1, close - 1);
        after = after.substr(close + 1);
    }
    if (column.type == SourceType::kEnum || column.type == SourceType::kSet) {
        column.labels = parse_labels(inside);
        return;
    }
    column.compressed = has_word(after, "COMPRESSED");  // "varchar(9) /*M!100301 COMPRESSED*/"
    column.is_unsigned = has_word(after, "unsigned") || has_word(after, "zerofill");
    const std::vector<uint32_t> numbers = parse_numbers(inside);
    const uint32_t first = numbers.empty() ? 0 : numbers[0];
    switch (column.type) {
        case SourceType::kTinyInt:
            column.is_tinyint1 = first == 1 && !column.is_unsigned;
            break;
        case SourceType::kDecimal:
            column.precision = static_cast<uint8_t>(numbers.empty() ? 10 : first);
            column.scale = static_cast<uint8_t>(numbers.size() > 1 ? numbers[1] : 0);
            break;
        case SourceType::kDateTime:
        case SourceType::kTimestamp:
        case SourceType::kTime:
            column.fsp = static_cast<uint8_t>(first);
            break;
        case SourceType::kBit:
            column.length = numbers.empty() ? 1 : first;
            break;
        case SourceType::kVector:
            column.length = first * static_cast<uint32_t>(sizeof(float));
            break;
        case SourceType::kChar:
        case SourceType::kVarChar:
        case SourceType::kBinary:
        case SourceType::kVarBinary:
            column.length = numbers.empty() ? 1 : first;
            break;
        default:
            break;
    }
}

namespace {

void read_some(MysqlConnection& connection, const ServerInfo& info, std::span<const TableName> tables,
               std::vector<TableSchema>& schemas) {
    // One query per database and subject. How names compare in information_schema depends on the version
    // and the file system, so more tables may come than were asked for; the exact ones are picked below.
    std::map<std::string, std::vector<std::string>> by_database;
    for (const auto& [database, table] : tables) by_database[database].push_back(table);
    Facts facts;
    for (const auto& [database, names] : by_database) read_database(connection, info, database, names, facts);

    struct Known {
        Facts::Table* table;
        std::optional<size_t> place;  // in `schemas`, where its definition has gone
    };
    std::map<TableName, Known> known;
    auto spelled = [fold = info.names().tables](const TableName& name) {
        return TableName{fold_name(name.first, fold), fold_name(name.second, fold)};
    };
    for (auto& [name, table] : facts.tables) {
        choose_key(table);
        known[spelled(name)] = {&table, std::nullopt};
    }
    for (const TableName& name : tables) {
        auto found = known.find(spelled(name));
        if (found == known.end()) {
            refuse(connection, name, "the table does not exist, or this user may not see it",
                   "Check database and table name, then: GRANT SELECT ON " +
                       quote_table(name.first, name.second) + " TO the user of the pipe");
        }
        Facts::Table& table = *found->second.table;
        std::optional<size_t>& place = found->second.place;
        if (table.type == "SYSTEM VERSIONED") {
            refuse(connection, name,
                   "system-versioned tables are not supported: their log holds old rows too",
                   "Map a table without system versioning, or: ALTER TABLE ... DROP SYSTEM VERSIONING");
        }
        if (table.type != "BASE TABLE") {
            refuse(connection, name, "it is a " + table.type + ", not a table: it has no changes in the log",
                   "Map the tables under it");
        }
        if (place) {  // asked for twice
            schemas.push_back(schemas[*place]);
            continue;
        }
        place = schemas.size();
        TableSchema& schema = schemas.emplace_back(std::move(table.schema));
        schema.columns.shrink_to_fit();
        for (SourceColumn& column : schema.columns) read_doubtful_labels(connection, schema, column);
    }
}

}  // namespace

std::vector<TableSchema> read_table_schemas(MysqlConnection& connection, const ServerInfo& info,
                                            const std::vector<TableName>& tables) {
    if (!info.mariadb() && info.at_least(8, 0, 30)) {
        connection.execute("SET SESSION show_gipk_in_create_table_and_information_schema = ON");
    }
    std::vector<TableSchema> schemas;
    schemas.reserve(tables.size());
    const std::span<const TableName> all = tables;
    for (size_t begin = 0; begin < all.size(); begin += kTablesAtOnce) {
        read_some(connection, info, all.subspan(begin, std::min(kTablesAtOnce, all.size() - begin)), schemas);
    }
    return schemas;
}

bool has_unique_key(MysqlConnection& connection, const ServerInfo& info, const TableSchema& recorded) {
    if (recorded.key.empty()) return true;
    Facts facts;
    read_database(connection, info, recorded.database, {recorded.name}, facts);
    return std::any_of(facts.tables.begin(), facts.tables.end(), [&](const auto& entry) {
        const Facts::Table& table = entry.second;
        return std::any_of(table.keys.begin(), table.keys.end(), [&](const auto& key) {
            if (table.unfit.contains(key.first)) return false;
            return std::all_of(key.second.begin(), key.second.end(), [&](uint32_t column) {
                return std::find(recorded.key.begin(), recorded.key.end(), column) != recorded.key.end();
            });
        });
    });
}

TableSchema read_table_schema(MysqlConnection& connection, const ServerInfo& info, std::string_view database,
                              std::string_view table) {
    return std::move(
        read_table_schemas(connection, info, {{std::string(database), std::string(table)}}).front());
}

std::vector<TableName> list_tables(MysqlConnection& connection) {
    std::vector<TableName> tables;
    for (auto& row : connection.query("SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES "
                                      "WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA NOT IN "
                                      "('mysql', 'sys', 'performance_schema', 'information_schema')")) {
        tables.emplace_back(text_of(row[0]), text_of(row[1]));
    }
    std::sort(tables.begin(), tables.end());
    return tables;
}

}  // namespace penstock
