#include "encode/native.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace penstock {
namespace {

TablePlan two_columns() {
    TablePlan plan;
    plan.columns = {{"id", {TargetKind::kUInt16, false, 0, 0}, 0},
                    {"name", {TargetKind::kLowCardinalityString, true, 0, 0}, 1}};
    return plan;
}

ByteBuffer encoded(const Block& block) {
    ByteBuffer out;
    Compressor plain(Compression::kNone);
    plain.begin(out);
    encode_native(block, plain);
    plain.finish();
    return out;
}

TEST(Native, ColumnNamesAreThePlansAndTheMetaColumns) {
    EXPECT_EQ(native_column_names(two_columns()),
              (std::vector<std::string>{"id", "name", "_peerdb_is_deleted", "_peerdb_version"}));
}

TEST(Native, KnownBytes) {
    TablePlan plan = two_columns();
    Block block(plan);
    block.columns[0].append<uint16_t>(0x0102);
    block.columns[1].append_string("ab");
    block.finish_row(7, false);
    block.columns[0].append<uint16_t>(0xfffe);
    block.columns[1].append_null();
    block.finish_row(8, true);

    using namespace std::string_literals;
    std::string expected =
        "\x04\x02"s                         // 4 columns, 2 rows
        "\x02id\x06UInt16\x02\x01\xfe\xff"  // name, type, values
        "\x04name\x10Nullable(String)\x00\x01\x02"s
        "ab\x00"s                                   // null map, then "ab" and ""
        "\x12_peerdb_is_deleted\x05UInt8\x00\x01"s  //
        "\x0f_peerdb_version\x06UInt64\x07\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0"s;
    ByteBuffer bytes = encoded(block);
    EXPECT_EQ(as_text(bytes.span()), expected);
}

TEST(Native, ArraysAreTheirEndsThenTheirElements) {
    TablePlan plan;
    plan.columns = {{"v", {TargetKind::kFloat32Array, false, 0, 0}, 0}};
    Block block(plan);
    const uint8_t floats[] = {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0};  // 1, -2
    block.columns[0].append_floats(floats);
    block.finish_row(1, false);
    block.columns[0].append_null();
    block.finish_row(2, false);
    block.columns[0].append_floats(ByteSpan(floats).first(4));
    block.finish_row(3, false);
    using namespace std::string_literals;
    std::string expected =
        "\x01v\x0e"s
        "Array(Float32)\x02\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0"s
        "\0\0\x80\x3f\0\0\0\xc0\0\0\x80\x3f"s;
    ByteBuffer bytes = encoded(block);
    EXPECT_EQ(as_text(bytes.span()).substr(2, expected.size()), expected);

    block.finish_row(4, false);  // without a value
    EXPECT_THROW(encoded(block), Error);
}

TEST(Native, AnEmptyBlockIsHeadersOnly) {
    TablePlan plan = two_columns();
    ByteBuffer bytes = encoded(Block(plan));
    EXPECT_EQ(as_text(bytes.span()).substr(0, 2), std::string_view("\x04\x00", 2));
}

TEST(Native, LongLengthsAreVarints) {
    TablePlan plan = two_columns();
    plan.columns[0].name = std::string(200, 'n');
    Block block(plan);
    for (uint64_t row = 0; row < 300; ++row) {
        block.columns[0].append<uint16_t>(1);
        block.columns[1].append_string("");
        block.finish_row(row, false);
    }
    ByteBuffer bytes = encoded(block);
    // 300 is AC 02 and 200 is C8 01 in LEB128.
    EXPECT_EQ(as_text(bytes.span()).substr(0, 6), "\x04\xac\x02\xc8\x01n");
}

TEST(Native, AColumnThatMissesARowIsCaught) {
    TablePlan plan = two_columns();
    plan.source.database = "d";
    plan.source.name = "t";
    Block block(plan);
    block.columns[0].append<uint16_t>(1);
    block.finish_row(1, false);
    try {
        encoded(block);
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("column name"), std::string::npos) << error.what();
        EXPECT_EQ(error.table(), "d.t");
    }
}

// Of more rows than are made at once.
TEST(Native, ColumnsInTheTargetsForm) {
    TablePlan plan;
    plan.columns = {{"a", {TargetKind::kInt16, false, 0, 0}, 0},
                    {"b", {TargetKind::kDecimal32, true, 5, 2}, 1},
                    {"c", {TargetKind::kFloat32, false, 0, 0}, 2}};
    Block block(plan);
    constexpr int kRows = 20'000;
    for (int i = 0; i < kRows; ++i) {
        block.columns[0].append<int16_t>(static_cast<int16_t>(-i));
        if (i == 7) {
            block.columns[1].append_null();
        } else {
            block.columns[1].append<int32_t>(-i);
        }
        block.columns[2].append<float>(static_cast<float>(i) / 2);
        block.finish_row(1, false);
    }
    const TableForm form{{{.wire_type = "Nullable(Int64)",
                           .values = ColumnForm::Values::kInteger,
                           .adds_nulls = true,
                           .width = 8},
                          {.wire_type = "Nullable(Decimal(38, 4))",
                           .values = ColumnForm::Values::kInteger,
                           .width = 16,
                           .power = 2},
                          {.wire_type = "Float64", .values = ColumnForm::Values::kFloat, .width = 8}}};
    ByteBuffer out;
    Compressor plain(Compression::kNone);
    plain.begin(out);
    encode_native(block, plain, &form);
    plain.finish();

    ByteReader reader(out.span(), "block");
    auto text = [&] { return std::string(as_text(reader.bytes(static_cast<size_t>(reader.varint())))); };
    auto header = [&] {
        const std::string name = text();
        return name + " " + text();
    };
    EXPECT_EQ(reader.varint(), 5u);
    EXPECT_EQ(reader.varint(), uint64_t{kRows});
    EXPECT_EQ(header(), "a Nullable(Int64)");
    for (int i = 0; i < kRows; ++i) ASSERT_EQ(reader.u8(), 0);
    for (int i = 0; i < kRows; ++i) ASSERT_EQ(static_cast<int64_t>(reader.le<8>()), static_cast<int16_t>(-i));
    EXPECT_EQ(header(), "b Nullable(Decimal(38, 4))");
    for (int i = 0; i < kRows; ++i) ASSERT_EQ(reader.u8(), i == 7 ? 1 : 0);
    for (int i = 0; i < kRows; ++i) {
        const int64_t wanted = i == 7 ? 0 : -100 * int64_t{i};
        ASSERT_EQ(static_cast<int64_t>(reader.le<8>()), wanted);
        ASSERT_EQ(static_cast<int64_t>(reader.le<8>()), wanted < 0 ? -1 : 0);
    }
    EXPECT_EQ(header(), "c Float64");
    for (int i = 0; i < kRows; ++i) {
        double value = 0;
        const uint64_t bits = reader.le<8>();
        std::memcpy(&value, &bits, sizeof value);
        ASSERT_EQ(value, i / 2.0);
    }
    EXPECT_EQ(header(), "_peerdb_is_deleted UInt8");
}

}  // namespace
}  // namespace penstock
