#pragma once
// From binlog events to batches: transactions, versions, rows per table. Pure: no I/O, no threads, no clock.
//
// Versions and cuts depend only on the stream since the start point, the byte budget of each batch and the
// moments at which the caller closes batches. A batch replayed after a crash is cut at the same places (see
// Replay), so its blocks carry the same versions and the same deduplication tokens.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "batch/chunk.h"
#include "batch/undone_rows.h"
#include "decode/binlog_event.h"
#include "decode/binlog_row.h"
#include "decode/statement.h"
#include "model/block_pool.h"
#include "model/name_fold.h"
#include "model/table_plan.h"

namespace penstock {

/// A batch whose insert began before a crash. It is not closed before the row change `last_version`, and is
/// closed at the first commit edge after it.
struct Replay {
    uint64_t last_version = 0;
    size_t block_bytes = 0;  ///< the byte budget in force then
};

struct MappedTable {
    const TablePlan* plan = nullptr;
    /// Changes at or before this position are in the table's snapshot already and give no rows (append-only
    /// targets); none when the target converges by versions.
    Position loaded_until{};
    /// Nothing at or before this position concerns the table, statements neither; none when all does.
    Position joined{};
    /// The table was stopped: nothing of it from this version on is applied.
    std::optional<uint64_t> stopped_from{};
};

/// A transaction that XA PREPARE has put into the log before XA COMMIT decided it. Its rows are not kept:
/// whoever feeds the batcher reads them again from the log when they are wanted.
struct PreparedTransaction {
    std::string xid;     ///< as XaPrepareEvent has it
    FilePosition start;  ///< of its group in the log; no file: not known, prepared before the stream began
    bool operator==(const PreparedTransaction&) const = default;
};

class ChangeBatcher {
  public:
    /// `start.position` decides the position's kind. Tables and savepoints are found by their names as
    /// `names` compares them. Plans and pool, the place of blocks that were inserted (null: none), outlive
    /// the batcher; ids are indexes into `tables`.
    ChangeBatcher(std::vector<MappedTable> tables, StreamPoint start, size_t block_bytes,
                  std::optional<Replay> replay, NameRules names, BlockPool* pool = nullptr);
    ~ChangeBatcher();

    /// From the last event fed on, or from the start, places of the stream are exact, and all that the log of
    /// this server (ServerInfo::identity()) has before them is in the position. So positions carry their
    /// place, and commit edges an anchor; until this is called, neither. Between two transactions only.
    void keep_places(const std::string& server);
    bool keeps_places() const { return !server_.empty(); }

    /// Takes the next event of the stream. A transaction whose GTID the position (MySQL) holds is passed
    /// over: a stream by file may begin before it. What concerns one table (a schema that differs from the
    /// recorded one, a value that its target cannot hold, a statement that Penstock does not apply) stops
    /// that table alone: the next chunk tells, see TableStop. Throws Error for what concerns the whole stream
    /// (a damaged log, an incident), and for a stop inside of what is replayed that was not there the first
    /// time: the rows after it would get other versions. After that the batcher is of no use.
    void feed(const Event& event, const EventHeader& header);

    /// XA COMMIT has come, and the rows that it commits are needed now: feed the events of the group to
    /// feed_prepared, then call end_prepared, before the next feed. When they cannot be read any more, call
    /// lose_prepared instead: which tables they concern is not known, so every table stops.
    const std::optional<PreparedTransaction>& wanted() const { return wanted_; }
    /// Where the XA COMMIT begins: a group that is searched for lies before it.
    FilePosition wanted_before() const { return {log_file_, event_start_}; }
    void feed_prepared(const Event& event);
    void end_prepared();
    void lose_prepared(const Error& why);

    /// Rows of the open group do not stay in memory, and the log may take them back behind: before the next
    /// feed or feed_prepared, give UndoneRows the events of the group from its begin to its end, and the
    /// batcher what that found out. (Without it a table whose rows are taken back from what was handed over
    /// stops.)
    bool wants_undone() const { return wants_undone_; }
    void take_undone(UndoneRows undone);
    /// Where the open group begins, unless it is one that was prepared (wanted), and the digest of its first
    /// event.
    const FilePosition& group_start() const { return group_start_; }
    uint64_t group_head() const { return group_head_; }

