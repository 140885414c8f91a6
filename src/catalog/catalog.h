#pragma once
// The durable state of all pipes of one data directory: one SQLite file, written with WAL and
// synchronous=FULL, so that what a call stored has survived a power cut when the call returns.

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/records.h"
#include "model/position.h"
#include "model/table_schema.h"

namespace penstock {

class Database;

/// A random UUID (version 4) in text form.
std::string make_uuid();

/// What tests replace.
struct CatalogOptions {
    std::function<int64_t()> now{};         ///< ms since 1970-01-01 UTC; default: the system clock
    std::function<void()> before_commit{};  ///< called inside each write, just before it becomes durable
};

/// All methods may be called from any thread; each is one transaction: it happens fully or it throws Error
/// and nothing changed. Disposition: kRetry when the file is locked or the disk is full, else kFailPipe;
/// naming a pipe, table or partition that does not exist is kFailPipe. Positions are stored in their text
/// form. Owned by whoever opened it; the process holds a DataDirectoryLock while it writes.
class Catalog {
  public:
    static constexpr uint64_t kKeptBatches = 1000;  ///< per pipe

    /// Opens the file, creates it (mode 0600) when missing, and migrates an older one forward. Throws
    /// Error(kUsage) for a file that is damaged, not a catalog, or written by a newer Penstock.
    explicit Catalog(const std::string& path, CatalogOptions options = {});
    ~Catalog();
    Catalog(const Catalog&) = delete;
    Catalog& operator=(const Catalog&) = delete;

    // Pipes.
    void create_pipe(const PipeRecord& pipe);  ///< times are set here; a name or id in use is Error(kUsage)
    std::optional<PipeRecord> find_pipe(std::string_view name) const;
    std::optional<PipeRecord> get_pipe(std::string_view pipe_id) const;
    std::vector<PipeRecord> list_pipes() const;  ///< by name
    void update_spec(std::string_view pipe_id, std::string_view spec_json);
    void delete_pipe(std::string_view pipe_id);  ///< and all that belongs to it

    /// Stores the transition and sets the pipe's state and reason. Throws when the stored state is not
    /// `from`. A resume state that is not empty is stored with it (lifecycle.h: resume_state_after).
    void record_transition(std::string_view pipe_id, std::string_view from, std::string_view to,
                           std::string_view reason, std::string_view resume_state = {});
    std::vector<Transition> transitions(std::string_view pipe_id) const;  ///< oldest first

    /// Which server the positions belong to (server_uuid, or MariaDB's server id); empty until set.
    void put_source_identity(std::string_view pipe_id, std::string_view identity);
    std::string source_identity(std::string_view pipe_id) const;

    // Tables and their schemas.
    /// Replaces the tables of the pipe, with their partitions and schemas, by these.
    void put_tables(std::string_view pipe_id, const std::vector<TableRecord>& tables);
    std::vector<TableRecord> tables(std::string_view pipe_id) const;  ///< by index
    /// A schema already recorded for the same table and position is replaced.
    void put_schema(std::string_view pipe_id, uint32_t table_index, const Position& position,
                    const TableSchema& schema);
    std::vector<SchemaRecord> schemas(std::string_view pipe_id) const;  ///< by table, then as recorded

    // The initial load.
    /// Stores the partitions, the version and (append-only loads) the exact position, and makes the table
    /// kLoading; what was stored of an earlier load of this table goes, its row count becomes 0.
    void put_partitions(std::string_view pipe_id, uint32_t table_index,
                        const std::vector<PartitionRecord>& partitions, uint64_t snapshot_version,
                        const Position& exact_position = {});
    std::vector<PartitionRecord> partitions(std::string_view pipe_id, uint32_t table_index) const;
    /// A skewed range is split again: `replaced`, which is not done yet, becomes done with 0 rows and `parts`
    /// (with indexes of their own) take its place.
    void split_partition(std::string_view pipe_id, uint32_t table_index, uint32_t replaced,
                         const std::vector<PartitionRecord>& parts);
    /// Counts an attempt and returns its number, from 1. Throws when the partition is done already.
    uint32_t start_partition(std::string_view pipe_id, uint32_t table_index, uint32_t partition);
    /// Marks it done and adds its rows and adjusted values to the table's. Throws when it was done already.
    void finish_partition(std::string_view pipe_id, uint32_t table_index, uint32_t partition, uint64_t rows,
                          uint64_t adjusted = 0);
    /// kLoading (or kPending, for a table that needs no load) to kLoaded. Throws when a partition is pending.
    void finish_load(std::string_view pipe_id, uint32_t table_index);
    /// Back to kPending without partitions: the load is done again on a clean target.
    void reset_load(std::string_view pipe_id, uint32_t table_index);

    // Positions.
    /// Where the log is read from for the first time, stored before anything is loaded.
    void put_start_position(std::string_view pipe_id, const Position& position);
    Position start_position(std::string_view pipe_id) const;  ///< none until it is put
    /// Merges `seen` by a snapshot reader into the newest position that any reader of this pipe has seen.
    void raise_snapshot_high(std::string_view pipe_id, const Position& seen);
    Position snapshot_high_position(std::string_view pipe_id) const;  ///< none until a reader raised it
    void clear_snapshot_high(std::string_view pipe_id);

    // Checkpoint, intent, batches.
    /// Moves the checkpoint without a batch. Neither next_version nor next_batch may go back: Error.
    void put_checkpoint(std::string_view pipe_id, const Checkpoint& checkpoint);
    std::optional<Checkpoint> checkpoint(std::string_view pipe_id) const;
    void put_intent(std::string_view pipe_id, const Intent& intent);  ///< replaces the pipe's one intent
    std::optional<Intent> intent(std::string_view pipe_id) const;
    /// Moves the checkpoint as put_checkpoint does, removes the intent, adds the batch's statistics and its
    /// tables' counts. The batch is `checkpoint.next_batch - 1`; an intent of another batch is an Error.
    void commit_batch(std::string_view pipe_id, const Checkpoint& checkpoint, const BatchStats& stats);
    /// Newest first.
    std::vector<BatchRecord> batches(std::string_view pipe_id, uint64_t limit = kKeptBatches) const;

  private:
    class Read;   // session.h: the lock and the file for the length of a method
    class Write;  // the same as a transaction

    CatalogOptions options_;
    mutable std::mutex mutex_;  // guards database_
    std::unique_ptr<Database> database_;
};

}  // namespace penstock
