// Every type from a real server through the program into ClickHouse: each value is there twice, once from the
// initial load and once from the binary log, and both must be what is expected, and what penstock verify
// expects. tests/live_values_test.cc has many more values of the common types; docs/types.md has the rules.

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/own_server.h"
#include "support/pipe_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;

struct Value {
    std::string literal;   ///< at the source
    std::string expected;  ///< toString() at the target; "NULL"
};

struct Column {
    std::string type;    ///< at the source
    std::string target;  ///< at ClickHouse
    std::vector<Value> values;
};

std::vector<Column> common_columns() {
    auto geometry = [](const std::string& text, int srid = 0) {
        return fmt::format("ST_GeomFromText('{}', {})", text, srid);
    };
    std::string sixty_four_labels, many_labels;
    for (int i = 0; i < 64; ++i) sixty_four_labels += fmt::format("{}'s{}'", i > 0 ? "," : "", i);
    for (int i = 1; i <= 300; ++i) many_labels += fmt::format("{}'m{}'", i > 1 ? "," : "", i);
    return {
        {"geometry",
         "Nullable(String)",
         {{geometry("POINT(0.1 -2)"), "POINT(0.1 -2)"},
          {geometry("POINT(1e300 5e-324)"), "POINT(1e+300 5e-324)"},
          {geometry("LINESTRING(0 0,1 1,2 0.30000000000000004)"),
           "LINESTRING(0 0,1 1,2 0.30000000000000004)"},
          {geometry("POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,7 5,7 7,5 7,5 5))"),
           "POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,7 5,7 7,5 7,5 5))"},
          {geometry("MULTIPOINT(0 0,1 2)"), "MULTIPOINT((0 0),(1 2))"},
          {geometry("MULTILINESTRING((0 0,1 1),(2 2,3 3))"), "MULTILINESTRING((0 0,1 1),(2 2,3 3))"},
          {geometry("MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))"),
           "MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))"},
          {"ST_GeomFromWKB(x'010700000002000000010700000001000000010100000000000000000034400000000000002440"
           "0101000000000000000000f03f0000000000000040')",
           "GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(POINT(20 10)),POINT(1 2))"},
          {geometry("GEOMETRYCOLLECTION EMPTY"), "GEOMETRYCOLLECTION EMPTY"},
          {"NULL", "NULL"}}},
        {"linestring", "Nullable(String)", {{geometry("LINESTRING(0 0,1 1)"), "LINESTRING(0 0,1 1)"}}},
        {"polygon",
         "Nullable(String)",
         {{geometry("POLYGON((0 0,1 0,1 1,0 0))"), "POLYGON((0 0,1 0,1 1,0 0))"}}},
        {"multipoint", "Nullable(String)", {{geometry("MULTIPOINT(1 1)"), "MULTIPOINT((1 1))"}}},
        {"multilinestring",
         "Nullable(String)",
         {{geometry("MULTILINESTRING((0 0,1 1))"), "MULTILINESTRING((0 0,1 1))"}}},
        {"multipolygon",
         "Nullable(String)",
         {{geometry("MULTIPOLYGON(((0 0,1 0,1 1,0 0)))"), "MULTIPOLYGON(((0 0,1 0,1 1,0 0)))"}}},
        {"geometrycollection",
         "Nullable(String)",
         {{geometry("GEOMETRYCOLLECTION(POINT(1 1))"), "GEOMETRYCOLLECTION(POINT(1 1))"}}},
        {"enum('','it''s','a,b','x\"y','back\\\\slash') NOT NULL",
         "LowCardinality(String)",
         {{"''", ""}, {"'it''s'", "it's"}, {"'a,b'", "a,b"}, {"4", "x\"y"}, {"5", "back\\slash"}}},
        {"enum(" + many_labels + ")",
         "LowCardinality(Nullable(String))",
         {{"'m1'", "m1"}, {"255", "m255"}, {"256", "m256"}, {"'m300'", "m300"}, {"NULL", "NULL"}}},
        {"set('','it''s','x\"y')",
         "Nullable(String)",
         {{"0", ""}, {"1", ""}, {"2", "it's"}, {"3", "it's"}, {"7", "it's,x\"y"}, {"NULL", "NULL"}}},
        {"set(" + sixty_four_labels + ")",
         "Nullable(String)",
         {{"9223372036854775809", "s0,s63"}, {"4294967296", "s32"}}},
        {"bit(1)", "Nullable(UInt64)", {{"0", "0"}, {"1", "1"}, {"NULL", "NULL"}}},
        {"bit(64)", "Nullable(UInt64)", {{"18446744073709551615", "18446744073709551615"}, {"1", "1"}}},
        {"binary(4)",
         "Nullable(String)",
         {{"x'0100'", std::string("\1\0\0\0", 4)}, {"x'20'", std::string(" \0\0\0", 4)}}},
        {"time(6)",
         "Nullable(Time64(6))",
         {{"'-838:59:59.000000'", "-838:59:59.000000"},
          {"'838:59:59.000000'", "838:59:59.000000"},
          {"'838:59:58.999999'", "838:59:58.999999"},
          {"'-838:59:58.999999'", "-838:59:58.999999"},
          {"'-00:00:00.000001'", "-00:00:00.000001"},
          {"0", "00:00:00.000000"}}},
        {"year", "Nullable(Int16)", {{"0", "0"}, {"1901", "1901"}, {"2155", "2155"}}},
        {"decimal(65,30)",
         "Nullable(Decimal(65, 30))",
         {{std::string(35, '9') + "." + std::string(30, '9'),
           std::string(35, '9') + "." + std::string(30, '9')},
          {"-" + std::string(35, '9') + "." + std::string(30, '9'),
           "-" + std::string(35, '9') + "." + std::string(30, '9')},
          {"0." + std::string(29, '0') + "1", "0." + std::string(29, '0') + "1"}}},
        {"bigint unsigned", "Nullable(UInt64)", {{"18446744073709551615", "18446744073709551615"}}},
        {"int DEFAULT (1 + 2)", "Nullable(Int32)", {{"DEFAULT", "3"}}},
    };
}

