#include "catalog/table_schema_json.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace penstock {

namespace {

using nlohmann::json;

/// Visits every field of a column with its stored name: the one list that both directions share.
template <typename Column, typename Visit>
void visit_column(Column& column, Visit&& visit) {
    visit("name", column.name);
    visit("columnType", column.column_type);
    visit("type", column.type);
    visit("unsigned", column.is_unsigned);
    visit("nullable", column.nullable);
    visit("generated", column.generated);
    visit("tinyint1", column.is_tinyint1);
    visit("compressed", column.compressed);
    visit("length", column.length);
    visit("precision", column.precision);
    visit("scale", column.scale);
    visit("fsp", column.fsp);
    visit("charset", column.charset);
    visit("labels", column.labels);
}

template <typename Schema, typename Visit>
void visit_schema(Schema& schema, Visit&& visit) {
    visit("database", schema.database);
    visit("name", schema.name);
    visit("engine", schema.storage_engine);
    visit("key", schema.key);
    visit("keyIsPrimary", schema.key_is_primary);
    visit("hashColumns", schema.hash_columns);
}

struct Writer {
    json object = json::object();
    template <typename T>
    void operator()(const char* name, const T& value) {
        if (value != T()) object[name] = value;
    }
    void operator()(const char* name, SourceType value) { object[name] = static_cast<int>(value); }
};

struct Reader {
    const json& object;
    template <typename T>
    void operator()(const char* name, T& value) {
        auto found = object.find(name);
        if (found == object.end()) return;
        if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
            auto number = found->template get<uint64_t>();
            if (!found->is_number_unsigned() || number > std::numeric_limits<T>::max()) {
                throw std::out_of_range(std::string(name) + " is out of range");
            }
            value = static_cast<T>(number);
        } else {
            value = found->template get<T>();
        }
    }
    void operator()(const char* name, SharedText& value) {
        std::string text;
        (*this)(name, text);
        value = text;
    }
    void operator()(const char* name, SourceType& value) {
        auto number = object.at(name).get<unsigned>();
        bool known = (number >= 1 && number <= static_cast<unsigned>(SourceType::kInet6)) ||
                     number == static_cast<unsigned>(SourceType::kUnsupported);
        if (!known) throw std::out_of_range("unknown column type " + std::to_string(number));
        value = static_cast<SourceType>(number);
    }
};

}  // namespace

std::string table_schema_to_json(const TableSchema& schema) {
    Writer table;
    visit_schema(schema, table);
    json columns = json::array();
    for (const SourceColumn& column : schema.columns) {
        Writer writer;
        visit_column(column, writer);
        columns.push_back(std::move(writer.object));
    }
    table.object["columns"] = std::move(columns);
    try {
        return table.object.dump();
    } catch (const std::exception& e) {
        throw Error(Disposition::kFailPipe, "record the schema", e.what()).at_table(schema.qualified_name());
    }
}

TableSchema table_schema_from_json(std::string_view text) {
    try {
        json object = json::parse(text);
        TableSchema schema;
        visit_schema(schema, Reader{object});
        schema.columns.reserve(object.at("columns").size());
        for (const json& stored : object.at("columns")) {
            SourceColumn column;
            visit_column(column, Reader{stored});
            schema.columns.push_back(std::move(column));
        }
        for (uint32_t index : schema.key) {
            if (index >= schema.columns.size())
                throw std::out_of_range("the key names a column that is not there");
        }
        return schema;
    } catch (const std::exception& e) {
        throw Error(Disposition::kFailPipe, "read the recorded schema", e.what());
    }
}

}  // namespace penstock
