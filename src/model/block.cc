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

void Block::clear() {
    for (BlockColumn& column : columns) column.clear();
    is_deleted.clear();
    version.clear();
    rows = 0;
}

}  // namespace penstock
