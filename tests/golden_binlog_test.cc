// Binary logs captured from real servers (tests/data/binlog/README.md): what they decode to, and that damage
// to them is an error and never a read outside the bytes.

#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

#include "decode/binlog_row.h"
#include "decode/text_row.h"
#include "source/table_definition.h"

namespace penstock {
namespace {

constexpr size_t kHeaderSize = 19;

std::string read_file(const std::string& name) {
    std::ifstream in(PENSTOCK_TEST_DATA "/binlog/" + name, std::ios::binary);
    EXPECT_TRUE(in.good()) << name;
    return {std::istreambuf_iterator<char>(in), {}};
}

// Events of a binlog file as they would come in packets, each in memory of its own size: a sanitizer then
// sees any read past the end.
std::vector<std::vector<uint8_t>> events_of(const std::string& name) {
    std::string bytes = read_file(name);
    EXPECT_EQ(bytes.substr(0, 4),
              "\xfe"
              "bin");
    std::vector<std::vector<uint8_t>> events;
    for (size_t at = 4; at + kHeaderSize <= bytes.size();) {
        size_t size = load_le<4>(as_bytes(bytes).data() + at + 9);
        ByteSpan event = as_bytes(bytes).subspan(at, size);
        events.emplace_back(event.begin(), event.end());
        at += size;
    }
    return events;
}

std::vector<std::vector<std::string>> read_tsv(const std::string& name) {
    std::vector<std::vector<std::string>> rows;
    std::string text = read_file(name);
    for (size_t at = 0; at < text.size();) {
        size_t end = text.find('\n', at);
        std::vector<std::string>& row = rows.emplace_back(1);
        for (char c : text.substr(at, end - at)) {
            if (c == '\t') {
                row.emplace_back();
            } else {
                row.back() += c;
            }
        }
        at = end + 1;
    }
    return rows;
}

std::string unhex(const std::string& hex) {
    std::string bytes;
    for (size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    return bytes;
}

TablePlan golden_plan(const std::string& flavour) {
    TableSchema schema;
    schema.database = "golden";
    schema.name = "types";
    schema.storage_engine = "InnoDB";
    schema.key = {0};
    schema.key_is_primary = true;
    for (const auto& row : read_tsv(flavour + "/types.columns.tsv")) {
        SourceColumn& column = schema.columns.emplace_back();
        column.name = row[0];
        column.column_type = row[1];
        column.nullable = row[2] == "YES";
        column.charset = row[3];
        column.generated = row[4].find("GENERATED") != std::string::npos;
        parse_column_type(column.column_type, flavour == "mysql", column);
    }
    TableMapping mapping;
    mapping.source_database = "golden";
    mapping.source_table = mapping.target_table = "types";
    mapping.excluded_columns = {"shape"};
    return make_table_plan(0, schema, mapping, PipeSpec{}, true);
}

class GoldenTest : public testing::TestWithParam<const char*> {};

TEST_P(GoldenTest, RowsAreWhatTheServerPrints) {
    std::string flavour = GetParam();
    TablePlan plan = golden_plan(flavour);

    Block text(plan);
    TextRowDecoder text_decoder(plan);
    for (const auto& row : read_tsv(flavour + "/types.rows.tsv")) {
        ASSERT_EQ(row.size(), plan.columns.size());
        std::vector<std::string> values;
        for (size_t i = 0; i < row.size(); ++i) {
            SourceType type = plan.source.columns[plan.columns[i].source].type;
            bool plain = type == SourceType::kFloat || type == SourceType::kDouble;
            values.push_back(plain ? row[i] : unhex(row[i]));
        }
        std::vector<const char*> pointers;
        std::vector<unsigned long> lengths;
        for (size_t i = 0; i < row.size(); ++i) {
            pointers.push_back(row[i] == "NULL" ? nullptr : values[i].data());
            lengths.push_back(values[i].size());
        }
        text_decoder.append(pointers.data(), lengths.data(), text);
        text.finish_row(1, false);
    }
    ASSERT_EQ(text.rows, 3u);  // ids 1 to 3

    EventParser parser;
    std::optional<BinlogRowDecoder> decoder;
    RowImage before, after;
    Block log(plan);
    std::string kinds;
    for (const auto& bytes : events_of(flavour + "/types.binlog")) {
        Event event = parser.parse(bytes);
        if (const auto* map = std::get_if<TableMapEvent>(&event)) {
            EXPECT_EQ(map->database, "golden");
            EXPECT_TRUE(map->has_names);
            EXPECT_TRUE(map->has_signedness);
            decoder.emplace(plan, *map);
        }
        const auto* rows = std::get_if<RowsEvent>(&event);
        if (rows == nullptr) continue;
        EXPECT_TRUE(rows->statement_end);
        ByteReader reader(rows->rows, "rows");
        while (!reader.empty()) {
            decoder->read(reader, rows->before_columns, before);
            uint64_t id = load_le<4>(before.fields[0].data);
            switch (rows->kind) {
                case RowsEvent::Kind::kInsert:
                    kinds += "i" + std::to_string(id);
                    if (id == 1) decoder->append(before, log);
                    break;
                case RowsEvent::Kind::kUpdate:
                    decoder->read(reader, rows->after_columns, after);
                    kinds += "u" + std::to_string(id);
                    EXPECT_TRUE(decoder->same_key(before, after));
                    decoder->append(after, log);
                    break;
                case RowsEvent::Kind::kPartialUpdate:
                    FAIL() << "there is none in this log";
                case RowsEvent::Kind::kDelete:
                    kinds += "d" + std::to_string(id);
                    break;
            }
        }
    }
    EXPECT_EQ(kinds, "i0i1i2i3u2u3d0");
    for (size_t i = 0; i < plan.columns.size(); ++i) {
        EXPECT_EQ(as_text(text.columns[i].nulls()), as_text(log.columns[i].nulls())) << plan.columns[i].name;
        EXPECT_EQ(as_text(text.columns[i].values()), as_text(log.columns[i].values()))
            << plan.columns[i].name;
        EXPECT_EQ(text.columns[i].adjusted(), log.columns[i].adjusted()) << plan.columns[i].name;
    }
}

std::string describe(const Event& event) {
    struct Visitor {
        std::string operator()(const FormatDescriptionEvent& e) {
            return e.checksums ? "format with checksums" : "format without checksums";
        }
        std::string operator()(const RotateEvent& e) { return "rotate at " + std::to_string(e.offset); }
        std::string operator()(const GtidEvent& e) {
            std::string source = e.source.to_string();
            if (!source.starts_with("aaaaaaaa-"))
                source = source.size() > 36 ? "own" + source.substr(36) : "own";
            EXPECT_GT(e.commit_timestamp_us, 1'700'000'000'000'000u);
            return "gtid " + source + (e.gno < 1000 ? "" : ":" + std::to_string(e.gno));
        }
        std::string operator()(const MariadbGtidEvent& e) {
            return "gtid " + std::to_string(e.gtid.domain) + "-" + std::to_string(e.gtid.server_id) +
                   (e.standalone ? " standalone" : "");
        }
        std::string operator()(const MariadbGtidListEvent& e) {
            return "list of " + std::to_string(e.gtids.size());
        }
        std::string operator()(const PreviousGtidsEvent&) { return "previous gtids"; }
        std::string operator()(const TableMapEvent& e) {
            return "map " + std::string(e.table) + " " + std::to_string(e.columns.size());
        }
        std::string operator()(const RowsEvent& e) {
            static const char* const kKinds[] = {"insert", "update", "delete", "partial update"};
            return kKinds[static_cast<int>(e.kind)] + (" " + std::to_string(e.rows.size()));
        }
        std::string operator()(const QueryEvent& e) {
            std::string text = "query " + std::string(e.query.substr(0, 40));
            return (e.sql_mode & QueryEvent::kAnsiQuotes) != 0 ? text + " (ANSI)" : text;
        }
        std::string operator()(const XidEvent&) { return "xid"; }
        std::string operator()(const XaPrepareEvent& e) {
            return "xa prepare " + e.xid + (e.one_phase ? " one phase" : "");
        }
        std::string operator()(const HeartbeatEvent&) { return "heartbeat"; }
        std::string operator()(const IncidentEvent&) { return "incident"; }
        std::string operator()(const IgnorableEvent&) { return "ignorable"; }
    };
    return std::visit(Visitor(), event);
}

// One line for each event.
std::string describe_all(const std::string& name) {
    EventParser parser;
    std::string list;
    for (const auto& bytes : events_of(name)) {
        try {
            parser.parse_all(bytes, [&](const Event& event) { list += describe(event) + '\n'; });
        } catch (const Error& error) {
            list += std::string(error.what()) + '\n';
        }
    }
    return list;
}

TEST(GoldenEventsTest, Mysql) {
    EXPECT_EQ(describe_all("mysql/events.binlog"), R"(format with checksums
previous gtids
gtid own
query CREATE TABLE golden.e (id int PRIMARY KE
gtid own:blue
query BEGIN
map e 5
insert 18
xid
gtid aaaaaaaa-bbbb-cccc-dddd-eeeeffff0080:a_tag_of_32_characters_000000000:4611686018427387905
query BEGIN
map e 5
insert 17
xid
gtid own
query BEGIN
ignorable
map e 5
update 44
xid
gtid own
query BEGIN
map e 5
insert 124
map e 5
delete 17
xid
gtid own
query XA START X'672731',X'62',7
map e 5
insert 9
query XA END X'672731',X'62',7
xa prepare X'672731',X'62',7
gtid own
query XA COMMIT X'672731',X'62',7
gtid own
query BEGIN
map e 5
update 15
xid
gtid own
query ALTER TABLE golden.e ADD COLUMN "b`c" in (ANSI)
gtid own
query BEGIN
map e 6
partial update 64
xid
rotate at 4
)");
}

TEST(GoldenEventsTest, Mariadb) {
    EXPECT_EQ(describe_all("mariadb/events.binlog"), R"(format with checksums
list of 1
ignorable
ignorable
gtid 0-8 standalone
query CREATE TABLE golden.e (id int PRIMARY KE
gtid 5-8
ignorable
map e 4
insert 20
xid
gtid 0-8
map e 4
insert 512
xid
gtid 0-8
map e 4
update 874
xid
gtid 0-8
map e 4
delete 362
xid
gtid 0-8 standalone
query CREATE TABLE golden.long_comment (a int)
gtid 0-8
ignorable
map e 4
insert 9
query XA END X'672731',X'62',7
xa prepare X'672731',X'62',7
gtid 0-8 standalone
query XA COMMIT X'672731',X'62',7
gtid 0-8
ignorable
map e 4
update 15
xid
gtid 0-8
ignorable
query INSERT INTO golden.e SET id = 9, v = ran
xid
rotate at 4
)");
}

TEST(GoldenEventsTest, CompressedTransactionsNeedParseAll) {
    EventParser parser;
    int refused = 0;
    for (const auto& bytes : events_of("mysql/events.binlog")) {
        try {
            parser.parse(bytes);
        } catch (const Error& error) {
            if (std::string(error.hint()).find("binlog_transaction_compression=OFF") != std::string::npos)
                ++refused;
        }
    }
    EXPECT_EQ(refused, 1);
}

void set_size_and_checksum(std::vector<uint8_t>& event) {
    auto size = static_cast<uint32_t>(event.size());
    std::memcpy(event.data() + 9, &size, 4);
    if (event.size() < kHeaderSize + 4) return;
    auto crc = static_cast<uint32_t>(crc32_z(0, event.data(), event.size() - 4));
    std::memcpy(event.data() + event.size() - 4, &crc, 4);
}

// Parses events and decodes rows of golden.types; Error is the only way out but a result.
struct Consumer {
    explicit Consumer(const TablePlan& table_plan) : plan(table_plan), block(table_plan) {}

    void take(const std::vector<uint8_t>& bytes) {
        parser.parse_all(bytes, [&](const Event& event) {
            if (const auto* map = std::get_if<TableMapEvent>(&event)) {
                decoder.emplace(plan, *map);
            } else if (const auto* rows = std::get_if<RowsEvent>(&event); rows != nullptr && decoder) {
                ByteReader reader(rows->rows, "rows");
                while (!reader.empty()) {
                    decoder->read(reader, rows->before_columns, image);
                    decoder->append(image, block);
                    block.clear();
                }
            }
        });
    }

    const TablePlan& plan;
    EventParser parser;
    std::optional<BinlogRowDecoder> decoder;
    RowImage image;
    Block block;
};

TEST_P(GoldenTest, AnyFlippedByteIsAnError) {
    for (const char* file : {"/types.binlog", "/events.binlog"}) {
        auto events = events_of(GetParam() + std::string(file));
        EventParser parser;
        parser.parse(events[0]);
        for (auto& event : events) {
            for (size_t i = 0; i < event.size(); ++i) {
                event[i] ^= 0x55;
                EXPECT_THROW(parser.parse_all(event, [](const Event&) {}), Error) << "byte " << i;
                event[i] ^= 0x55;
            }
            if (load_le<1>(event.data() + 4) == 15)
                parser.parse(event);  // a flip there had changed the parser
        }
    }
}

TEST_P(GoldenTest, CutEventsAreErrors) {
    for (const char* file : {"/types.binlog", "/events.binlog"}) {
        auto events = events_of(GetParam() + std::string(file));
        EventParser parser;
        for (const auto& event : events) {
            if (&event == &events[0]) parser.parse(event);
            for (size_t size = 0; size < event.size(); ++size) {
                std::vector<uint8_t> cut(event.begin(), event.begin() + static_cast<std::ptrdiff_t>(size));
                EXPECT_THROW(parser.parse_all(cut, [](const Event&) {}), Error) << "at " << size;
            }
        }
    }
}

// Damage that keeps size and checksum right: an Error or some value, never a read outside (sanitizers look
// on).
TEST_P(GoldenTest, ForgedEventsAreReadWithinTheirBytes) {
    TablePlan plan = golden_plan(GetParam());
    size_t errors = 0, values = 0;
    for (const char* file : {"/types.binlog", "/events.binlog"}) {
        auto events = events_of(GetParam() + std::string(file));
        Consumer consumer(plan);
        auto attempt = [&](std::vector<uint8_t> forged) {
            set_size_and_checksum(forged);
            try {
                consumer.take(forged);
                ++values;
            } catch (const Error&) {
                ++errors;
            }
        };
        for (const auto& event : events) {
            try {
                consumer.take(event);
            } catch (const Error&) {
                // golden.e is not the plan's table
            }
            if (event[4] == 15) continue;  // format description
            for (size_t size = kHeaderSize; size < event.size(); size += 3) {
                attempt({event.begin(), event.begin() + static_cast<std::ptrdiff_t>(size)});
            }
            for (size_t i = 4; i < event.size(); ++i) {
                if (i > 400 && i % 4 != 0) continue;  // deep in the rows, a sample
                std::vector<uint8_t> forged = event;
                constexpr uint8_t kFlips[] = {0x01, 0x80, 0xff};
                forged[i] ^= kFlips[i % 3];
                if (forged[4] != 15) attempt(std::move(forged));
            }
        }
    }
    EXPECT_GT(errors, 1000u);
    EXPECT_GT(values, 1000u);
}

INSTANTIATE_TEST_SUITE_P(Flavours, GoldenTest, testing::Values("mysql", "mariadb"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace penstock
