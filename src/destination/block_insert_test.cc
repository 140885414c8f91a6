// Blocks of every target type, through the encoder and HTTP into a real ClickHouse and back as text.

#include <cmath>
#include <limits>

#include "destination/schema.h"
#include "destination/test_clickhouse.h"
#include "encode/native.h"
#include "model/block.h"

namespace penstock {
namespace {

constexpr int64_t kDay = 86400;

class BlockInsertTest : public ClickHouseTest {
  protected:
    /// A table of a key `i` and one column `c` of the type.
    TablePlan plan_of(const char* table, TargetType type) {
        TablePlan plan;
        plan.target_database = database_;
        plan.target_table = table;
        plan.columns = {{"i", {TargetKind::kUInt32, false, 0, 0}, 0}, {"c", type, 1}};
        plan.sorting_key = {0};
        return plan;
    }

    void insert(const Block& block, Compression compression = Compression::kZstd,
                const std::string& token = "") {
        Compressor compressor(compression);
        ByteBuffer body;
        compressor.begin(body);
        encode_native(block, compressor);
        compressor.finish();
        ClickHouseClient client(test_endpoint());
        client.insert({block.plan->target_database, block.plan->target_table,
                       native_column_names(*block.plan), body.span(), compressor.encoding(), token,
                       block.rows});
    }

    /// Inserts what `append` puts into `c`, one call a row, and returns the values as ClickHouse prints them.
    template <typename V, typename F>
    std::string round_trip(TargetType type, const std::vector<V>& values, F append,
                           const char* show = "toString(c)") {
        TablePlan plan = plan_of("t", type);
        ClickHouseClient client(test_endpoint());
        drop_table(client, database_, "t");
        create_table(client, plan);
        EXPECT_TRUE(has_target(client, plan));
        Block block(plan);
        for (const V& value : values) {
            block.columns[0].append<uint32_t>(static_cast<uint32_t>(block.rows));
            append(block.columns[1], value);
            block.finish_row(block.rows + 1, false);
        }
        insert(block);
        return client.query(
            std::string("SELECT arrayStringConcat(groupArray(s), ' | ') FROM (SELECT ifNull(") + show +
            ", 'NULL') AS s FROM " + quoted_target(database_, "t") + " ORDER BY i) FORMAT TSVRaw");
    }

