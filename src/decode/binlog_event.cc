#include "decode/binlog_event.h"

#include <algorithm>
#include <utility>

#include <zlib.h>

#include "base/crc32.h"
#include "decode/charset.h"
#include "decode/event_bodies.h"
#include "decode/event_types.h"
#include "decode/row_fragments.h"
#include "decode/transaction_payload.h"
#include "model/log_anchor.h"

namespace penstock {

namespace {

constexpr size_t kHeaderSize = 19;
constexpr size_t kChecksumSize = 4;
constexpr uint16_t kInUse = 0x01;  // the log was not closed; left out of the checksum
constexpr uint64_t kDummyTableId = 0xffffff;

uint32_t checksum(ByteSpan bytes, bool format_description) {
    if (!format_description) return crc32(bytes);
    uint8_t header[kHeaderSize];
    std::copy_n(bytes.begin(), kHeaderSize, header);
    header[17] = static_cast<uint8_t>(header[17] & ~kInUse);
    return crc32(bytes.subspan(kHeaderSize), crc32(ByteSpan(header)));
}

bool has_valid_checksum(ByteSpan packet, bool format_description) {
    if (packet.size() < kHeaderSize + kChecksumSize) return false;
    size_t end = packet.size() - kChecksumSize;
    return checksum(packet.first(end), format_description) == load_le<4>(packet.data() + end);
}

// What `reader`'s name shows in errors.
const char* event_name(uint8_t type) {
    switch (type) {
        case kQueryEvent:
        case kExecuteLoadQueryEvent:
        case kMariadbQueryCompressedEvent:
            return "binlog: query event";
        case kRotateEvent:
            return "binlog: rotate event";
        case kFormatDescriptionEvent:
            return "binlog: format description event";
        case kTableMapEvent:
            return "binlog: table map event";
        case kGtidEvent:
        case kAnonymousGtidEvent:
        case kGtidTaggedEvent:
        case kMariadbGtidEvent:
            return "binlog: GTID event";
        case kXaPrepareEvent:
            return "binlog: XA prepare event";
        case kHeartbeatEvent:
        case kHeartbeatV2Event:
            return "binlog: heartbeat event";
        case kTransactionPayloadEvent:
            return "binlog: transaction payload event";
        case kMariadbPartialRowDataEvent:
            return "binlog: partial row data event";
        case kWriteRowsV1Event:
        case kUpdateRowsV1Event:
        case kDeleteRowsV1Event:
        case kWriteRowsEvent:
        case kUpdateRowsEvent:
        case kDeleteRowsEvent:
        case kPartialUpdateRowsEvent:
        case kMariadbWriteRowsCompressedV1Event:
        case kMariadbUpdateRowsCompressedV1Event:
        case kMariadbDeleteRowsCompressedV1Event:
        case kMariadbWriteRowsCompressedEvent:
        case kMariadbUpdateRowsCompressedEvent:
        case kMariadbDeleteRowsCompressedEvent:
            return "binlog: rows event";
        default:
            return "binlog: event";
    }
}

[[noreturn]] void refuse(const EventHeader& header, const std::string& message, const char* hint) {
    throw Error(Disposition::kFailPipe, event_name(header.type), message, hint);
}

constexpr const char* kDamagedHint = "The source or the network damaged the bytes; check the source's log";

// offset 8 | file name
RotateEvent parse_rotate(ByteReader& body, const EventHeader& header) {
    RotateEvent event;
    event.offset = body.u64();
    event.file = as_text(body.rest());
    event.artificial = header.log_pos == 0 || (header.flags & EventHeader::kArtificial) != 0;
    // A name ends in its number. This also shows a checksum that was taken for a part of the name.
    size_t dot = event.file.rfind('.');
    bool numbered = dot != std::string_view::npos && dot + 1 < event.file.size() &&
                    event.file.find_first_not_of("0123456789", dot + 1) == std::string_view::npos;
    if (!numbered) refuse(header, "bad binlog file name or wrong checksum", kDamagedHint);
    return event;
}

// v1: file name, the offset in the common header (MariaDB: 0 there and 8 bytes in front of the name when the
// offset has more than 32 bits). v2: fields of type, length, value: 1 file name, 2 offset; 0 ends them.
HeartbeatEvent parse_heartbeat(ByteReader& body, const EventHeader& header, bool mariadb) {
    HeartbeatEvent event;
    if (header.type == kHeartbeatEvent) {
        event.offset = header.log_pos;
        if (mariadb && header.log_pos == 0) event.offset = body.u64();
        event.file = as_text(body.rest());
        return event;
    }
    while (!body.empty()) {
        uint64_t type = body.lenenc();
        if (type == 0) break;
        ByteSpan value = body.lenenc_bytes();
        if (type == 1) event.file = as_text(value);
        if (type == 2) event.offset = ByteReader(value, event_name(header.type)).lenenc();
    }
    return event;
}

// Of a query's status variables, which come in a fixed order.
struct QueryVariables {
    uint64_t sql_mode = 0;
    uint16_t client_collation = 0;
    std::optional<std::string_view> updated_databases;
};

QueryVariables read_query_variables(ByteReader variables) {
    constexpr uint8_t kFlags2 = 0, kSqlMode = 1, kOldCatalog = 2, kAutoIncrement = 3, kCharset = 4,
                      kTimeZone = 5, kCatalog = 6, kTimeNames = 7, kDatabaseCharset = 8, kMapForUpdate = 9,
                      kMasterDataWritten = 10, kInvoker = 11, kUpdatedDatabases = 12, kTooMany = 254;
    QueryVariables found;
    while (!variables.empty()) {
        switch (variables.u8()) {
            case kFlags2:
            case kAutoIncrement:
            case kMasterDataWritten:
                variables.skip(4);
                break;
            case kSqlMode:
                found.sql_mode = variables.u64();
                break;
            case kOldCatalog:
                variables.skip(variables.u8() + 1u);
                break;
            case kCatalog:
            case kTimeZone:
                variables.skip(variables.u8());
                break;
            case kTimeNames:
            case kDatabaseCharset:
                variables.skip(2);
                break;
            case kMapForUpdate:
                variables.skip(8);
                break;
            case kInvoker:  // user and host
                variables.skip(variables.u8());
                variables.skip(variables.u8());
                break;
            case kCharset:  // of the client, the connection, the server
                found.client_collation = variables.u16();
                variables.skip(4);
                break;
            case kUpdatedDatabases: {
                const uint8_t count = variables.u8();
                if (count == kTooMany) return found;
                const std::string_view names = as_text(ByteReader(variables).rest());
                size_t size = 0;
                for (uint8_t i = 0; i < count; ++i) {
                    const size_t end = names.find('\0', size);
                    if (end == std::string_view::npos) variables.fail("a database's name cut short");
                    size = end + 1;
                }
                found.updated_databases = names.substr(0, size);
                return found;
            }
            default:  // none that is wanted follows
                return found;
        }
    }
    return found;
}

}  // namespace

EventParser::EventParser() = default;
EventParser::~EventParser() = default;

Event EventParser::parse(ByteSpan packet) {
    ByteReader body = open(packet);
    header_.digest = event_digest(packet, checksums_);
    if (header_.type == kTransactionPayloadEvent) {
        refuse(header_, "a compressed transaction cannot be read here",
               "SET GLOBAL binlog_transaction_compression=OFF at the source, then resync the pipe");
    }
    if (header_.type == kMariadbPartialRowDataEvent) {
        refuse(header_, "a part of a rows event cannot be read here", kDamagedHint);
    }
    Event event;
    parse_body(body, event);
    return event;
}

// The fragments have checksums; the event inside may have one of its own.
void EventParser::join(ByteReader fragment, const Take& take) {
    if (fragments_ == nullptr) fragments_ = std::make_unique<RowFragments>();
    const EventHeader outer = header_;
    ByteSpan event = fragments_->add(fragment);
    if (event.empty()) return take(IgnorableEvent{});
    ByteReader reader(event, event_name(outer.type));
    reader.skip(4);
    header_.type = reader.u8();
    reader.skip(4);
    const uint32_t size = reader.u32();
    reader.skip(6);
    const auto low_size = static_cast<uint32_t>(event.size());
    const bool has_checksum = checksums_ && size == low_size && has_valid_checksum(event, false);
    if (size != low_size && size != low_size + kChecksumSize) {
        header_ = outer;
        refuse(header_, "fragments make an event of another size than it says", kDamagedHint);
    }
    switch (header_.type) {
        case kWriteRowsV1Event:
        case kUpdateRowsV1Event:
        case kDeleteRowsV1Event:
        case kMariadbWriteRowsCompressedV1Event:
        case kMariadbUpdateRowsCompressedV1Event:
        case kMariadbDeleteRowsCompressedV1Event:
            break;
        default:
            refuse(header_, "event type " + std::to_string(header_.type) + " in fragments", kDamagedHint);
    }
    const size_t tail = has_checksum ? kChecksumSize : 0;
    ByteReader body(event.subspan(kHeaderSize, event.size() - kHeaderSize - tail), event_name(header_.type));
    parse_body(body, event_);
    take(event_);
}

void EventParser::parse_all(ByteSpan packet, const Take& take) {
    ByteReader body = open(packet);
    header_.digest = event_digest(packet, checksums_);
    if (header_.type == kMariadbPartialRowDataEvent) return join(body, take);
    if (fragments_ != nullptr && fragments_->open() && header_.type != kHeartbeatEvent) {
        refuse(header_, "event type " + std::to_string(header_.type) + " inside a group of fragments",
               kDamagedHint);
    }
    if (header_.type != kTransactionPayloadEvent) {
        parse_body(body, event_);
        take(event_);
        return;
    }
    uint32_t end_of_payload = header_.log_pos;
    uint64_t digest = header_.digest;
    if (payload_ == nullptr) payload_ = std::make_unique<TransactionPayload>();
    payload_->open(body);
    bool checksums = checksums_;
    for (;;) {
        ByteSpan inner = payload_->next();
        if (inner.empty()) return;
        checksums_ = false;  // the payload's own checksum covers what is inside
        try {
            ByteReader inner_body = open(inner);
            checksums_ = checksums;
            if (header_.type == kTransactionPayloadEvent || header_.type == kFormatDescriptionEvent ||
                header_.type == kRotateEvent) {
                refuse(header_,
                       "event type " + std::to_string(header_.type) + " inside a transaction payload",
                       kDamagedHint);
            }
            header_.log_pos = end_of_payload;
            header_.digest = std::exchange(digest, 0);
            parse_body(inner_body, event_);
            take(event_);
        } catch (...) {
            checksums_ = checksums;
            throw;
        }
    }
}

// Reads the common header, checks size and checksum, and returns what is between them.
ByteReader EventParser::open(ByteSpan packet) {
    ByteReader reader(packet, "binlog: event header");
    header_.timestamp = reader.u32();
    header_.type = reader.u8();
    header_.server_id = reader.u32();
    header_.size = reader.u32();
    header_.log_pos = reader.u32();
    header_.flags = reader.u16();
    if (header_.size != packet.size()) {
        refuse(header_,
               "event of " + std::to_string(packet.size()) + " bytes says that it has " +
                   std::to_string(header_.size),
               kDamagedHint);
    }
    bool checksummed = checksums_;
    if (header_.type == kFormatDescriptionEvent) {
        // ... | post-header lengths | checksum algorithm 1 | CRC32 4, there whatever the algorithm
        if (packet.size() < kHeaderSize + 5) refuse(header_, "cut short", kDamagedHint);
        uint8_t algorithm = packet[packet.size() - 5];
        if (algorithm > 1) {
            refuse(header_, "unknown checksum algorithm " + std::to_string(algorithm),
                   "SET GLOBAL binlog_checksum=CRC32 at the source");
        }
        checksums_ = checksummed = algorithm == 1;
    } else if (header_.type == kRotateEvent && (header_.log_pos == 0 || !described_)) {
        // Sent in front of a format description, which may change the algorithm: the event itself tells.
        checksummed = has_valid_checksum(packet, false);
        return ByteReader(
            packet.subspan(kHeaderSize, packet.size() - kHeaderSize - (checksummed ? kChecksumSize : 0)),
            event_name(header_.type));
    } else if (!described_) {
        refuse(header_, "event type " + std::to_string(header_.type) + " before the format description",
               "Penstock reads binary logs of version 4 (MySQL 5.0 and later)");
    }
    if (checksummed && !has_valid_checksum(packet, header_.type == kFormatDescriptionEvent)) {
        refuse(header_, "wrong checksum", kDamagedHint);
    }
    size_t tail = checksummed || header_.type == kFormatDescriptionEvent ? kChecksumSize : 0;
    return ByteReader(packet.subspan(kHeaderSize, packet.size() - kHeaderSize - tail),
                      event_name(header_.type));
}

void EventParser::parse_body(ByteReader& body, Event& event) {
    using Kind = RowsEvent::Kind;
    const auto rows = [&](Kind kind, bool v2, bool compressed) {
        parse_rows(body, kind, v2, compressed, event.emplace<RowsEvent>());
    };
    switch (header_.type) {
        case kFormatDescriptionEvent:
            event = parse_format_description(body);
            return;
        case kRotateEvent:
            event = parse_rotate(body, header_);
            return;
        case kGtidEvent:
            return parse_gtid(body, false, event.emplace<GtidEvent>());
        case kAnonymousGtidEvent:
            return parse_gtid(body, true, event.emplace<GtidEvent>());
        case kGtidTaggedEvent:
            event = parse_tagged_gtid(body);
            return;
        case kMariadbGtidEvent:
            event = parse_mariadb_gtid(body, header_.server_id);
            return;
        case kMariadbGtidListEvent:
            event = parse_mariadb_gtid_list(body);
            return;
        case kPreviousGtidsEvent:
            event = PreviousGtidsEvent{body.rest()};
            return;
        case kTableMapEvent:
            return parse_table_map(body, event.emplace<TableMapEvent>());
        case kWriteRowsV1Event:
            return rows(Kind::kInsert, false, false);
        case kUpdateRowsV1Event:
            return rows(Kind::kUpdate, false, false);
        case kDeleteRowsV1Event:
            return rows(Kind::kDelete, false, false);
        case kWriteRowsEvent:
            return rows(Kind::kInsert, true, false);
        case kUpdateRowsEvent:
            return rows(Kind::kUpdate, true, false);
        case kDeleteRowsEvent:
            return rows(Kind::kDelete, true, false);
        case kMariadbWriteRowsCompressedV1Event:
            return rows(Kind::kInsert, false, true);
        case kMariadbUpdateRowsCompressedV1Event:
            return rows(Kind::kUpdate, false, true);
        case kMariadbDeleteRowsCompressedV1Event:
            return rows(Kind::kDelete, false, true);
        case kMariadbWriteRowsCompressedEvent:
            return rows(Kind::kInsert, true, true);
        case kMariadbUpdateRowsCompressedEvent:
            return rows(Kind::kUpdate, true, true);
        case kMariadbDeleteRowsCompressedEvent:
            return rows(Kind::kDelete, true, true);
        case kQueryEvent:
            return parse_query(body, 0, false, event.emplace<QueryEvent>());
        case kMariadbQueryCompressedEvent:
            return parse_query(body, 0, true, event.emplace<QueryEvent>());
        case kExecuteLoadQueryEvent:
            return parse_query(body, 13, false, event.emplace<QueryEvent>());
        case kXidEvent:
            event.emplace<XidEvent>().xid = body.u64();
            return;
        case kXaPrepareEvent:
            event = parse_xa_prepare(body);
            return;
        case kHeartbeatEvent:
        case kHeartbeatV2Event:
            event = parse_heartbeat(body, header_, mariadb_);
            return;
        case kIncidentEvent: {
            auto& incident = event.emplace<IncidentEvent>();
            incident.code = body.u16();
            incident.message = as_text(body.bytes(body.u8()));
            return;
        }
        case kStopEvent:
        case kIntvarEvent:
        case kAppendBlockEvent:
        case kDeleteFileEvent:
        case kRandEvent:
        case kUserVarEvent:
        case kBeginLoadQueryEvent:
        case kIgnorableEvent:
        case kRowsQueryEvent:
        case kTransactionContextEvent:
        case kViewChangeEvent:
        case kMariadbAnnotateRowsEvent:
        case kMariadbCheckpointEvent:
        case kMariadbStartEncryptionEvent:
            event.emplace<IgnorableEvent>();
            return;
        case kPartialUpdateRowsEvent:
            return rows(Kind::kPartialUpdate, true, false);
        default:
            if ((header_.flags & EventHeader::kIgnorable) != 0) {
                event.emplace<IgnorableEvent>();
                return;
            }
            refuse(header_, "unknown event type " + std::to_string(header_.type),
                   "This server writes events that this version of Penstock does not know; upgrade Penstock");
    }
}

// binlog version 2 = 4 | server version 50 | created 4 | header length 1 = 19 | post-header lengths |
// algorithm 1
FormatDescriptionEvent EventParser::parse_format_description(ByteReader& body) {
    uint16_t version = body.u16();
    if (version != 4) {
        refuse(header_, "binary log version " + std::to_string(version),
               "Penstock reads binary logs of version 4 (MySQL 5.0 and later)");
    }
    FormatDescriptionEvent event;
    event.server_version = as_text(body.bytes(50));
    event.server_version = event.server_version.substr(0, event.server_version.find('\0'));
    event.checksums = checksums_;
    body.skip(4);
    if (body.u8() != kHeaderSize) body.fail("event headers of another size than 19 bytes");
    ByteSpan lengths = body.bytes(body.remaining() - std::min<size_t>(body.remaining(), 1));
    post_header_lengths_.assign(lengths.begin(), lengths.end());
    mariadb_ = event.server_version.find("MariaDB") != std::string_view::npos;
    described_ = true;
    return event;
}

// The length that the format description announced; 0 for a type that it does not have.
size_t EventParser::post_header_length(uint8_t type) const {
    return type <= post_header_lengths_.size() && type > 0 ? post_header_lengths_[type - 1] : 0;
}

// table id 6 (4 before MySQL 5.1.4) | flags 2 | definition
void EventParser::parse_table_map(ByteReader& body, TableMapEvent& event) const {
    event.table_id = body.le_n(post_header_length(kTableMapEvent) == 6 ? 4 : 6);
    body.skip(2);
    event.definition = body.rest();
}

// table id 6 | flags 2 | (v2: size of extra data 2, with itself; extra data) | column count | bitmap of
// columns | (update: second bitmap) | rows
void EventParser::parse_rows(ByteReader& body, RowsEvent::Kind kind, bool v2, bool compressed,
                             RowsEvent& event) {
    constexpr uint16_t kStatementEnd = 1;
    event.kind = kind;
    event.table_id = body.le_n(post_header_length(header_.type) == 6 ? 4 : 6);
    event.statement_end = (body.u16() & kStatementEnd) != 0;
    if (v2) {
        uint16_t extra = body.u16();
        if (extra < 2) body.fail("bad size of extra data");
        body.skip(extra - 2u);
    }
    if (event.table_id == kDummyTableId) return;
    event.column_count = body.lenenc();
    if (event.column_count > 8 * body.remaining()) body.fail("column bitmap cut short");
    event.before_columns = body.bytes((event.column_count + 7) / 8);
    const bool update = kind == RowsEvent::Kind::kUpdate || kind == RowsEvent::Kind::kPartialUpdate;
    event.after_columns = update ? body.bytes((event.column_count + 7) / 8) : event.before_columns;
    event.rows = compressed ? inflate(body) : body.rest();
}

// thread 4 | seconds 4 | length of database 1 | error 2 | length of status variables 2 | (LOAD DATA: 13 more)
// | status variables | database | 0 | statement
void EventParser::parse_query(ByteReader& body, size_t extra_post_header, bool compressed,
                              QueryEvent& event) {
    body.skip(8);
    uint8_t database_size = body.u8();
    body.skip(2);
    uint16_t status_size = body.u16();
    body.skip(extra_post_header);
    QueryVariables variables =
        read_query_variables(ByteReader(body.bytes(status_size), event_name(header_.type)));
    event.sql_mode = variables.sql_mode;
    event.mariadb = mariadb_;
    event.updated_databases = variables.updated_databases;
    event.database = as_text(body.bytes(database_size));
    body.skip(1);
    event.query = as_utf8(as_text(compressed ? inflate(body) : body.rest()), variables.client_collation);
    event.nbsp_is_blank = has_blank_nbsp(statement_charset_);
}

// Bytes of a character may look like quotes (big5, gbk, sjis), so no statement is read before this.
std::string_view EventParser::as_utf8(std::string_view query, uint16_t collation) {
    bool ascii =
        std::all_of(query.begin(), query.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
    if (collation != statement_collation_) {
        statement_charset_ = charset_of_collation(collation);
        statement_collation_ = collation;
    }
    const std::string_view charset = statement_charset_;
    if (charset.empty() || (ascii && charset != "swe7")) return query;  // swe7 has letters below 0x80
    if (transcoder_ == nullptr || transcoder_collation_ != collation) {
        transcoder_ = Transcoder::make(charset);
        transcoder_collation_ = collation;
        if (transcoder_ == nullptr) {
            refuse(header_,
                   "a statement in the character set " + std::string(charset) + ", which is not known here",
                   "Install the character sets of iconv, then start the pipe");
        }
    }
    uint64_t replaced = 0;  // of values in the statement, if any: names have no such characters
    if (charset != "swe7") return transcoder_->convert(query, replaced);
    statement_
        .clear();  // a backtick and a backslash are letters in swe7, but not to the server that reads SQL
    for (char c : query) {
        if (c == '`' || c == '\\') {
            statement_ += c;
        } else {
            statement_ += transcoder_->convert({&c, 1}, replaced);
        }
    }
    return statement_;
}

// MariaDB's compressed tail of an event: 1 byte: 0x80, algorithm << 4 (0: zlib), bytes of the length that
// follows (1 to 4); uncompressed length, big-endian; zlib data.
ByteSpan EventParser::inflate(ByteReader& body) {
    uint8_t first = body.u8();
    size_t length_size = first & 0x07;
    if ((first & 0x80) == 0 || length_size < 1 || length_size > 4) body.fail("bad header of compressed data");
    if ((first & 0x70) != 0) body.fail("compressed by an unknown algorithm");
    uint64_t size = load_be(body.bytes(length_size).data(), length_size);
    ByteSpan packed = body.rest();
    if (size / 1040 > packed.size())
        body.fail("compressed data cannot give the size it claims");  // zlib: 1032 at most
    inflated_.resize(size);
    uLongf got = size;
    int code = uncompress(inflated_.data(), &got, packed.data(), packed.size());
    if (code != Z_OK || got != size) body.fail("compressed data is damaged");
    return inflated_;
}

}  // namespace penstock
