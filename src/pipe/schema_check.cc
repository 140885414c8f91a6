#include "pipe/schema_check.h"

#include <algorithm>

#include "source/table_definition.h"

namespace penstock {
namespace {

const SourceColumn* find_column(const TableSchema& schema, const std::string& name) {
    auto it = std::find_if(schema.columns.begin(), schema.columns.end(),
                           [&](const SourceColumn& c) { return c.name == name; });
    return it == schema.columns.end() ? nullptr : &*it;
}

}  // namespace

std::string describe_schema_change(const TableSchema& recorded, const TableSchema& now) {
    std::string out;
    auto add = [&](const std::string& text) {
        if (!out.empty()) out += "; ";
        out += text;
    };
    for (const SourceColumn& before : recorded.columns) {
        const SourceColumn* after = find_column(now, before.name);
        if (after == nullptr) {
            add(before.name + ": dropped");
        } else if (after->column_type != before.column_type) {
            add(before.name + ": " + before.column_type + " -> " + after->column_type);
        } else if (*after != before) {
            add(before.name + ": nullability, character set or generation changed");
        }
    }
    for (const SourceColumn& after : now.columns) {
        if (find_column(recorded, after.name) == nullptr) add(after.name + ": added");
    }
    if (out.empty()) {
        for (size_t i = 0; i < recorded.columns.size(); ++i) {
            if (recorded.columns[i].name != now.columns[i].name) {
                add("the order of columns changed");
                break;
            }
        }
    }
    return out;
}

void check_schema_unchanged(const PipeContext& context, const TablePlan& plan, const std::string& at) {
    MysqlConnection connection = MysqlConnection::open(context.spec.source);
    TableSchema now =
        read_table_schema(connection, context.source_info, plan.source.database, plan.source.name);
    std::string change = describe_schema_change(plan.source, now);
    if (change.empty()) return;
    Error error(Disposition::kFailPipe, "follow changes", "the table's definition changed: " + change,
                "Resync the pipe to take the new definition");
    error.at_table(plan.source.qualified_name()).at_position(at);
    throw error;
}

}  // namespace penstock