    /// The open batch's rows have reached the byte budget: take(false) or, at a commit edge, take(true).
    bool budget_reached() const { return open_bytes_ >= block_bytes_; }
    /// The byte budget in force; goes into the intent so that a replay cuts alike. One batch has one.
    size_t block_bytes() const { return block_bytes_; }
    /// Another byte budget: of the open batch while it has no rows, else from the next one on.
    void set_block_bytes(size_t block_bytes);
    /// No transaction is open: the batch may close here.
    bool at_commit_edge() const { return !in_transaction_; }
    /// Row changes in the open batch.
    uint64_t open_rows() const { return next_version_ - batch_first_version_; }
    /// When the newest transaction was committed, by the source's clock, in Unix seconds; 0 before the first.
    uint32_t last_commit_time() const { return last_commit_time_; }
    /// The position moved since the last close.
    bool moved() const { return moved_; }
    /// Replaying: close only when this says so (must_close_now), whatever the clock or row count say.
    bool replaying() const { return replay_.has_value(); }
    bool must_close_now() const {
        return replay_.has_value() && at_commit_edge() && next_version_ > replay_->last_version;
    }

    /// Hands over the open blocks. `close` (only at a commit edge) ends the batch.
    Chunk take(bool close);

    /// No table is left that anything is applied to.
    bool all_stopped() const { return flowing_ == 0; }

    /// The last commit edge.
    const Position& position() const { return position_; }
    /// For messages: where in the source's log the last event ended, as "file:offset".
    std::string log_coordinates() const;

  private:
    struct Table;
    struct MapEntry;

    void handle(const FormatDescriptionEvent& event);
    void handle(const RotateEvent& event);
    void handle(const GtidEvent& event);
    void handle(const MariadbGtidEvent& event);
    void handle(const MariadbGtidListEvent& event);
    void handle(const PreviousGtidsEvent& event);
    void handle(const TableMapEvent& event);
    void handle(const RowsEvent& event);
    void handle(const QueryEvent& event);
    void handle(const XidEvent& event);
    void handle(const XaPrepareEvent& event);
    void handle(const IncidentEvent& event);
    template <typename Other>
    void handle(const Other&) {}

    void advance_log_offset(const Event& event, const EventHeader& header);
    void begin();
    void move_place();
    void anchor_here(uint64_t start);
    /// Between two transactions, also in front of the first event of the next.
    bool between_transactions() const { return !in_transaction_ && !gtid_ && !mariadb_gtid_; }
    void commit();
    void cut_block(Table& table);
    void commit_prepared(const std::string& xid);
    bool is_only_prepared() const { return preparing_ && !wanted_; }
    void stop_changed_tables();
    struct Savepoint;
    void set_savepoint(const std::string& name);
    void roll_back_to(const std::string& name);
    void roll_back_to(const Savepoint& savepoint);
    void roll_back_group();
    void roll_back_to_begin();
    void forget_undone(uint64_t version, uint64_t event);
    void restart_counting();
    /// Brings open_bytes_ up to date with the table's block.
    void measure(Table& table);
    bool is_full(const Table& table) const;
    void cut_if_full(Table& table);
    bool is_undone() const { return undone_ && undone_->find(events_ - group_event_) != nullptr; }
    /// Its rows may be taken back, and nobody has looked yet.
    bool may_be_undone() const { return in_transaction_ && !only_rows_ && !undone_; }
    const BinlogRowDecoder* decoder_of(MapEntry& entry, size_t target);
    void append_rows(Table& table, const BinlogRowDecoder& decoder, const RowsEvent& event);
    bool append_row(Table& table, const BinlogRowDecoder& decoder, const RowsEvent& event, ByteReader& rows);
    void check_statement(const LogStatement& statement, const QueryEvent& event);
    void stop_reached(const QueryEvent& event);
    /// The table is another one after them, or may be.
    bool changes(const std::vector<ColumnChange>& columns, const TableSchema& table) const;
    /// Takes the table out of the flow, with the error as its reason. `of_rows`: of the event's rows or what
    /// the log says of their columns, so that it is undone with them.
    void stop(Table& table, const Error& error, bool of_rows);
    void stop(Table& table, const std::string& message, const std::string& hint);
    /// Nothing of the table is applied now: it is stopped, or the transaction is in its load already.
    bool passes_over(Table& table);
    Error error(const std::string& message, const std::string& hint) const;
    [[noreturn]] void fail(const std::string& message, const std::string& hint) const;
    /// The mapped tables fed by a source table: more than one when it has several targets.
    const std::vector<Table*>& find_tables(std::string_view database, std::string_view table) const;
    bool transaction_is_within(const Position& until) const;

