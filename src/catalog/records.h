#pragma once
// What the catalog stores, as plain values. Times are milliseconds since 1970-01-01 UTC.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/log_anchor.h"
#include "model/position.h"
#include "model/table_schema.h"

namespace penstock {

/// A pipe. The catalog treats the states as names; pipe/lifecycle.h gives them their meaning.
struct PipeRecord {
    std::string id{};               ///< UUID text, unique; see make_uuid()
    std::string name{};             ///< unique
    std::string spec_json{};        ///< the pipe as JSON, without credentials.password
    std::string state{};            ///< "Provisioning", "Running", ...
    std::string state_reason{};     ///< why it is in this state; the error line when Failed
    std::string resume_state{};     ///< the state that a start returns to; empty until a transition sets it
    std::string service_id{};       ///< the service it belongs to; empty for a pipe of `penstock run`
    std::string sealed_password{};  ///< of the source; empty for a pipe of `penstock run`
    /// What a resync is to load anew, as pipe/resync_wanted.h writes it; empty for nothing.
    std::string resync_wanted{};
    int64_t created_at = 0;  ///< set by create_pipe
    int64_t updated_at = 0;  ///< set by every change of the pipe's row
};

/// Why an intake exists. The numbers are stored: never renumber.
enum class IntakePurpose : uint8_t {
    kAdd = 1,     ///< tables that are new to the pipe
    kResync = 2,  ///< new targets for tables that the pipe has
};

/// Tables that are on their way into a pipe, loaded and followed apart until they are level with it. Held as
/// a pipe of its own (tables, checkpoint, intent under its own id) that no list of pipes shows.
struct IntakeRecord {
    std::string id{};  ///< takes the place of a pipe id in every method
    IntakePurpose purpose = IntakePurpose::kAdd;
    std::string mappings_json{};  ///< as in the pipe's own description, targets included
    bool merging = false;         ///< its tables are being put in place: nothing else may happen before that
};

/// What a command changes with its transition; what is not given stays.
struct PipeChange {
    std::optional<std::string> name{}, spec_json{}, sealed_password{}, resync_wanted{};
};

/// A table of a pipe as it will be after a merge.
struct MergedTable {
    bool from_intake = false;
    uint32_t table_index = 0;  ///< where it is now, in the pipe or in the intake
    std::string target_table{};
    std::string mapping_json{};
    /// Of a table of the pipe whose new target could not be loaded: it stays, stopped for this reason in
    /// place of an older one. Else empty.
    std::string stop_reason{};
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

/// Values of one column that a policy changed.
struct AdjustedColumn {
    uint32_t table_index = 0;
    std::string column{};
    uint64_t values = 0;
    bool operator==(const AdjustedColumn&) const = default;
};

struct TableRecord {
    uint32_t table_index = 0;  ///< TablePlan::id
    std::string target_table{};
    std::string mapping_json{};  ///< its mapping as in the pipe's description, target_table included
    LoadState load_state = LoadState::kPending;
    Position exact_position{};   ///< changes at or before it are in the load already; none: not exact
    Position joined_position{};  ///< nothing of the log at or before it concerns the table; none: all does
    std::string target_uuid{};   ///< of the ClickHouse table that holds its rows; empty: not known
    int64_t last_block = -1;     ///< the newest block of rows seen in it (TargetState); -1: none, not known
    /// Rows from this version on, up to Repair::until, may be missing from its target; 0: none.
    uint64_t incomplete_from = 0;
    uint64_t snapshot_version = 0;  ///< the lowest of the load's partitions
    /// The table that the load under way writes to instead of the target, whose place it takes at the end; or
    /// one that is still to be dropped. Empty: none.
    std::string load_table{};
    std::string load_uuid{};   ///< of that table, once it is made
    uint64_t rows_loaded = 0;  ///< rows of finished partitions
    RowCounts counts{};        ///< from the log (batches) since the pipe began; adjusted: the load's too
    std::vector<AdjustedColumn> adjusted_columns{};  ///< counts.adjusted by column; filled by tables() only
    /// Why the table is out of the flow, as one line; empty while it is in it. Only a resync, which puts a
    /// new table in its place, brings it back.
    std::string stop_reason{};
    std::string stop_position{};  ///< where in the source's log, "file:offset"; empty: in its load
    uint64_t stopped_from = 0;    ///< nothing of it with this version or a higher one is applied
    int64_t stopped_at = 0;       ///< set by stop_tables

