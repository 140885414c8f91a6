#include "decode/text_row.h"

#include <array>
#include <optional>

#include <gtest/gtest.h>

#include "decode/plan_for_test.h"
#include "decode/values.h"

namespace penstock {
namespace {

using Type = SourceType;
using Kind = TargetKind;

struct Fixture {
    Fixture(SourceColumn source, TargetType target, InvalidDatePolicy policy = InvalidDatePolicy::kClamp)
        : plan(plan_for_test({{std::move(source), target}})), decoder(plan), block(plan) {
        plan.invalid_dates = policy;
        decoder = TextRowDecoder(plan);
    }
    Fixture(const Fixture&) = delete;

    void add(std::optional<std::string> text) {
        const char* value = text ? text->data() : nullptr;
        unsigned long size = text ? text->size() : 0;
        decoder.append(&value, &size, block);
        block.finish_row(1, false);
    }
    template <typename T>
    T value(const std::string& text) {
        add(text);
        return value_at<T>(block.columns[0], block.rows - 1);
    }
    std::string error(const std::string& text) {
        try {
            add(text);
        } catch (const Error& error) {
            EXPECT_EQ(error.table(), "db.t");
            return error.what();
        }
        return "no error";
    }
    const BlockColumn& column() const { return block.columns[0]; }