    std::vector<std::unique_ptr<Table>> tables_;
    std::unordered_map<std::string, std::vector<Table*>> by_name_;
    std::vector<Table*> changed_;        // in the open transaction
    std::vector<Table*> partly_loaded_;  // those whose position decides; a pipe may have thousands without
    static constexpr size_t kMostMaps = 2000;               // kept beyond the statement that they came for
    std::unordered_map<uint64_t, MapEntry> maps_;           // by the log's table id
    std::unordered_map<uint64_t, MapEntry> prepared_maps_;  // the stream's own while rows are read again
    NameRules names_;
    size_t next_block_bytes_;  // of the next batch
    size_t block_bytes_;       // in force; while replaying the one of then
    std::optional<Replay> replay_;
    uint32_t event_time_ = 0;  // of the last event

    Position position_;     // last commit edge
    std::string log_file_;  // where the stream is, whatever the position's kind
    uint64_t log_offset_ = 0;
    bool in_transaction_ = false;
    uint64_t event_start_ = 0;  // of the last event, in log_file_

    // The place, as far as it is certain: see keep_places.
    std::string server_;         // empty: it is not
    LogAnchor anchor_;           // of position_
    uint64_t event_digest_ = 0;  // of the last event
    bool is_logged_ = false;     // the last event is one of the log itself
    uint64_t head_ = 0;          // of the format description
    uint64_t group_digest_ = 0;  // of the events since group_start_
    bool passing_over_ = false;  // the transaction is in position_ already

    // XA. The rows of a prepared transaction are passed over, whether it will be committed or not; where its
    // group lies is remembered as long as the process lives, after that it is searched for.
    struct Prepared {
        FilePosition start;
        bool changes = false;  // of mapped tables
    };
    static constexpr size_t kMostPrepared = 100'000;
    std::unordered_map<std::string, Prepared> prepared_;  // by xid
    FilePosition group_start_;
    bool preparing_ = false;          // in a group that ends with an XA PREPARE
    bool preparing_changes_ = false;  // it has changes of mapped tables
    std::optional<PreparedTransaction> wanted_;

    bool ends_with_statement_ = false;  // MariaDB standalone GTID: the next query commits
    std::optional<GtidEvent> gtid_;
    std::optional<MariadbGtidEvent> mariadb_gtid_;
    uint32_t last_commit_time_ = 0;

    uint64_t next_version_;
    uint64_t batch_;
    uint64_t batch_first_version_;
    Position batch_from_;
    bool moved_ = false;
    uint32_t chunk_index_ = 0;
    size_t open_bytes_ = 0;
    std::vector<Block> full_blocks_;  // of the next chunk, cut before it is
    std::vector<TableCounts> counts_;
    struct OpenStop {
        TableStop stop;
        bool of_rows = false;
        uint64_t event = 0;               // where, as events_
        std::optional<Error> unexpected;  // it was not there the first time: unless it is undone
    };
    std::vector<OpenStop> stops_;  // since the last chunk
    size_t flowing_ = 0;           // tables that are not stopped

    // What the log takes back. Small groups are undone in memory: savepoints and the begin of the group are
    // marks in the blocks. Before anything is cut from its block, undone_ is asked for.
    uint64_t events_ = 0;       // rows events and statements so far
    uint64_t group_event_ = 0;  // events_ at the begin of the open group
    uint64_t group_version_ = 0;
    uint64_t group_head_ = 0;     // digest of its first event
    bool only_rows_ = false;      // what MySQL does not log as statements it does not take back
    bool group_is_whole_ = true;  // no row of it has left its block
    bool wants_undone_ = false;
    std::optional<UndoneRows> undone_;

    struct Savepoint {
        struct Place {
            Table* table = nullptr;
            Block::Mark mark;
            bool changed = false;
            uint64_t inserted = 0, updated = 0, deleted = 0;
        };
        std::string name;  // folded
        uint64_t version;
        uint64_t event;             // as events_
        std::vector<Place> places;  // tables that are not here had no rows in the open batch
    };
    static constexpr size_t kMostSavepoints = 256;
    std::deque<Savepoint> savepoints_;  // of the open transaction, oldest first

    BlockPool* pool_;
    RowImage before_, after_;
    Block::Mark mark_;
};

}  // namespace penstock
