#pragma once
// Binary log events, from the bytes of one replication packet (after its leading OK byte) to a view of
// what they say. Pure: no I/O, no clock.
//
// Layout of an event (MySQL internals manual, "Binary Log Event"; all integers little-endian):
//   timestamp 4 | type 1 | server_id 4 | size 4 | log_pos 4 | flags 2 | post-header | body | CRC32 4 (if on)

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/byte_reader.h"
#include "model/position.h"

namespace penstock {

struct EventHeader {
    uint32_t timestamp = 0;  ///< seconds since 1970 UTC at the source
    uint8_t type = 0;
    uint32_t server_id = 0;
    uint32_t size = 0;
    uint32_t log_pos = 0;  ///< of the event's end, modulo 2^32; 0 for artificial events
    uint16_t flags = 0;
    uint64_t digest = 0;  ///< event_digest of the packet; 0 for all but the first event of a packet

    static constexpr uint16_t kArtificial = 0x20;
    static constexpr uint16_t kIgnorable = 0x80;
};

// Views into the packet: valid until the packet's bytes change.

struct FormatDescriptionEvent {
    std::string_view server_version;
    bool checksums = false;  ///< CRC32 at the end of each following event
};
struct RotateEvent {
    std::string_view file;
    uint64_t offset = 4;
    bool artificial = false;  ///< sent at the start of a dump, not written in the log
};
struct GtidEvent {  ///< MySQL GTID_LOG_EVENT, GTID_TAGGED_LOG_EVENT, ANONYMOUS_GTID_LOG_EVENT
    bool anonymous = false;
    GtidSource source;
    uint64_t gno = 0;
    uint64_t commit_timestamp_us = 0;  ///< of the immediate server; 0 when the server does not say
    bool only_rows = false;            ///< no change of the transaction is logged as a statement
};
struct MariadbGtidEvent {
    MariadbGtid gtid;
    bool standalone = false;   ///< no terminating COMMIT follows: one statement (DDL)
    bool prepared_xa = false;  ///< ends with an XA PREPARE
};
struct MariadbGtidListEvent {
    std::vector<MariadbGtid> gtids;
};
struct PreviousGtidsEvent {
    ByteSpan body;
};

/// What it says is read by read_table_map, where it is another than before: each statement has a map.
struct TableMapEvent {
    uint64_t table_id = 0;
    /// Everything after the table id and flags: maps with equal bytes say the same, whatever their ids.
    ByteSpan definition;
};

struct RowsEvent {  ///< WRITE/UPDATE/DELETE_ROWS v1 and v2; MariaDB's compressed ones are unpacked
    enum class Kind : uint8_t {
        kInsert,
        kUpdate,
        kDelete,
        kPartialUpdate,  ///< MySQL PARTIAL_UPDATE_ROWS: JSON columns of the after images may be diffs
    };
    Kind kind = Kind::kInsert;
    uint64_t table_id = 0;
    bool statement_end = false;  ///< last rows event of its statement: table maps end here
    uint64_t column_count = 0;
    ByteSpan before_columns;  ///< bitmap of columns present in the (before) image
    ByteSpan after_columns;   ///< update only: bitmap of the after image
    ByteSpan rows;            ///< images one after the other; empty for the dummy event of no table
};
/// Also MariaDB's compressed ones, unpacked, and LOAD DATA in statement format. The log has a statement in
/// the character set of the client that sent it; here it is UTF-8, so that names compare.
struct QueryEvent {
    std::string_view database;
    std::string_view query;
    uint64_t sql_mode = 0;       ///< in force for the statement: it changes what quotes mean
    bool mariadb = false;        ///< the server is one: it reads more
    bool nbsp_is_blank = false;  ///< in the client's character set, that U+00A0 parts words
    /// MySQL's list of the databases that it may have changed, each name ended by a NUL. None where the
    /// server does not say: MariaDB, and MySQL when they are more than 16.
    std::optional<std::string_view> updated_databases{};
};
struct XidEvent {
    uint64_t xid = 0;
};
struct XaPrepareEvent {
    bool one_phase = false;
    std::string xid;  ///< as the server writes it after XA COMMIT: X'67',X'62',1
};
struct HeartbeatEvent {
    std::string_view file;  ///< v1 and v2
    uint64_t offset = 0;    ///< 0 when the server does not say; exact above 4 GiB in v2 and MariaDB
};
struct IncidentEvent {
    uint16_t code = 0;
    std::string_view message;
};
/// Changes nothing of a row: stop, rows-query, annotate, binlog checkpoint, start encryption, what surrounds
/// a statement (INTVAR, RAND, USER_VAR, LOAD DATA blocks), group replication's views, and any unknown event
/// that carries the ignorable flag.
struct IgnorableEvent {};

using Event = std::variant<FormatDescriptionEvent, RotateEvent, GtidEvent, MariadbGtidEvent,
                           MariadbGtidListEvent, PreviousGtidsEvent, TableMapEvent, RowsEvent, QueryEvent,
                           XidEvent, XaPrepareEvent, HeartbeatEvent, IncidentEvent, IgnorableEvent>;

class RowFragments;
class TransactionPayload;
class Transcoder;

/// Parses events of one dump in order; keeps the last format description. One per stream.
class EventParser {
  public:
    EventParser();
    ~EventParser();
    EventParser(const EventParser&) = delete;
    EventParser& operator=(const EventParser&) = delete;

