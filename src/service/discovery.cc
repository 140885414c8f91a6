#include "service/discovery.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/table_plan.h"
#include "source/mysql_connection.h"
#include "source/server_info.h"
#include "source/table_definition.h"

namespace penstock {

namespace {

using nlohmann::json;

std::string text_of(const std::optional<std::string>& value) {
    return value.value_or("");
}

/// Tables of the database with a key that tells rows apart: the primary key, or a unique key over whole
/// columns that are never NULL.
std::set<std::string> tables_with_key(MysqlConnection& connection, const std::string& schema) {
    std::set<std::string> tables;
    for (const auto& row : connection.query(
             fmt::format("SELECT TABLE_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {} AND "
                         "NON_UNIQUE = 0 "
                         "GROUP BY TABLE_NAME, INDEX_NAME "
                         "HAVING MAX(NULLABLE = 'YES' OR SUB_PART IS NOT NULL OR COLUMN_NAME IS NULL) = 0",
                         quote_string(schema)))) {
        tables.insert(text_of(row[0]));
    }
    return tables;
}

/// Columns that an index begins with.
std::set<std::string> indexed_columns(MysqlConnection& connection, const std::string& schema,
                                      const std::string& table) {
    std::set<std::string> columns;
    for (const auto& row : connection.query(
             fmt::format("SELECT COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {} AND "
                         "TABLE_NAME = {} AND SEQ_IN_INDEX = 1 AND COLUMN_NAME IS NOT NULL",
                         quote_string(schema), quote_string(table)))) {
        columns.insert(text_of(row[0]));
    }
    return columns;
}

}  // namespace

json discovered_schemas(const SourceEndpoint& source) {
    MysqlConnection connection = MysqlConnection::open(source);
    json schemas = json::array();
    for (const auto& row :
         connection.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN "
                          "('mysql', 'sys', 'performance_schema', 'information_schema')")) {
        schemas.push_back(text_of(row[0]));
    }
    std::sort(schemas.begin(), schemas.end());
    return schemas;
}

json discovered_tables(const SourceEndpoint& source, const std::string& schema) {
    MysqlConnection connection = MysqlConnection::open(source);
    const std::set<std::string> with_key = tables_with_key(connection, schema);
    json tables = json::array();
    for (const auto& row : connection.query(
             fmt::format("SELECT TABLE_NAME, ENGINE, TABLE_ROWS FROM information_schema.TABLES WHERE "
                         "TABLE_SCHEMA = {} AND TABLE_TYPE = 'BASE TABLE'",
                         quote_string(schema)))) {
        tables.push_back({{"name", text_of(row[0])},
                          {"engine", text_of(row[1])},
                          {"rowsEstimated", row[2] ? std::stoull(*row[2]) : 0},
                          {"hasKey", with_key.contains(text_of(row[0]))}});
    }
    std::sort(tables.begin(), tables.end(),
              [](const json& a, const json& b) { return a["name"] < b["name"]; });
    return tables;
}

json discovered_columns(const SourceEndpoint& source, const SourceSettings& settings,
                        const std::string& schema, const std::string& table) {
    MysqlConnection connection = MysqlConnection::open(source);
    const ServerInfo info = read_server_info(connection);
    const TableSchema definition = read_table_schema(connection, info, schema, table);
    const std::set<std::string> indexed = indexed_columns(connection, schema, table);
    json columns = json::array();
    for (uint32_t i = 0; i < definition.columns.size(); ++i) {
        const SourceColumn& column = definition.columns[i];
        auto place = std::find(definition.key.begin(), definition.key.end(), i);
        json shown = {{"name", column.name},   {"type", column.column_type},
                      {"targetType", nullptr}, {"nullable", column.nullable},
                      {"key", nullptr},        {"indexed", indexed.contains(column.name)},
                      {"problem", nullptr}};
        if (place != definition.key.end()) shown["key"] = place - definition.key.begin() + 1;
        try {
            shown["targetType"] = target_type_of(column, settings, true).ddl_name();
        } catch (const Error& e) {
            shown["problem"] = e.message() + ". " + e.hint();
        }
        columns.push_back(std::move(shown));
    }
    return columns;
}

}  // namespace penstock
