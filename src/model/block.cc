#include "model/block.h"

namespace penstock {

Block::Block(const TablePlan& table_plan) : plan(&table_plan) {
    columns.reserve(table_plan.columns.size());
    for (const TargetColumn& column : table_plan.columns) columns.emplace_back(column.type);
}

size_t Block::bytes() const {
    size_t total = is_deleted.size() + version.size();
    for (const BlockColumn& column : columns) total += column.bytes();
    return total;
}

size_t Block::capacity() const {
    size_t total = is_deleted.capacity() + version.capacity();
    for (const BlockColumn& column : columns) total += column.capacity();
    return total;
}

void Block::mark(Mark& mark) const {
    mark.columns.clear();
    for (const BlockColumn& column : columns) mark.columns.push_back(column.mark());
    mark.rows = rows;
}

void Block::roll_back(const Mark& mark) {
    for (size_t i = 0; i < columns.size(); ++i) columns[i].roll_back(mark.columns[i]);
    is_deleted.truncate(mark.rows);
    version.truncate(mark.rows * 8);
    rows = mark.rows;
}

void Block::clear() {
    for (BlockColumn& column : columns) column.clear();
    is_deleted.clear();
    version.clear();
    rows = 0;
    distinct_keys = true;
}

}  // namespace penstock
