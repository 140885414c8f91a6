// Rows of the table of every type. Input: a byte of options, then (option) the length, 2 bytes, and the bytes
// of a table map, then (option) the bitmap of present columns, then row images.

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "decode/binlog_row.h"
#include "decode/table_map.h"
#include "fuzz.h"
#include "support/block_shape.h"
#include "support/golden_table.h"

namespace penstock {
namespace {

constexpr uint8_t kMariadb = 1, kOwnMap = 2, kOwnBitmap = 4, kUpdates = 8;  // 16, 32: policy; 64: NOT NULL
constexpr size_t kMaxRows = 256;

// A table map as the captured log has it.
struct Map {
    explicit Map(const std::string& flavour) {
        EventParser parser;
        for (auto& bytes : golden_events(flavour + "/types.binlog")) {
            Event parsed = parser.parse(bytes);
            if (!std::holds_alternative<TableMapEvent>(parsed)) continue;
            packet = std::move(bytes);
            map = read_table_map(
                std::get<TableMapEvent>(parsed));  // its views stay valid: the packet's bytes do not move
            return;
        }
    }
    std::vector<uint8_t> packet;
    TableMap map;
};

TablePlan plan_of(uint8_t options) {
    PipeSpec spec;
    spec.settings.invalid_dates = static_cast<InvalidDatePolicy>(1 + (options >> 4 & 3) % 3);
    spec.settings.allow_nullable_columns = (options & 64) == 0;
    return golden_plan((options & kMariadb) != 0 ? "mariadb" : "mysql", spec);
}

struct Table {
    explicit Table(uint8_t options) : plan(plan_of(options)), block(plan) {}
    Table(const Table&) = delete;
    TablePlan plan;
    Block block;
    std::optional<BinlogRowDecoder> decoder;  // of the captured map
};

Table& table_of(uint8_t options) {
    static std::array<std::unique_ptr<Table>, 256> tables;
    options &= kMariadb | 0x70;
    if (tables[options] == nullptr) tables[options] = std::make_unique<Table>(options);
    return *tables[options];
}

const TableMap& map_of(uint8_t options) {
    static const Map mysql("mysql"), mariadb("mariadb");
    return (options & kMariadb) != 0 ? mariadb.map : mysql.map;
}

void read_rows(const BinlogRowDecoder& decoder, ByteReader rows, ByteSpan present, bool updates,
               Block& block) {
    RowImage before, after;
    for (size_t n = 0; n < kMaxRows && !rows.empty(); ++n) {
        decoder.read(rows, present, before);
        decoder.append(before, block);
        block.finish_row(n, false);
        if (!updates) continue;
        decoder.read(rows, present, after);
        require(decoder.same_key(after, after), "a row has its own key");
        require(decoder.same_key(before, after) == decoder.same_key(after, before), "same_key is symmetric");
        decoder.append(after, block);
        block.finish_row(n, false);
    }
}

}  // namespace
}  // namespace penstock

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace penstock;
    ByteSpan input(data, size);
    uint8_t options = take_byte(input);
    Table& table = table_of(options);
    table.block.clear();
    bool good = survives([&] {
        ByteReader reader(input, "input");
        std::optional<BinlogRowDecoder> own;
        if ((options & kOwnMap) != 0) {
            ByteReader map(reader.bytes(reader.u16()), "map");
            map.skip(8);  // table id and flags
            own.emplace(table.plan, read_table_map({0, map.rest()}));
        } else if (!table.decoder) {
            table.decoder.emplace(table.plan, map_of(options));
        }
        size_t columns = table.plan.source.columns.size();
        std::vector<uint8_t> present((columns + 7) / 8, 0xff);
        if ((options & kOwnBitmap) != 0) {
            ByteSpan bytes = reader.bytes(present.size());
            present.assign(bytes.begin(), bytes.end());
        }
        read_rows(own ? *own : *table.decoder, reader, present, (options & kUpdates) != 0, table.block);
    });
    if (good) require(is_well_formed(table.block), "each column has one value for each row");
    return 0;
}
