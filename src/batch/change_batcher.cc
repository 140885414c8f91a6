#include "batch/change_batcher.h"

#include <algorithm>
#include <cctype>

namespace penstock {

struct ChangeBatcher::Table {
    MappedTable mapped;
    Block block;
    size_t bytes = 0;  // of block, as counted into open_bytes_
    bool skip_transaction = false;

    explicit Table(MappedTable m) : mapped(std::move(m)), block(*mapped.plan) {}
    std::string name() const { return mapped.plan->source.qualified_name(); }
};

struct ChangeBatcher::MapEntry {
    struct Target {
        Table* table = nullptr;
        std::unique_ptr<BinlogRowDecoder> decoder;  // null while the table skips what its load holds
    };
    std::vector<Target> targets;  // empty: not mapped
    size_t columns = 0;
    std::string definition;  // of the table map that the decoders were built for
};

namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

std::string name_key(std::string_view database, std::string_view table, bool lower_case) {
    std::string key;
    key.reserve(database.size() + 1 + table.size());
    key.append(database).push_back('\0');
    key.append(table);
    return lower_case ? lower(key) : key;
}

}  // namespace

ChangeBatcher::ChangeBatcher(std::vector<MappedTable> tables, StreamPoint start, size_t block_bytes,
                             std::optional<Replay> replay, bool lower_case_names)
    : lower_case_names_(lower_case_names),
      configured_block_bytes_(block_bytes),
      block_bytes_(replay ? replay->block_bytes : block_bytes),
      replay_(replay),
      position_(start.position),
      next_version_(start.next_version),
      batch_(start.next_batch),
      batch_first_version_(start.next_version),
      batch_from_(start.position),
      counts_(tables.size()) {
    for (MappedTable& mapped : tables) {
        tables_.push_back(std::make_unique<Table>(std::move(mapped)));
        Table* table = tables_.back().get();
        const TableSchema& source = table->mapped.plan->source;
        by_name_[name_key(source.database, source.name, lower_case_names_)].push_back(table);
    }
    if (const FilePosition* file = position_.file()) {
        log_file_ = file->file;
        log_offset_ = file->offset;
    }
}

ChangeBatcher::~ChangeBatcher() = default;

void ChangeBatcher::feed(const Event& event, const EventHeader& header) {
    header_ = header;
    try {
        advance_log_offset(event);
        std::visit([this](const auto& e) { handle(e); }, event);
    } catch (Error& e) {
        e.at_position(log_coordinates());
        throw;
    }
}

std::string ChangeBatcher::log_coordinates() const {
    return log_file_ + ":" + std::to_string(log_offset_);
}

// The header's position is the low 32 bits of where the event ends. MariaDB 11.4+ leaves it zero for events
// inside a transaction; then the event's size is added.
void ChangeBatcher::advance_log_offset(const Event& event) {
    if (header_.flags & EventHeader::kArtificial) return;
    if (std::holds_alternative<RotateEvent>(event) || std::holds_alternative<HeartbeatEvent>(event)) return;
    if (header_.log_pos != 0) {
        uint64_t offset = (log_offset_ & ~uint64_t{0xffffffff}) | header_.log_pos;
        if (offset < log_offset_) offset += uint64_t{1} << 32;
        log_offset_ = offset;
    } else if (!std::holds_alternative<FormatDescriptionEvent>(event)) {
        log_offset_ += header_.size;
    }
}

