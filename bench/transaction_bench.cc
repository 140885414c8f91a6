// What small transactions cost from their events to blocks: those of sysbench's read-write test, two updates,
// a delete and an insert each, over 20 tables, as they are and as compressed payloads. No server.
//
// items: row changes. bytes: of events. allocations_per_row: of a batch whose memory has grown.

#include <random>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <zstd.h>

#include "batch/change_batcher.h"
#include "batch/collapse.h"
#include "count_allocations.h"
#include "decode/event_types.h"
#include "event_bytes.h"
#include "model/block_pool.h"
#include "source/table_definition.h"

namespace penstock {
namespace {

constexpr uint32_t kTables = 20, kKeys = 10'000, kTransactions = 20'000, kChanges = 4;
using Bytes = std::vector<uint8_t>;

void put(Bytes& bytes, std::string_view text, size_t prefix) {
    put_le(bytes, text.size(), prefix);
    bytes.insert(bytes.end(), text.begin(), text.end());
}

TablePlan make_plan(uint32_t number) {
    TableSchema schema;
    schema.database = "sbtest";
    schema.name = "sbtest" + std::to_string(number);
    schema.storage_engine = "InnoDB";
    schema.key = {0};
    schema.key_is_primary = true;
    for (auto [name, type] :
         {std::pair{"id", "int"}, {"k", "int"}, {"c", "char(120)"}, {"pad", "char(60)"}}) {
        SourceColumn& column = schema.columns.emplace_back();
        column.name = name;
        column.column_type = type;
        column.charset = std::string_view(type).starts_with("char") ? "utf8mb4" : "";
        parse_column_type(type, true, column);
    }
    TableMapping mapping;
    mapping.source_database = "sbtest";
    mapping.source_table = mapping.target_table = schema.name;
    return make_table_plan(number, schema, mapping, PipeSpec{}, true);
}

/// A log of such transactions.
class Log {
  public:
    explicit Log(bool compressed) : compressed_(compressed) {
        add(kFormatDescriptionEvent, format_description_body(true));
        for (uint32_t n = 1; n <= kTransactions; ++n) transaction(n);
    }
    std::vector<Bytes> events;
    uint64_t bytes = 0;  // uncompressed

  private:
    void add(uint8_t type, const Bytes& body) {
        offset_ += 19 + body.size() + 4;
        Bytes event = event_bytes(type, body, offset_);
        bytes += event.size();
        if (!compressed_ || type == kFormatDescriptionEvent || type == kGtidEvent) {
            events.push_back(std::move(event));
            return;
        }
        event.resize(event.size() - 4);  // what is inside has no checksum
        event[9] = static_cast<uint8_t>(event.size());
        event[10] = static_cast<uint8_t>(event.size() >> 8);
        payload_.insert(payload_.end(), event.begin(), event.end());
        if (type == kXidEvent) add_payload();
    }
    void add_payload() {
        Bytes packed(ZSTD_compressBound(payload_.size()));
        packed.resize(ZSTD_compress(packed.data(), packed.size(), payload_.data(), payload_.size(), 3));
        Bytes body = {2, 1, 0, 3, 3, 252};
        put_le(body, payload_.size(), 2);
        body.insert(body.end(), {1, 3, 252});
        put_le(body, packed.size(), 2);
        body.push_back(0);
        body.insert(body.end(), packed.begin(), packed.end());
        events.push_back(event_bytes(kTransactionPayloadEvent, body, offset_));
        payload_.clear();
    }
    void transaction(uint64_t number) {
        Bytes gtid = {0};
        gtid.resize(17, 7);
        put_le(gtid, number, 8);
        gtid.push_back(2);
        put_le(gtid, number, 8);
        put_le(gtid, number, 8);
        add(kGtidEvent, gtid);

        Bytes begin;
        put_le(begin, 1, 8);
        begin.push_back(6);  // length of the database
        put_le(begin, 0, 2);
        Bytes variables = {0, 0, 0, 0, 0, 1};
        put_le(variables, 0x4000'0000, 8);
        variables.insert(variables.end(), {6, 3, 's', 't', 'd', 4, 45, 0, 45, 0, 255, 0});
        put_le(begin, variables.size(), 2);
        begin.insert(begin.end(), variables.begin(), variables.end());
        for (char c : std::string_view("sbtest\0BEGIN", 12)) begin.push_back(static_cast<uint8_t>(c));
        add(kQueryEvent, begin);

        const uint32_t table = below(kTables);
        const std::string c = digits(10), pad = digits(5);
        rows(table, kUpdateRowsEvent, row(below(kKeys), c, pad), true);
        rows(table, kUpdateRowsEvent, row(below(kKeys), c, pad), true);
        const uint32_t gone = below(kKeys);
        rows(table, kDeleteRowsEvent, row(gone, c, pad), false);
        rows(table, kWriteRowsEvent, row(gone, c, pad), false);

        Bytes xid;
        put_le(xid, number, 8);
        add(kXidEvent, xid);
    }
    void rows(uint32_t table, uint8_t type, const Bytes& image, bool twice) {
        Bytes map;
        put_le(map, 100 + table, 6);
        put_le(map, 1, 2);
        put(map, "sbtest", 1);
        map.push_back(0);
        put(map, "sbtest" + std::to_string(table), 1);
        map.insert(map.end(), {0, 4, kLongField, kLongField, kStringField, kStringField, 4});
        map.insert(map.end(), {0xee, 0xe0, 0xfe, 0xf0, 0});  // 480 and 240 bytes; no column is nullable
        map.insert(map.end(), {1, 1, 0, 2, 1, 45});          // signs and the character set
        add(kTableMapEvent, map);
        Bytes body;
        put_le(body, 100 + table, 6);
        put_le(body, 1, 2);
        put_le(body, 2, 2);
        body.insert(body.end(), {4, 0xff});
        if (twice) body.push_back(0xff);
        for (int i = 0; i <= (twice ? 1 : 0); ++i) body.insert(body.end(), image.begin(), image.end());
        add(type, body);
    }
    Bytes row(uint32_t id, const std::string& c, const std::string& pad) {
        Bytes image = {0xf0};
        put_le(image, id, 4);
        put_le(image, below(1'000'000), 4);
        put(image, c, 2);
        put(image, pad, 1);
        return image;
    }
    std::string digits(int groups) {
        std::string text;
        for (int i = 0; i < groups * 12 - 1; ++i)
            text += i % 12 == 11 ? '-' : static_cast<char>('0' + below(10));
        return text;
    }
    uint32_t below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }

