// What a row costs from its bytes to a compressed Native block. No server: sysbench's rows are made here, the
// rows of every type are those of tests/data/binlog.
//
// items: rows. bytes: what goes in (of encode: the block's bytes before compression). allocations_per_row: of
// a block whose memory has grown; it is to be 0.

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "count_allocations.h"
#include "decode/binlog_row.h"
#include "decode/event_types.h"
#include "decode/json_binary.h"
#include "decode/table_map.h"
#include "decode/text_row.h"
#include "encode/native.h"
#include "event_bytes.h"
#include "support/golden_table.h"

namespace penstock {
namespace {

constexpr size_t kRowsPerEvent = 43;  // 8 KB, the servers' default (binlog_row_event_max_size)
constexpr size_t kRowsPerBlock = 43 * 256;

/// A table, and rows of it as they come from the log and from a SELECT.
struct Sample {
    std::unique_ptr<TablePlan> plan;
    std::unique_ptr<BinlogRowDecoder> decoder;
    std::vector<std::vector<uint8_t>> row_images;  // each one row, or the rows of one event
    size_t rows_per_image = 1;
    std::vector<uint8_t> present;
    std::vector<std::vector<std::optional<std::string>>> texts;
};

std::string digit_groups(std::mt19937_64& random, int groups) {
    std::string text;
    for (int group = 0; group < groups; ++group) {
        if (group > 0) text += '-';
        for (int i = 0; i < 11; ++i) text += static_cast<char>('0' + random() % 10);
    }
    return text;
}

// sysbench oltp: id int, k int, c char(120), pad char(60), all NOT NULL, latin1 or ASCII text in utf8mb4.
Sample make_sysbench() {
    TableSchema schema;
    schema.database = "sbtest";
    schema.name = "sbtest1";
    schema.storage_engine = "InnoDB";
    schema.key = {0};
    schema.key_is_primary = true;
    TableMap map;
    auto add = [&](const char* name, const char* type, uint8_t field, uint16_t metadata) {
        SourceColumn& column = schema.columns.emplace_back();
        column.name = name;
        column.column_type = type;
        column.charset = field == kStringField ? "utf8mb4" : "";
        parse_column_type(type, true, column);
        TableMapColumn& came = map.columns.emplace_back();
        came.type = field;
        came.metadata = metadata;
    };
    add("id", "int", kLongField, 0);
    add("k", "int", kLongField, 0);
    add("c", "char(120)", kStringField, 480);
    add("pad", "char(60)", kStringField, 240);
    map.first_unknown = map.columns.size();

    Sample sample;
    TableMapping mapping;
    mapping.source_database = "sbtest";
    mapping.source_table = mapping.target_table = "sbtest1";
    sample.plan = std::make_unique<TablePlan>(make_table_plan(0, schema, mapping, PipeSpec{}, true));
    sample.decoder = std::make_unique<BinlogRowDecoder>(*sample.plan, map);
    sample.present = {0xff};
    sample.rows_per_image = kRowsPerEvent;
    std::mt19937_64 random(1);
    for (uint32_t id = 0; id < kRowsPerBlock; ++id) {
        auto k = static_cast<uint32_t>(random() % 1'000'000);
        std::string c = digit_groups(random, 10), pad = digit_groups(random, 5);
        if (id % kRowsPerEvent == 0) sample.row_images.emplace_back();
        std::vector<uint8_t>& image = sample.row_images.back();
        image.push_back(0xf0);
        auto put = [&](uint64_t value, size_t bytes) {
            for (size_t i = 0; i < bytes; ++i) image.push_back(static_cast<uint8_t>(value >> 8 * i));
        };
        put(id, 4);
        put(k, 4);
        put(c.size(), 2);
        image.insert(image.end(), c.begin(), c.end());
        put(pad.size(), 1);
        image.insert(image.end(), pad.begin(), pad.end());
        sample.texts.push_back({std::to_string(id), std::to_string(k), c, pad});
    }
    return sample;
}

std::string unhex(const std::string& hex) {
    std::string bytes;
    for (size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    return bytes;
}

Sample make_all_types() {
    Sample sample;
    sample.plan = std::make_unique<TablePlan>(golden_plan("mysql"));
    const TablePlan& plan = *sample.plan;
    EventParser parser;
    for (const auto& bytes : golden_events("mysql/types.binlog")) {
        Event event = parser.parse(bytes);
        if (const auto* map = std::get_if<TableMapEvent>(&event); map != nullptr && !sample.decoder) {
            sample.decoder = std::make_unique<BinlogRowDecoder>(plan, read_table_map(*map));
        }
        const auto* rows = std::get_if<RowsEvent>(&event);
        if (rows == nullptr || rows->kind != RowsEvent::Kind::kInsert) continue;
        sample.present.assign(rows->before_columns.begin(), rows->before_columns.end());
        ByteReader reader(rows->rows, "rows");
        RowImage image;
        while (!reader.empty()) {
            const uint8_t* from = reader.position();
            sample.decoder->read(reader, sample.present, image);
            bool only_id = image.fields[1].null;  // the row of NULLs
            if (!only_id) sample.row_images.emplace_back(from, reader.position());
        }
    }
    for (const auto& row : golden_tsv("mysql/types.rows.tsv")) {
        auto& texts = sample.texts.emplace_back();
        for (size_t i = 0; i < row.size(); ++i) {
            SourceType type = plan.source.columns[plan.columns[i].source].type;
            bool plain = type == SourceType::kFloat || type == SourceType::kDouble;
            texts.push_back(row[i] == "NULL" ? std::nullopt
                                             : std::optional<std::string>(plain ? row[i] : unhex(row[i])));
        }
    }
    return sample;
}

const Sample& sample_of(bool all_types) {
    static const Sample sysbench = make_sysbench(), types = make_all_types();
    return all_types ? types : sysbench;
}

void report(benchmark::State& state, uint64_t rows, uint64_t bytes, uint64_t allocated) {
    state.SetItemsProcessed(static_cast<int64_t>(rows));
    state.SetBytesProcessed(static_cast<int64_t>(bytes));
    state.counters["bytes_per_row"] = static_cast<double>(bytes) / static_cast<double>(rows);
    state.counters["allocations_per_row"] = static_cast<double>(allocated) / static_cast<double>(rows);
}

// Passes over the sample into a block that is emptied when it is full: its memory has grown before.
template <typename Pass>
void measure(benchmark::State& state, const Sample& sample, Pass&& pass) {
    Block block(*sample.plan);
    uint64_t rows = 0, bytes = 0;
    while (block.rows < kRowsPerBlock) pass(block, rows, bytes);
    block.clear();
    rows = bytes = 0;
    uint64_t before = allocations();
    for (auto _ : state) {
        pass(block, rows, bytes);
        benchmark::DoNotOptimize(block.rows);
        if (block.rows >= kRowsPerBlock) block.clear();
    }
    report(state, rows, bytes, allocations() - before);
}

void BinlogRow(benchmark::State& state, bool all_types) {
    const Sample& sample = sample_of(all_types);
    RowImage image;
    measure(state, sample, [&](Block& block, uint64_t& rows, uint64_t& bytes) {
        for (const auto& event : sample.row_images) {
            ByteReader reader(event, "rows");
            bytes += event.size();
            while (!reader.empty()) {
                sample.decoder->read(reader, sample.present, image);
                sample.decoder->append(image, block);
                block.finish_row(++rows, false);
            }
        }
    });
}
BENCHMARK_CAPTURE(BinlogRow, sysbench, false);
BENCHMARK_CAPTURE(BinlogRow, all_types, true);

void TextRow(benchmark::State& state, bool all_types) {
    const Sample& sample = sample_of(all_types);
    TextRowDecoder decoder(*sample.plan);
    size_t columns = sample.plan->columns.size();
    std::vector<const char*> values;  // as mysql_fetch_row gives them, row after row
    std::vector<unsigned long> lengths;
    uint64_t pass_bytes = 0;
    for (const auto& row : sample.texts) {
        for (const auto& text : row) {
            values.push_back(text ? text->c_str() : nullptr);
            lengths.push_back(text ? text->size() : 0);
            pass_bytes += lengths.back() + 1;
        }
    }
    measure(state, sample, [&](Block& block, uint64_t& rows, uint64_t& bytes) {
        for (size_t at = 0; at < values.size(); at += columns) {
            decoder.append(&values[at], &lengths[at], block);
            block.finish_row(++rows, false);
        }
        bytes += pass_bytes;
    });
}
BENCHMARK_CAPTURE(TextRow, sysbench, false);
BENCHMARK_CAPTURE(TextRow, all_types, true);

/// MySQL's binary JSON to text: the documents of the captured log. items: documents.
void Json(benchmark::State& state) {
    const Sample& sample = sample_of(true);
    std::vector<ByteSpan> documents;
    RowImage image;
    for (const auto& row : sample.row_images) {
        ByteReader reader(row, "rows");
        sample.decoder->read(reader, sample.present, image);
        for (size_t i = 0; i < image.fields.size(); ++i) {
            const Field& field = image.fields[i];
            if (sample.plan->source.columns[i].type == SourceType::kJson && !field.null && field.size > 0)
                documents.emplace_back(field.data, field.size);
        }
    }
    if (documents.empty()) return state.SkipWithError("no documents");
    std::string text;
    uint64_t bytes = 0, count = 0;
    auto pass = [&] {
        for (ByteSpan document : documents) {
            text.clear();
            append_json_text(document, text);
            bytes += document.size();
            ++count;
        }
    };
    pass();
    bytes = count = 0;
    const uint64_t before = allocations();
    for (auto _ : state) pass();
    report(state, count, bytes, allocations() - before);
}
BENCHMARK(Json);

// As BinlogRow, from whole events: header, checksum, rows.
void BinlogEvent(benchmark::State& state, bool checksums) {
    const Sample& sample = sample_of(false);
    EventParser parser;
    parser.parse(event_bytes(kFormatDescriptionEvent, format_description_body(checksums)));
    std::vector<std::vector<uint8_t>> events;
    for (const auto& image : sample.row_images) {
        std::vector<uint8_t> body;
        put_le(body, 1, 6);
        put_le(body, 1, 2);  // end of statement
        put_le(body, 2, 2);
        body.insert(body.end(), {4, 0xff});
        body.insert(body.end(), image.begin(), image.end());
        events.push_back(event_bytes(kWriteRowsEvent, body));
        if (!checksums) {
            events.back().resize(events.back().size() - 4);
            events.back()[9] = static_cast<uint8_t>(events.back().size());
            events.back()[10] = static_cast<uint8_t>(events.back().size() >> 8);
        }
    }
    RowImage image;
    Block* to = nullptr;
    uint64_t* count = nullptr;
    EventParser::Take take = [&](const Event& event) {  // made once: making it allocates
        const auto& found = std::get<RowsEvent>(event);
        ByteReader reader(found.rows, "rows");
        while (!reader.empty()) {
            sample.decoder->read(reader, found.before_columns, image);
            sample.decoder->append(image, *to);
            to->finish_row(++*count, false);
        }
    };
    measure(state, sample, [&](Block& block, uint64_t& rows, uint64_t& bytes) {
        to = &block;
        count = &rows;
        for (const auto& packet : events) {
            bytes += packet.size();
            parser.parse_all(packet, take);
        }
    });
}
BENCHMARK_CAPTURE(BinlogEvent, sysbench_crc32, true);
BENCHMARK_CAPTURE(BinlogEvent, sysbench_no_checksum, false);

void Encode(benchmark::State& state, Compression compression) {
    const Sample& sample = sample_of(false);
    Block block(*sample.plan);
    RowImage image;
    while (block.rows < kRowsPerBlock) {
        for (const auto& event : sample.row_images) {
            ByteReader reader(event, "rows");
            while (!reader.empty()) {
                sample.decoder->read(reader, sample.present, image);
                sample.decoder->append(image, block);
                block.finish_row(block.rows + 1, false);
            }
        }
    }
    Compressor compressor(compression);
    ByteBuffer body;
    auto pass = [&] {
        body.clear();
        compressor.begin(body);
        encode_native(block, compressor);
        compressor.finish();
    };
    pass();
    uint64_t before = allocations(), blocks = 0;
    while (state.KeepRunning()) {
        pass();
        ++blocks;
    }
    report(state, blocks * block.rows, blocks * block.bytes(), allocations() - before);
    state.counters["ratio"] = static_cast<double>(block.bytes()) / static_cast<double>(body.size());
}
BENCHMARK_CAPTURE(Encode, sysbench_none, Compression::kNone);
BENCHMARK_CAPTURE(Encode, sysbench_lz4, Compression::kLz4);
BENCHMARK_CAPTURE(Encode, sysbench_zstd, Compression::kZstd);

}  // namespace
}  // namespace penstock