void ChangeBatcher::handle(const FormatDescriptionEvent&) {
    maps_.clear();  // table ids start anew with each file of a restarted server
    if (in_transaction_) {
        // A server that died inside a transaction writes no end for it; the next file begins without it.
        fail("a log file begins inside a transaction",
             "The source lost the end of a transaction in a crash; load the pipe anew (another name, empty "
             "targets)",
             nullptr);
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

void ChangeBatcher::handle(const GtidEvent& event) {
    gtid_ = event;
    begin();
    in_transaction_ = false;  // the QUERY event that follows says whether one begins
}

void ChangeBatcher::handle(const MariadbGtidEvent& event) {
    mariadb_gtid_ = event;
    begin();
    in_transaction_ = !event.standalone;
    ends_with_statement_ = event.standalone;
}

void ChangeBatcher::begin() {
    in_transaction_ = true;
    transaction_rows_ = 0;
    for (auto& table : tables_) {
        if (!table->mapped.loaded_until.none()) table->skip_transaction = transaction_is_loaded(*table);
    }
}

bool ChangeBatcher::transaction_is_loaded(const Table& table) const {
    const Position& until = table.mapped.loaded_until;
    if (const GtidSet* set = until.mysql()) {
        return gtid_ && !gtid_->anonymous && set->contains(gtid_->source, gtid_->gno);
    }
    if (const MariadbGtidPos* pos = until.mariadb())
        return mariadb_gtid_ && pos->contains(mariadb_gtid_->gtid);
    if (const FilePosition* file = until.file()) {
        // The load's position is a commit edge; an event that starts before it belongs to what was loaded.
        return !FilePosition{log_file_, log_offset_}.at_or_after(*file);
    }
    return false;
}

void ChangeBatcher::commit() {
    in_transaction_ = false;
    ends_with_statement_ = false;
    transaction_rows_ = 0;
    if (GtidSet* set = position_.mysql()) {
        if (gtid_ && gtid_->anonymous) {
            fail("a transaction without a GTID",
                 "gtid_mode is not ON; set it, or use replicationMechanism FILE_POS and load the pipe anew "
                 "(another name, empty targets)",
                 nullptr);
        }
        if (gtid_) set->add(gtid_->source, gtid_->gno);
    } else if (MariadbGtidPos* pos = position_.mariadb()) {
        if (mariadb_gtid_) pos->advance(mariadb_gtid_->gtid);
    } else if (FilePosition* file = position_.file()) {
        *file = FilePosition{log_file_, log_offset_};
    }
    gtid_.reset();
    mariadb_gtid_.reset();
    last_commit_time_ = header_.timestamp;
    moved_ = true;
}

void ChangeBatcher::handle(const XidEvent&) {
    commit();
}

void ChangeBatcher::handle(const XaPrepareEvent& event) {
    if (!event.one_phase && transaction_rows_ > 0) {
        fail("XA transaction " + event.xid + " changed mapped tables and is only prepared",
             "Two-phase XA transactions on mapped tables are not supported; load the pipe anew (another "
             "name, empty targets) after its end",
             nullptr);
    }
    commit();
}

void ChangeBatcher::handle(const IncidentEvent& event) {
    fail("the source reports that its log lacks events: " + std::string(event.message),
         "Load the pipe anew (another name, empty targets)", nullptr);
}

void ChangeBatcher::handle(const QueryEvent& event) {
    Statement statement = read_statement(event.query, event.database);
    switch (statement.kind) {
        case Statement::Kind::kBegin:
            if (!in_transaction_) {
                in_transaction_ = true;
                if (!gtid_ && !mariadb_gtid_) begin();
            }
            return;
        case Statement::Kind::kCommit:
            commit();
            return;
        case Statement::Kind::kRollback:
        case Statement::Kind::kRollbackToSavepoint:
            if (transaction_rows_ > 0) {
                fail("a transaction with changes of mapped tables was rolled back in the log",
                     "It mixes transactional and non-transactional tables; convert them to InnoDB and load "
                     "the pipe anew (another name, empty targets)",
                     nullptr);
            }
            if (statement.kind == Statement::Kind::kRollback) commit();
            return;
        case Statement::Kind::kXaEnd:
            commit();
            return;
        default:
            check_statement(statement, event.query, event.database);
            if (!in_transaction_ || ends_with_statement_) commit();
    }
}

void ChangeBatcher::check_statement(const Statement& statement, std::string_view query,
                                    std::string_view database) {
    using Kind = Statement::Kind;
    if (statement.kind == Kind::kChangesRows) {
        // What it changes may hide behind a view or a trigger, so the database alone decides.
        for (const auto& table : tables_) {
            const std::string& mapped = table->mapped.plan->source.database;
            if (lower(database) != lower(mapped) && !mentions_identifier(query, mapped)) continue;
            if (table->skip_transaction) continue;
            fail("the log holds a change in the table's database as a statement, not as rows",
                 "A session used binlog_format=STATEMENT or MIXED; set it to ROW and load the pipe anew "
                 "(another name, empty targets)",
                 table.get());
        }
        return;
    }
    auto refuse = [&](Table* table, const char* what) {
        if (table->skip_transaction) return;
        fail(std::string(what) + ": " + std::string(query.substr(0, 200)),
             "Penstock does not apply this statement; load the pipe anew (another name, empty targets)",
             table);
    };
    for (const StatementTable& named : statement.tables) {
        if (statement.kind == Kind::kDropDatabase) {
            for (const auto& table : tables_) {
                const std::string& mapped = table->mapped.plan->source.database;
                if (lower_case_names_ ? lower(mapped) == lower(named.database) : mapped == named.database) {
                    refuse(table.get(), "the source dropped the table's database");
                }
            }
            continue;
        }
        for (Table* table : find_tables(named.database.empty() ? database : named.database, named.table)) {
            switch (statement.kind) {
                case Kind::kAlterTable:
                    refuse(table, "the source altered the table");
                    break;
                case Kind::kDropIndex:
                    // Without a primary key it may be the index that told the rows apart.
                    if (!table->mapped.plan->source.key_is_primary)
                        refuse(table, "the source dropped an index");
                    break;
                case Kind::kTruncate:
                    refuse(table, "the source emptied the table or a partition of it");
                    break;
                case Kind::kDropTable:
                    refuse(table, "the source dropped or replaced the table");
                    break;
                case Kind::kRenameTable:
                    refuse(table, "the source renamed the table, or another to its name");
                    break;
                default:
                    break;
            }
        }
    }
}

const std::vector<ChangeBatcher::Table*>& ChangeBatcher::find_tables(std::string_view database,
                                                                     std::string_view table) const {
    static const std::vector<Table*> kNone;
    auto found = by_name_.find(name_key(database, table, lower_case_names_));
    return found == by_name_.end() ? kNone : found->second;
}

void ChangeBatcher::handle(const TableMapEvent& event) {
    const std::vector<Table*>& tables = find_tables(event.database, event.table);
    MapEntry& entry = maps_[event.table_id];
    const bool same = !tables.empty() && entry.targets.size() == tables.size() &&
                      entry.targets[0].table == tables[0] && as_text(event.definition) == entry.definition;
    if (!same) {
        entry.targets.clear();
        for (Table* table : tables) entry.targets.push_back({table, nullptr});
        entry.columns = event.columns.size();
        entry.definition = as_text(event.definition);
    }
    for (MapEntry::Target& target : entry.targets) {
        // While a table skips what its load holds, no row is read: an older schema may be in force there.
        if (target.decoder != nullptr || target.table->skip_transaction) continue;
        target.decoder = std::make_unique<BinlogRowDecoder>(*target.table->mapped.plan, event);
    }
}

void ChangeBatcher::handle(const RowsEvent& event) {
    if (event.rows.empty()) return;
    auto found = maps_.find(event.table_id);
    if (found == maps_.end()) {
        fail("rows of table id " + std::to_string(event.table_id) + " came without their table map",
             "The log is damaged; load the pipe anew (another name, empty targets)", nullptr);
    }
    const MapEntry& entry = found->second;
    for (const MapEntry::Target& target : entry.targets) {
        Table& table = *target.table;
        if (event.column_count != entry.columns) {
            fail("a rows event has " + std::to_string(event.column_count) + " columns, its table map " +
                     std::to_string(entry.columns),
                 "The log is damaged; load the pipe anew (another name, empty targets)", &table);
        }
        if (!in_transaction_)
            fail("rows outside of a transaction",
                 "The log is damaged; load the pipe anew (another name, empty targets)", &table);
        if (table.skip_transaction) continue;
        if (event.kind == RowsEvent::Kind::kPartialUpdate) {
            fail("a row was logged as a partial JSON update",
                 "SET GLOBAL binlog_row_value_options='' at the source, then load the pipe anew (another "
                 "name, empty targets)",
                 &table);
        }
        try {
            append_rows(table, *target.decoder, event);
        } catch (Error& e) {
            e.at_table(table.name());
            throw;
        }
        size_t bytes = table.block.bytes();
        open_bytes_ += bytes - table.bytes;
        table.bytes = bytes;
    }
}

void ChangeBatcher::append_rows(Table& table, const BinlogRowDecoder& decoder, const RowsEvent& event) {
    Block& block = table.block;
    TableCounts& counts = counts_[table.mapped.plan->id];
    const uint64_t first = next_version_;
    ByteReader rows(event.rows, "read rows of the binary log");
    switch (event.kind) {
        case RowsEvent::Kind::kInsert:
            while (!rows.empty()) {
                decoder.read(rows, event.before_columns, after_);
                decoder.append(after_, block);
                block.finish_row(next_version_++, false);
                ++counts.inserted;
            }
            break;
        case RowsEvent::Kind::kDelete:
            while (!rows.empty()) {
                decoder.read(rows, event.before_columns, before_);
                decoder.append(before_, block);
                block.finish_row(next_version_++, true);
                ++counts.deleted;
            }
            break;
        case RowsEvent::Kind::kPartialUpdate:  // refused before
            break;
        case RowsEvent::Kind::kUpdate:
            while (!rows.empty()) {
                decoder.read(rows, event.before_columns, before_);
                decoder.read(rows, event.after_columns, after_);
                if (!decoder.same_key(before_, after_)) {
                    // The row moves to another key: retire the old one first, at a lower version.
                    decoder.append(before_, block);
                    block.finish_row(next_version_++, true);
                }
                decoder.append(after_, block);
                block.finish_row(next_version_++, false);
                ++counts.updated;
            }
            break;
    }
    transaction_rows_ += next_version_ - first;
}

Chunk ChangeBatcher::take(bool close) {
    if (close && !at_commit_edge())
        fail("a batch closed inside a transaction", "This is an error of Penstock", nullptr);
    Chunk chunk;
    chunk.batch = batch_;
    chunk.index = chunk_index_++;
    chunk.from = batch_from_;
    chunk.first_version = batch_first_version_;
    chunk.last_version = next_version_ - 1;
    for (auto& table : tables_) {
        if (table->block.rows == 0) continue;
        for (const BlockColumn& column : table->block.columns) {
            counts_[table->mapped.plan->id].adjusted += column.adjusted();
        }
        chunk.blocks.push_back(std::move(table->block));
        table->block = Block(*table->mapped.plan);
        table->bytes = 0;
    }
    open_bytes_ = 0;
    chunk.last_commit_time = last_commit_time_;
    if (close) {
        chunk.closes = true;
        chunk.to = StreamPoint{position_, next_version_, batch_ + 1};
        chunk.counts = std::move(counts_);
        counts_.assign(tables_.size(), TableCounts{});
        batch_ += 1;
        batch_first_version_ = next_version_;
        batch_from_ = position_;
        moved_ = false;
        chunk_index_ = 0;
        replay_.reset();
        block_bytes_ = configured_block_bytes_;
    }
    return chunk;
}

void ChangeBatcher::fail(const std::string& message, const std::string& hint, const Table* table) const {
    Error error(Disposition::kFailPipe, "read the binary log", message, hint);
    if (table != nullptr) error.at_table(table->name());
    error.at_position(log_coordinates());
    throw error;
}

}  // namespace penstock
