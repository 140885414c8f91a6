#include "decode/binlog_row.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "decode/charset.h"
#include "decode/event_types.h"
#include "decode/plan_for_test.h"

namespace penstock {
namespace {

using Type = SourceType;
using Kind = TargetKind;
using Bytes = std::vector<uint8_t>;

TableMap map_of(std::vector<TableMapColumn> columns) {
    TableMap map;
    map.database = "db";
    map.table = "t";
    map.columns = std::move(columns);
    map.first_unknown = map.columns.size();
    return map;
}

TableMapColumn came(uint8_t type, uint16_t metadata = 0) {
    TableMapColumn column;
    column.type = type;
    column.metadata = metadata;
    return column;
}

// The value that one field's bytes give.
struct One {
    One(SourceColumn source, TargetType target, TableMapColumn column)
        : plan(plan_for_test({{std::move(source), target}})), decoder(plan, map_of({column})), block(plan) {}
    One(const One&) = delete;

    template <typename T>
    T value(const Bytes& bytes) {
        append(bytes);
        return value_at<T>(block.columns[0], block.rows - 1);
    }
    std::string text(const Bytes& bytes) {
        block.clear();
        append(bytes);
        return std::string(as_text(block.columns[0].values().subspan(1)));
    }
    void append(const Bytes& bytes) {
        Bytes row = {0};
        row.insert(row.end(), bytes.begin(), bytes.end());
        ByteReader reader(row, "test");
        uint8_t present = 1;
        decoder.read(reader, {&present, 1}, image);
        EXPECT_TRUE(reader.empty());
        decoder.append(image, block);
        block.finish_row(1, false);
    }

    TablePlan plan;
    BinlogRowDecoder decoder;
    RowImage image;
    Block block;
};

std::string error_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        EXPECT_EQ(error.disposition(), Disposition::kFailPipe);
        return error.what();
    }
    return "no error";
}

SourceColumn text_column(Type type, uint32_t length, const std::string& charset) {
    SourceColumn column = column_for_test(type, "x");
    column.length = length;
    column.charset = charset;
    return column;
}

SourceColumn decimal(uint8_t precision, uint8_t scale) {
    SourceColumn column = column_for_test(Type::kDecimal, "decimal");
    column.precision = precision;
    column.scale = scale;
    return column;
}

SourceColumn temporal(Type type, uint8_t fsp) {
    SourceColumn column = column_for_test(type, "x");
    column.fsp = fsp;
    return column;
}

TEST(BinlogRowTest, Integers) {
    One medium(column_for_test(Type::kMediumInt, "mediumint"), {Kind::kInt32}, came(kInt24Field));
    EXPECT_EQ(medium.value<int32_t>({0xff, 0xff, 0xff}), -1);
    EXPECT_EQ(medium.value<int32_t>({0xff, 0xff, 0x7f}), 8388607);
    SourceColumn source = column_for_test(Type::kMediumInt, "mediumint unsigned");
    source.is_unsigned = true;
    One unsigned_medium(source, {Kind::kUInt32}, came(kInt24Field));
    EXPECT_EQ(unsigned_medium.value<uint32_t>({0xff, 0xff, 0xff}), 16777215u);
    One tiny(column_for_test(Type::kTinyInt, "tinyint"), {Kind::kInt8}, came(kTinyField));
    EXPECT_EQ(tiny.value<int8_t>({0x80}), -128);
    One wider(column_for_test(Type::kTinyInt, "tinyint"), {Kind::kInt64}, came(kTinyField));
    EXPECT_EQ(wider.value<int64_t>({0x80}), -128);
    One as_bool(column_for_test(Type::kTinyInt, "tinyint(1)"), {Kind::kBool}, came(kTinyField));
    EXPECT_EQ(as_bool.value<uint8_t>({1}), 1);
    EXPECT_EQ(as_bool.block.columns[0].adjusted(), 0u);
    EXPECT_EQ(as_bool.value<uint8_t>({0xff}), 1);
    EXPECT_EQ(as_bool.block.columns[0].adjusted(), 1u);
    One year(column_for_test(Type::kYear, "year"), {Kind::kInt16}, came(kYearField));
    EXPECT_EQ(year.value<int16_t>({0}), 0);
    EXPECT_EQ(year.value<int16_t>({124}), 2024);
    SourceColumn bits = column_for_test(Type::kBit, "bit(12)");
    bits.length = 12;
    One bit(bits, {Kind::kUInt64}, came(kBitField, 12));
    EXPECT_EQ(bit.value<uint64_t>({0x0f, 0x01}), 0xf01u);
}

