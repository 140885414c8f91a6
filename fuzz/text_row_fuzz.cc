// Values of text results. Input: a byte of options, a byte that chooses the column, the text of one value.

#include <array>
#include <memory>
#include <vector>

#include "decode/text_row.h"
#include "fuzz.h"
#include "support/block_shape.h"
#include "support/golden_table.h"

namespace penstock {
namespace {

constexpr uint8_t kMariadb = 1;  // 2, 4: policy of dates; 8: NOT NULL

// The table of every type with only one column copied.
struct Column {
    Column(TablePlan table_plan, size_t index) : plan(std::move(table_plan)) {
        plan.columns = {plan.columns[index % plan.columns.size()]};
        plan.sorting_key = {0};
        decoder = std::make_unique<TextRowDecoder>(plan);
        block = std::make_unique<Block>(plan);
    }
    Column(const Column&) = delete;
    TablePlan plan;
    std::unique_ptr<TextRowDecoder> decoder;
    std::unique_ptr<Block> block;
};

Column& column_of(uint8_t options, uint8_t index) {
    static std::array<std::array<std::unique_ptr<Column>, 256>, 16> columns;
    std::unique_ptr<Column>& column = columns[options & 15][index];
    if (column == nullptr) {
        PipeSpec spec;
        spec.settings.invalid_dates = static_cast<InvalidDatePolicy>(1 + (options >> 1 & 3) % 3);
        spec.settings.allow_nullable_columns = (options & 8) == 0;
        column = std::make_unique<Column>(golden_plan((options & kMariadb) != 0 ? "mariadb" : "mysql", spec),
                                          index);
    }
    return *column;
}

}  // namespace
}  // namespace penstock

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace penstock;
    ByteSpan input(data, size);
    uint8_t options = take_byte(input), index = take_byte(input);
    Column& column = column_of(options, index);
    column.block->clear();
    std::vector<char> exact(input.begin(), input.end());  // a sanitizer sees reads past its end
    const char* text = exact.empty() ? "" : exact.data();
    unsigned long length = exact.size();
    bool good = survives([&] {
        column.decoder->append(&text, &length, *column.block);
        column.block->finish_row(1, false);
    });
    if (good) require(is_well_formed(*column.block), "one value for the row");
    return 0;
}
