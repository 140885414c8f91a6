#pragma once
// For the files of ChangeBatcher alone: what it keeps of each table.

#include <string>
#include <utility>

#include "batch/change_batcher.h"

namespace penstock {

struct ChangeBatcher::Table {
    MappedTable mapped;
    Block block;       // of no table until the first row comes: a pipe may have thousands that are quiet
    size_t bytes = 0;  // of block's memory, as counted into open_bytes_
    bool skip_transaction = false;
    bool stopped = false;
    bool changed = false;  // it has row changes in the open transaction
    Block::Mark begin;     // where they begin, and what was counted then
    TableCounts begin_counts;

    explicit Table(MappedTable m) : mapped(std::move(m)) {}
    std::string name() const { return mapped.plan->source.qualified_name(); }
};

}  // namespace penstock
