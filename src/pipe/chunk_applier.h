#pragma once
// Chunks into ClickHouse, exactly once: intent stored, blocks inserted, checkpoint moved.

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "batch/chunk.h"
#include "model/block_pool.h"
#include "pipe/block_writer.h"
#include "pipe/context.h"

namespace penstock {

/// One thread. Chunks come in stream order.
class ChunkApplier {
  public:
    /// Context and pool outlive the applier. The blocks that were inserted go into the pool.
    ChunkApplier(PipeContext& context, BlockPool& pool, std::stop_token stop);

    /// Inserts the chunk's blocks, several tables at once; when it closes its batch, moves the checkpoint.
    /// Rows of a ReplacingMergeTree that a later row of the block replaces are left out, where nobody could
    /// see them: no materialized view reads what is inserted.
    /// Before the first block goes out the intent is durable, so that after a crash the same rows are cut
    /// into the same blocks under the same tokens; tables that stop are stored as stopped before that. Throws
    /// Error when a block could not be inserted; nothing else is applied then and the batch is read again
    /// from the checkpoint.
    void apply(Chunk chunk, size_t block_bytes);

  private:
    void write(BlockWriter& writer, const Block& block, const std::string& token);
    void look_at_targets_again(const std::vector<TableBatchCounts>& tables);
    void insert_blocks(Chunk& chunk);
    void collapse(Block& block);
    bool has_views(const TablePlan& plan);
    void commit(const Chunk& chunk);

    PipeContext& context_;
    BlockPool& pool_;
    std::vector<BlockWriter> writers_;
    std::mutex views_mutex_;
    std::map<std::string, std::set<std::string>> views_;  // by database, as they are during this chunk
    int64_t batch_started_ms_ = 0;
    uint64_t batch_blocks_ = 0, batch_bytes_ = 0;
};

}  // namespace penstock