    /// `packet` starts at the event header. The returned views point into `packet` or, for compressed
    /// events, into this parser's buffer (valid until the next call).
    /// Throws Error(kFailPipe): damaged bytes, wrong checksum, an event type that Penstock does not know,
    /// and events that hold others or parts of them: parse_all takes those.
    Event parse(ByteSpan packet);

    using Take = std::function<void(const Event&)>;
    /// As parse, for every event: calls `take` once, or once for each event inside a TRANSACTION_PAYLOAD,
    /// which is decompressed as a stream. During the call header() is
    /// the inner event's, with log_pos of the whole payload. Event and views are valid during the call.
    /// A MariaDB PARTIAL_ROW_DATA event is an IgnorableEvent; with the last one of a group the rows event
    /// that they make comes in its place, with log_pos and size of the last one.
    void parse_all(ByteSpan packet, const Take& take);

    const EventHeader& header() const { return header_; }  ///< of the last event

  private:
    ByteReader open(ByteSpan packet);
    void join(ByteReader fragment, const Take& take);
    // The reader and the frequent events stay where they are: to copy what was written a moment ago field by
    // field costs a processor more than to read it.
    void parse_body(ByteReader& body, Event& event);
    FormatDescriptionEvent parse_format_description(ByteReader& body);
    void parse_table_map(ByteReader& body, TableMapEvent& event) const;
    void parse_rows(ByteReader& body, RowsEvent::Kind kind, bool v2, bool compressed, RowsEvent& event);
    void parse_query(ByteReader& body, size_t extra_post_header, bool compressed, QueryEvent& event);
    size_t post_header_length(uint8_t type) const;
    ByteSpan inflate(ByteReader& body);
    std::string_view as_utf8(std::string_view query, uint16_t collation);

    EventHeader header_;
    Event event_;             // that parse_all gives out
    bool described_ = false;  // a format description has been seen
    bool checksums_ = false;
    bool mariadb_ = false;
    std::vector<uint8_t> post_header_lengths_;
    std::vector<uint8_t> inflated_;
    uint16_t statement_collation_ = 0;  // of the last statement, and its character set
    std::string_view statement_charset_;
    std::unique_ptr<Transcoder> transcoder_;  // of statements that are not UTF-8
    uint16_t transcoder_collation_ = 0;
    std::string statement_;
    std::unique_ptr<TransactionPayload> payload_;
    std::unique_ptr<RowFragments> fragments_;
};

}  // namespace penstock
