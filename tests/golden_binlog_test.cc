// Binary logs captured from real servers (tests/data/binlog/README.md): what they decode to.

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "decode/binlog_row.h"
#include "decode/sql_tokens.h"
#include "decode/table_map.h"
#include "decode/text_row.h"
#include "support/golden_table.h"

namespace penstock {
namespace {

std::string unhex(const std::string& hex) {
    std::string bytes;
    for (size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    return bytes;
}

class GoldenTest : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(GoldenTest, RowsAreWhatTheServerPrints) {
    const std::string flavour = std::get<0>(GetParam()), table = std::get<1>(GetParam());
    TablePlan plan = golden_plan(flavour, {}, table);

    Block text(plan);
    TextRowDecoder text_decoder(plan);
    for (const auto& row : golden_tsv(flavour + "/" + table + ".rows.tsv")) {
        std::vector<std::string> values;
        std::vector<const char*> pointers;
        std::vector<unsigned long> lengths;
        values.reserve(row.size());
        size_t at = 0;  // the file has every column but the one of a type that cannot be copied
        for (size_t i = 0; i < plan.source.columns.size(); ++i) {
            const SourceColumn& column = plan.source.columns[i];
            if (column.name == kGoldenUncopied) continue;
            const std::string& field = row.at(at++);
            bool copied = std::any_of(plan.columns.begin(), plan.columns.end(),
                                      [&](const TargetColumn& target) { return target.source == i; });
            if (!copied) continue;
            bool plain = column.type == SourceType::kFloat || column.type == SourceType::kDouble;
            values.push_back(plain || field == "NULL" ? field : unhex(field));
            pointers.push_back(field == "NULL" ? nullptr : values.back().data());
            lengths.push_back(values.back().size());
        }
        ASSERT_EQ(at, row.size());
        text_decoder.append(pointers.data(), lengths.data(), text);
        text.finish_row(1, false);
    }
    ASSERT_EQ(text.rows, 3u);  // ids 1 to 3

    EventParser parser;
    std::optional<BinlogRowDecoder> decoder;
    RowImage before, after;
    Block log(plan);
    std::string kinds;
    for (const auto& bytes : golden_events(flavour + "/" + table + ".binlog")) {
        Event event = parser.parse(bytes);
        if (const auto* map_event = std::get_if<TableMapEvent>(&event)) {
            const TableMap map = read_table_map(*map_event);
            EXPECT_EQ(map.database, "golden");
            EXPECT_TRUE(map.has_names);
            EXPECT_TRUE(map.has_signedness);
            decoder.emplace(plan, map);
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
            const TableMap map = read_table_map(e);
            return "map " + std::string(map.table) + " " + std::to_string(map.columns.size());
        }
        std::string operator()(const RowsEvent& e) {
            static const char* const kKinds[] = {"insert", "update", "delete", "partial update"};
            return kKinds[static_cast<int>(e.kind)] + (" " + std::to_string(e.rows.size()));
        }
        std::string operator()(const QueryEvent& e) {
            std::string text = "query " + std::string(e.query.substr(0, 40));
            return (e.sql_mode & SqlDialect::kAnsiQuotes) != 0 ? text + " (ANSI)" : text;
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
    for (const auto& bytes : golden_events(name)) {
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
partial update 63
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

// The same statements give the same events, from a server of another id.
TEST(GoldenEventsTest, Mariadb11) {
    std::string events = describe_all("mariadb11/events.binlog");
    for (const std::string domain : {"gtid 0-", "gtid 5-"}) {
        for (size_t at = 0; (at = events.find(domain + "1", at)) != std::string::npos; ++at)
            events.replace(at + domain.size(), 1, "8");
    }
    EXPECT_EQ(events, describe_all("mariadb/events.binlog"));
}

TEST(GoldenEventsTest, CompressedTransactionsNeedParseAll) {
    EventParser parser;
    int refused = 0;
    for (const auto& bytes : golden_events("mysql/events.binlog")) {
        try {
            parser.parse(bytes);
        } catch (const Error& error) {
            if (std::string(error.hint()).find("binlog_transaction_compression=OFF") != std::string::npos)
                ++refused;
        }
    }
    EXPECT_EQ(refused, 1);
}

INSTANTIATE_TEST_SUITE_P(Flavours, GoldenTest,
                         testing::Combine(testing::Values("mysql", "mariadb", "mariadb11"),
                                          testing::Values("types", "newer")),
                         [](const auto& test) {
                             return std::string(std::get<0>(test.param)) + "_" + std::get<1>(test.param);
                         });

}  // namespace
}  // namespace penstock
