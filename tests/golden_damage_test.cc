// Damage to the captured logs (tests/data/binlog/README.md) is an error, or where it cannot be told some
// value, and never a read outside the bytes nor a transaction that looks complete.

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "batch/change_batcher.h"
#include "decode/binlog_row.h"
#include "decode/table_map.h"
#include "support/golden_table.h"

namespace penstock {
namespace {

constexpr size_t kHeaderSize = 19;

class GoldenDamageTest : public testing::TestWithParam<const char*> {};

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
                decoder.emplace(plan, read_table_map(*map));
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

TEST_P(GoldenDamageTest, AnyFlippedByteIsAnError) {
    for (const char* file : {"/types.binlog", "/newer.binlog", "/events.binlog"}) {
        auto events = golden_events(GetParam() + std::string(file));
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

TEST_P(GoldenDamageTest, CutEventsAreErrors) {
    for (const char* file : {"/types.binlog", "/newer.binlog", "/events.binlog"}) {
        auto events = golden_events(GetParam() + std::string(file));
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
TEST_P(GoldenDamageTest, ForgedEventsAreReadWithinTheirBytes) {
    size_t errors = 0, values = 0;
    for (const std::string file : {"/types.binlog", "/newer.binlog", "/events.binlog"}) {
        const TablePlan plan = golden_plan(GetParam(), {}, file == "/newer.binlog" ? "newer" : "types");
        auto events = golden_events(GetParam() + file);
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

// The captured compressed transaction, its payload made anew from a part of what it holds: sizes and checksum
// are right, only the end is missing.
TEST(GoldenPayloadTest, PayloadsCutAnywhereAreErrors) {
    constexpr uint8_t kPayload = 40;
    std::vector<uint8_t> captured;
    for (auto& event : golden_events("mysql/events.binlog")) {
        if (event[4] == kPayload) captured = std::move(event);
    }
    ASSERT_FALSE(captured.empty());
    ByteReader fields(ByteSpan(captured).subspan(kHeaderSize, captured.size() - kHeaderSize - 4), "payload");
    uint64_t unpacked_size = 0;
    for (uint64_t type = fields.lenenc(); type != 0; type = fields.lenenc()) {
        ByteReader value(fields.lenenc_bytes(), "payload");
        if (type == 3) unpacked_size = value.lenenc();
    }
    std::vector<uint8_t> packed(fields.position(), fields.position() + fields.remaining());
    std::vector<uint8_t> plain(unpacked_size);
    ASSERT_EQ(ZSTD_decompress(plain.data(), plain.size(), packed.data(), packed.size()), plain.size());

    EventParser parser;
    parser.parse(golden_events("mysql/events.binlog")[0]);
    auto events_in = [&](const std::vector<uint8_t>& whole, size_t size, uint8_t compression) {
        std::vector<uint8_t> event(captured.begin(), captured.begin() + kHeaderSize);
        auto field = [&](uint8_t type, uint64_t value) {
            event.insert(event.end(),
                         {type, 3, 0xfc, static_cast<uint8_t>(value), static_cast<uint8_t>(value >> 8)});
        };
        field(1, size);
        event.insert(event.end(), {2, 1, compression});
        field(3, unpacked_size);
        event.push_back(0);
        event.insert(event.end(), whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        event.resize(event.size() + 4);
        set_size_and_checksum(event);
        size_t events = 0;
        parser.parse_all(event, [&](const Event&) { ++events; });
        return events;
    };
    EXPECT_EQ(events_in(packed, packed.size(), 0), 6u);
    for (size_t size = 0; size < packed.size(); ++size)
        EXPECT_THROW(events_in(packed, size, 0), Error) << "zstd, at " << size;
    // Packed again whole, but without its last events: only the size that it should have tells.
    for (size_t size = 0; size < plain.size(); ++size) {
        std::vector<uint8_t> shorter(ZSTD_compressBound(size));
        shorter.resize(ZSTD_compress(shorter.data(), shorter.size(), plain.data(), size, 1));
        EXPECT_THROW(events_in(shorter, shorter.size(), 0), Error) << "events, at " << size;
    }
}

// Cut between two events, a log is as long as it is: no checksum tells. But then a transaction without its
// end is not at a commit edge, so that no batch closes and the position stays before it.
TEST_P(GoldenDamageTest, LogsCutBetweenEventsEndBeforeTheOpenTransaction) {
    TablePlan plan = golden_plan(GetParam());
    std::string kind = GetParam() == std::string("mysql") ? "mysql" : "mariadb";
    auto events = golden_events(GetParam() + std::string("/types.binlog"));
    StreamPoint start{Position::parse("file:" + kind + ":log.000001:4"), 1, 1};
    ChangeBatcher batcher({MappedTable{&plan}}, start, size_t{64} << 20, std::nullopt, NameRules());
    EventParser parser;
    EventHeader artificial;
    artificial.flags = EventHeader::kArtificial;
    batcher.feed(RotateEvent{"log.000001", 4, true}, artificial);
    bool open = false;
    uint64_t commits = 0, rows = 0;
    Position before = batcher.position();
    for (const auto& bytes : events) {
        parser.parse_all(bytes, [&](const Event& event) {
            batcher.feed(event, parser.header());
            if (std::holds_alternative<GtidEvent>(event)) open = true;
            if (std::holds_alternative<MariadbGtidEvent>(event)) open = true;
            if (const auto* query = std::get_if<QueryEvent>(&event)) {
                if (query->query != "BEGIN") open = false;  // a statement that commits by itself
            }
            if (std::holds_alternative<XidEvent>(event)) {
                open = false;
                ++commits;
            }
        });
        if (open) {
            EXPECT_EQ(batcher.position().to_string(), before.to_string())
                << "event " << &bytes - events.data();
            EXPECT_FALSE(batcher.open_rows() > 0 && batcher.at_commit_edge())
                << "event " << &bytes - events.data();
            rows += batcher.open_rows();
            continue;
        }
        before = batcher.position();
        if (batcher.open_rows() == 0) continue;
        EXPECT_TRUE(batcher.at_commit_edge());
        EXPECT_EQ(batcher.take(true).to.position.to_string(), before.to_string());
    }
    EXPECT_GE(commits, 6u);
    EXPECT_GT(rows, 0u);
}

INSTANTIATE_TEST_SUITE_P(Flavours, GoldenDamageTest, testing::Values("mysql", "mariadb", "mariadb11"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace penstock