    /// The ClickHouse table of this UUID is the target: at the end of a load it is replaced before that is
    /// stored.
    bool is_target(const std::string& uuid) const {
        return !uuid.empty() && (uuid == target_uuid || uuid == load_uuid);
    }
    bool stopped() const { return !stop_reason.empty(); }
    /// Stopped before all its rows were loaded.
    bool stopped_in_load() const { return stopped() && load_state != LoadState::kLoaded; }
};

/// What was seen of a table's target when all that was sent to it was acknowledged.
struct TargetMark {
    uint32_t table_index = 0;
    std::string uuid{};
    int64_t last_block = -1;  ///< see TargetState
    bool operator==(const TargetMark&) const = default;
};

/// Versions that were sent to the destination before, and that the log gives once more. A table has those
/// below its `incomplete_from`; of the others each row is looked for before it is sent again.
struct Repair {
    uint64_t until = 0;  ///< 0: nothing is repaired
    std::string salt{};  ///< makes the tokens of its blocks others than those of the first time
};

/// What a pipe, or intake, knows of itself and its destination, so that each can tell when the other was put
/// back to an older state.
struct DestinationRecord {
    std::string ledger_id{};    ///< under which the destination's ledger has it
    uint64_t turn = 0;          ///< grows with every change of the checkpoint or the tables
    uint64_t tables_turn = 0;   ///< the turn of the last change that the versions of the log depend on
    std::string server{};       ///< that was last spoken to (TargetStates)
    int64_t life = 0;           ///< TargetStates::life, 0: none
    uint64_t safe_version = 0;  ///< what was inserted up to here outlives a power cut of the server
    Repair repair{};
};

struct IncompleteTable {
    uint32_t table_index = 0;
    uint64_t from_version = 1;  ///< TableRecord::incomplete_from, where that is not lower already
};

/// How far a checkpoint goes back, and what is repaired from there.
struct Rewind {
    uint64_t from_version = 0;   ///< the first that is missing
    int64_t margin_ms = 0;       ///< so much longer ago a batch has to have ended to go back to its end
    bool start_is_safe = false;  ///< the targets hold what they held where the pipe began
    std::vector<IncompleteTable> tables{};
    std::string salt{};
    std::vector<TargetMark> marks{};
    uint64_t block_bytes = 0;
    bool as_far_as_kept = false;  ///< where no such batch is kept, to the oldest that is
};

/// A table that leaves the flow: see TableRecord.
struct StoppedTable {
    uint32_t table_index = 0;
    std::string reason{};  ///< not empty
    std::string position{};
    uint64_t from_version = 0;
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
    /// That its rows carry, and no others of the table: set by put_partitions. Those of a load that an older
    /// Penstock began have one version together.
    uint64_t version = 0;
    bool operator==(const PartitionRecord&) const = default;
};

/// The partitions of one table in numbers.
struct LoadSummary {
    uint32_t table_index = 0;
    uint64_t partitions = 0, partitions_done = 0;
    uint64_t estimated_rows = 0;
    bool operator==(const LoadSummary&) const = default;
};

/// Everything before `position` is acknowledged by ClickHouse; the next change takes `next_version`, the
/// next batch `next_batch`.
struct Checkpoint {
    Position position{};
    uint64_t next_version = 0;
    uint64_t next_batch = 0;
    LogAnchor anchor{};  ///< of the position; none: the log has not been read from a proved place yet
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
    std::vector<AdjustedColumn> adjusted_columns{};  ///< of all its tables
    uint64_t first_version = 0;                      ///< of the batch
    std::vector<TargetMark> marks{};                 ///< of the targets that it wrote to
};

/// A finished batch as listed: the newest Catalog::kKeptBatches are kept.
struct BatchRecord {
    uint64_t batch = 0;
    Position to{};              ///< the checkpoint after it
    uint64_t next_version = 0;  ///< likewise
    int64_t started_at = 0, finished_at = 0;
    uint64_t blocks = 0, bytes = 0;
    RowCounts counts{};  ///< the sum over its tables
    LogAnchor anchor{};  ///< of the checkpoint
};

}  // namespace penstock