    const bool compressed_;
    Bytes payload_;  // of the open transaction
    std::mt19937_64 random_{1};
    uint64_t offset_ = 4;
};

void run(benchmark::State& state, const Log& log) {
    std::vector<TablePlan> plans;
    for (uint32_t n = 0; n < kTables; ++n) plans.push_back(make_plan(n));
    std::vector<MappedTable> tables;
    for (const TablePlan& plan : plans) tables.push_back({&plan, {}, {}, {}});
    BlockPool pool(size_t{64} << 20);
    EventParser parser;
    uint64_t changes = 0, bytes = 0, allocated = 0;
    auto pass = [&] {
        // Each pass is a stream of its own, whose GTIDs begin anew.
        ChangeBatcher batcher(tables, StreamPoint{Position(GtidSet{}), 1, 1}, size_t{256} << 20, {},
                              NameRules(), &pool);
        const EventParser::Take take = [&](const Event& event) { batcher.feed(event, parser.header()); };
        const uint64_t before = allocations();
        for (const Bytes& event : log.events) parser.parse_all(event, take);
        allocated += allocations() - before;
        changes += batcher.open_rows();
        bytes += log.bytes;
        Chunk chunk = batcher.take(true);
        for (Block& block : chunk.blocks) pool.give_back(std::move(block));
    };
    pass();
    if (changes != uint64_t{kTransactions} * kChanges) return state.SkipWithError("changes are missing");
    changes = bytes = allocated = 0;
    for (auto _ : state) pass();
    state.SetItemsProcessed(static_cast<int64_t>(changes));
    state.SetBytesProcessed(static_cast<int64_t>(bytes));
    state.counters["allocations_per_row"] = static_cast<double>(allocated) / static_cast<double>(changes);
}

void Transactions(benchmark::State& state) {
    static const Log log(false);
    run(state, log);
}
BENCHMARK(Transactions)->Unit(benchmark::kMillisecond);

void CompressedTransactions(benchmark::State& state) {
    static const Log log(true);
    run(state, log);
}
BENCHMARK(CompressedTransactions)->Unit(benchmark::kMillisecond);

/// What is left out of a block before it is sent: all but every fourth row, and no row that would be looked
/// for.
void LastImages(benchmark::State& state) {
    const TablePlan plan = make_plan(0);
    std::mt19937_64 random(1);
    const uint32_t rows = 100'000;
    auto fill = [&](Block& block) {
        block.clear();
        for (uint32_t n = 0; n < rows; ++n) {
            block.columns[0].append<int32_t>(static_cast<int32_t>(random() % (rows / 4)));
            block.columns[1].append<int32_t>(7);
            block.columns[2].append_string(std::string(119, 'c'));
            block.columns[3].append_string(std::string(59, 'p'));
            block.finish_row(n, false);
        }
        block.distinct_keys = false;
    };
    Block block(plan);
    for (auto _ : state) {
        state.PauseTiming();
        fill(block);
        state.ResumeTiming();
        auto kept = last_images(block);
        if (!kept) return state.SkipWithError("no row was left out");
        block.keep_rows(*kept);
    }
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * rows);
}
BENCHMARK(LastImages)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace penstock