    template <typename T>
    std::string integers(TargetKind kind, std::vector<T> values) {
        return round_trip(TargetType{kind, false, 0, 0}, values, [](BlockColumn& c, T v) { c.append<T>(v); });
    }
    std::string ticks(TargetKind kind, uint8_t scale, std::vector<int64_t> values,
                      const char* show = "toString(c)") {
        return round_trip(
            TargetType{kind, false, 0, scale}, values,
            [](BlockColumn& c, int64_t v) { c.append<int64_t>(v); }, show);
    }
    /// Little-endian two's complement of all ones or zeros above `low`.
    std::string wide_decimal(TargetKind kind, uint8_t precision, uint8_t scale,
                             std::vector<std::array<uint64_t, 4>> values) {
        return round_trip(TargetType{kind, false, precision, scale}, values,
                          [](BlockColumn& c, const std::array<uint64_t, 4>& v) { c.append_raw(v.data()); });
    }
};

TEST_F(BlockInsertTest, Integers) {
    EXPECT_EQ(integers<uint8_t>(TargetKind::kBool, {0, 1}), "false | true");
    EXPECT_EQ(integers<int8_t>(TargetKind::kInt8, {-128, -1, 0, 127}), "-128 | -1 | 0 | 127");
    EXPECT_EQ(integers<int16_t>(TargetKind::kInt16, {INT16_MIN, 0, INT16_MAX}), "-32768 | 0 | 32767");
    EXPECT_EQ(integers<int32_t>(TargetKind::kInt32, {INT32_MIN, 0, INT32_MAX}),
              "-2147483648 | 0 | 2147483647");
    EXPECT_EQ(integers<int64_t>(TargetKind::kInt64, {INT64_MIN, -1, INT64_MAX}),
              "-9223372036854775808 | -1 | 9223372036854775807");
    EXPECT_EQ(integers<uint8_t>(TargetKind::kUInt8, {0, 255}), "0 | 255");
    EXPECT_EQ(integers<uint16_t>(TargetKind::kUInt16, {0, 65535}), "0 | 65535");
    EXPECT_EQ(integers<uint32_t>(TargetKind::kUInt32, {0, UINT32_MAX}), "0 | 4294967295");
    EXPECT_EQ(integers<uint64_t>(TargetKind::kUInt64, {0, UINT64_MAX}), "0 | 18446744073709551615");
}

TEST_F(BlockInsertTest, Floats) {
    EXPECT_EQ(integers<float>(TargetKind::kFloat32, {0.1f, -std::numeric_limits<float>::max(),
                                                     std::numeric_limits<float>::denorm_min()}),
              "0.1 | -3.4028235e38 | 1e-45");
    EXPECT_EQ(integers<double>(TargetKind::kFloat64, {0.1, -std::numeric_limits<double>::max(),
                                                      std::numeric_limits<double>::denorm_min()}),
              "0.1 | -1.7976931348623157e308 | 5e-324");
}

TEST_F(BlockInsertTest, Decimals) {
    EXPECT_EQ(round_trip(TargetType{TargetKind::kDecimal32, false, 9, 2},
                         std::vector<int32_t>{-999999999, -1, 999999999},
                         [](BlockColumn& c, int32_t v) { c.append<int32_t>(v); }),
              "-9999999.99 | -0.01 | 9999999.99");
    TargetType decimal64{TargetKind::kDecimal64, false, 18, 9};
    EXPECT_EQ(round_trip(decimal64, std::vector<int64_t>{-999999999999999999, 0, 1},
                         [](BlockColumn& c, int64_t v) { c.append<int64_t>(v); }),
              "-999999999.999999999 | 0 | 0.000000001");
    // 10^38 - 1 and its negative
    EXPECT_EQ(wide_decimal(TargetKind::kDecimal128, 38, 19,
                           {{0x098a223fffffffff, 0x4b3b4ca85a86c47a, 0, 0},
                            {~0x098a223fffffffffu + 1, ~0x4b3b4ca85a86c47au, 0, 0}}),
              "9999999999999999999.9999999999999999999 | -9999999999999999999.9999999999999999999");
    // The least step, its negative, 10^65 - 1 and its negative
    EXPECT_EQ(wide_decimal(TargetKind::kDecimal256, 65, 30,
                           {{1, 0, 0, 0},
                            {~0ull, ~0ull, ~0ull, ~0ull},
                            {0xffffffffffffffff, 0x4e3945ef7a253609, 0x1c7fc3908a8bef46, 0xf31627},
                            {1, 0xb1c6ba1085dac9f6, 0xe3803c6f757410b9, 0xffffffffff0ce9d8}}),
              "0.000000000000000000000000000001 | -0.000000000000000000000000000001 | "
              "99999999999999999999999999999999999.999999999999999999999999999999 | "
              "-99999999999999999999999999999999999.999999999999999999999999999999");
}

TEST_F(BlockInsertTest, Strings) {
    auto append = [](BlockColumn& c, const std::string& v) { c.append_string(v); };
    std::string every_byte;
    for (int i = 0; i < 256; ++i) every_byte += static_cast<char>(i);
    std::vector<std::string> values = {"", "a", std::string(200, 'x'), "\xf0\x9f\x92\xa7", every_byte};
    std::string expected = " | 61 | " + [] {
        std::string x;
        for (int i = 0; i < 200; ++i) x += "78";
        return x;
    }() + " | F09F92A7 | ";
    for (int i = 0; i < 256; ++i)
        expected += "0123456789ABCDEF"[i >> 4], expected += "0123456789ABCDEF"[i & 15];
    EXPECT_EQ(round_trip(TargetType{TargetKind::kString, false, 0, 0}, values, append, "hex(c)"), expected);
    EXPECT_EQ(
        round_trip(TargetType{TargetKind::kLowCardinalityString, false, 0, 0}, values, append, "hex(c)"),
        expected);
    EXPECT_EQ(round_trip(TargetType{TargetKind::kLowCardinalityString, false, 0, 0}, values, append,
                         "toTypeName(c)")
                  .substr(0, 22),
              "LowCardinality(String)");
}

TEST_F(BlockInsertTest, Nulls) {
    for (TargetKind kind : {TargetKind::kBool, TargetKind::kInt8, TargetKind::kInt64, TargetKind::kFloat64,
                            TargetKind::kDecimal32, TargetKind::kDecimal128, TargetKind::kDecimal256,
                            TargetKind::kString, TargetKind::kLowCardinalityString, TargetKind::kDate32,
                            TargetKind::kDateTime64, TargetKind::kTime64}) {
        TargetType type{kind, true, 0, 0};
        if (kind == TargetKind::kDecimal32) type.precision = 5;
        if (kind == TargetKind::kDecimal128) type.precision = 30;
        if (kind == TargetKind::kDecimal256) type.precision = 50;
        auto append = [](BlockColumn& c, bool) { c.append_null(); };
        EXPECT_EQ(round_trip(type, std::vector<bool>{true, true}, append), "NULL | NULL") << type.ddl_name();
        // With allowNullableColumns off a NULL is the type's zero. (Of Date32 that is 1970-01-01, though
        // ClickHouse itself fills an absent Date32 with 1900-01-01.)
        type.nullable = false;
        const char* show = kind == TargetKind::kDate32
                               ? "toString(c = '1970-01-01')"
                               : "toString(c = defaultValueOfTypeName(toTypeName(c)))";
        EXPECT_EQ(round_trip(type, std::vector<bool>{true}, append, show), "1") << type.ddl_name();
    }
    auto mixed = [](BlockColumn& c, int v) { v < 0 ? c.append_null() : c.append_string(std::to_string(v)); };
    EXPECT_EQ(round_trip(TargetType{TargetKind::kLowCardinalityString, true, 0, 0},
                         std::vector<int>{1, -1, 0, 1}, mixed),
              "1 | NULL | 0 | 1");
}

// 26.7 stores and prints any day of years 0001 to 9999 in these types. Penstock keeps to 1900-01-01 to
// 2299-12-31, which the manual names and which functions and older servers hold to.
TEST_F(BlockInsertTest, Dates) {
    EXPECT_EQ(
        round_trip(TargetType{TargetKind::kDate32, false, 0, 0}, std::vector<int32_t>{-25567, -1, 0, 120529},
                   [](BlockColumn& c, int32_t v) { c.append<int32_t>(v); }),
        "1900-01-01 | 1969-12-31 | 1970-01-01 | 2299-12-31");
}

TEST_F(BlockInsertTest, DateTimes) {
    int64_t scale = 1;
    const char* fractions[] = {"", ".9", ".99", ".999", ".9999", ".99999", ".999999"};
    const char* zeros[] = {"", ".0", ".00", ".000", ".0000", ".00000", ".000000"};
    for (uint8_t digits = 0; digits <= 6; ++digits, scale *= 10) {
        std::string nines = fractions[digits], none = zeros[digits];
        EXPECT_EQ(
            ticks(TargetKind::kDateTime64, digits, {-25567 * kDay * scale, -1, 0, 120530 * kDay * scale - 1}),
            "1900-01-01 00:00:00" + none + " | 1969-12-31 23:59:59" + nines + " | 1970-01-01 00:00:00" +
                none + " | 2299-12-31 23:59:59" + nines);
    }
    // The same digits whatever the session's time zone.
    EXPECT_EQ(ticks(TargetKind::kDateTime64, 0, {0}, "toString(c) || ' ' || toTypeName(c)"),
              "1970-01-01 00:00:00 DateTime64(0, 'UTC')");
}

TEST_F(BlockInsertTest, Times) {
    constexpr int64_t kMax = (838 * 3600 + 59 * 60 + 59) * int64_t{1'000'000};
    EXPECT_EQ(ticks(TargetKind::kTime64, 6, {-kMax, -3'600'000'000 * 25, -1, 0, 1, kMax}),
              "-838:59:59.000000 | -25:00:00.000000 | -00:00:00.000001 | 00:00:00.000000 | 00:00:00.000001 | "
              "838:59:59.000000");
}

TEST_F(BlockInsertTest, EveryCompression) {
    for (Compression compression : {Compression::kNone, Compression::kLz4, Compression::kZstd}) {
        TablePlan plan = plan_of("t", {TargetKind::kString, false, 0, 0});
        ClickHouseClient client(test_endpoint());
        drop_table(client, database_, "t");
        create_table(client, plan);
        Block block(plan);
        for (uint32_t i = 0; i < 200'000; ++i) {
            block.columns[0].append<uint32_t>(i);
            block.columns[1].append_string("row " + std::to_string(i * 2654435761u));
            block.finish_row(i + 1, i % 10 == 0);
        }
        insert(block, compression);
        EXPECT_EQ(client.query("SELECT count(), sum(c = 'row ' || toString(toUInt32(i * 2654435761))), "
                               "sum(_peerdb_is_deleted), sum(_peerdb_version = i + 1), "
                               "min(_peerdb_synced_at) > now() - 60 FROM " +
                               quoted_target(database_, "t")),
                  "200000\t200000\t20000\t200000\t1")
            << content_encoding(compression);
    }
}

TEST_F(BlockInsertTest, TheNewestVersionStaysAndADeletedRowGoes) {
    for (bool delete_on_merge : {false, true}) {
        TablePlan plan = plan_of("t", {TargetKind::kInt32, false, 0, 0});
        plan.delete_on_merge = delete_on_merge;
        ClickHouseClient client(test_endpoint());
        drop_table(client, database_, "t");
        create_table(client, plan);
        Block block(plan);
        auto row = [&](uint32_t i, int32_t c, uint64_t version, bool deleted) {
            block.columns[0].append<uint32_t>(i);
            block.columns[1].append<int32_t>(c);
            block.finish_row(version, deleted);
        };
        row(1, 12, 12, false);
        row(1, 11, 11, false);
        row(2, 21, 13, false);
        insert(block);
        block.clear();
        row(2, 21, 14, true);
        insert(block);
        EXPECT_EQ(client.query("SELECT i, c FROM " + quoted_target(database_, "t") +
                               " FINAL WHERE _peerdb_is_deleted = 0"),
                  "1\t12");
    }
}

TEST_F(BlockInsertTest, ATokenHoldsForBothEngines) {
    for (TableEngine engine : {TableEngine::kMergeTree, TableEngine::kReplacingMergeTree}) {
        TablePlan plan = plan_of("t", {TargetKind::kInt32, false, 0, 0});
        plan.engine = engine;
        ClickHouseClient client(test_endpoint());
        drop_table(client, database_, "t");
        create_table(client, plan);
        Block block(plan);
        for (uint32_t i = 0; i < 3; ++i) {
            block.columns[0].append<uint32_t>(i);
            block.columns[1].append<int32_t>(7);
            block.finish_row(i, false);
        }
        for (const char* token : {"p/1/t/0", "p/1/t/0", "p/1/t/1"}) insert(block, Compression::kLz4, token);
        EXPECT_EQ(count_rows(client, database_, "t"), 6u);
    }
}

TEST_F(BlockInsertTest, WhereTokensAreNotRememberedVersionsDoTheSame) {
    TablePlan plan = plan_of("t", {TargetKind::kInt32, false, 0, 0});
    ClickHouseClient client(test_endpoint());
    create_table(client, plan, {.deduplicates = false});
    Block block(plan);
    for (uint32_t i = 0; i < 3; ++i) {
        block.columns[0].append<uint32_t>(i);
        block.columns[1].append<int32_t>(7);
        block.finish_row(i, false);
    }
    for (const char* token : {"p/1/t/0", "p/1/t/0"}) insert(block, Compression::kLz4, token);
    EXPECT_EQ(count_rows(client, database_, "t"), 6u);
    EXPECT_EQ(client.query("SELECT count() FROM " + quoted_target(database_, "t") + " FINAL"), "3");
}

/// A stream of `count` blocks of three rows each, all of the same keys.
class BlockStream {
  public:
    BlockStream(const TablePlan& plan, Compression compression, int count)
        : compressor_(compression), block_(plan), left_(count) {
        for (uint32_t i = 0; i < 3; ++i) {
            block_.columns[0].append<uint32_t>(i);
            block_.columns[1].append_string("x");
            block_.finish_row(i, false);
        }
    }
    InsertStream request() {
        InsertStream request;
        request.database = block_.plan->target_database;
        request.table = block_.plan->target_table;
        request.columns = native_column_names(*block_.plan);
        request.content_encoding = compressor_.encoding();
        request.distinct_keys = true;
        request.next = [this] { return frame_.next(); };
        return request;
    }
    std::function<void(int)> before_block = [](int) {};  ///< called with how many are left

  private:
    Compressor compressor_;
    ByteBuffer buffer_;
    Block block_;
    int left_;
    NativeFrame frame_{compressor_, buffer_, [this]() -> const Block* {
                           before_block(left_);
                           return left_-- > 0 ? &block_ : nullptr;
                       }};
};

TEST_F(BlockInsertTest, AStreamOfBlocksBecomesOnePart) {
    for (Compression compression : {Compression::kNone, Compression::kLz4, Compression::kZstd}) {
        TablePlan plan = plan_of("t", {TargetKind::kString, false, 0, 0});
        ClickHouseClient client(test_endpoint());
        drop_table(client, database_, "t");
        create_table(client, plan);
        BlockStream stream(plan, compression, 50);
        InsertStream request = stream.request();
        request.part_rows = 1'000'000;
        EXPECT_EQ(client.insert_stream(request).value_or(150), 150u);
        // Rows of one key stay until a merge: none is looked for while they are written.
        EXPECT_EQ(client.query("SELECT count(), uniqExact(_part) FROM " + quoted_target(database_, "t")),
                  "150\t1");
    }
}

TEST_F(BlockInsertTest, AStreamThatBreaksOffIsAnError) {
    TablePlan plan = plan_of("t", {TargetKind::kString, false, 0, 0});
    ClickHouseClient client(test_endpoint());
    create_table(client, plan);
    BlockStream stream(plan, Compression::kNone, 50);
    stream.before_block = [](int left) {
        if (left == 20) throw Error(Disposition::kRetry, "read", "the source is gone");
    };
    try {
        client.insert_stream(stream.request());
        FAIL() << "no error";
    } catch (const Error& e) {
        EXPECT_EQ(e.message(), "the source is gone");
    }
    EXPECT_EQ(count_rows(client, database_, "t"), 0u);  // fewer than a part
    // The same connection goes on, and what the server refuses while rows come is an error too.
    BlockStream good(plan, Compression::kZstd, 2);
    client.insert_stream(good.request());
    EXPECT_EQ(count_rows(client, database_, "t"), 6u);
    BlockStream nowhere(plan, Compression::kNone, 2);
    InsertStream request = nowhere.request();
    request.table = "nowhere";
    try {
        client.insert_stream(request);
        FAIL() << "no error";
    } catch (const Error& e) {
        EXPECT_EQ(e.disposition(), Disposition::kFailPipe) << e.what();
    }
}

TEST_F(BlockInsertTest, RowsOfOneKeyAreLookedForUnlessKeysAreDistinct) {
    for (bool distinct : {false, true}) {
        TablePlan plan = plan_of("t", {TargetKind::kInt32, false, 0, 0});
        ClickHouseClient client(test_endpoint());
        drop_table(client, database_, "t");
        create_table(client, plan);
        Block block(plan);
        for (uint32_t i = 0; i < 2; ++i) {
            block.columns[0].append<uint32_t>(1);
            block.columns[1].append<int32_t>(7);
            block.finish_row(i, false);
        }
        Compressor compressor(Compression::kNone);
        ByteBuffer body;
        compressor.begin(body);
        encode_native(block, compressor);
        compressor.finish();
        InsertRequest request{database_, "t", native_column_names(plan), body.span(), {}, "", 2};
        request.distinct_keys = distinct;
        client.insert(request);
        EXPECT_EQ(count_rows(client, database_, "t"), distinct ? 2u : 1u);
    }
}

}  // namespace
}  // namespace penstock
