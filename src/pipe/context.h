#pragma once
// What the stages of one running pipe share.

#include <cstddef>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "destination/clickhouse_client.h"
#include "encode/compress.h"
#include "model/pipe_spec.h"
#include "model/table_plan.h"
#include "pipe/progress.h"
#include "source/server_info.h"

namespace penstock {

/// Set up by run_pipe before any stage starts and constant from then on; the catalog and the progress have
/// their own locks. Plans are referred to by pointer: the vector is not resized while stages run.
struct PipeContext {
    std::string pipe_id;
    PipeSpec spec;
    ClickHouseEndpoint destination;
    ServerInfo source_info;
    std::vector<TablePlan> plans;                  ///< by TablePlan::id
    Compression compression = Compression::kZstd;  ///< of insert bodies
    Catalog* catalog = nullptr;
    Progress* progress = nullptr;
    size_t block_bytes =
        size_t{32} << 20;  ///< a block, and the rows of one chunk, are cut when they reach this
};

/// Rows of such a table stay as they were inserted: a row inserted twice stays twice.
inline bool is_append_only(const TablePlan& plan) {
    return plan.engine != TableEngine::kReplacingMergeTree;
}

}  // namespace penstock
