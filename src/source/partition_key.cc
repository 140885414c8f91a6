#include "source/partition_key.h"

#include <algorithm>
#include <optional>

#include "source/key_space.h"

namespace penstock {
namespace {

bool can_be_partition_key(SourceType type) {
    return (type >= SourceType::kTinyInt && type <= SourceType::kBigInt) || type == SourceType::kDate ||
           type == SourceType::kDateTime || type == SourceType::kTimestamp;
}

}  // namespace

Prerequisite check_partition_key(MysqlConnection& connection, const TableSchema& schema,
                                 const std::string& partition_key) {
    using State = Prerequisite::State;
    const auto column = std::find_if(schema.columns.begin(), schema.columns.end(),
                                     [&](const SourceColumn& c) { return c.name == partition_key; });
    Prerequisite item{"partition key of " + schema.qualified_name(), State::kFailed,
                      "partitionKey names column " + partition_key + ", ",
                      "a column of an integer, date, datetime or timestamp type, or no partitionKey", ""};
    if (column == schema.columns.end()) {
        item.found += "which the table does not have";
        return item;
    }
    if (!can_be_partition_key(column->type)) {
        item.found += "which is " + column->column_type;
        return item;
    }
    item.needed = "an index that begins with it: without one the table is read in one pass, not in parts";
    KeySpace space(connection, schema, {&*column});
    if (space.ranges_use_index()) {
        item.state = State::kOk;
        item.found += "which an index begins with";
        return item;
    }
    item.state = State::kWarning;
    const std::string alter = "ALTER TABLE " + quote_table(schema.database, schema.name);
    if (const auto hidden = space.hidden_index()) {
        const std::string index = quote_identifier(*hidden);
        item.found += "whose index " + index + " is " + (connection.is_mariadb() ? "IGNORED" : "INVISIBLE") +
                      ": no query may use it";
        item.fix_sql =
            alter + " ALTER INDEX " + index + (connection.is_mariadb() ? " NOT IGNORED" : " VISIBLE");
    } else {
        item.found += "which no index begins with";
        item.fix_sql = alter + " ADD INDEX (" + quote_identifier(partition_key) + ")";
    }
    return item;
}

}  // namespace penstock
