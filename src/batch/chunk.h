#pragma once
// What the batcher hands to the destination: blocks of rows and, at a batch's end, the new checkpoint.

#include <cstdint>
#include <string>
#include <vector>

#include "model/block.h"
#include "model/log_anchor.h"
#include "model/position.h"

namespace penstock {

/// Where a pipe is: everything before `position` is acknowledged by ClickHouse, and the next row change
/// takes `next_version`. The catalog keeps one per pipe.
struct StreamPoint {
    Position position;
    uint64_t next_version = 1;
    uint64_t next_batch = 1;
    LogAnchor anchor{};  ///< of the position; none where the place is not known for certain
    bool operator==(const StreamPoint&) const = default;
};

/// Row changes of one table in one batch.
struct TableCounts {
    uint64_t inserted = 0;
    uint64_t updated = 0;
    uint64_t deleted = 0;
    uint64_t adjusted = 0;                       ///< values changed by the pipe's policies
    std::vector<uint64_t> adjusted_by_column{};  ///< the same by TablePlan::columns; empty when there is none
};

/// A table that leaves the flow: nothing of it is applied from a version on. The same stream stops it at the
/// same place again, and a batch that is replayed skips it from there.
struct TableStop {
    uint32_t table = 0;         ///< plan id
    uint64_t from_version = 0;  ///< no row change of it with this version or a higher one is applied
    std::string reason;         ///< the error as one line: what, which table, where, the way out
    std::string position;       ///< where in the source's log, "file:offset"
};

/// A batch is one chunk, or several when it outgrows the byte budget within one transaction. All chunks of
/// a batch but the last have closes == false.
struct Chunk {
    uint64_t batch = 0;
    uint32_t index = 0;          ///< within the batch, from 0
    Position from;               ///< where the batch began
    uint64_t first_version = 0;  ///< of the batch
    uint64_t last_version = 0;   ///< highest version given out so far in the batch; first_version - 1 if none
    std::vector<Block> blocks;   ///< per table in the order of its versions; none is empty
    std::vector<TableStop> stops;  ///< tables that stopped since the last chunk
    bool closes = false;
    StreamPoint to;                   ///< valid when closes
    std::vector<TableCounts> counts;  ///< by plan id, of the whole batch; valid when closes
    uint32_t last_commit_time = 0;    ///< the source's clock, seconds; 0 when nothing was committed
};

}  // namespace penstock
