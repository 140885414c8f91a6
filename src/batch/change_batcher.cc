#include <algorithm>

#include "batch/change_batcher_table.h"
#include "decode/event_types.h"
#include "decode/table_map.h"

namespace penstock {

struct ChangeBatcher::MapEntry {
    struct Target {
        Table* table = nullptr;
        std::unique_ptr<BinlogRowDecoder> decoder;  // null until it is needed
    };
    std::vector<Target> targets;  // empty: not mapped
    size_t columns = 0;
    std::string definition;  // of the map that this was made of
};

namespace {

constexpr size_t kBlocksPerChunk = 2;
constexpr uint64_t kFileHead = 4;  // where the first event of a log file is

bool counts_as_event(const Event& event) {
    return std::holds_alternative<RowsEvent>(event) || std::holds_alternative<QueryEvent>(event);
}

std::string name_key(std::string_view database, std::string_view table, NameFold fold) {
    std::string key;
    key.reserve(database.size() + 1 + table.size());
    key.append(database).push_back('\0');
    key.append(table);
    return fold_name(key, fold);
}

}  // namespace

ChangeBatcher::ChangeBatcher(std::vector<MappedTable> tables, StreamPoint start, size_t block_bytes,
                             std::optional<Replay> replay, NameRules names, BlockPool* pool)
    : names_(names),
      next_block_bytes_(block_bytes),
      block_bytes_(replay ? replay->block_bytes : block_bytes),
      replay_(replay),
      position_(start.position),
      next_version_(start.next_version),
      batch_(start.next_batch),
      batch_first_version_(start.next_version),
      batch_from_(start.position),
      counts_(tables.size()),
      pool_(pool) {
    for (MappedTable& mapped : tables) {
        tables_.push_back(std::make_unique<Table>(std::move(mapped)));
        Table* table = tables_.back().get();
        const TableSchema& source = table->mapped.plan->source;
        by_name_[name_key(source.database, source.name, names_.tables)].push_back(table);
        if (!table->mapped.joined.none() || !table->mapped.loaded_until.none())
            partly_loaded_.push_back(table);
    }
    flowing_ = tables_.size();
    for (auto& table : tables_) passes_over(*table);
    anchor_ = start.anchor;
    if (const FilePosition* file = position_.file()) {
        log_file_ = file->file;
        log_offset_ = file->offset;
    }
}

ChangeBatcher::~ChangeBatcher() = default;

void ChangeBatcher::feed(const Event& event, const EventHeader& header) {
    event_time_ = header.timestamp;
    event_digest_ = header.digest;
    is_logged_ =
        (header.flags & EventHeader::kArtificial) == 0 && !std::holds_alternative<HeartbeatEvent>(event);
    if (is_logged_ && header.digest != 0) group_digest_ = extend_digest(group_digest_, header.digest);
    try {
        advance_log_offset(event, header);
        std::visit([this](const auto& e) { handle(e); }, event);
        if (!wanted_ && counts_as_event(event)) ++events_;
        // What is in the log beside transactions moves the place too: a server's end of the log is behind it.
        if (is_logged_ && between_transactions()) move_place();
    } catch (Error& e) {
        e.at_position(log_coordinates());
        throw;
    }
}

void ChangeBatcher::set_block_bytes(size_t block_bytes) {
    next_block_bytes_ = block_bytes;
    if (!replay_ && chunk_index_ == 0 && open_rows() == 0) block_bytes_ = block_bytes;
}

std::string ChangeBatcher::log_coordinates() const {
    return log_file_ + ":" + std::to_string(log_offset_);
}

// The header's position is the low 32 bits of where the event ends. MariaDB 11.4+ leaves it zero for events
// inside a transaction; then the event's size is added.
void ChangeBatcher::advance_log_offset(const Event& event, const EventHeader& header) {
    if (header.flags & EventHeader::kArtificial) return;
    if (std::holds_alternative<RotateEvent>(event) || std::holds_alternative<HeartbeatEvent>(event)) return;
    if (header.log_pos != 0) {
        uint64_t offset = (log_offset_ & ~uint64_t{0xffffffff}) | header.log_pos;
        if (offset < log_offset_) offset += uint64_t{1} << 32;
        log_offset_ = offset;
    } else if (!std::holds_alternative<FormatDescriptionEvent>(event) &&
               header.type != kMariadbStartEncryptionEvent) {  // not those that a dump repeats
        log_offset_ += header.size;
    }
    event_start_ = log_offset_ - std::min<uint64_t>(log_offset_, header.size);
}

void ChangeBatcher::keep_places(const std::string& server) {
    server_ = server;
}

void ChangeBatcher::move_place() {
    if (FilePosition* file = position_.file()) {
        if (file->file == log_file_ && file->offset == log_offset_) return;
        *file = FilePosition{log_file_, log_offset_};
    } else {
        const LogPlace* place = position_.place();
        if (server_.empty() || log_file_.empty()) return;
        if (place != nullptr && place->at.offset == log_offset_ && place->at.file == log_file_) return;
        position_.set_place(server_, log_file_, log_offset_);
    }
    moved_ = true;
}

/// The events since `start` in this file are the last before the place.
void ChangeBatcher::anchor_here(uint64_t start) {
    if (server_.empty() || log_file_.empty()) return;
    anchor_.server.assign(server_);
    anchor_.file.assign(log_file_);
    anchor_.head = head_;
    anchor_.start = start;
    anchor_.end = log_offset_;
    anchor_.digest = group_digest_;
}

void ChangeBatcher::handle(const FormatDescriptionEvent&) {
    head_ = event_digest_;
    group_digest_ = 0;
    maps_.clear();  // table ids start anew with each file of a restarted server
    if (in_transaction_) {
        // A server that died inside a transaction writes no end for it; the next file begins without it.
        fail("a log file begins inside a transaction",
             "The source lost the end of a transaction in a crash; resync the pipe");
    }
}

void ChangeBatcher::handle(const RotateEvent& event) {
    log_file_ = std::string(event.file);
    log_offset_ = event.offset;
    FilePosition* file = position_.file();
    if (file != nullptr && !in_transaction_ && file->file != log_file_) {
        *file = FilePosition{log_file_, log_offset_};
        moved_ = true;
    }
}

// A file's own first events, before any transaction: a pipe to which nothing happens goes on from there when
// older files are purged.
void ChangeBatcher::handle(const PreviousGtidsEvent&) {
    if (is_logged_ && between_transactions()) anchor_here(kFileHead);
}

void ChangeBatcher::handle(const MariadbGtidListEvent& event) {
    if (!is_logged_ || !between_transactions() || server_.empty()) return;
    anchor_here(kFileHead);
    // The list is the state of the whole log before: what is not in it was deleted at the server
    // (FLUSH BINARY LOGS DELETE_DOMAIN_ID).
    MariadbGtidPos* pos = position_.mariadb();
    if (pos == nullptr || event.gtids.empty()) return;
    std::vector<uint32_t> deleted;
    for (const auto& [domain, gtid] : pos->last()) {
        const bool listed = std::any_of(event.gtids.begin(), event.gtids.end(),
                                        [&](const MariadbGtid& one) { return one.domain == domain; });
        if (!listed) deleted.push_back(domain);
    }
    for (uint32_t domain : deleted) pos->forget(domain);
}

void ChangeBatcher::handle(const GtidEvent& event) {
    if (event.anonymous && position_.mysql() != nullptr) {
        fail("a transaction without a GTID: gtid_mode was taken off ON at the source",
             "Set it to ON and resync the pipe, or make the pipe with replicationMechanism FILE_POS");
    }
    gtid_ = event;
    begin();
    only_rows_ = event.only_rows;
    passing_over_ = position_.mysql() != nullptr && position_.mysql()->contains(event.source, event.gno);
    in_transaction_ = false;  // the QUERY event that follows says whether one begins
}

void ChangeBatcher::handle(const MariadbGtidEvent& event) {
    mariadb_gtid_ = event;
    begin();
    in_transaction_ = !event.standalone;
    ends_with_statement_ = event.standalone;
    preparing_ = event.prepared_xa;
}

void ChangeBatcher::begin() {
    in_transaction_ = true;
    preparing_ = preparing_changes_ = false;
    restart_counting();
    group_start_ = {log_file_, event_start_};
    group_digest_ = extend_digest(0, event_digest_);
    group_head_ = event_digest_;
    passing_over_ = false;
    for (Table* table : changed_) table->changed = false;
    changed_.clear();
    for (Table* table : partly_loaded_) {
        const MappedTable& mapped = table->mapped;
        table->skip_transaction =
            transaction_is_within(mapped.joined) || transaction_is_within(mapped.loaded_until);
    }
}

bool ChangeBatcher::transaction_is_within(const Position& until) const {
    if (const GtidSet* set = until.mysql()) {
        return gtid_ && !gtid_->anonymous && set->contains(gtid_->source, gtid_->gno);
    }
    // The load's position is a commit edge; an event that starts before it belongs to what was loaded.
    const auto begins_before = [&](const FilePosition& place) {
        return !FilePosition{log_file_, log_offset_}.at_or_after(place);
    };
    if (const MariadbGtidPos* pos = until.mariadb()) {
        if (until.place() != nullptr && until.place()->server == server_)
            return begins_before(until.place()->at);
        return mariadb_gtid_ && pos->contains(mariadb_gtid_->gtid);
    }
    if (const FilePosition* file = until.file()) return begins_before(*file);
    return false;
}

void ChangeBatcher::commit() {
    for (const OpenStop& stop : stops_) {
        if (stop.unexpected) throw *stop.unexpected;
    }
    in_transaction_ = false;
    ends_with_statement_ = false;
    if (GtidSet* set = position_.mysql()) {
        if (gtid_) set->add(gtid_->source, gtid_->gno);
    } else if (MariadbGtidPos* pos = position_.mariadb()) {
        if (mariadb_gtid_) pos->advance(mariadb_gtid_->gtid);
    }
    gtid_.reset();
    mariadb_gtid_.reset();
    move_place();
    anchor_here(group_start_.file == log_file_ ? group_start_.offset : log_offset_);
    passing_over_ = false;
    last_commit_time_ = event_time_;
    moved_ = true;
}

void ChangeBatcher::handle(const XidEvent&) {
    commit();
}

void ChangeBatcher::handle(const XaPrepareEvent& event) {
    if (event.one_phase) {
        if (!preparing_changes_) return commit();
        wanted_ = PreparedTransaction{event.xid, group_start_};
        restart_counting();
        maps_.swap(prepared_maps_);
        return;
    }
    if (prepared_.size() >= kMostPrepared) prepared_.clear();  // what is wanted of them is searched for
    prepared_[event.xid] = {group_start_, preparing_changes_};
    commit();
}

// XA COMMIT. Its transaction was prepared in this stream, or before it began.
void ChangeBatcher::commit_prepared(const std::string& xid) {
    PreparedTransaction transaction{xid, {}};
    bool changes = true;
    if (auto found = prepared_.find(xid); found != prepared_.end()) {
        transaction.start = found->second.start;
        changes = found->second.changes;
        prepared_.erase(found);
    }
    // Before the first table needs it, nothing is searched.
    const bool concerns = std::any_of(tables_.begin(), tables_.end(),
                                      [this](const auto& table) { return !passes_over(*table); });
    if (!changes || !concerns) return commit();
    in_transaction_ = true;
    wanted_ = std::move(transaction);
    restart_counting();
    maps_.swap(prepared_maps_);  // its table ids may be of another life of the server
}

void ChangeBatcher::feed_prepared(const Event& event) {
    try {
        if (const auto* gtid = std::get_if<GtidEvent>(&event)) only_rows_ = gtid->only_rows;
        if (const auto* map = std::get_if<TableMapEvent>(&event)) handle(*map);
        if (const auto* rows = std::get_if<RowsEvent>(&event)) handle(*rows);
        if (const auto* query = std::get_if<QueryEvent>(&event)) {
            LogStatement statement = read_statement(*query);
            if (statement.kind == LogStatement::Kind::kSavepoint) set_savepoint(statement.savepoint);
            if (statement.kind == LogStatement::Kind::kRollbackToSavepoint) roll_back_to(statement.savepoint);
        }
        if (counts_as_event(event)) ++events_;
    } catch (Error& e) {
        e.at_position(log_coordinates());
        throw;
    }
}

void ChangeBatcher::end_prepared() {
    wanted_.reset();
    prepared_maps_.swap(maps_);
    prepared_maps_.clear();
    commit();
}

void ChangeBatcher::lose_prepared(const Error& why) {
    for (auto& table : tables_) {
        if (passes_over(*table)) continue;
        stop(*table, "the rows of XA transaction " + wanted_->xid + " cannot be read again: " + why.message(),
             "Resync the table");
    }
    end_prepared();
}

void ChangeBatcher::handle(const IncidentEvent& event) {
    fail("the source reports that its log lacks events: " + std::string(event.message), "Resync the pipe");
}

void ChangeBatcher::handle(const QueryEvent& event) {
    LogStatement statement = read_statement(event);
    switch (statement.kind) {
        case LogStatement::Kind::kBegin:
            if (!in_transaction_) {
                in_transaction_ = true;
                if (!gtid_ && !mariadb_gtid_) begin();
            }
            return;
        case LogStatement::Kind::kCommit:
            commit();
            return;
        case LogStatement::Kind::kRollback:
            roll_back_group();
            commit();
            return;
        case LogStatement::Kind::kSavepoint:
            return set_savepoint(statement.savepoint);
        case LogStatement::Kind::kRollbackToSavepoint:
            return roll_back_to(statement.savepoint);
        case LogStatement::Kind::kXaStart:
            if (!in_transaction_) {
                in_transaction_ = true;
                if (!gtid_ && !mariadb_gtid_) begin();
            }
            preparing_ = true;
            return;
        case LogStatement::Kind::kXaCommit:
            return commit_prepared(statement.xid);
        case LogStatement::Kind::kXaRollback:
            prepared_.erase(statement.xid);
            return commit();
        default:
            check_statement(statement, event);
            if (!in_transaction_ || ends_with_statement_) commit();
    }
}

const std::vector<ChangeBatcher::Table*>& ChangeBatcher::find_tables(std::string_view database,
                                                                     std::string_view table) const {
    static const std::vector<Table*> kNone;
    auto found = by_name_.find(name_key(database, table, names_.tables));
    return found == by_name_.end() ? kNone : found->second;
}

void ChangeBatcher::handle(const TableMapEvent& event) {
    MapEntry& entry = maps_[event.table_id];
    if (!entry.definition.empty() && as_text(event.definition) == entry.definition) return;
    const TableMap map = read_table_map(event);
    entry.targets.clear();
    for (Table* table : find_tables(map.database, map.table)) entry.targets.push_back({table, nullptr});
    entry.columns = map.columns.size();
    entry.definition = as_text(event.definition);
}

/// Null when the table was stopped, for it is not what was recorded. While a table skips what its load holds,
/// nobody asks: an older schema may be in force there. Nor for rows that are only prepared, or undone.
const BinlogRowDecoder* ChangeBatcher::decoder_of(MapEntry& entry, size_t index) {
    MapEntry::Target& target = entry.targets[index];
    if (target.decoder != nullptr) return target.decoder.get();
    try {
        const TableMap map = read_table_map({0, as_bytes(entry.definition)});
        target.decoder = std::make_unique<BinlogRowDecoder>(*target.table->mapped.plan, map);
    } catch (const Error& e) {
        stop(*target.table, e, true);
    }
    return target.decoder.get();
}

void ChangeBatcher::handle(const RowsEvent& event) {
    if (event.rows.empty()) return;
    auto found = maps_.find(event.table_id);
    if (found == maps_.end()) {
        fail("rows of table id " + std::to_string(event.table_id) + " came without their table map",
             "The log is damaged; resync the pipe");
    }
    MapEntry& entry = found->second;
    for (size_t i = 0; i < entry.targets.size(); ++i) {
        Table& table = *entry.targets[i].table;
        if (event.column_count != entry.columns) {
            fail("a rows event of " + table.name() + " has " + std::to_string(event.column_count) +
                     " columns, its table map " + std::to_string(entry.columns),
                 "The log is damaged; resync the pipe");
        }
        if (!in_transaction_)
            fail("rows of " + table.name() + " outside of a transaction",
                 "The log is damaged; resync the pipe");
        // Whether the table's load holds it is decided by its XA COMMIT.
        if (is_only_prepared()) {
            preparing_changes_ |= !table.stopped;
            continue;
        }
        if (passes_over(table) || is_undone()) continue;
        const BinlogRowDecoder* decoder = decoder_of(entry, i);
        if (decoder == nullptr) continue;
        append_rows(table, *decoder, event);
        measure(table);
    }
    if (may_be_undone() && !changed_.empty()) {
        wants_undone_ = budget_reached() || std::any_of(changed_.begin(), changed_.end(),
                                                        [this](const Table* t) { return is_full(*t); });
    } else {
        for (const MapEntry::Target& target : entry.targets) cut_if_full(*target.table);
    }
    // Each statement is logged with the maps of its tables, so they are kept to save time only. A server
    // gives a table another id whenever it opens it again: this would grow until the file ends.
    if (event.statement_end && maps_.size() > kMostMaps) maps_.clear();
}

// All rows of the event, or those in front of the one that stops the table.
void ChangeBatcher::append_rows(Table& table, const BinlogRowDecoder& decoder, const RowsEvent& event) {
    after_.json_diffs.clear();
    const TablePlan& plan = *table.mapped.plan;
    if (table.block.rows == 0) table.block = pool_ != nullptr ? pool_->take(plan) : Block(plan);
    const uint64_t first = next_version_;
    TableCounts& counts = counts_[plan.id];
    const uint64_t inserted = counts.inserted, updated = counts.updated, deleted = counts.deleted;
    table.block.mark(mark_);
    uint64_t whole = 0;
    try {
        ByteReader rows(event.rows, "read rows of the binary log");
        while (!rows.empty() && append_row(table, decoder, event, rows)) ++whole;
    } catch (const Error& e) {
        // The row that failed is there in parts. Columns remember where the event's rows began, not where
        // each row did, so those that were whole are read once more.
        table.block.roll_back(mark_);
        next_version_ = first;
        counts.inserted = inserted;
        counts.updated = updated;
        counts.deleted = deleted;
        ByteReader rows(event.rows, "read rows of the binary log");
        for (uint64_t i = 0; i < whole; ++i) append_row(table, decoder, event, rows);
        stop(table, e, true);
    }
    if (next_version_ == first || table.changed) return;
    table.changed = true;
    std::swap(table.begin, mark_);
    table.begin_counts = {inserted, updated, deleted};
    changed_.push_back(&table);
}

// False when the table was stopped at this row the first time that the batch was read.
bool ChangeBatcher::append_row(Table& table, const BinlogRowDecoder& decoder, const RowsEvent& event,
                               ByteReader& rows) {
    if (passes_over(table)) return false;
    Block& block = table.block;
    TableCounts& counts = counts_[table.mapped.plan->id];
    switch (event.kind) {
        case RowsEvent::Kind::kInsert:
            decoder.read(rows, event.before_columns, after_);
            decoder.append(after_, block);
            block.finish_row(next_version_++, false);
            ++counts.inserted;
            break;
        case RowsEvent::Kind::kDelete:
            decoder.read(rows, event.before_columns, before_);
            decoder.append(before_, block);
            block.finish_row(next_version_++, true);
            block.distinct_keys = false;
            ++counts.deleted;
            break;
        case RowsEvent::Kind::kPartialUpdate:
        case RowsEvent::Kind::kUpdate:
            decoder.read(rows, event.before_columns, before_);
            if (event.kind == RowsEvent::Kind::kUpdate) {
                decoder.read(rows, event.after_columns, after_);
            } else {
                decoder.read_partial_update(rows, event.after_columns, before_, after_);
            }
            if (!decoder.same_key(before_, after_)) {
                // The row moves to another key: retire the old one first, at a lower version.
                decoder.append(before_, block);
                block.finish_row(next_version_++, true);
            }
            decoder.append(after_, block);
            block.finish_row(next_version_++, false);
            block.distinct_keys = false;
            ++counts.updated;
            break;
    }
    return true;
}

bool ChangeBatcher::passes_over(Table& table) {
    const std::optional<uint64_t>& stopped_from = table.mapped.stopped_from;
    if (!table.stopped && stopped_from && next_version_ >= *stopped_from) {
        table.stopped = true;
        --flowing_;
    }
    return table.stopped || table.skip_transaction || passing_over_;
}

void ChangeBatcher::measure(Table& table) {
    const size_t bytes = table.block.memory();
    open_bytes_ += bytes - table.bytes;
    table.bytes = bytes;
}

bool ChangeBatcher::is_full(const Table& table) const {
    return table.bytes >= block_bytes_ / kBlocksPerChunk;
}

// One table alone gives its blocks to several connections. A function of the stream and the budget, as the
// chunks' cuts are.
void ChangeBatcher::cut_if_full(Table& table) {
    if (table.block.rows != 0 && is_full(table)) cut_block(table);
}

void ChangeBatcher::cut_block(Table& table) {
    const std::vector<BlockColumn>& columns = table.block.columns;
    TableCounts& counts = counts_[table.mapped.plan->id];
    for (size_t i = 0; i < columns.size(); ++i) {
        if (columns[i].adjusted() == 0) continue;
        counts.adjusted += columns[i].adjusted();
        counts.adjusted_by_column.resize(columns.size());
        counts.adjusted_by_column[i] += columns[i].adjusted();
    }
    savepoints_.clear();  // rows in front of them cannot be told apart any more
    if (table.changed && in_transaction_) group_is_whole_ = false;
    full_blocks_.push_back(std::exchange(table.block, Block()));
    table.bytes = 0;
}

Chunk ChangeBatcher::take(bool close) {
    if (close && !at_commit_edge())
        fail("a batch closed inside a transaction", "This is an error of Penstock");
    Chunk chunk;
    chunk.batch = batch_;
    chunk.index = chunk_index_++;
    chunk.from = batch_from_;
    chunk.first_version = batch_first_version_;
    chunk.last_version = next_version_ - 1;
    for (auto& table : tables_) {
        if (table->block.rows != 0) cut_block(*table);
    }
    chunk.blocks = std::move(full_blocks_);
    full_blocks_.clear();
    open_bytes_ = 0;
    for (OpenStop& open : stops_) chunk.stops.push_back(std::move(open.stop));
    stops_.clear();
    chunk.last_commit_time = last_commit_time_;
    if (close) {
        chunk.closes = true;
        chunk.to = StreamPoint{position_, next_version_, batch_ + 1, anchor_};
        chunk.counts = std::move(counts_);
        counts_.assign(tables_.size(), TableCounts{});
        batch_ += 1;
        batch_first_version_ = next_version_;
        batch_from_ = position_;
        moved_ = false;
        chunk_index_ = 0;
        replay_.reset();
        block_bytes_ = next_block_bytes_;
    }
    return chunk;
}

Error ChangeBatcher::error(const std::string& message, const std::string& hint) const {
    return Error(Disposition::kFailPipe, "read the binary log", message, hint).at_position(log_coordinates());
}

void ChangeBatcher::fail(const std::string& message, const std::string& hint) const {
    throw error(message, hint);
}

}  // namespace penstock