TEST(BinlogRowTest, Decimals) {
    // The manual's example: 1234567890.1234 as DECIMAL(14,4).
    One example(decimal(14, 4), {Kind::kDecimal64, false, 14, 4}, came(kNewDecimalField, 14 << 8 | 4));
    EXPECT_EQ(example.value<int64_t>({0x81, 0x0d, 0xfb, 0x38, 0xd2, 0x04, 0xd2}), 12345678901234);
    EXPECT_EQ(example.value<int64_t>({0x7e, 0xf2, 0x04, 0xc7, 0x2d, 0xfb, 0x2d}), -12345678901234);
    One fraction(decimal(5, 5), {Kind::kDecimal32, false, 5, 5}, came(kNewDecimalField, 5 << 8 | 5));
    EXPECT_EQ(fraction.value<int32_t>({0x80, 0x00, 0x01}), 1);
    EXPECT_EQ(fraction.value<int32_t>({0x7f, 0xff, 0xfe}), -1);
    One wide(decimal(39, 0), {Kind::kDecimal256, false, 39, 0}, came(kNewDecimalField, 39 << 8));
    Bytes minus_one(18, 0xff);
    minus_one[0] = 0x7f;
    minus_one[17] = 0xfe;
    using Words = std::array<uint64_t, 4>;
    EXPECT_EQ(wide.value<Words>(minus_one), (Words{~0ull, ~0ull, ~0ull, ~0ull}));
    EXPECT_NE(error_of([&] {
                  example.append({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
              }).find("damaged decimal"),
              std::string::npos);
}

TEST(BinlogRowTest, Temporals) {
    One date(column_for_test(Type::kDate, "date"), {Kind::kDate32}, came(kDateField));
    uint32_t packed = 2000 << 9 | 2 << 5 | 29;
    EXPECT_EQ(date.value<int32_t>({uint8_t(packed), uint8_t(packed >> 8), uint8_t(packed >> 16)}), 11016);
    EXPECT_EQ(date.value<int32_t>({0, 0, 0}), 0);
    EXPECT_EQ(date.block.columns[0].adjusted(), 1u);

    One time(temporal(Type::kTime, 2), {Kind::kTime64, false, 0, 6}, came(kTime2Field, 2));
    EXPECT_EQ(time.value<int64_t>({0x80, 0x00, 0x01, 99}), 1'990'000);
    EXPECT_EQ(time.value<int64_t>({0x7f, 0xff, 0xff, 0xff}), -10'000);     // -00:00:00.01
    EXPECT_EQ(time.value<int64_t>({0x7f, 0xff, 0xfe, 0x9d}), -1'990'000);  // -00:00:01.99
    EXPECT_EQ(time.value<int64_t>({0x80, 0x10, 0x00, 0x00}), 3'600'000'000);
    One whole(temporal(Type::kTime, 0), {Kind::kTime64, false, 0, 6}, came(kTime2Field, 0));
    EXPECT_EQ(whole.value<int64_t>({0x7f, 0xff, 0xff}), -1'000'000);

    One stamp(temporal(Type::kTimestamp, 3), {Kind::kDateTime64, false, 0, 3}, came(kTimestamp2Field, 3));
    EXPECT_EQ(stamp.value<int64_t>({0x3b, 0x9a, 0xca, 0x00, 0x26, 0x8e}), 1'000'000'000'987);
    EXPECT_EQ(stamp.value<int64_t>({0, 0, 0, 0, 0, 0}), 0);  // '0000-00-00 00:00:00'
    EXPECT_EQ(stamp.block.columns[0].adjusted(), 1u);

    One moment(temporal(Type::kDateTime, 6), {Kind::kDateTime64, false, 0, 6}, came(kDateTime2Field, 6));
    uint64_t v = uint64_t{1} << 39 | (2001ull * 13 + 9) << 22 | 9 << 17 | 1 << 12 | 46 << 6 | 40;
    Bytes bytes;
    for (int i = 4; i >= 0; --i) bytes.push_back(static_cast<uint8_t>(v >> 8 * i));
    bytes.insert(bytes.end(), {0x01, 0xe2, 0x40});
    EXPECT_EQ(moment.value<int64_t>(bytes), 1'000'000'000'123'456);

    // Before MySQL 5.6.
    One old_time(temporal(Type::kTime, 0), {Kind::kTime64, false, 0, 6}, came(kTimeField));
    EXPECT_EQ(old_time.value<int64_t>({0xff, 0xff, 0xff}), -1'000'000);
    One old_moment(temporal(Type::kDateTime, 0), {Kind::kDateTime64, false, 0, 0}, came(kDateTimeField));
    uint64_t digits = 20010909014640;
    Bytes old_bytes;
    for (int i = 0; i < 8; ++i) old_bytes.push_back(static_cast<uint8_t>(digits >> 8 * i));
    EXPECT_EQ(old_moment.value<int64_t>(old_bytes), 1'000'000'000);
}

TEST(BinlogRowTest, TextInItsCharacterSet) {
    One latin1(text_column(Type::kVarChar, 10, "latin1"), {Kind::kString}, came(kVarcharField, 10));
    EXPECT_EQ(latin1.text({5, 'a', 0xe9, 0x80, 0x81, ' '}), "a\xc3\xa9\xe2\x82\xac\xc2\x81 ");
    One wide(text_column(Type::kVarChar, 300, "utf8mb4"), {Kind::kString}, came(kVarcharField, 1200));
    EXPECT_EQ(wide.text({2, 0, 'a', ' '}), "a ");
    One fixed(text_column(Type::kChar, 10, "utf8mb4"), {Kind::kString}, came(kStringField, 40));
    EXPECT_EQ(fixed.text({2, 'a', ' '}), "a");
    One sjis(text_column(Type::kText, 0, "sjis"), {Kind::kString}, came(kBlobField, 2));
    EXPECT_EQ(sjis.text({3, 0, 0x83, 0x5c, 0x5c}), "\xe3\x82\xbd\\");
    EXPECT_EQ(sjis.block.columns[0].adjusted(), 0u);
    EXPECT_EQ(sjis.text({3, 0, 0x85, 0x40, 'x'}), "?x");  // not defined: as the server prints it, and counted
    EXPECT_EQ(sjis.block.columns[0].adjusted(), 1u);
    SourceColumn binary = text_column(Type::kBinary, 4, "");
    One padded(binary, {Kind::kString}, came(kStringField, 4));
    EXPECT_EQ(padded.text({1, 7}), std::string("\x07\0\0\0", 4));
    EXPECT_NE(error_of([] {
                  One(text_column(Type::kChar, 1, "klingon"), {Kind::kString}, came(kStringField, 1));
              }).find("character set klingon is not supported, in column c0 (table db.t)"),
              std::string::npos);
}

TEST(CharsetTest, KnowsEverySetOfTheServers) {
    for (const char* name :
         {"armscii8", "ascii",   "big5",   "cp1250", "cp1251",  "cp1256",   "cp1257",  "cp850",
          "cp852",    "cp866",   "cp932",  "dec8",   "eucjpms", "euckr",    "gb18030", "gb2312",
          "gbk",      "geostd8", "greek",  "hebrew", "hp8",     "keybcs2",  "koi8r",   "koi8u",
          "latin1",   "latin2",  "latin5", "latin7", "macce",   "macroman", "sjis",    "swe7",
          "tis620",   "ucs2",    "ujis",   "utf16",  "utf16le", "utf32"}) {
        auto transcoder = Transcoder::make(name);
        ASSERT_NE(transcoder, nullptr) << name;
        auto overrides = charset_overrides(name);
        EXPECT_TRUE(std::is_sorted(overrides.begin(), overrides.end(), [](const auto& a, const auto& b) {
            return a.code < b.code;
        })) << name;
        uint64_t replaced = 0;
        std::string_view a =
            std::string_view(name) == "utf32"     ? std::string_view("\0\0\0A", 4)
            : std::string_view(name) == "utf16le" ? std::string_view("A\0", 2)
            : std::string_view(name).substr(0, 3) == "utf" || std::string_view(name) == "ucs2"
                ? std::string_view("\0A", 2)
                : std::string_view("A");
        EXPECT_EQ(transcoder->convert(a, replaced), "A") << name;
        EXPECT_EQ(replaced, 0u) << name;
    }
    uint64_t replaced = 0;
    EXPECT_EQ(Transcoder::make("ascii")->convert("a\xe4z", replaced), "a?z");  // MariaDB stores such bytes
    EXPECT_EQ(replaced, 1u);
    // As the server does it: half of a surrogate pair is a character like any other, one beyond Unicode is
    // none.
    auto utf32 = Transcoder::make("utf32");
    EXPECT_EQ(utf32->convert({"\0\0\xd8\x01\0\x01\xf6\x00\0\0\0", 11}, replaced),
              "\xed\xa0\x81\xf0\x9f\x98\x80?");
    EXPECT_EQ(replaced, 2u);
    EXPECT_EQ(utf32->convert({"\0\x11\0\0", 4}, replaced), "?");
    EXPECT_EQ(replaced, 3u);
    EXPECT_EQ(Transcoder::make("utf9"), nullptr);
    EXPECT_TRUE(is_utf8("utf8mb4"));
    EXPECT_FALSE(is_utf8("latin1"));
}

TEST(BinlogRowTest, AKeyKeepsItsCharacters) {
    TablePlan plan = plan_for_test({{text_column(Type::kVarChar, 10, "cp1251"), {Kind::kString}}});
    for (bool in_key : {false, true}) {
        plan.columns[0].in_key = in_key;
        BinlogRowDecoder decoder(plan, map_of({came(kVarcharField, 10)}));
        Block block(plan);
        RowImage image;
        auto append = [&](uint8_t letter) {
            Bytes row = {0, 1, letter};
            ByteReader reader(row, "test");
            uint8_t present = 1;
            decoder.read(reader, {&present, 1}, image);
            decoder.append(image, block);
        };
        append(0xc0);
        if (!in_key) {
            append(0x98);  // cp1251 has no character there
            EXPECT_EQ(block.columns[0].adjusted(), 1u);
            continue;
        }
        EXPECT_NE(error_of([&] { append(0x98); }).find("a character that Unicode lacks"), std::string::npos);
    }
}

TEST(BinlogRowTest, EnumAndSet) {
    SourceColumn labels = column_for_test(Type::kEnum, "enum('a','b')");
    labels.labels = {"a", "b"};
    One number(labels, {Kind::kLowCardinalityString}, came(kEnumField, 1));
    EXPECT_EQ(number.text({2}), "b");
    EXPECT_EQ(number.text({0}), "");
    EXPECT_NE(error_of([&] { number.append({3}); }).find("number 3 is not in enum('a','b')"),
              std::string::npos);
    labels.type = Type::kSet;
    One members(labels, {Kind::kString}, came(kSetField, 1));
    EXPECT_EQ(members.text({3}), "a,b");
    EXPECT_EQ(members.text({2}), "b");
    EXPECT_EQ(members.text({0}), "");
    EXPECT_NE(error_of([&] { members.append({4}); }).find("members 4"), std::string::npos);
    // The server puts a comma after what is there already, so an empty label in front leaves no trace.
    labels.labels = {"", "a", "", "b"};
    One with_empty(labels, {Kind::kString}, came(kSetField, 1));
    EXPECT_EQ(with_empty.text({1}), "");
    EXPECT_EQ(with_empty.text({11}), "a,b");
    EXPECT_EQ(with_empty.text({14}), "a,,b");
    EXPECT_EQ(with_empty.text({7}), "a,");
}

TEST(BinlogRowTest, Json) {
    One json(column_for_test(Type::kJson, "json"), {Kind::kString}, came(kJsonField, 4));
    EXPECT_EQ(json.text({2, 0, 0, 0, 4, 1}), "true");
    EXPECT_EQ(json.text({0, 0, 0, 0}), "null");
    EXPECT_NE(error_of([&] {
                  json.append({1, 0, 0, 0, 77});
              }).find("binary JSON: unknown type, in column c0"),
              std::string::npos);
}

TablePlan three_columns() {
    TablePlan plan = plan_for_test({{column_for_test(Type::kInt, "int"), {Kind::kInt32}},
                                    {text_column(Type::kVarChar, 10, "utf8mb4"), {Kind::kString, true}},
                                    {column_for_test(Type::kTinyInt, "tinyint"), {Kind::kInt8}}});
    plan.source.columns[1].nullable = true;
    return plan;
}

std::vector<TableMapColumn> three_that_came() {
    std::vector<TableMapColumn> columns = {came(kLongField), came(kVarcharField, 40), came(kTinyField)};
    columns[1].nullable = true;
    return columns;
}

TEST(BinlogRowTest, RowsFollowOneAnother) {
    TablePlan plan = three_columns();
    BinlogRowDecoder decoder(plan, map_of(three_that_came()));
    Bytes rows = {0x00, 1, 0, 0, 0, 2, 'h', 'i', 7, 0x02, 2, 0, 0, 0, 8};
    ByteReader reader(rows, "test");
    uint8_t all = 0x07;
    RowImage first, second;
    decoder.read(reader, {&all, 1}, first);
    decoder.read(reader, {&all, 1}, second);
    EXPECT_TRUE(reader.empty());
    Block block(plan);
    decoder.append(first, block);
    decoder.append(second, block);
    EXPECT_EQ(value_at<int32_t>(block.columns[0], 1), 2);
    EXPECT_EQ(as_text(block.columns[1].nulls()), std::string_view("\0\1", 2));
    EXPECT_EQ(as_text(block.columns[1].values()), std::string_view("\2hi\0", 4));
    EXPECT_EQ(value_at<int8_t>(block.columns[2], 1), 8);
    EXPECT_FALSE(decoder.same_key(first, second));
    EXPECT_TRUE(decoder.same_key(first, first));
    for (size_t size = 0; size < 9; ++size) {
        Bytes cut(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(size));
        ByteReader short_reader(cut, "test");
        EXPECT_THROW(decoder.read(short_reader, {&all, 1}, first), Error) << size;
    }
}

TEST(BinlogRowTest, MissingColumnsAreNamed) {
    TablePlan plan = three_columns();
    BinlogRowDecoder decoder(plan, map_of(three_that_came()));
    Bytes row = {0x00, 1, 0, 0, 0, 7};
    uint8_t without_second = 0x05;
    RowImage image;
    ByteReader reader(row, "test");
    std::string error = error_of([&] { decoder.read(reader, {&without_second, 1}, image); });
    EXPECT_NE(error.find("binlog_row_image is not FULL), in column c1 (table db.t)"), std::string::npos)
        << error;
    EXPECT_NE(error.find("SET GLOBAL binlog_row_image='FULL'"), std::string::npos);

    plan.columns.erase(plan.columns.begin() + 1);  // excluded: its value is not needed
    BinlogRowDecoder narrow(plan, map_of(three_that_came()));
    ByteReader again(row, "test");
    narrow.read(again, {&without_second, 1}, image);
    Block block(plan);
    narrow.append(image, block);
    EXPECT_EQ(value_at<int8_t>(block.columns[1], 0), 7);
}

TEST(BinlogRowTest, ATableMapThatIsNotTheRecordedTable) {
    TablePlan plan = three_columns();
    auto refused = [&](const std::function<void(TableMap&)>& change) {
        TableMap map = map_of(three_that_came());
        change(map);
        return error_of([&] { BinlogRowDecoder(plan, map); });
    };
    EXPECT_EQ(refused([](TableMap&) {}), "no error");
    EXPECT_NE(refused([](TableMap& map) {
                  map.columns.pop_back();
              }).find("recorded with 3 columns, the binary log has 2 (table db.t)"),
              std::string::npos);
    EXPECT_NE(refused([](TableMap& map) {
                  map.columns[0].type = kLongLongField;
              }).find("column c0 was recorded as int, the binary log has bigint"),
              std::string::npos);
    EXPECT_NE(
        refused([](TableMap& map) { map.columns[1].metadata = 80; }).find("varchar or varbinary of 80 bytes"),
        std::string::npos);
    EXPECT_NE(refused([](TableMap& map) {
                  map.has_signedness = true;
                  map.columns[2].is_unsigned = true;
              }).find("column c2 was recorded as tinyint, the binary log has it unsigned"),
              std::string::npos);
    EXPECT_NE(refused([](TableMap& map) {
                  map.has_names = true;
                  map.columns[0].name = "c0";
                  map.columns[1].name = "renamed";
              }).find("column 2 was recorded as c1, the binary log names it renamed"),
              std::string::npos);
    EXPECT_NE(refused([](TableMap& map) { map.columns[0].nullable = true; }).find("NOT NULL"),
              std::string::npos);
    EXPECT_NE(refused([](TableMap& map) {
                  map.columns[1].type = 200;
                  map.first_unknown = 1;
              }).find("column c1 (x) has a type that Penstock does not know: number 200"),
              std::string::npos);
}

TEST(BinlogRowTest, LabelsThatWereRelabelled) {
    SourceColumn labels = column_for_test(Type::kEnum, "enum('\xc3\xa9','b')");
    labels.labels = {"\xc3\xa9", "b"};
    labels.charset = "latin1";
    TablePlan plan = plan_for_test({{labels, {Kind::kString}}});
    Bytes metadata = {kEnumLabels, 5, 2, 1, 0xe9, 1, 'b'};
    TableMap map = map_of({came(kEnumField, 1)});
    map.optional_metadata = metadata;
    EXPECT_EQ(error_of([&] { BinlogRowDecoder(plan, map); }), "no error");
    metadata[6] = 'c';
    EXPECT_NE(error_of([&] { BinlogRowDecoder(plan, map); }).find("the binary log has other labels"),
              std::string::npos);
}

}  // namespace
}  // namespace penstock
