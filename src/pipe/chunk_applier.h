#pragma once
// Chunks into ClickHouse, exactly once: intent stored, blocks inserted, checkpoint moved.

#include <chrono>
#include <cstdint>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "batch/chunk.h"
#include "model/block_pool.h"
#include "pipe/block_writer.h"
#include "pipe/context.h"
#include "pipe/sent_rows.h"
#include "pipe/target_watch.h"

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
    /// Nothing more comes for now: the destination's ledger gets the last checkpoint. Throws nothing.
    void finish();

  private:
    void write(BlockWriter& writer, Block& block, std::string token);
    void insert_blocks(Chunk& chunk);
    void collapse(Block& block);
    bool may_go_on(const TablePlan& plan);
    void commit(const Chunk& chunk);
    void note_what_is_safe(const Checkpoint& checkpoint);

    PipeContext& context_;
    std::mutex refused_mutex_;  // guards context_.refused_targets while several threads insert
    BlockPool& pool_;
    ClickHouseClient client_;  // between inserts
    std::vector<BlockWriter> writers_;
    TargetWatch watch_;
    SentRows sent_;
    int64_t batch_started_ms_ = 0;
    uint64_t batch_blocks_ = 0, batch_bytes_ = 0;
    std::set<uint32_t> batch_tables_;  // that the batch wrote to
    using Clock = std::chrono::steady_clock;
    Clock::time_point owned_at_{}, noted_at_{};      // when the ledger was read and written last
    bool noted_ = true;                              // it has the last checkpoint
    Clock::time_point unsafe_since_ = Clock::now();  // of the last insert, or the load before
    bool is_safe_ = false;                           // what was inserted, and the catalog knows
};

}  // namespace penstock