std::vector<Column> mysql_columns() {
    std::string deep = std::string(99, '[') + "1" + std::string(99, ']');
    return {
        // MySQL 8 reads and prints latitude first for this SRS; what is stored is x, y.
        {"point NOT NULL", "String", {{"ST_GeomFromText('POINT(10 20)', 4326)", "POINT(20 10)"}}},
        {"vector(3)",
         "Array(Float32)",
         {{"STRING_TO_VECTOR('[1,-2.5,1e30]')", "[1,-2.5,1e30]"},
          {"STRING_TO_VECTOR('[0.1]')", "[0.1]"},
          {"NULL", "[]"}}},
        {"json",
         "Nullable(String)",
         {{"CAST(12345678901234567890.123456789 AS JSON)", "12345678901234567890.123456789"},
          {"CAST(CAST('2024-02-29' AS DATE) AS JSON)", "\"2024-02-29\""},
          {"CAST(TIMESTAMP'2024-02-29 01:02:03.000004' AS JSON)", "\"2024-02-29 01:02:03.000004\""},
          {"CAST(x'00ff' AS JSON)", "\"base64:type15:AP8=\""},
          {"CAST(18446744073709551615 AS JSON)", "18446744073709551615"},
          {"'[1.0, 1e100, -0.0]'", "[1.0, 1e100, -0.0]"},
          {"'" + deep + "'", deep},
          {"CONCAT('[\"', REPEAT('x', 70000), '\", 1]')", "[\"" + std::string(70000, 'x') + "\", 1]"}}},
    };
}

