#pragma once
// One worker of a table's initial load: partitions out of the source, many of them in one INSERT.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "base/byte_buffer.h"
#include "base/byte_queue.h"
#include "catalog/records.h"
#include "decode/text_row.h"
#include "destination/clickhouse_client.h"
#include "encode/compress.h"
#include "model/block_pool.h"
#include "pipe/adjusted_counts.h"
#include "pipe/cannot_load.h"
#include "pipe/context.h"
#include "pipe/read_limit.h"
#include "source/snapshot_reader.h"

namespace penstock {

/// The row that the stream holds, into the block. Throws CannotLoad.
void append_row(const TextRowDecoder& decoder, const RowStream& stream, Block& block);

/// What a worker keeps from table to table: of thousands of small ones, connecting would be most of the work.
struct LoadLinks {
    explicit LoadLinks(const PipeContext& context)
        : client(context.destination), compressor(context.compression) {}

    ClickHouseClient client;
    Compressor compressor;
    ByteBuffer body;
    std::optional<SnapshotReader> reader;  ///< none while it is read from, or after an error
};

/// For targets that converge by versions: rows that are sent again, after an attempt that failed, change
/// nothing there. Two threads: one reads and decodes, one encodes and sends. An INSERT goes on over blocks
/// and partitions until it has the rows of a part that suits ClickHouse; a partition is done when the INSERT
/// with its last block is acknowledged. After an INSERT that failed they are smaller: ClickHouse may lack the
/// memory for them. Holds at most three blocks of load_block_bytes().
class LoadWorker {
  public:
    /// The next partition that nobody has taken; null: none is left. Called from the reading thread.
    using TakePartition = std::function<const PartitionRecord*()>;

    /// All arguments outlive the worker. `expressions`: of select_expression.
    LoadWorker(PipeContext& context, LoadLinks& links, const TablePlan& plan,
               const std::vector<std::string>& expressions, ReadLimit& limit, TakePartition take);

    /// Loads partitions until none is left or a stop comes; what is not acknowledged then stays pending.
    /// Errors that waiting cures are waited out; throws the others, CannotLoad and UnfitTarget.
    void run(const std::stop_token& stop);

  private:
    struct Piece;
    struct Insert;
    using Queue = ByteQueue<Piece>;

    void attempt(const std::stop_token& stop);
    void read_partitions(Queue& queue, const std::stop_token& stop);
    void read_partition(const PartitionRecord& partition, SnapshotReader& reader, Queue& queue,
                        const std::stop_token& stop);
    const PartitionRecord* take_partition();
    SnapshotReader open_reader();
    void insert(Piece first, Queue& queue, const std::stop_token& stop);
    void acknowledge(const Insert& insert);

    PipeContext& context_;
    LoadLinks& links_;
    const TablePlan& plan_;
    const std::vector<std::string>& expressions_;
    ReadLimit& limit_;
    TakePartition take_;
    BlockPool pool_;

    // The reading thread's while an attempt lasts.
    std::vector<const PartitionRecord*> again_;  ///< taken by an attempt that failed, the next one last
    std::vector<const PartitionRecord*> taken_;

    std::optional<Progress::RowsRead> read_;  ///< of the attempt

    // The sending thread's.
    struct Finished {
        uint64_t rows = 0;
        AdjustedCounts adjusted;
    };
    std::vector<const PartitionRecord*> finished_;
    size_t insert_bytes_;  ///< that an INSERT may have
    Finished open_;        ///< acknowledged of the partition whose end has not come yet
    Backoff backoff_{std::chrono::milliseconds(500), std::chrono::milliseconds(30'000)};
};

}  // namespace penstock
