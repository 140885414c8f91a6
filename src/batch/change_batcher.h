#pragma once
// From binlog events to batches: transactions, versions, rows per table. Pure: no I/O, no threads, no clock.
//
// Versions and cuts depend only on the stream since the start point, `block_bytes` and the moments at which
// the caller closes batches. A batch replayed after a crash is cut at the same places (see Replay), so its
// blocks carry the same versions and the same deduplication tokens.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "batch/chunk.h"
#include "decode/binlog_event.h"
#include "decode/binlog_row.h"
#include "decode/statement.h"
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
    Position loaded_until;
};

class ChangeBatcher {
  public:
    /// `start.position` decides the position's kind. Tables are found by (database, table), exactly, or in
    /// lower case when `lower_case_names`. Plans outlive the batcher; ids are indexes into `tables`.
    ChangeBatcher(std::vector<MappedTable> tables, StreamPoint start, size_t block_bytes,
                  std::optional<Replay> replay, bool lower_case_names);
    ~ChangeBatcher();

    /// Takes the next event of the stream. Throws Error: damaged rows, a schema that differs from the
    /// recorded one, a statement on a mapped table that Penstock does not apply; after that the batcher is
    /// of no use.
    void feed(const Event& event, const EventHeader& header);

    /// The open batch's rows have reached the byte budget: take(false) or, at a commit edge, take(true).
    bool budget_reached() const { return open_bytes_ >= block_bytes_; }
    /// The byte budget in force; goes into the intent so that a replay cuts alike.
    size_t block_bytes() const { return block_bytes_; }
    /// No transaction is open: the batch may close here.
    bool at_commit_edge() const { return !in_transaction_; }
    /// Row changes in the open batch.
    uint64_t open_rows() const { return next_version_ - batch_first_version_; }
    /// The position moved since the last close.
    bool moved() const { return moved_; }
    /// Replaying: close only when this says so (must_close_now), whatever the clock or row count say.
    bool replaying() const { return replay_.has_value(); }
    bool must_close_now() const {
        return replay_.has_value() && at_commit_edge() && next_version_ > replay_->last_version;
    }

    /// Hands over the open blocks. `close` (only at a commit edge) ends the batch.
    Chunk take(bool close);

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
    void handle(const TableMapEvent& event);
    void handle(const RowsEvent& event);
    void handle(const QueryEvent& event);
    void handle(const XidEvent& event);
    void handle(const XaPrepareEvent& event);
    void handle(const IncidentEvent& event);
    template <typename Other>
    void handle(const Other&) {}

    void advance_log_offset(const Event& event);
    void begin();
    void commit();
    void append_rows(Table& table, const BinlogRowDecoder& decoder, const RowsEvent& event);
    void check_statement(const Statement& statement, std::string_view query, std::string_view database);
    [[noreturn]] void fail(const std::string& message, const std::string& hint, const Table* table) const;
    /// The mapped tables fed by a source table: more than one when it has several targets.
    const std::vector<Table*>& find_tables(std::string_view database, std::string_view table) const;
    bool transaction_is_loaded(const Table& table) const;

    std::vector<std::unique_ptr<Table>> tables_;
    std::unordered_map<std::string, std::vector<Table*>> by_name_;
    std::unordered_map<uint64_t, MapEntry> maps_;  // by the log's table id
    bool lower_case_names_;
    size_t configured_block_bytes_;
    size_t block_bytes_;  // in force: the configured one, or while replaying the one of then
    std::optional<Replay> replay_;
    EventHeader header_;

    Position position_;     // last commit edge
    std::string log_file_;  // where the stream is, whatever the position's kind
    uint64_t log_offset_ = 0;
    bool in_transaction_ = false;
    bool ends_with_statement_ = false;  // MariaDB standalone GTID: the next query commits
    uint64_t transaction_rows_ = 0;     // mapped row changes in the open transaction
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
    std::vector<TableCounts> counts_;
    RowImage before_, after_;
};

}  // namespace penstock
