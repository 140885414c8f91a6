#include "decode/binlog_event.h"

#include <deque>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

#include "decode/event_types.h"
#include "decode/sql_tokens.h"
#include "decode/table_map.h"

namespace penstock {
namespace {

using Bytes = std::vector<uint8_t>;

template <typename T>
void put(Bytes& out, T value) {
    for (size_t i = 0; i < sizeof value; ++i)
        out.push_back(static_cast<uint8_t>(static_cast<uint64_t>(value) >> 8 * i));
}
void put(Bytes& out, const std::string& text) {
    out.insert(out.end(), text.begin(), text.end());
}
void put(Bytes& out, const char* text) {
    put(out, std::string(text));
}

struct Made {
    uint32_t log_pos = 1000;
    uint16_t flags = 0;
    bool checksum = true;
};

Bytes event(uint8_t type, const Bytes& body, Made made = {}) {
    Bytes out;
    put<uint32_t>(out, 1'700'000'000);
    out.push_back(type);
    put<uint32_t>(out, 77);
    put<uint32_t>(out, static_cast<uint32_t>(19 + body.size() + (made.checksum ? 4 : 0)));
    put(out, made.log_pos);
    put(out, made.flags);
    out.insert(out.end(), body.begin(), body.end());
    if (made.checksum) put(out, static_cast<uint32_t>(crc32_z(0, out.data(), out.size())));
    return out;
}

Bytes format_description(const std::string& version, uint8_t algorithm, uint16_t flags = 0) {
    Bytes body;
    put<uint16_t>(body, 4);
    put(body, version + std::string(50 - version.size(), '\0'));
    put<uint32_t>(body, 0);
    body.push_back(19);
    body.insert(body.end(), 42, 8);
    body.push_back(algorithm);
    Bytes out = event(kFormatDescriptionEvent, body, {.log_pos = 126, .flags = 0});
    out[17] = static_cast<uint8_t>(flags);
    if (algorithm == 0) std::fill(out.end() - 4, out.end(), uint8_t{0});
    return out;
}

EventParser& described(EventParser& parser, const std::string& version = "9.7.0", uint8_t algorithm = 1) {
    parser.parse(format_description(version, algorithm));
    return parser;
}

template <typename T>
T parse(EventParser& parser, const Bytes& bytes) {
    static std::deque<Bytes> kept;  // what is returned points into it
    Event parsed = parser.parse(kept.emplace_back(bytes));
    return std::get<T>(parsed);
}

std::string error_of(EventParser& parser, const Bytes& bytes) {
    try {
        parser.parse(bytes);
    } catch (const Error& error) {
        EXPECT_EQ(error.disposition(), Disposition::kFailPipe);
        return error.what();
    }
    return "no error";
}

TEST(EventParserTest, FormatDescription) {
    EventParser parser;
    auto e = parse<FormatDescriptionEvent>(parser, format_description("10.11.6-MariaDB-log", 1));
    EXPECT_EQ(e.server_version, "10.11.6-MariaDB-log");
    EXPECT_TRUE(e.checksums);
    EXPECT_EQ(parser.header().timestamp, 1'700'000'000u);
    EXPECT_EQ(parser.header().server_id, 77u);
    EXPECT_EQ(parser.header().log_pos, 126u);
    // The in-use flag of an open log is not in its checksum.
    EXPECT_TRUE(parse<FormatDescriptionEvent>(parser, format_description("9.7.0", 1, 1)).checksums);
    EXPECT_FALSE(parse<FormatDescriptionEvent>(parser, format_description("9.7.0", 0)).checksums);
    EXPECT_NE(error_of(parser, format_description("9.7.0", 2)).find("checksum algorithm 2"),
              std::string::npos);
}

TEST(EventParserTest, ChecksumsFollowTheFormatDescription) {
    EventParser parser;
    described(parser);
    Bytes xid;
    put<uint64_t>(xid, 42);
    EXPECT_EQ(parse<XidEvent>(parser, event(kXidEvent, xid)).xid, 42u);
    Bytes wrong = event(kXidEvent, xid);
    wrong[20] ^= 1;
    EXPECT_NE(error_of(parser, wrong).find("wrong checksum"), std::string::npos);
    described(parser, "9.7.0", 0);
    EXPECT_EQ(parse<XidEvent>(parser, event(kXidEvent, xid, {.checksum = false})).xid, 42u);
}

TEST(EventParserTest, RotateWithAndWithoutChecksum) {
    Bytes body;
    put<uint64_t>(body, 5'000'000'000);
    put(body, "binlog.000042");
    for (bool checksum : {true, false}) {
        EventParser parser;
        Bytes fake = event(kRotateEvent, body,
                           {.log_pos = 0, .flags = EventHeader::kArtificial, .checksum = checksum});
        auto e = parse<RotateEvent>(parser, fake);
        EXPECT_EQ(e.file, "binlog.000042");
        EXPECT_EQ(e.offset, 5'000'000'000u);
        EXPECT_TRUE(e.artificial);
        // An artificial one tells by itself also later: the next file may have another algorithm.
        described(parser, "9.7.0", checksum ? 0 : 1);
        EXPECT_EQ(parse<RotateEvent>(parser, fake).file, "binlog.000042");
        if (checksum) {
            fake[21] ^= 1;
            EXPECT_NE(error_of(parser, fake).find("wrong checksum"), std::string::npos);
        }
    }
    EventParser parser;
    described(parser);
    EXPECT_FALSE(parse<RotateEvent>(parser, event(kRotateEvent, body)).artificial);
}

TEST(EventParserTest, RefusesWhatItDoesNotKnow) {
    EventParser parser;
    EXPECT_NE(error_of(parser, event(kXidEvent, Bytes(8))).find("before the format description"),
              std::string::npos);
    described(parser);
    EXPECT_NE(error_of(parser, event(99, {})).find("unknown event type 99"), std::string::npos);
    EXPECT_EQ(error_of(parser, event(99, {}, {.flags = EventHeader::kIgnorable})), "no error");
    EXPECT_NE(
        error_of(parser, event(kTransactionPayloadEvent, {})).find("binlog_transaction_compression=OFF"),
        std::string::npos);
    Bytes longer = event(kXidEvent, Bytes(8));
    longer.push_back(0);
    EXPECT_NE(error_of(parser, longer).find("event of 32 bytes says that it has 31"), std::string::npos);
    EXPECT_NE(error_of(parser, Bytes(5)).find("cut short"), std::string::npos);
}

TEST(EventParserTest, Gtid) {
    EventParser parser;
    described(parser);
    Bytes body = {1};
    for (uint8_t i = 0; i < 16; ++i) body.push_back(i);
    put<uint64_t>(body, 9'000'000'000);
    body.push_back(2);
    put<uint64_t>(body, 1);
    put<uint64_t>(body, 2);
    Bytes old = body;
    const uint64_t time = 1'700'000'000'123'456;
    for (int i = 0; i < 7; ++i) body.push_back(static_cast<uint8_t>((time | uint64_t{1} << 55) >> 8 * i));
    body.insert(body.end(), 20, 0);
    auto e = parse<GtidEvent>(parser, event(kGtidEvent, body));
    EXPECT_EQ(e.source.to_string(), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    EXPECT_EQ(e.gno, 9'000'000'000u);
    EXPECT_EQ(e.commit_timestamp_us, time);
    EXPECT_FALSE(e.anonymous);
    EXPECT_EQ(parse<GtidEvent>(parser, event(kGtidEvent, old)).commit_timestamp_us, 0u);  // MySQL 5.7
    std::fill(old.begin() + 1, old.begin() + 25, uint8_t{0});
    EXPECT_TRUE(parse<GtidEvent>(parser, event(kAnonymousGtidEvent, old)).anonymous);
    EXPECT_NE(error_of(parser, event(kGtidEvent, old)).find("transaction number"), std::string::npos);
}

TEST(EventParserTest, MariadbGtidAndList) {
    EventParser parser;
    described(parser, "10.11.6-MariaDB");
    Bytes body;
    put<uint64_t>(body, 6'000'000'000);
    put<uint32_t>(body, 3);
    body.push_back(1);
    auto e = parse<MariadbGtidEvent>(parser, event(kMariadbGtidEvent, body));
    EXPECT_EQ(e.gtid, (MariadbGtid{3, 77, 6'000'000'000}));
    EXPECT_TRUE(e.standalone);

    Bytes list;
    put<uint32_t>(list, 0x20000001);  // a flag and one entry
    put<uint32_t>(list, 5);
    put<uint32_t>(list, 6);
    put<uint64_t>(list, 7);
    EXPECT_EQ(parse<MariadbGtidListEvent>(parser, event(kMariadbGtidListEvent, list)).gtids,
              (std::vector<MariadbGtid>{{5, 6, 7}}));
    list[0] = 2;
    EXPECT_NE(error_of(parser, event(kMariadbGtidListEvent, list)).find("cut short"), std::string::npos);
}

TEST(EventParserTest, Heartbeats) {
    EventParser parser;
    described(parser);
    Bytes name;
    put(name, "binlog.000009");
    auto v1 = parse<HeartbeatEvent>(parser, event(kHeartbeatEvent, name, {.log_pos = 500}));
    EXPECT_EQ(v1.file, "binlog.000009");
    EXPECT_EQ(v1.offset, 500u);

    Bytes v2 = {1, 13};
    put(v2, "binlog.000009");
    v2.insert(v2.end(), {2, 9, 0xfe});
    put<uint64_t>(v2, 5'000'000'000);
    v2.push_back(0);
    auto parsed = parse<HeartbeatEvent>(parser, event(kHeartbeatV2Event, v2, {.log_pos = 0}));
    EXPECT_EQ(parsed.file, "binlog.000009");
    EXPECT_EQ(parsed.offset, 5'000'000'000u);

    described(parser, "10.11.6-MariaDB");
    Bytes large;
    put<uint64_t>(large, 6'000'000'000);
    put(large, "binlog.000009");
    auto mariadb = parse<HeartbeatEvent>(parser, event(kHeartbeatEvent, large, {.log_pos = 0}));
    EXPECT_EQ(mariadb.file, "binlog.000009");
    EXPECT_EQ(mariadb.offset, 6'000'000'000u);
}

// A statement is in the character set of its client: "TRUNCATE TABLE t<a umlaut>" from a client in latin1.
TEST(EventParserTest, StatementsAreUtf8WhateverTheClientSent) {
    EventParser parser;
    described(parser);
    auto query_of = [&](uint16_t collation, const std::string& statement) {
        Bytes status, body;
        status.push_back(0);
        put<uint32_t>(status, 0);
        status.push_back(1);
        put<uint64_t>(status, SqlDialect::kAnsiQuotes);
        status.push_back(6);
        status.push_back(3);
        put(status, "std");
        status.push_back(3);
        put<uint32_t>(status, 1);
        status.push_back(4);
        put<uint16_t>(status, collation);
        put<uint16_t>(status, 8);
        put<uint16_t>(status, 255);
        status.push_back(99);  // one that is not known ends them
        body.resize(8);
        body.push_back(0);
        put<uint16_t>(body, 0);
        put(body, static_cast<uint16_t>(status.size()));
        body.insert(body.end(), status.begin(), status.end());
        body.push_back(0);
        put(body, statement);
        auto e = parse<QueryEvent>(parser, event(kQueryEvent, body));
        EXPECT_EQ(e.sql_mode, SqlDialect::kAnsiQuotes);
        return std::string(e.query);
    };
    const std::string umlaut = "TRUNCATE TABLE t\xc3\xa4";
    EXPECT_EQ(query_of(8, "TRUNCATE TABLE t\xe4"), umlaut);
    EXPECT_EQ(query_of(47 + 1024, "TRUNCATE TABLE t\xe4"), umlaut);
    EXPECT_EQ(query_of(10, "TRUNCATE TABLE t{"), umlaut);
    // In swe7 a backtick and a backslash are letters to a reader and what they always are to the server.
    EXPECT_EQ(query_of(10, "DROP TABLE `t{` -- \\"), "DROP TABLE `t\xc3\xa4` -- \\");
    EXPECT_EQ(query_of(255, umlaut), umlaut);
    EXPECT_EQ(query_of(33, umlaut), umlaut);
    EXPECT_EQ(query_of(0, umlaut), umlaut);
    EXPECT_EQ(query_of(28, "DROP TABLE `\x81\x60`"),
              "DROP TABLE `\xe4\xb9\xa3`");  // a backtick's byte in gbk
}

TEST(EventParserTest, Query) {
    EventParser parser;
    described(parser);
    Bytes body(8);
    body.push_back(2);  // length of the database
    put<uint16_t>(body, 0);
    Bytes status = {0, 0, 0, 0, 0, 1};
    put<uint64_t>(status, SqlDialect::kAnsiQuotes | 1);
    put<uint16_t>(body, static_cast<uint16_t>(status.size()));
    body.insert(body.end(), status.begin(), status.end());
    put(body, std::string("db\0DROP TABLE \"t\"", 17));
    auto e = parse<QueryEvent>(parser, event(kQueryEvent, body));
    EXPECT_EQ(e.database, "db");
    EXPECT_EQ(e.query, "DROP TABLE \"t\"");
    EXPECT_EQ(e.sql_mode, SqlDialect::kAnsiQuotes | 1);
    body[11] = 200;  // status variables longer than the event
    EXPECT_NE(error_of(parser, event(kQueryEvent, body)).find("cut short"), std::string::npos);
}

TEST(EventParserTest, MySqlListsTheDatabasesThatAStatementMayHaveChanged) {
    EventParser parser;
    described(parser);
    auto listed = [&](const std::string& list) {
        Bytes status = {4}, body(8);
        for (int i = 0; i < 3; ++i) put<uint16_t>(status, 255);
        put(status,
            std::string("\5\3UTC\7\1\0\10\1\0\11\1\0\0\0\0\0\0\0\12\1\0\0\0\13\2me\4host\14", 35) + list);
        body.push_back(0);
        put<uint16_t>(body, 0);
        put<uint16_t>(body, static_cast<uint16_t>(status.size()));
        body.insert(body.end(), status.begin(), status.end());
        body.push_back(0);
        put(body, "DO f()");
        return event(kQueryEvent, body);
    };
    const std::string two("\2a\0bc\0", 6);
    auto updated = parse<QueryEvent>(parser, listed(two + "\15\1\2\3")).updated_databases;
    ASSERT_TRUE(updated);
    EXPECT_EQ(*updated, two.substr(1));
    EXPECT_EQ(*parse<QueryEvent>(parser, listed(std::string(1, '\0'))).updated_databases, "");
    EXPECT_FALSE(parse<QueryEvent>(parser, listed("\xfe")).updated_databases);
    EXPECT_NE(error_of(parser, listed("\2a")).find("cut short"), std::string::npos);
}

TEST(EventParserTest, RowsVersionsAndTheDummyEvent) {
    EventParser parser;
    described(parser);
    Bytes v2;
    put<uint32_t>(v2, 0x01020304);
    put<uint16_t>(v2, 0x0506);
    put<uint16_t>(v2, 1);
    put<uint16_t>(v2, 5);  // extra data: 3 bytes
    v2.insert(v2.end(), {9, 9, 9, 10, 0xff, 0x03, 0xfe, 0x03, 'r', 'o', 'w'});
    auto update = parse<RowsEvent>(parser, event(kUpdateRowsEvent, v2));
    EXPECT_EQ(update.kind, RowsEvent::Kind::kUpdate);
    EXPECT_EQ(update.table_id, 0x050601020304u);
    EXPECT_TRUE(update.statement_end);
    EXPECT_EQ(update.column_count, 10u);
    EXPECT_EQ(update.before_columns[0], 0xff);
    EXPECT_EQ(update.after_columns[0], 0xfe);
    EXPECT_EQ(as_text(update.rows), "row");

    Bytes v1(v2.begin(), v2.begin() + 8);
    v1[6] = 0;
    v1.insert(v1.end(), {10, 0xff, 0x03, 'x'});
    auto remove = parse<RowsEvent>(parser, event(kDeleteRowsV1Event, v1));
    EXPECT_EQ(remove.kind, RowsEvent::Kind::kDelete);
    EXPECT_FALSE(remove.statement_end);
    EXPECT_EQ(as_text(remove.rows), "x");

    Bytes dummy = {0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 2, 0};
    EXPECT_TRUE(parse<RowsEvent>(parser, event(kWriteRowsEvent, dummy)).rows.empty());
    v2[8] = 1;
    EXPECT_NE(error_of(parser, event(kUpdateRowsEvent, v2)).find("extra data"), std::string::npos);
}

TEST(EventParserTest, MariadbCompressedData) {
    EventParser parser;
    described(parser, "10.11.6-MariaDB");
    std::string rows(5000, 'z');
    Bytes packed(compressBound(rows.size()));
    uLongf size = packed.size();
    ASSERT_EQ(compress(packed.data(), &size, as_bytes(rows).data(), rows.size()), Z_OK);
    Bytes body = {1, 0, 0, 0, 0, 0, 1, 0, 1, 0x01};
    body.insert(body.end(), {0x82, 5000 >> 8, 5000 & 0xff});
    body.insert(body.end(), packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(as_text(parse<RowsEvent>(parser, event(kMariadbWriteRowsCompressedV1Event, body)).rows), rows);
    Bytes wrong = body;
    wrong[11] ^= 1;  // another length
    EXPECT_NE(error_of(parser, event(kMariadbWriteRowsCompressedV1Event, wrong)).find("damaged"),
              std::string::npos);
    wrong = body;
    wrong[10] = 0x84;  // a length of 4 bytes: more than the data can give
    EXPECT_NE(error_of(parser, event(kMariadbWriteRowsCompressedV1Event, wrong)).find("size it claims"),
              std::string::npos);
    wrong[10] = 0x92;
    EXPECT_NE(error_of(parser, event(kMariadbWriteRowsCompressedV1Event, wrong)).find("algorithm"),
              std::string::npos);
}

TEST(EventParserTest, TableMap) {
    EventParser parser;
    described(parser);
    Bytes body = {7, 0, 0, 0, 0, 0, 1, 0, 2, 'd', 'b', 0, 1, 't', 0, 6};
    body.insert(body.end(),
                {kLongField, kVarcharField, kStringField, kStringField, kNewDecimalField, kBitField});
    body.insert(body.end(),
                {10, 0x2c, 0x01, 0xf7, 2, 0xee, 0xfc, 65, 30, 1, 4});  // varchar 300, enum, char 508, ...
    body.push_back(0x02);                                              // the varchar is nullable
    body.insert(body.end(), {kSignedness, 1, 0x80});
    body.insert(body.end(), {kColumnName, 12, 1, 'a', 1, 'b', 1, 'c', 1, 'd', 1, 'e', 1, 'f'});
    body.insert(body.end(), {99, 2, 0, 0});  // unknown fields are passed over
    const Bytes packet = event(kTableMapEvent, body);
    auto map_event = parse<TableMapEvent>(parser, packet);
    EXPECT_EQ(map_event.table_id, 7u);
    EXPECT_EQ(map_event.definition.size(), body.size() - 8);
    const TableMap map = read_table_map(map_event);
    EXPECT_EQ(map.database, "db");
    EXPECT_EQ(map.table, "t");
    ASSERT_EQ(map.columns.size(), 6u);
    EXPECT_EQ(map.columns[1].metadata, 300);
    EXPECT_TRUE(map.columns[1].nullable);
    EXPECT_EQ(map.columns[2].type, kEnumField);
    EXPECT_EQ(map.columns[2].metadata, 2);
    EXPECT_EQ(map.columns[3].type, kStringField);
    EXPECT_EQ(map.columns[3].metadata, 508);
    EXPECT_EQ(map.columns[4].metadata, 65 * 256 + 30);
    EXPECT_EQ(map.columns[5].metadata, 33);
    EXPECT_TRUE(map.has_signedness);
    EXPECT_TRUE(map.columns[0].is_unsigned);
    EXPECT_FALSE(map.columns[4].is_unsigned);
    EXPECT_TRUE(map.has_names);
    EXPECT_EQ(map.columns[5].name, "f");
    EXPECT_EQ(map.first_unknown, 6u);

    body[16] = 200;  // a type from the future: no error until rows of the table are wanted
    map_event.definition = ByteSpan(body).subspan(8);
    EXPECT_EQ(read_table_map(map_event).first_unknown, 0u);
    body[16] = kVarcharField;  // now metadata is missing
    try {
        read_table_map(map_event);
        FAIL() << "metadata that is missing was read";
    } catch (const Error& e) {
        EXPECT_NE(std::string(e.what()).find("column metadata"), std::string::npos);
    }
}

/// A rows event of table 5 with `bytes` as its rows, as MariaDB 12.3 cuts it: pieces of 16 bytes.
std::vector<Bytes> fragments(const Bytes& whole, bool total_first) {
    std::vector<Bytes> events;
    constexpr size_t kPiece = 16;
    const auto total = static_cast<uint32_t>((whole.size() + kPiece - 1) / kPiece);
    for (uint32_t i = 1; i <= total; ++i) {
        Bytes body;
        put<uint32_t>(body, total_first ? total : i);
        put<uint32_t>(body, total_first ? i : total);
        body.push_back(i == 1 ? 1 : 0);
        if (i == 1) put<uint64_t>(body, whole.size());
        const size_t from = (i - 1) * kPiece, to = std::min(whole.size(), from + kPiece);
        body.insert(body.end(), whole.begin() + static_cast<std::ptrdiff_t>(from),
                    whole.begin() + static_cast<std::ptrdiff_t>(to));
        events.push_back(event(kMariadbPartialRowDataEvent, body, {.log_pos = 1000 + i}));
    }
    return events;
}

Bytes large_rows_event(bool checksum) {
    Bytes body;
    put<uint32_t>(body, 5);
    put<uint16_t>(body, 0);
    put<uint16_t>(body, 1);  // flags
    body.push_back(1);       // columns
    body.push_back(0xff);
    put(body, std::string(60, 'r'));
    return event(kWriteRowsV1Event, body, {.log_pos = 7, .checksum = checksum});
}

TEST(RowFragments, MakeTheRowsEventThatTheyAreCutFrom) {
    for (bool checksum : {true, false}) {
        for (bool total_first : {true, false}) {
            EventParser parser;
            described(parser, "12.3.1-MariaDB");
            std::vector<Bytes> events = fragments(large_rows_event(checksum), total_first);
            ASSERT_GT(events.size(), 4u);
            for (int round = 0; round < 2; ++round) {  // one group after the other
                for (size_t i = 0; i < events.size(); ++i) {
                    int calls = 0;
                    parser.parse_all(events[i], [&](const Event& e) {
                        ++calls;
                        EXPECT_EQ(parser.header().log_pos, 1001 + i);
                        EXPECT_EQ(parser.header().size, events[i].size());
                        if (i + 1 < events.size()) {
                            EXPECT_TRUE(std::holds_alternative<IgnorableEvent>(e));
                            return;
                        }
                        const auto& rows = std::get<RowsEvent>(e);
                        EXPECT_EQ(rows.kind, RowsEvent::Kind::kInsert);
                        EXPECT_EQ(rows.table_id, 5u);
                        EXPECT_EQ(as_text(rows.rows), std::string(60, 'r'));
                    });
                    EXPECT_EQ(calls, 1);
                }
            }
        }
    }
}

TEST(RowFragments, WhatDoesNotFitTogetherIsAnError) {
    const auto fails = [](const std::vector<Bytes>& events) {
        EventParser parser;
        described(parser, "12.3.1-MariaDB");
        try {
            for (const Bytes& e : events) parser.parse_all(e, [](const Event&) {});
        } catch (const Error& e) {
            return e.disposition() == Disposition::kFailPipe;
        }
        return false;
    };
    const std::vector<Bytes> good = fragments(large_rows_event(true), true);
    EXPECT_FALSE(fails(good));
    auto without = [&](size_t i) {
        std::vector<Bytes> events = good;
        events.erase(events.begin() + static_cast<std::ptrdiff_t>(i));
        return events;
    };
    for (size_t i = 0; i + 1 < good.size(); ++i) EXPECT_TRUE(fails(without(i))) << i;
    std::vector<Bytes> swapped = good;
    std::swap(swapped[1], swapped[2]);
    EXPECT_TRUE(fails(swapped));
    std::vector<Bytes> twice = good;
    twice.insert(twice.begin() + 1, good[0]);  // a group within the group
    EXPECT_TRUE(fails(twice));
    std::vector<Bytes> cut = {good[0], good[1], event(kXidEvent, Bytes(8, 0))};
    EXPECT_TRUE(fails(cut));

    auto altered = [&](size_t at, uint8_t value) {
        std::vector<Bytes> events = good;
        Bytes body(events[0].begin() + 19, events[0].end() - 4);
        body[at] = value;
        events[0] = event(kMariadbPartialRowDataEvent, body);
        return events;
    };
    EXPECT_TRUE(fails(altered(8, 3)));  // unknown flags
    EXPECT_TRUE(fails(altered(9, 1)));  // the size of the whole: less, more, and beyond all bounds
    EXPECT_TRUE(fails(altered(9, 255)));
    EXPECT_TRUE(fails(altered(15, 1)));
    EXPECT_TRUE(fails(altered(17 + 4, kQueryEvent)));  // no rows event inside
    EXPECT_TRUE(fails(altered(17 + 9, 3)));            // it says another size
    EventParser parser;
    described(parser, "12.3.1-MariaDB");
    EXPECT_THROW(parser.parse(good[0]), Error);
}

}  // namespace
}  // namespace penstock
