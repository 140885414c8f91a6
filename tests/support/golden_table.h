#pragma once
// The tables whose binary log was captured (tests/data/binlog), for tests, fuzzers and benchmarks: "types"
// has every common type, "newer" those of one flavour.

#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "decode/binlog_event.h"
#include "model/table_plan.h"
#include "source/table_definition.h"

namespace penstock {

inline std::string golden_file(const std::string& name) {
    std::ifstream in(std::string(PENSTOCK_TEST_DATA "/binlog/") + name, std::ios::binary);
    if (!in.good()) throw Error(Disposition::kUsage, "golden data", "cannot read " + name);
    return {std::istreambuf_iterator<char>(in), {}};
}

inline std::vector<std::vector<std::string>> golden_tsv(const std::string& name) {
    std::vector<std::vector<std::string>> rows;
    bool line_done = true;
    for (char c : golden_file(name)) {
        if (line_done) rows.emplace_back(1);
        line_done = c == '\n';
        if (c == '\t') {
            rows.back().emplace_back();
        } else if (!line_done) {
            rows.back().back() += c;
        }
    }
    return rows;
}

/// The column that the plan leaves out whatever the server.
inline constexpr const char* kGoldenUncopied = "shape";

/// `flavour` is mysql, mariadb or mariadb11.
inline TableSchema golden_schema(const std::string& flavour, const std::string& table = "types") {
    TableSchema schema;
    schema.database = "golden";
    schema.name = table;
    schema.storage_engine = "InnoDB";
    schema.key = {0};
    schema.key_is_primary = true;
    for (const auto& row : golden_tsv(flavour + "/" + table + ".columns.tsv")) {
        SourceColumn& column = schema.columns.emplace_back();
        column.name = row.at(0);
        column.column_type = row.at(1);
        column.nullable = row.at(2) == "YES";
        column.charset = row.at(3);
        column.generated = row.at(4).find("GENERATED") != std::string::npos;
        parse_column_type(column.column_type, flavour == "mysql", column);
    }
    return schema;
}

inline TablePlan golden_plan(const std::string& flavour, const PipeSpec& spec = {},
                             const std::string& table = "types") {
    TableMapping mapping;
    mapping.source_database = "golden";
    mapping.source_table = mapping.target_table = table;
    if (table == "types") mapping.excluded_columns = {kGoldenUncopied};
    TableSchema schema = golden_schema(flavour, table);
    for (const SourceColumn& column : schema.columns) {
        // MariaDB 11.8 does not log them when a row changes.
        if (column.generated && flavour == "mariadb11") mapping.excluded_columns.push_back(column.name);
    }
    return make_table_plan(0, schema, mapping, spec, true);
}

/// The events of a captured log file, each as one packet.
inline std::vector<std::vector<uint8_t>> golden_events(const std::string& name) {
    std::string bytes = golden_file(name);
    std::vector<std::vector<uint8_t>> events;
    for (size_t at = 4; at + 19 <= bytes.size();) {
        size_t size = load_le<4>(as_bytes(bytes).data() + at + 9);
        ByteSpan event = as_bytes(bytes).subspan(at, size);
        events.emplace_back(event.begin(), event.end());
        at += size;
    }
    return events;
}

}  // namespace penstock
