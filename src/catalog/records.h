#pragma once
// What the catalog stores, as plain values. Times are milliseconds since 1970-01-01 UTC.

#include <cstdint>
#include <string>
#include <vector>

#include "model/position.h"
#include "model/table_schema.h"

namespace penstock {

/// A pipe. The catalog treats the states as names; pipe/lifecycle.h gives them their meaning.
struct PipeRecord {
    std::string id{};            ///< UUID text, unique; see make_uuid()
    std::string name{};          ///< unique
    std::string spec_json{};     ///< the pipe as JSON, without credentials.password
    std::string state{};         ///< "Provisioning", "Running", ...
    std::string state_reason{};  ///< why it is in this state; the error line when Failed
    std::string resume_state{};  ///< the state that a start returns to; empty until a transition sets it
    int64_t created_at = 0;      ///< set by create_pipe
    int64_t updated_at = 0;      ///< set by every change of the pipe's row
};

struct Transition {
    uint64_t number = 0;  ///< grows by one per pipe, from 1
    std::string from{}, to{}, reason{};
    int64_t time = 0;
};

/// How far the initial load of a table is. The numbers are stored: never renumber.
enum class LoadState : uint8_t {
    kPending = 1,  ///< no partitions yet
    kLoading = 2,  ///< partitions are stored, some are not done
    kLoaded = 3,   ///< all partitions are done, or the pipe's mode loads nothing
};

/// Row changes of one table. `adjusted` counts values that a policy changed (InvalidDatePolicy, tinyint(1)).
struct RowCounts {
    uint64_t inserted = 0, updated = 0, deleted = 0, adjusted = 0;
    bool operator==(const RowCounts&) const = default;
};

struct TableRecord {
    uint32_t table_index = 0;  ///< TablePlan::id, the place in PipeSpec::mappings
    std::string target_table{};
    LoadState load_state = LoadState::kPending;
    Position exact_position{};      ///< changes at or before it are in the load already; none: not exact
    uint64_t snapshot_version = 0;  ///< the version that all loaded rows carry
    uint64_t rows_loaded = 0;       ///< rows of finished partitions
    RowCounts counts{};             ///< from the log (batches) since the pipe began; adjusted: the load's too
};

/// A table's definition, valid for changes after `position` until the next recorded one.
struct SchemaRecord {
    uint32_t table_index = 0;
    Position position{};
    TableSchema schema{};
};

/// The numbers are stored: never renumber.
enum class PartitionState : uint8_t { kPending = 1, kDone = 2 };

struct PartitionRecord {
    uint32_t index = 0;       ///< from 0 within its table
    std::string predicate{};  ///< the WHERE condition; empty: the whole table
    uint64_t estimated_rows = 0;
    PartitionState state = PartitionState::kPending;
    uint64_t rows = 0;      ///< rows read, once done
    uint32_t attempts = 0;  ///< times it was started
    bool operator==(const PartitionRecord&) const = default;
};

/// Everything before `position` is acknowledged by ClickHouse; the next change takes `next_version`, the
/// next batch `next_batch`.
struct Checkpoint {
    Position position{};
    uint64_t next_version = 0;
    uint64_t next_batch = 0;
    bool operator==(const Checkpoint&) const = default;
};

/// A batch that may be partly inserted. After a crash the log is read again from `from` and the blocks are
/// cut in the same way, so that they carry the same tokens.
struct Intent {
    uint64_t batch = 0;
    Position from{};
    uint64_t first_version = 0;
    uint64_t last_version = 0;  ///< inclusive; the end of the batch once closed, else of the reserved range
    uint64_t block_bytes = 0;   ///< the byte budget by which blocks were cut
    bool closed = false;        ///< the end of the batch is known
    bool operator==(const Intent&) const = default;
};

struct TableBatchCounts {
    uint32_t table_index = 0;
    RowCounts counts{};
    bool operator==(const TableBatchCounts&) const = default;
};

/// What a finished batch did.
struct BatchStats {
    int64_t started_at = 0;   ///< when its first change was read
    int64_t finished_at = 0;  ///< when its last block was acknowledged
    uint64_t blocks = 0;
    uint64_t bytes = 0;  ///< of the blocks before compression
    std::vector<TableBatchCounts> tables{};
};

/// A finished batch as listed: the newest Catalog::kKeptBatches are kept.
struct BatchRecord {
    uint64_t batch = 0;
    Position to{};              ///< the checkpoint after it
    uint64_t next_version = 0;  ///< likewise
    int64_t started_at = 0, finished_at = 0;
    uint64_t blocks = 0, bytes = 0;
    RowCounts counts{};  ///< the sum over its tables
};

}  // namespace penstock