    TablePlan plan;
    TextRowDecoder decoder;
    Block block;
};

TEST(TextRowTest, AKeyNeverTakesAnAdjustedDate) {
    Fixture value(column_for_test(Type::kDate, "date"), {.kind = Kind::kDate32});
    EXPECT_EQ(value.value<int32_t>("0000-00-00"), 0);
    EXPECT_EQ(value.column().adjusted(), 1u);
    Fixture key(column_for_test(Type::kDate, "date"), {.kind = Kind::kDate32});
    key.plan.columns[0].in_key = true;
    key.decoder = TextRowDecoder(key.plan);
    EXPECT_NE(key.error("0000-00-00").find("0000-00-00"), std::string::npos);
}

SourceColumn with_fsp(SourceColumn column, uint8_t fsp) {
    column.fsp = fsp;
    return column;
}
SourceColumn decimal(uint8_t precision, uint8_t scale) {
    SourceColumn column = column_for_test(Type::kDecimal, "decimal");
    column.precision = precision;
    column.scale = scale;
    return column;
}
SourceColumn datetime(uint8_t fsp) {
    return with_fsp(column_for_test(Type::kDateTime, "datetime"), fsp);
}
SourceColumn time(uint8_t fsp) {
    return with_fsp(column_for_test(Type::kTime, "time"), fsp);
}

TEST(SelectExpressionTest, ReadsExactly) {
    auto expression = [](Type type) {
        SourceColumn column = column_for_test(type, "x");
        column.name = "a`b";
        return select_expression(column);
    };
    EXPECT_EQ(expression(Type::kInt), "`a``b`");
    EXPECT_EQ(expression(Type::kFloat), "`a``b` + 0E0");
    EXPECT_EQ(expression(Type::kDouble), "`a``b` + 0E0");
    EXPECT_EQ(expression(Type::kBit), "`a``b` + 0");
    EXPECT_THROW(expression(Type::kUnsupported), Error);
}

TEST(TextRowTest, Integers) {
    Fixture tiny(column_for_test(Type::kTinyInt, "tinyint"), {Kind::kInt8});
    EXPECT_EQ(tiny.value<int8_t>("-128"), -128);
    EXPECT_EQ(tiny.value<int8_t>("007"), 7);
    EXPECT_NE(tiny.error("128").find("'128' for tinyint, in column c0 (table db.t)"), std::string::npos);
    EXPECT_NE(tiny.error("-129").find("'-129'"), std::string::npos);
    EXPECT_NE(tiny.error("1x").find("'1x'"), std::string::npos);
    EXPECT_NE(tiny.error("").find("''"), std::string::npos);

    SourceColumn big = column_for_test(Type::kBigInt, "bigint unsigned");
    big.is_unsigned = true;
    Fixture wide(big, {Kind::kUInt64});
    EXPECT_EQ(wide.value<uint64_t>("18446744073709551615"), UINT64_MAX);
    EXPECT_NE(wide.error("18446744073709551616").find("bigint"), std::string::npos);
    EXPECT_NE(wide.error("-1").find("bigint"), std::string::npos);
    EXPECT_THROW(Fixture(big, {Kind::kInt64}), Error);  // cannot hold it

    Fixture year(column_for_test(Type::kYear, "year"), {Kind::kInt16});
    EXPECT_EQ(year.value<int16_t>("0000"), 0);
    EXPECT_EQ(year.value<int16_t>("2155"), 2155);
}

TEST(TextRowTest, TinyintAsBoolCountsOtherValues) {
    Fixture fixture(column_for_test(Type::kTinyInt, "tinyint(1)"), {Kind::kBool});
    EXPECT_EQ(fixture.value<uint8_t>("0"), 0);
    EXPECT_EQ(fixture.value<uint8_t>("1"), 1);
    EXPECT_EQ(fixture.column().adjusted(), 0u);
    EXPECT_EQ(fixture.value<uint8_t>("2"), 1);
    EXPECT_EQ(fixture.value<uint8_t>("-1"), 1);
    EXPECT_EQ(fixture.column().adjusted(), 2u);
}

TEST(TextRowTest, Decimals) {
    Fixture small(decimal(9, 2), {Kind::kDecimal32, false, 9, 2});
    EXPECT_EQ(small.value<int32_t>("-9999999.99"), -999999999);
    EXPECT_EQ(small.value<int32_t>("1.5"), 150);
    EXPECT_EQ(small.value<int32_t>("0000012.30"), 1230);
    EXPECT_EQ(small.value<int32_t>("-0.00"), 0);
    EXPECT_NE(small.error("1.234").find("'1.234'"), std::string::npos);
    EXPECT_NE(small.error("12345678.9").find("'12345678.9'"), std::string::npos);
    EXPECT_NE(small.error("1.2.3").find("1.2.3"), std::string::npos);
    EXPECT_NE(small.error("-").find("'-'"), std::string::npos);
    Fixture middle(decimal(18, 18), {Kind::kDecimal64, false, 18, 18});
    EXPECT_EQ(middle.value<int64_t>("-0.999999999999999999"), -999'999'999'999'999'999);

    __extension__ using Int128 = __int128;
    Fixture large(decimal(38, 0), {Kind::kDecimal128, false, 38, 0});
    Int128 most = 1;
    for (int i = 0; i < 38; ++i) most *= 10;
    EXPECT_TRUE(large.value<Int128>(std::string(38, '9')) == most - 1);
    EXPECT_TRUE(large.value<Int128>('-' + std::string(38, '9')) == 1 - most);

    Fixture huge(decimal(65, 30), {Kind::kDecimal256, false, 65, 30});
    using Words = std::array<uint64_t, 4>;
    EXPECT_EQ(huge.value<Words>("0.000000000000000000000000000001"), (Words{1, 0, 0, 0}));
    EXPECT_EQ(huge.value<Words>("-0.000000000000000000000000000001"), (Words{~0ull, ~0ull, ~0ull, ~0ull}));
    EXPECT_EQ(huge.value<Words>("0"), (Words{0, 0, 0, 0}));
    EXPECT_NE(huge.error(std::string(1000, '9')).find("'999"), std::string::npos);
    EXPECT_NE(huge.error("0." + std::string(1000, '9')).find("'0.9"), std::string::npos);
    // 10^65 - 1
    EXPECT_EQ(huge.value<Words>(std::string(35, '9') + '.' + std::string(30, '9')),
              (Words{0xffffffffffffffff, 0x4e3945ef7a253609, 0x1c7fc3908a8bef46, 0xf31627}));
}

TEST(TextRowTest, Reals) {
    Fixture single(column_for_test(Type::kFloat, "float"), {Kind::kFloat32});
    EXPECT_EQ(single.value<float>("0.10000000149011612"), 0.1f);
    EXPECT_EQ(single.value<float>("-3.4028234663852886e38"), -3.4028234663852886e38f);
    EXPECT_EQ(single.value<uint32_t>("-0"), 0u);  // MariaDB does not print its sign
    Fixture wide(column_for_test(Type::kDouble, "double"), {Kind::kFloat64});
    EXPECT_EQ(wide.value<double>("5e-324"), 5e-324);
    EXPECT_EQ(wide.value<double>("-1.7976931348623157e308"), -1.7976931348623157e308);
    EXPECT_NE(wide.error("1e").find("'1e'"), std::string::npos);
}

TEST(TextRowTest, Dates) {
    Fixture fixture(column_for_test(Type::kDate, "date"), {Kind::kDate32});
    EXPECT_EQ(fixture.value<int32_t>("1970-01-01"), 0);
    EXPECT_EQ(fixture.value<int32_t>("1969-12-31"), -1);
    EXPECT_EQ(fixture.value<int32_t>("2000-02-29"), 11016);
    EXPECT_EQ(fixture.value<int32_t>("1900-01-01"), -25567);
    EXPECT_EQ(fixture.value<int32_t>("2299-12-31"), 120529);
    EXPECT_EQ(fixture.column().adjusted(), 0u);
    // The policy's clamp.
    EXPECT_EQ(fixture.value<int32_t>("0000-00-00"), 0);
    EXPECT_EQ(fixture.value<int32_t>("1899-12-31"), -25567);
    EXPECT_EQ(fixture.value<int32_t>("0000-05-01"), -25567);
    EXPECT_EQ(fixture.value<int32_t>("2300-01-01"), 120529);
    EXPECT_EQ(fixture.value<int32_t>("2000-02-00"), 10988);
    EXPECT_EQ(fixture.value<int32_t>("2000-00-15"), 10971);
    EXPECT_EQ(fixture.value<int32_t>("2001-02-31"), 11381);
    EXPECT_EQ(fixture.column().adjusted(), 7u);
    for (const char* bad : {"2000-1-01", "2000-01-01 ", "", "2000/01/01", "200x-01-01"}) {
        EXPECT_NE(fixture.error(bad).find("for date"), std::string::npos) << bad;
    }
}

TEST(TextRowTest, InvalidDatesAsNullOrError) {
    Fixture null(column_for_test(Type::kDate, "date"), {Kind::kDate32, true}, InvalidDatePolicy::kNull);
    null.add("0000-00-00");
    null.add("2000-01-01");
    EXPECT_EQ(null.column().nulls()[0], 1);
    EXPECT_EQ(null.column().nulls()[1], 0);
    EXPECT_EQ(null.column().adjusted(), 1u);
    Fixture not_nullable(column_for_test(Type::kDate, "date"), {Kind::kDate32}, InvalidDatePolicy::kNull);
    EXPECT_EQ(not_nullable.value<int32_t>("2300-01-01"), 120529);
    Fixture error(datetime(6), {Kind::kDateTime64, false, 0, 6}, InvalidDatePolicy::kError);
    EXPECT_NE(error.error("2024-00-15 01:02:03.040000")
                  .find("the date '2024-00-15 01:02:03.040000', in column c0 (table db.t)"),
              std::string::npos);
}

TEST(TextRowTest, DateTimes) {
    Fixture seconds(datetime(0), {Kind::kDateTime64, false, 0, 0});
    EXPECT_EQ(seconds.value<int64_t>("2001-09-09 01:46:40"), 1'000'000'000);
    EXPECT_EQ(seconds.value<int64_t>("1969-12-31 23:59:59"), -1);
    EXPECT_EQ(seconds.value<int64_t>("9999-12-31 23:59:59"), 10'413'791'999);
    EXPECT_EQ(seconds.value<int64_t>("0000-00-00 00:00:00"), 0);
    EXPECT_EQ(seconds.value<int64_t>("1000-06-01 10:00:00"), -2'208'988'800);
    Fixture micros(datetime(6), {Kind::kDateTime64, false, 0, 6});
    EXPECT_EQ(micros.value<int64_t>("1970-01-01 00:00:01.000002"), 1'000'002);
    EXPECT_EQ(micros.value<int64_t>("1969-12-31 23:59:59.999999"), -1);
    Fixture wider(datetime(1), {Kind::kDateTime64, false, 0, 9});
    EXPECT_EQ(wider.value<int64_t>("1970-01-01 00:00:01.5"), 1'500'000'000);
    Fixture millis(datetime(3), {Kind::kDateTime64, false, 0, 3});
    EXPECT_EQ(millis.value<int64_t>("1970-01-01 00:00:01.987"), 1'987);
    EXPECT_EQ(millis.value<int64_t>("9999-12-31 23:59:59.999"), 10'413'791'999'999);
    EXPECT_NE(millis.error("1970-01-01 00:00:01.").find("datetime"), std::string::npos);
    EXPECT_NE(millis.error("1970-01-01 00:00").find("datetime"), std::string::npos);
    EXPECT_THROW(Fixture(datetime(6), {Kind::kDateTime64, false, 0, 3}), Error);  // would lose digits
}

TEST(TextRowTest, Times) {
    Fixture fixture(time(6), {Kind::kTime64, false, 0, 6});
    EXPECT_EQ(fixture.value<int64_t>("838:59:59.000000"), 3'020'399'000'000);
    EXPECT_EQ(fixture.value<int64_t>("-838:59:58.999999"), -3'020'398'999'999);
    EXPECT_EQ(fixture.value<int64_t>("-00:00:00.000001"), -1);
    EXPECT_EQ(fixture.value<int64_t>("01:02:03"), 3'723'000'000);
    EXPECT_NE(fixture.error("1:02:03").find("time"), std::string::npos);
    EXPECT_NE(fixture.error("01:02:03.1234567").find("time"), std::string::npos);
}

TEST(TextRowTest, TextAndBinary) {
    auto text = [](Type type, uint32_t length, const std::string& value) {
        SourceColumn column = column_for_test(type, "x");
        column.length = length;
        Fixture fixture(column, {Kind::kString});
        fixture.add(value);
        return std::string(as_text(fixture.column().values().subspan(1)));
    };
    EXPECT_EQ(text(Type::kChar, 10, " a  "), " a");
    EXPECT_EQ(text(Type::kVarChar, 10, " a  "), " a  ");
    EXPECT_EQ(text(Type::kBinary, 4, std::string("a\0", 2)), std::string("a\0\0\0", 4));
    EXPECT_EQ(text(Type::kVarBinary, 4, std::string("a\0", 2)), std::string("a\0", 2));
    EXPECT_EQ(text(Type::kEnum, 0, ""), "");
    SourceColumn binary = column_for_test(Type::kBinary, "binary(2)");
    binary.length = 2;
    EXPECT_NE(Fixture(binary, {Kind::kString}).error("abc").find("3 bytes came for binary(2)"),
              std::string::npos);
}

TEST(TextRowTest, NullIsNullOrTheDefault) {
    Fixture nullable(column_for_test(Type::kInt, "int"), {Kind::kInt32, true});
    nullable.add(std::nullopt);
    nullable.add("5");
    EXPECT_EQ(nullable.column().nulls()[0], 1);
    EXPECT_EQ(nullable.column().nulls()[1], 0);
    EXPECT_EQ(value_at<int32_t>(nullable.column(), 1), 5);
    Fixture plain(column_for_test(Type::kInt, "int"), {Kind::kInt32});
    plain.add(std::nullopt);
    EXPECT_TRUE(plain.column().nulls().empty());
    EXPECT_EQ(value_at<int32_t>(plain.column(), 0), 0);
}

TEST(TextRowTest, UnsupportedIsNamed) {
    try {
        Fixture fixture(column_for_test(Type::kUnsupported, "geometry"), {Kind::kString});
        FAIL();
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("type geometry is not supported, in column c0 (table db.t)"),
                  std::string::npos);
    }
}

// Against the calendar, day by day.
TEST(ValuesTest, DaysFromCivil) {
    int32_t day = days_from_civil(1900, 1, 1);
    EXPECT_EQ(day, -25567);
    for (uint32_t year = 1900; year <= 2299; ++year) {
        for (uint32_t month = 1; month <= 12; ++month) {
            for (uint32_t d = 1; d <= days_in_month(year, month); ++d)
                ASSERT_EQ(days_from_civil(year, month, d), day++);
        }
    }
    EXPECT_EQ(day, 120530);
}

}  // namespace
}  // namespace penstock