std::vector<Column> mariadb_columns() {
    std::string e_acutes;
    for (int i = 0; i < 200; ++i) e_acutes += "\xc3\xa9";
    return {
        {"point NOT NULL", "String", {{"ST_GeomFromText('POINT(10 20)', 4326)", "POINT(10 20)"}}},
        {"uuid",
         "Nullable(UUID)",
         {{"'123e4567-e89b-12d3-a456-426655440000'", "123e4567-e89b-12d3-a456-426655440000"},
          {"'0190163d-8694-739b-aea5-966c26f8ad91'", "0190163d-8694-739b-aea5-966c26f8ad91"},
          {"'f47ac10b-58cc-4372-a567-0e02b2c3d479'", "f47ac10b-58cc-4372-a567-0e02b2c3d479"},
          {"'00000000-0000-0000-0000-000000000000'", "00000000-0000-0000-0000-000000000000"},
          {"'ffffffff-ffff-ffff-ffff-ffffffffffff'", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
          {"'123e4567-e89b-12d3-0456-426655440000'", "123e4567-e89b-12d3-0456-426655440000"},
          {"'123e4567-e89b-8203-a456-426655440000'", "123e4567-e89b-8203-a456-426655440000"},
          {"'123e4567-e89b-12d3-a456-426655000000'", "123e4567-e89b-12d3-a456-426655000000"},
          {"NULL", "NULL"}}},
        {"time(6)",  // beyond what MySQL takes
         "Nullable(Time64(6))",
         {{"'-838:59:59.999999'", "-838:59:59.999999"}, {"'838:59:59.999999'", "838:59:59.999999"}}},
        {"inet6",
         "Nullable(IPv6)",
         {{"'2001:db8::1'", "2001:db8::1"},
          {"'::'", "::"},
          {"'::ffff:192.0.2.1'", "::ffff:192.0.2.1"},
          {"'fe80::'", "fe80::"},
          {"NULL", "NULL"}}},
        {"varchar(200) COMPRESSED",
         "Nullable(String)",
         {{"REPEAT('a', 200)", std::string(200, 'a')}, {"''", ""}, {"'short'", "short"}, {"NULL", "NULL"}}},
        {"varchar(200) COMPRESSED CHARACTER SET latin1",
         "Nullable(String)",
         {{"REPEAT('\xc3\xa9', 200)", e_acutes}, {"'\xc3\xa9'", "\xc3\xa9"}}},
        {"varbinary(300) COMPRESSED", "Nullable(String)", {{"REPEAT(x'61', 300)", std::string(300, 'a')}}},
        {"tinyblob COMPRESSED", "Nullable(String)", {{"REPEAT('c', 255)", std::string(255, 'c')}}},
        {"mediumtext COMPRESSED",
         "Nullable(String)",
         {{"REPEAT('d', 100000)", std::string(100000, 'd')}, {"'\xe2\x82\xac'", "\xe2\x82\xac"}}},
        {"longblob COMPRESSED", "Nullable(String)", {{"REPEAT('e', 300000)", std::string(300000, 'e')}}},
    };
}

class TypeMapping : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        server_ = GetParam();
        choice_.server = server_;
        std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
        choice_.database = "types_" + test;
        for (char& c : choice_.database)
            c = c == '/' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    bool mariadb() const { return server_.starts_with("MARIADB"); }

    void connect() {
        source_.emplace(MysqlConnection::open(choice_.source ? *choice_.source : source_endpoint(server_)));
        source_->execute("DROP DATABASE IF EXISTS " + choice_.database);
        source_->execute("CREATE DATABASE " + choice_.database + " CHARACTER SET utf8mb4");
        source_->execute("USE " + choice_.database);
        source_->execute("SET NAMES utf8mb4");
    }

    std::string target(const std::string& sql) {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = choice_.database;
        return ClickHouseClient(endpoint).query(sql);
    }

    /// A column's value in every row with an odd (loaded) or even (from the log) id.
    std::string target_values(const std::string& column, int parity) {
        return target(
            fmt::format("SELECT ifNull(toString({}), 'NULL') FROM t FINAL WHERE id % 2 = {} "
                        "ORDER BY id FORMAT RowBinary",
                        column, parity));
    }

    /// Rows of `table` made of the columns' values: odd ids before the pipe starts, even ones while it runs.
    void fill(const std::vector<Column>& columns, int parity) {
        size_t rows = 0;
        for (const Column& column : columns) rows = std::max(rows, column.values.size());
        for (size_t row = 0; row < rows; ++row) {
            std::string sql = fmt::format("INSERT INTO t SET id = {}", row * 2 + parity);
            for (size_t i = 0; i < columns.size(); ++i) {
                // A column with fewer values has its last one in the rows that are left.
                size_t at = std::min(row, columns[i].values.size() - 1);
                sql += fmt::format(", c{} = {}", i, columns[i].values[at].literal);
            }
            source_->execute(sql);
        }
    }

    void create(const std::vector<Column>& columns) {
        std::string sql = "CREATE TABLE t (id INT PRIMARY KEY";
        for (size_t i = 0; i < columns.size(); ++i) sql += fmt::format(", c{} {}", i, columns[i].type);
        source_->execute(sql + ") ROW_FORMAT=DYNAMIC");
    }

    /// Loads, follows, compares; the columns of the table are c0, c1, ...
    void expect_all(const std::vector<Column>& columns) {
        choice_.mappings = {"t"};
        fill(columns, 1);
        PipeProcess pipe(choice_);
        pipe.start();
        ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
        fill(columns, 0);
        ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
        ASSERT_EQ(pipe.pause(), 0) << pipe.log();
        size_t rows = 0;
        for (const Column& column : columns) rows = std::max(rows, column.values.size());
        for (size_t i = 0; i < columns.size(); ++i) {
            std::string name = fmt::format("c{}", i);
            EXPECT_EQ(target("SELECT toTypeName(" + name + ") FROM t LIMIT 1"), columns[i].target)
                << columns[i].type;
            std::string expected;
            for (size_t row = 0; row < rows; ++row) {
                const std::string& value =
                    columns[i].values[std::min(row, columns[i].values.size() - 1)].expected;
                for (size_t size = value.size();; size >>= 7) {
                    expected += static_cast<char>(size < 0x80 ? size : (size & 0x7f) | 0x80);
                    if (size < 0x80) break;
                }
                expected += value;
            }
            for (int parity : {1, 0}) {
                std::string found = target_values(name, parity);
                EXPECT_TRUE(found == expected)
                    << columns[i].type << (parity == 1 ? " from the load:\n" : " from the log:\n")
                    << found.substr(0, 2000) << "\nexpected:\n"
                    << expected.substr(0, 2000);
            }
        }
        Finished verified = pipe.verify();
        EXPECT_EQ(verified.exit_code, 0) << verified.out.substr(0, 4000) << verified.err;
    }

    std::string server_;
    PipeChoice choice_;
    std::optional<MysqlConnection> source_;
};

