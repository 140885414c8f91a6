// What a real ClickHouse does with our blocks when a target's column is of another type than planned: each
// pair of types either holds every value, or is refused.

#include <array>
#include <cmath>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "base/error.h"
#include "destination/test_clickhouse.h"
#include "encode/native.h"
#include "model/block.h"
#include "model/column_form.h"

namespace penstock {
namespace {

constexpr int64_t kDay = 86400;

/// The bounds of a planned type, of a source column.
struct Planned {
    TargetType type;
    std::function<void(BlockColumn&)> append;  ///< all of its values
    SourceType source = SourceType::kUnsupported;
};

template <typename T>
Planned numbers(TargetKind kind, std::vector<T> values, uint8_t precision = 0, uint8_t scale = 0,
                SourceType source = SourceType::kUnsupported) {
    return {{kind, false, precision, scale},
            [values](BlockColumn& c) {
                for (T v : values) c.append<T>(v);
            },
            source};
}
template <typename T>
Planned bounds(TargetKind kind) {
    return numbers<T>(kind, {std::numeric_limits<T>::min(), 0, 1, std::numeric_limits<T>::max()});
}
/// Little-endian, of which the type takes as many bytes as it has.
Planned wide(TargetKind kind, uint8_t precision, uint8_t scale, std::vector<std::array<uint64_t, 4>> values) {
    return {{kind, false, precision, scale}, [values](BlockColumn& c) {
                for (const auto& v : values) c.append_raw(v.data());
            }};
}
Planned texts(TargetKind kind, std::vector<std::string> values) {
    return {{kind, false, 0, 0}, [values](BlockColumn& c) {
                for (const std::string& v : values) c.append_string(v);
            }};
}

std::vector<Planned> planned_types() {
    constexpr int64_t kTime = (838 * 3600 + 59 * 60 + 59) * int64_t{1'000'000} + 999'999;
    constexpr int64_t kFirst = -25567 * kDay, kLast = 120530 * kDay - 1, kLastInstant = 4294967295;
    const std::vector<int64_t> seconds = {kFirst, -1, 0, kLast};
    const std::vector<int64_t> micros = {kFirst * 1'000'000, -1, 1, kLast * 1'000'000 + 999'999};
    std::vector<Planned> all = {
        numbers<uint8_t>(TargetKind::kBool, {0, 1}),
        bounds<int8_t>(TargetKind::kInt8),
        bounds<int16_t>(TargetKind::kInt16),
        bounds<int32_t>(TargetKind::kInt32),
        bounds<int64_t>(TargetKind::kInt64),
        bounds<uint8_t>(TargetKind::kUInt8),
        bounds<uint16_t>(TargetKind::kUInt16),
        bounds<uint32_t>(TargetKind::kUInt32),
        bounds<uint64_t>(TargetKind::kUInt64),
        numbers<float>(TargetKind::kFloat32,
                       {0.1f, -std::numeric_limits<float>::max(), std::numeric_limits<float>::denorm_min()}),
        numbers<double>(TargetKind::kFloat64, {0.1, -std::numeric_limits<double>::max()}),
        numbers<int32_t>(TargetKind::kDecimal32, {-99999, -1, 0, 99999}, 5, 2),
        numbers<int64_t>(TargetKind::kDecimal64, {-999999999999999999, 1, 999999999999999999}, 18, 6),
        wide(TargetKind::kDecimal128, 38, 10,
             {{0x098a223fffffffff, 0x4b3b4ca85a86c47a, 0, 0},
              {~0x098a223fffffffffu + 1, ~0x4b3b4ca85a86c47au, 0, 0}}),
        wide(TargetKind::kDecimal256, 65, 30,
             {{~0ull, ~0ull, ~0ull, ~0ull},
              {0xffffffffffffffff, 0x4e3945ef7a253609, 0x1c7fc3908a8bef46, 0xf31627},
              {1, 0xb1c6ba1085dac9f6, 0xe3803c6f757410b9, 0xffffffffff0ce9d8}}),
        texts(TargetKind::kString,
              {"", "a", "12", "2024-01-01", std::string(300, 'x'), std::string("\0", 1)}),
        texts(TargetKind::kLowCardinalityString, {"a", "b", "a"}),
        numbers<int32_t>(TargetKind::kDate32, {-25567, -1, 0, 120529}),
        numbers<int64_t>(TargetKind::kTime64, {-kTime, -1, kTime}, 0, 6, SourceType::kTime),
        {{TargetKind::kUuid, false, 0, 0}, [](BlockColumn& c) { c.append_raw("0123456789abcdef"); }},
        numbers<uint32_t>(TargetKind::kIpv4, {0, 0x7f000001}),
        {{TargetKind::kIpv6, false, 0, 0}, [](BlockColumn& c) { c.append_raw("0123456789abcdef"); }},
        {{TargetKind::kFloat32Array, false, 0, 0},
         [](BlockColumn& c) { c.append_floats(as_bytes(std::string_view("\0\0\x80\x3f", 4))); }},
        numbers(TargetKind::kDateTime64, seconds, 0, 0, SourceType::kDateTime),
        numbers(TargetKind::kDateTime64, micros, 0, 6, SourceType::kDateTime),
        numbers<int64_t>(TargetKind::kDateTime64, {0, 1, kLastInstant * 1000 + 999}, 0, 3,
                         SourceType::kTimestamp),
    };
    const size_t count = all.size();
    for (size_t i = 0; i < count; ++i) {  // and with a NULL behind the others
        Planned planned = all[i];
        if (planned.type.kind == TargetKind::kFloat32Array) continue;
        planned.type.nullable = true;
        planned.append = [append = planned.append](BlockColumn& c) {
            append(c);
            c.append_null();
        };
        all.push_back(std::move(planned));
    }
    return all;
}

std::vector<std::string> actual_types() {
    std::vector<std::string> plain = {"Int8",
                                      "Int16",
                                      "Int32",
                                      "Int64",
                                      "Int128",
                                      "Int256",
                                      "UInt8",
                                      "UInt16",
                                      "UInt32",
                                      "UInt64",
                                      "UInt128",
                                      "UInt256",
                                      "Bool",
                                      "Float32",
                                      "Float64",
                                      "Decimal(5, 2)",
                                      "Decimal(5, 3)",
                                      "Decimal(9, 2)",
                                      "Decimal(10, 2)",
                                      "Decimal(18, 6)",
                                      "Decimal(18, 15)",
                                      "Decimal(38, 6)",
                                      "Decimal(38, 10)",
                                      "Decimal(38, 35)",
                                      "Decimal(65, 30)",
                                      "Decimal(76, 30)",
                                      "Decimal(76, 38)",
                                      "String",
                                      "FixedString(8)",
                                      "Date",
                                      "Date32",
                                      "DateTime",
                                      "DateTime('UTC')",
                                      "DateTime64(0, 'UTC')",
                                      "DateTime64(3, 'UTC')",
                                      "DateTime64(6, 'UTC')",
                                      "DateTime64(8, 'UTC')",
                                      "DateTime64(9, 'UTC')",
                                      "DateTime64(3)",
                                      "DateTime64(6, 'Asia/Tokyo')",
                                      "Time",
                                      "Time64(6)",
                                      "Time64(9)",
                                      "UUID",
                                      "IPv4",
                                      "IPv6",
                                      "Enum8('a' = 1, 'b' = 2)",
                                      "Enum16('a' = 1)"};
    std::vector<std::string> all = plain;
    for (const std::string& type : plain) all.push_back("Nullable(" + type + ")");
    for (const char* type : {"String", "Int64", "UInt8", "Float64", "FixedString(8)", "Date32"}) {
        all.push_back(fmt::format("LowCardinality({})", type));
        all.push_back(fmt::format("LowCardinality(Nullable({}))", type));
    }
    for (const char* type : {"Array(Float32)", "Array(Float64)", "Array(Nullable(Float32))", "JSON",
                             "Dynamic", "Variant(Int32, String)"}) {
        all.emplace_back(type);
    }
    return all;
}

class AlteredTargetTest : public ClickHouseTest {
  protected:
    /// A plan of one column.
    TablePlan plan_of(const std::string& table, const Planned& planned) {
        TablePlan plan;
        plan.target_database = database_;
        plan.target_table = table;
        plan.source.columns.resize(1);
        plan.source.columns[0].type = planned.source;
        plan.columns = {{"c", planned.type, 0}};
        return plan;
    }
    /// Its values, with versions from `version` on.
    static Block block_of(const TablePlan& plan, const Planned& planned, uint64_t version) {
        Block block(plan);
        planned.append(block.columns[0]);
        const size_t rows =
            planned.type.nullable ? block.columns[0].nulls().size() : count_rows(block, planned);
        for (size_t i = 0; i < rows; ++i) block.finish_row(version + i, false);
        return block;
    }
    static size_t count_rows(const Block& block, const Planned& planned) {
        if (planned.type.kind == TargetKind::kFloat32Array) return block.columns[0].array_ends().size() / 8;
        if (planned.type.width() != 0) return block.columns[0].values().size() / planned.type.width();
        size_t rows = 0;
        for (ByteReader reader(block.columns[0].values(), "texts"); !reader.empty(); ++rows)
            reader.skip(static_cast<size_t>(reader.varint()));
        return rows;
    }
    void insert(const Block& block, const TableForm* form, ClickHouseEndpoint endpoint = test_endpoint(),
                const std::string& token = {}) {
        Compressor compressor(Compression::kNone);
        ByteBuffer body;
        bool sent = false;
        NativeFrame frame(
            compressor, body, [&] { return std::exchange(sent, true) ? nullptr : &block; }, form);
        InsertStream request{.database = database_,
                             .table = block.plan->target_table,
                             .columns = native_column_names(*block.plan),
                             .content_encoding = "",
                             .next = [&] { return frame.next(); },
                             .token = token};
        ClickHouseClient client(std::move(endpoint));
        client.require_written(client.insert_stream(request), block.rows, "insert");
    }
    std::string query(const std::string& sql) {
        ClickHouseEndpoint endpoint = test_endpoint();
        endpoint.database = database_;
        return ClickHouseClient(endpoint).query(sql, {{"enable_time_time64_type", "1"},
                                                      {"allow_suspicious_low_cardinality_types", "1"},
                                                      {"allow_suspicious_types_in_order_by", "1"}});
    }
    static constexpr const char* kMeta = "_peerdb_is_deleted UInt8, _peerdb_version UInt64) ENGINE = Memory";
};

TEST_F(AlteredTargetTest, EveryPairOfTypesIsExactOrRefused) {
    struct Actual {
        std::string table, type;
    };
    std::vector<Actual> tables;
    for (const std::string& type : actual_types()) {
        const std::string name = "altered" + std::to_string(tables.size());
        query(fmt::format("CREATE TABLE {} (c {}, {}", name, type, kMeta));
        ClickHouseClient client(test_endpoint());
        tables.push_back({name, describe_table(client, database_, name)->columns[0].type});
    }
    uint64_t version = 1;
    size_t exact = 0;
    std::vector<std::string> taken_for_the_same;
    for (const Planned& planned : planned_types()) {
        const std::string type = planned.type.ddl_name();
        query("DROP TABLE IF EXISTS planned");
        query(fmt::format("CREATE TABLE planned (c {}, {}", type, kMeta));
        const TablePlan as_planned = plan_of("planned", planned);
        insert(block_of(as_planned, planned, 0), nullptr);
        for (const auto& [table, actual] : tables) {
            version += 100;
            const std::string pair = type + " into " + actual;
            const TablePlan plan = plan_of(table, planned);
            const Block block = block_of(plan, planned, version);
            const ColumnFit fit = fit_column(plan, plan.columns[0], actual);
            if (fit.fits) {
                const TableForm form{{fit.form}};
                ASSERT_NO_THROW(insert(block, &form)) << pair;
                EXPECT_EQ(
                    query(fmt::format("SELECT count() FROM planned p, {} a WHERE p._peerdb_version + {} = "
                                      "a._peerdb_version AND isNotDistinctFrom(p.c, a.c)",
                                      table, version)),
                    std::to_string(block.rows))
                    << pair;
                ++exact;
                continue;
            }
            // One of each pair will do: what is refused is so with and without NULL.
            if (planned.type.nullable != actual.starts_with("Nullable")) continue;
            try {
                insert(block, nullptr);
                taken_for_the_same.push_back(pair);
            } catch (const Error& e) {
                EXPECT_EQ(e.disposition(), Disposition::kFailPipe) << pair << e.what();
                EXPECT_EQ(
                    query(fmt::format("SELECT count() FROM {} WHERE _peerdb_version >= {}", table, version)),
                    "0")
                    << pair;
            }
        }
    }
    EXPECT_GT(exact, 300u);
    // The bits are the same there, only what is shown of them is not: see look_at_altered.
    EXPECT_EQ(taken_for_the_same,
              (std::vector<std::string>{
                  "UInt8 into Bool", "DateTime64(6, 'UTC') into DateTime64(6, 'Asia/Tokyo')",
                  "Nullable(UInt8) into Nullable(Bool)",
                  "Nullable(DateTime64(6, 'UTC')) into Nullable(DateTime64(6, 'Asia/Tokyo'))"}));
}

TEST_F(AlteredTargetTest, SettingsOfTheServiceDoNotMakeItConvert) {
    const Planned planned = bounds<int16_t>(TargetKind::kInt16);
    query(std::string("CREATE TABLE altered (c Int8, ") + kMeta);
    ClickHouseEndpoint endpoint = test_endpoint();
    endpoint.insert_settings = {{"input_format_native_allow_types_conversion", "1"},
                                {"input_format_null_as_default", "1"},
                                {"input_format_skip_unknown_fields", "1"},
                                {"max_threads", "1"}};
    EXPECT_THROW(insert(block_of(plan_of("altered", planned), planned, 1), nullptr, endpoint), Error);
    EXPECT_EQ(query("SELECT count() FROM altered"), "0");
}

// A block that is sent again after its target was altered is not there twice: the token decides, not the
// bytes.
TEST_F(AlteredTargetTest, ATokenHoldsInEveryForm) {
    const Planned planned = bounds<int32_t>(TargetKind::kInt32);
    TablePlan plan = plan_of("t", planned);
    plan.engine = TableEngine::kMergeTree;
    ClickHouseClient client(test_endpoint());
    create_table(client, plan);
    const Block block = block_of(plan, planned, 1);
    insert(block, nullptr, test_endpoint(), "p/1/0/0");
    query("ALTER TABLE t MODIFY COLUMN c Nullable(Int64)");
    const auto form = form_of_target(plan, *describe_table(client, database_, "t"));
    ASSERT_NE(form, nullptr);
    insert(block, form.get(), test_endpoint(), "p/1/0/0");
    EXPECT_EQ(query("SELECT count() FROM t"), "4");
    insert(block, form.get(), test_endpoint(), "p/1/0/1");
    EXPECT_EQ(query("SELECT count() FROM t"), "8");
}

}  // namespace
}  // namespace penstock
