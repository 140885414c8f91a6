#pragma once
// Plans of a few columns for the tests of this folder.

#include <string>
#include <vector>

#include "model/block.h"

namespace penstock {

struct TestColumn {
    SourceColumn source;
    TargetType target;
};

inline TablePlan plan_for_test(std::vector<TestColumn> columns) {
    TablePlan plan;
    plan.source.database = "db";
    plan.source.name = "t";
    for (TestColumn& column : columns) {
        if (column.source.name.empty()) column.source.name = "c" + std::to_string(plan.columns.size());
        plan.columns.push_back(
            {column.source.name, column.target, static_cast<uint32_t>(plan.columns.size())});
        plan.source.columns.push_back(std::move(column.source));
    }
    plan.sorting_key = {0};
    return plan;
}

inline SourceColumn column_for_test(SourceType type, std::string column_type) {
    SourceColumn column;
    column.type = type;
    column.column_type = std::move(column_type);
    return column;
}

/// The value of a row of a fixed-width column.
template <typename T>
T value_at(const BlockColumn& column, size_t row) {
    T value;
    std::memcpy(&value, column.values().data() + row * sizeof value, sizeof value);
    return value;
}

}  // namespace penstock