TEST_P(TypeMapping, EveryTypeAlikeFromLoadAndLog) {
    std::vector<Column> columns = common_columns();
    std::vector<Column> more = mariadb() ? mariadb_columns() : mysql_columns();
    columns.insert(columns.end(), more.begin(), more.end());
    connect();
    if (server_ != "MYSQL" && source_->query("SELECT VERSION() REGEXP '^1[1-9]'")[0][0] == "1") {
        columns.push_back(
            {"vector(2)", "Array(Float32)", {{"VEC_FromText('[1,-2.5]')", "[1,-2.5]"}, {"NULL", "[]"}}});
    }
    if (mariadb()) {
        columns.push_back({"inet4",
                           "Nullable(IPv4)",
                           {{"'192.0.2.1'", "192.0.2.1"}, {"'10.0.0.0'", "10.0.0.0"}, {"NULL", "NULL"}}});
    }
    create(columns);
    expect_all(columns);
}

TEST_P(TypeMapping, GeometryKeepsItsSridWhereAsked) {
    const std::string point = mariadb() ? "POINT(1 2)" : "POINT(2 1)";
    std::vector<Column> columns = {
        {"geometry",
         "Nullable(String)",
         {{"ST_GeomFromText('POINT(1 2)', 4326)", "SRID=4326;" + point},
          {"ST_GeomFromText('MULTIPOINT(1 2,3 4)')", "SRID=0;MULTIPOINT((1 2),(3 4))"},
          {"NULL", "NULL"}}}};
    choice_.more_settings = "geometry: ewkt\n";
    connect();
    create(columns);
    expect_all(columns);
}

class TypeMappingHidden : public TypeMapping {};

