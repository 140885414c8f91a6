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
#include "catalog/service_records.h"
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
    static constexpr uint64_t kKeptBatches = 1000;  ///< per pipe, and all of the last
    static constexpr int64_t kKeptBatchesMs = 300'000;

    /// Opens the file, creates it (mode 0600) when missing, and migrates an older one forward. Throws
    /// Error(kUsage) for a file that is damaged, not a catalog, or written by a newer Penstock.
    explicit Catalog(const std::string& path, CatalogOptions options = {});
    ~Catalog();
    Catalog(const Catalog&) = delete;
    Catalog& operator=(const Catalog&) = delete;

    /// Which file this is: another one for each copy, and on a machine that was started anew.
    const std::string& file_identity() const { return file_identity_; }

    // Pipes.
    void create_pipe(const PipeRecord& pipe);  ///< times are set here; a name or id in use is Error(kUsage)
    std::optional<PipeRecord> find_pipe(std::string_view name) const;
    std::optional<PipeRecord> get_pipe(std::string_view pipe_id) const;
    std::vector<PipeRecord> list_pipes() const;  ///< by name, without intakes
    void update_spec(std::string_view pipe_id, std::string_view spec_json);
    void delete_pipe(std::string_view pipe_id);  ///< and all that belongs to it

    /// Stores the transition and sets the pipe's state and reason. Throws when the stored state is not
    /// `from`. A resume state that is not empty is stored with it (lifecycle.h: resume_state_after), and so
    /// is `change`. A name in use is Error(kUsage).
    void record_transition(std::string_view pipe_id, std::string_view from, std::string_view to,
                           std::string_view reason, std::string_view resume_state = {},
                           const PipeChange& change = {});
    /// The same change without a transition.
    void change_pipe(std::string_view pipe_id, const PipeChange& change);
    /// The newest `limit` of those numbered below `before`, oldest first. The first is the creation, whose
    /// `from` is empty. Only the newest kKeptTransitions are there.
    static constexpr uint64_t kKeptTransitions = 1000;
    std::vector<Transition> transitions(std::string_view pipe_id, uint64_t limit = kKeptTransitions,
                                        uint64_t before = UINT64_MAX) const;

    /// Which server the positions belong to (server_uuid, or MariaDB's server id); empty until set.
    void put_source_identity(std::string_view pipe_id, std::string_view identity);
    std::string source_identity(std::string_view pipe_id) const;

    // Intakes: at most one per pipe.
    /// Makes the pipe's resync_wanted `now`, but only while it is `before`: what was asked for meanwhile
    /// stays. False then.
    bool exchange_resync_wanted(std::string_view pipe_id, std::string_view before, std::string_view now);
    /// Also clears resync_wanted, in one step with it and only while it is `taken`.
    void create_intake(std::string_view pipe_id, const IntakeRecord& intake, std::string_view taken);
    std::optional<IntakeRecord> intake_of(std::string_view pipe_id) const;
    void set_merging(std::string_view intake_id);
    /// Removes the intake and all that belongs to it. Versions that it gave out are not given out again; this
    /// does not disturb a batch that the pipe has open, nor a flow of the pipe.
    void drop_intake(std::string_view intake_id);
    /// Makes `tables`, in this order, the pipe's tables: those of the intake come with their schemas,
    /// partitions and counts, those of the pipe that are not named go. No intent may be open on either side,
    /// but where no table of the pipe stays its own is dropped. `intake_id` may be empty.
    /// Versions and batches continue above both; no flow of either may run. With an intake: its tables skip
    /// what the intake's checkpoint holds, which must have reached the pipe's (unless each of them is
    /// stopped), or, when no table of the pipe stays (a stopped one does not count), the pipe goes on from
    /// the intake's checkpoint. The intake is gone afterwards.
    void merge_tables(std::string_view pipe_id, std::string_view intake_id,
                      const std::vector<MergedTable>& tables);

    // Tables and their schemas.
    /// Adds tables with their first schemas.
    void add_tables(std::string_view pipe_id, const std::vector<TableRecord>& tables,
                    const std::vector<SchemaRecord>& schemas);
    /// Replaces the tables of the pipe, with their partitions and schemas, by these.
    void put_tables(std::string_view pipe_id, const std::vector<TableRecord>& tables);
    std::vector<TableRecord> tables(std::string_view pipe_id) const;  ///< by index
    /// Takes the tables out of the flow. Call it before the intent (or checkpoint) of what follows the stop
    /// is stored, so that a replay knows. A table that is stopped already stays as it is.
    void stop_tables(std::string_view pipe_id, const std::vector<StoppedTable>& stops);
    /// A schema already recorded for the same table and position is replaced.
    void put_schema(std::string_view pipe_id, uint32_t table_index, const Position& position,
                    const TableSchema& schema);
    std::vector<SchemaRecord> schemas(std::string_view pipe_id) const;  ///< by table, then as recorded

    // The initial load.
    /// Stores the partitions and (append-only loads) the exact position, and makes the table kLoading; what
    /// was stored of an earlier load of this table goes, its row count becomes 0. In the same step each
    /// partition gets a version of its own, in order, and those are not given out again: all that comes from
    /// the log has higher ones. No flow may run and no batch be open: Error.
    void put_partitions(std::string_view pipe_id, uint32_t table_index,
                        const std::vector<PartitionRecord>& partitions, const Position& exact_position = {});
    /// Where the rows of the table's load go (TableRecord::load_table). Stored before that table is made.
    void put_load_table(std::string_view pipe_id, uint32_t table_index, std::string_view load_table,
                        std::string_view load_uuid = {});
    void put_target_uuid(std::string_view pipe_id, uint32_t table_index, std::string_view uuid);
    std::vector<PartitionRecord> partitions(std::string_view pipe_id, uint32_t table_index) const;
    /// Of each table that has partitions, by index.
    std::vector<LoadSummary> load_summaries(std::string_view pipe_id) const;
    // How far a load is, from here on. It is synced with the next thing that is not of a load: a power cut
    // may take the newest of it, never what is before. A partition that is loaded again then is loaded with
    // the same version.
    /// Counts an attempt and returns its number, from 1. Throws when the partition is done already.
    uint32_t start_partition(std::string_view pipe_id, uint32_t table_index, uint32_t partition);
    /// Marks it done and adds its rows and adjusted values (of this table) to the table's. Throws when it was
    /// done already.
    void finish_partition(std::string_view pipe_id, uint32_t table_index, uint32_t partition, uint64_t rows,
                          const std::vector<AdjustedColumn>& adjusted = {});
    /// kLoading (or kPending, for a table that needs no load) to kLoaded, without a load table. Throws when a
    /// partition is pending.
    void finish_load(std::string_view pipe_id, uint32_t table_index);
    /// Back to kPending without partitions and load table: the load is done again on a clean target.
    void reset_load(std::string_view pipe_id, uint32_t table_index);
    /// These partitions, which are done, are to be loaded again.
    void reopen_partitions(std::string_view pipe_id, uint32_t table_index,
                           const std::vector<uint32_t>& partitions);

    // Positions.
    /// The first version that the pipe (or intake) has given out, whatever its next one is now.
    void put_first_version(std::string_view pipe_id, uint64_t version);
    uint64_t first_version(std::string_view pipe_id) const;  ///< 0 until it is put
    /// Where the log is read from for the first time, stored before anything is loaded.
    void put_start_position(std::string_view pipe_id, const Position& position);
    Position start_position(std::string_view pipe_id) const;  ///< none until it is put
    /// Merges `seen` by a snapshot reader into the newest position that any reader of this pipe has seen.
    /// Synced as what comes after it is.
    void raise_snapshot_high(std::string_view pipe_id, const Position& seen);
    Position snapshot_high_position(std::string_view pipe_id) const;  ///< none until a reader raised it
    void clear_snapshot_high(std::string_view pipe_id);               ///< and what was seen of the log
    /// The files of the source's log that the views of a load have seen, each up to `end`, which lies behind
    /// the checkpoint; one for each file, only `file`, `head` and `end` say something.
    std::vector<LogAnchor> seen_log(std::string_view pipe_id) const;
    /// Adds one, or raises its end. Throws Error(kFailPipe) when the file of that name had another head: the
    /// source was put back meanwhile.
    void raise_seen_log(std::string_view pipe_id, const LogAnchor& seen);
    void clear_seen_log(std::string_view pipe_id);

    // Checkpoint, intent, batches.
    /// Moves the checkpoint without a batch. Neither next_version nor next_batch may go back: Error.
    void put_checkpoint(std::string_view pipe_id, const Checkpoint& checkpoint);
    /// Versions below `version` are not given out any more. No flow may run and no batch be open: Error.
    void raise_next_version(std::string_view pipe_id, uint64_t version);
    /// Its next_version is above what dropped intakes gave out, unless an intent is open.
    std::optional<Checkpoint> checkpoint(std::string_view pipe_id) const;
    void put_intent(std::string_view pipe_id, const Intent& intent);  ///< replaces the pipe's one intent
    std::optional<Intent> intent(std::string_view pipe_id) const;
    /// Moves the checkpoint as put_checkpoint does, removes the intent, adds the batch's statistics and its
    /// tables' counts. The batch is `checkpoint.next_batch - 1`; an intent of another batch is an Error.
    void commit_batch(std::string_view pipe_id, const Checkpoint& checkpoint, const BatchStats& stats);
    /// Newest first.
    std::vector<BatchRecord> batches(std::string_view pipe_id, uint64_t limit = kKeptBatches) const;

    // The destination: catalog_destination.cc.
    DestinationRecord destination_record(std::string_view pipe_id) const;
    void put_destination_life(std::string_view pipe_id, std::string_view server, int64_t life);
    /// Of tables that exist. An empty uuid leaves what is stored.
    void put_target_marks(std::string_view pipe_id, const std::vector<TargetMark>& marks);
    /// Every row that was given out up to `version` is on the destination's disks.
    void put_safe_version(std::string_view pipe_id, uint64_t version);
    /// The tables are incomplete from now on until the checkpoint has passed `repair.until`.
    void begin_repair(std::string_view pipe_id, const Repair& repair,
                      const std::vector<IncompleteTable>& tables);
    /// Puts the checkpoint forward to where the destination is, at its turn, with no batch open.
    void adopt_checkpoint(std::string_view pipe_id, const Checkpoint& checkpoint, uint64_t turn);
    /// Puts the checkpoint back to the end of a batch, and begins to repair the tables up to what was given
    /// out since, which is the open batch from now on. False, and nothing is changed, where no batch that
    /// ended so early is kept, or the versions of what the log gives since then depend on something that
    /// changed meanwhile.
    bool rewind(std::string_view pipe_id, const Rewind& back);

    // The service process: services, scaling, API keys, facts, sealed secrets.
    int64_t now() const;  ///< the clock by which the catalog sets its times
    /// Inserts, or replaces the one of this id. A name that another service has is Error(kUsage).
    void put_service(const ServiceRecord& service);
    std::vector<ServiceRecord> services() const;  ///< by name
    std::optional<ServiceRecord> get_service(std::string_view service_id) const;
    /// And its scaling. Error(kUsage) while a pipe belongs to it.
    void delete_service(std::string_view service_id);
    uint64_t count_pipes(std::string_view service_id) const;                       ///< without intakes
    void put_cdc_scaling(std::string_view service_id, const CdcScaling& scaling);  ///< of any service
    std::optional<CdcScaling> cdc_scaling(std::string_view service_id) const;  ///< nothing until it is put
    void add_api_key(const ApiKeyRecord& key);
    std::vector<ApiKeyRecord> api_keys() const;  ///< oldest first
    std::optional<ApiKeyRecord> get_api_key(std::string_view key_id) const;
    void revoke_api_key(std::string_view key_id);  ///< the time of the first revocation stays
    std::optional<std::string> fact(std::string_view name) const;
    void put_fact(std::string_view name, std::string_view value);
    /// Stores `value` unless the fact has one already; returns the value that is in force.
    std::string put_fact_if_absent(std::string_view name, std::string_view value);
    uint64_t count_sealed() const;  ///< sealed texts of pipes and services
    /// What becomes of a sealed text. The context is "pipe/ID/password" or "service/ID/password".
    using Reseal = std::function<std::string(const std::string& context, const std::string& sealed)>;
    /// Replaces every sealed text by what `reseal_one` makes of it, and stores a fact, in one transaction:
    /// when it throws nothing has changed. It must not call the catalog. Returns how many there are.
    uint64_t reseal(const Reseal& reseal_one, std::string_view fact_name, std::string_view fact_value);
    /// Rewrites the file without what deleted and replaced rows left in its free space, and empties the
    /// write-ahead log as far as readers in other processes let it. Nothing that is stored changes.
    void erase_remains();

  private:
    class Read;   // session.h: the lock and the file for the length of a method
    class Write;  // the same as a transaction

    template <typename Transaction>
    static void apply(Transaction& write, std::string_view pipe_id, const PipeChange& change);

    CatalogOptions options_;
    mutable std::mutex mutex_;  // guards database_
    std::unique_ptr<Database> database_;
    std::string file_identity_;
};

}  // namespace penstock