// Computed and hidden columns, and on MySQL a key that nobody wrote. MariaDB 11.8 does not log the computed
// ones.
TEST_P(TypeMappingHidden, ComputedAndHiddenColumns) {
    connect();
    if (!mariadb()) source_->execute("SET SESSION sql_generate_invisible_primary_key = ON");
    source_->execute("CREATE TABLE t (a INT" + std::string(mariadb() ? " PRIMARY KEY" : "") +
                     ", v VARCHAR(20) AS (CONCAT('v', a)) VIRTUAL, s DECIMAL(9,2) AS (a / 4) STORED, h INT " +
                     (mariadb() ? "INVISIBLE DEFAULT 7" : "DEFAULT 7 INVISIBLE") +
                     ", x VARCHAR(20) DEFAULT (CONCAT('x', 1 + 1)))");
    source_->execute("INSERT INTO t (a) VALUES (1), (2), (3)");
    choice_.mappings = {"t"};
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    source_->execute("INSERT INTO t (a) VALUES (5)");
    source_->execute("UPDATE t SET a = 4, h = 8 WHERE a = 2");
    source_->execute("DELETE FROM t WHERE a = 3");
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    ASSERT_EQ(pipe.pause(), 0) << pipe.log();
    EXPECT_EQ(target("SELECT a, v, s, h, x FROM t FINAL WHERE _peerdb_is_deleted = 0 ORDER BY a"),
              "1\tv1\t0.25\t7\tx2\n4\tv4\t1\t8\tx2\n5\tv5\t1.25\t7\tx2");
    if (!mariadb()) {
        EXPECT_EQ(target("SELECT groupArray(my_row_id) FROM (SELECT my_row_id FROM t FINAL WHERE "
                         "_peerdb_is_deleted = 0 ORDER BY my_row_id)"),
                  "[1,2,4]");
    }
    Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

class TypeMappingBig : public TypeMapping {};

// 128 MB in one value, loaded and from the log; tests/large_values_test.cc goes to the bounds.
TEST_P(TypeMappingBig, LoadedAndFromTheLog) {
    constexpr const char* kBig = "REPEAT('0123456789abcdef', 8 << 20)";
    OwnServer own(server_, {"--max-allowed-packet=256M"});
    choice_.source = own.endpoint();
    connect();
    source_->execute("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT CHARACTER SET latin1, w LONGBLOB)");
    source_->execute(fmt::format("INSERT INTO t VALUES (1, NULL, {})", kBig));
    choice_.mappings = {"t"};
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    source_->execute(fmt::format("INSERT INTO t VALUES (2, {}, NULL)", kBig));
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    ASSERT_EQ(pipe.pause(), 0) << pipe.log();
    EXPECT_EQ(target("SELECT id, length(v), length(w) FROM t FINAL ORDER BY id"),
              "1\t\\N\t134217728\n2\t134217728\t\\N");
    Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

class TypeMappingMariadb : public TypeMapping {};

// The types tell rows apart and cut the table into partitions.
TEST_P(TypeMappingMariadb, KeysOfItsOwnTypes) {
    connect();
    source_->execute("CREATE TABLE u (k UUID PRIMARY KEY, n INT)");
    source_->execute("INSERT INTO u SELECT UUID(), seq FROM seq_1_to_1000");
    source_->execute(
        "INSERT INTO u SELECT CONCAT(LEFT(MD5(seq), 12), ELT(seq % 3 + 1, '1', '4', '7'), "
        "SUBSTR(MD5(seq), 14, 3), 'a', SUBSTR(MD5(seq), 18)), seq FROM seq_1_to_3000");
    source_->execute("CREATE TABLE six (k INET6 PRIMARY KEY, n INT)");
    source_->execute("INSERT INTO six SELECT CONCAT('2001:db8::', HEX(seq * 7)), seq FROM seq_1_to_3000");
    source_->execute("CREATE TABLE four (k INET4 PRIMARY KEY, n INT)");
    source_->execute(
        "INSERT INTO four SELECT CONCAT(seq % 200, '.', seq DIV 200, '.0.1'), seq FROM seq_1_to_3000");
    choice_.more_settings = "snapshotNumRowsPerPartition: 1000\n";
    choice_.mappings = {"u", "six", "four"};
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    for (const char* table : {"u", "six", "four"}) {
        source_->execute(fmt::format("UPDATE {} SET n = n + 1 WHERE n % 3 = 0", table));
        source_->execute(fmt::format("DELETE FROM {} WHERE n % 3 = 2", table));
    }
    source_->execute("UPDATE four SET k = CONCAT(SUBSTRING_INDEX(k, '.', 3), '.2') WHERE n < 1000");
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    ASSERT_EQ(pipe.pause(), 0) << pipe.log();
    EXPECT_EQ(target("SELECT count() FROM u FINAL WHERE _peerdb_is_deleted = 0"),
              source_->query("SELECT COUNT(*) FROM u")[0][0]);
    Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

INSTANTIATE_TEST_SUITE_P(Servers, TypeMapping, testing::Values("MYSQL", "MARIADB", "MARIADB11"),
                         [](const auto& test) { return std::string(test.param); });

INSTANTIATE_TEST_SUITE_P(Servers, TypeMappingHidden, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& test) { return std::string(test.param); });

INSTANTIATE_TEST_SUITE_P(Servers, TypeMappingBig, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& test) { return std::string(test.param); });

INSTANTIATE_TEST_SUITE_P(Servers, TypeMappingMariadb, testing::Values("MARIADB", "MARIADB11"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace penstock
