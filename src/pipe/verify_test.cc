// verify against real servers: a target loaded from the source, then spoilt in every way.

#include "pipe/verify.h"

#include <gtest/gtest.h>

#include "decode/text_row.h"
#include "destination/schema.h"
#include "destination/test_clickhouse.h"
#include "encode/native.h"
#include "source/test_server.h"

namespace penstock {
namespace {

class VerifyTest : public ServerTest {
  protected:
    void SetUp() override {
        ServerTest::SetUp();
        client_.emplace(test_endpoint());
        create_database(*client_, database_);
    }
    void TearDown() override {
        if (client_) client_->query("DROP DATABASE IF EXISTS " + quote_target_identifier(database_));
        ServerTest::TearDown();
    }

    /// Creates the target of `table` and copies all rows into it.
    TablePlan load(const std::string& table, TableMapping mapping = {}, PipeSpec spec = {}) {
        mapping.target_table = table;
        spec.target_database = database_;
        TablePlan plan = make_table_plan(0, schema_of(table), mapping, spec, true);
        create_table(*client_, plan);
        copy(plan);
        return plan;
    }
    void copy(const TablePlan& plan) {
        std::string columns;
        for (const TargetColumn& column : plan.columns) {
            columns += (columns.empty() ? "" : ", ") + select_expression(plan.source.columns[column.source]);
        }
        Block block(plan);
        TextRowDecoder decoder(plan);
        {
            RowStream rows = connection_->stream("SELECT " + columns + " FROM " +
                                                 quote_table(plan.source.database, plan.source.name));
            while (rows.next()) {
                decoder.append(rows.values(), rows.lengths(), block);
                block.finish_row(1, false);
            }
        }
        if (block.rows == 0) return;
        Compressor compressor;
        ByteBuffer body;
        compressor.begin(body);
        encode_native(block, compressor);
        compressor.finish();
        client_->insert({plan.target_database, plan.target_table, native_column_names(plan), body.span(),
                         compressor.encoding(), "", block.rows});
    }
    VerifyResult verify(const TablePlan& plan, uint64_t range_rows = 500'000) {
        MysqlConnection connection = MysqlConnection::open(endpoint_);
        return verify_table(
            plan, connection, *client_, [&](uint64_t rows) { progress_ = rows; }, range_rows);
    }
    std::string target(const char* table) { return quoted_target(database_, table); }
    static std::string examples(const VerifyResult& result) {
        std::string text;
        for (const Difference& d : result.examples) {
            text += std::string(difference_name(d.kind)) + " " + d.key;
            if (!d.column.empty()) text += " " + d.column + ": " + d.source + " | " + d.target;
            text += "\n";
        }
        return text;
    }

    std::optional<ClickHouseClient> client_;
    uint64_t progress_ = 0;
};

TEST_P(VerifyTest, EveryTypeIsEqualAndEveryValueIsSeen) {
    sql("CREATE TABLE t (id INT PRIMARY KEY, b TINYINT(1), ti TINYINT, bu BIGINT UNSIGNED ZEROFILL, d "
        "DECIMAL(65,30), "
        "f FLOAT, df DOUBLE, bt BIT(64), ch CHAR(5), v VARCHAR(50) CHARACTER SET latin1, tx TEXT, bi "
        "BINARY(4), "
        "bl BLOB, da DATE, dt DATETIME, d6 DATETIME(6), ts TIMESTAMP(3) NULL, tm TIME(6), y YEAR, "
        "e ENUM('z','a'), s SET('x','y'), j JSON)");
    sql("INSERT INTO t VALUES (1, 1, -128, 18446744073709551615, "
        "99999999999999999999999999999999999.999999999999999999999999999999, 16777215, 0.1, "
        "18446744073709551615, "
        "'ab', "
        "'caf\xc3\xa9', 'line\\nbreak', 'ab', x'00ff', '2299-12-31', '1900-01-01 00:00:00', "
        "'2299-12-31 23:59:59.999999', '2001-09-09 01:46:40.123', '-838:59:59', 2155, 'z', 'x,y', '{\"a\": "
        "[1, 2.5]}')");
    sql("INSERT INTO t (id) VALUES (-1)");
    sql("INSERT INTO t VALUES (2, 7, 0, 0, -0.000000000000000000000000000001, -3.4e38, 1e-300, 0, '', '', "
        "'', '', '', "
        "'0000-00-00', '1000-01-01', '2024-00-15 01:02:03.000004', '1970-01-01 00:00:01', '00:00:00.000001', "
        "0, 'a', "
        "'', 'null')");
    TablePlan plan = load("t");
    VerifyResult result = verify(plan);
    EXPECT_TRUE(result.equal()) << examples(result);
    EXPECT_EQ(result.rows, 3u);
    EXPECT_EQ(progress_, 3u);

    // One value after another is changed in the target: each must be seen.
    for (const TargetColumn& column : plan.columns) {
        if (column.name == "id") continue;
        std::string name = quote_target_identifier(column.name);
        client_->query("CREATE OR REPLACE TABLE " + target("spoilt") + " AS " + target("t"));
        client_->query("INSERT INTO " + target("spoilt") + " SELECT * REPLACE (if(id = 1, NULL, " + name +
                       ") AS " + name + ") FROM " + target("t"));
        TablePlan spoilt = plan;
        spoilt.target_table = "spoilt";
        result = verify(spoilt);
        EXPECT_EQ(result.different, 1u) << column.name;
        EXPECT_EQ(result.missing + result.extra, 0u) << column.name;
        ASSERT_EQ(result.examples.size(), 1u) << column.name;
        EXPECT_EQ(result.examples[0].column, column.name);
        EXPECT_EQ(result.examples[0].key, "id=1");
        EXPECT_EQ(result.examples[0].target, "NULL");
    }
}

TEST_P(VerifyTest, MissingExtraDifferent) {
    sql("CREATE TABLE t (a INT, b VARCHAR(20), c INT, PRIMARY KEY (a, b))");
    sql("INSERT INTO t VALUES (1,'x',1), (1,'y',2), (2,'x',3), (3,'x',4)");
    TablePlan plan = load("t");
    client_->query("INSERT INTO " + target("t") +
                   " (a, b, c, _peerdb_is_deleted, _peerdb_version) VALUES "
                   "(1,'y',2,1,2), (2,'x',33,0,2), (0,'new',5,0,2), (9,'z',6,0,2), (8,'gone',6,1,2)");
    VerifyResult result = verify(plan);
    EXPECT_EQ(result.rows, 4u);
    EXPECT_EQ(result.missing, 1u);
    EXPECT_EQ(result.extra, 2u);
    EXPECT_EQ(result.different, 1u);
    EXPECT_EQ(examples(result),
              "extra a=0, b=new\nmissing a=1, b=y\ndifferent a=2, b=x c: 3 | 33\nextra a=9, b=z\n");
}

TEST_P(VerifyTest, EmptySides) {
    sql("CREATE TABLE t (a INT PRIMARY KEY)");
    TablePlan plan = load("t");
    EXPECT_TRUE(verify(plan).equal());
    sql("INSERT INTO t VALUES (1), (2)");
    EXPECT_EQ(verify(plan).missing, 2u);
    copy(plan);
    sql("DELETE FROM t");
    EXPECT_EQ(verify(plan).extra, 2u);
}

TEST_P(VerifyTest, StringKeysInAnyCollation) {
    sql("CREATE TABLE t (k VARCHAR(40) COLLATE utf8mb4_unicode_ci PRIMARY KEY, e ENUM('z','b','a'), n INT)");
    sql("INSERT INTO t VALUES ('b','z',1), ('A','b',2), ('\xc3\xa9','a',3), ('_','z',4), ('Z','z',5), "
        "('\xf0\x9f\x98\x80','a',6), ('',NULL,7), ('ss','b',8), ('a b','b',9)");
    VerifyResult result = verify(load("t"));
    EXPECT_TRUE(result.equal()) << examples(result);
    EXPECT_EQ(result.rows, 9u);
}

TEST_P(VerifyTest, LongKeysAreOrderedByTheirLastByte) {
    sql("CREATE TABLE t (k VARCHAR(700) PRIMARY KEY, n INT)");
    // 1200 bytes in common. The key's own collation has a before B, and bytes have B before a.
    for (const char* end : {"c", "a", "B"}) {
        sql(std::string("INSERT INTO t VALUES (CONCAT(REPEAT('\xc3\xa9', 600), '") + end + "'), 1)");
    }
    VerifyResult result = verify(load("t"));
    EXPECT_TRUE(result.equal()) << examples(result);
    EXPECT_EQ(result.rows, 3u);
}

TEST_P(VerifyTest, KeysOfEveryOrder) {
    for (const char* type :
         {"BIGINT UNSIGNED", "DECIMAL(20,5)", "DATE", "DATETIME(3)", "TIME(2)", "YEAR", "BIT(20)",
          "ENUM('2000','1999','z','2100')", "VARBINARY(20)", "CHAR(20)", "DOUBLE"}) {
        sql("DROP TABLE IF EXISTS t");
        sql(std::string("CREATE TABLE t (k ") + type + " NOT NULL PRIMARY KEY, n INT)");
        std::string text = type;
        if (text == "DATE" || text == "DATETIME(3)") {
            sql("INSERT INTO t VALUES ('1999-12-31', 1), ('2000-01-01', 2), ('1900-01-01', 3), "
                "('2299-12-31', 4)");
        } else if (text == "TIME(2)") {
            sql("INSERT INTO t VALUES ('-838:59:59', 1), ('-00:00:00.01', 2), ('00:00:00', 3), ('99:00:00', "
                "4), "
                "('100:00:00', 5)");
        } else if (text == "BIGINT UNSIGNED" || text == "DECIMAL(20,5)" || text == "DOUBLE") {
            sql("INSERT INTO t VALUES (9, 1), (10, 2), (100, 3), (0, 4), (9223372036854775808 / 100000, 5)");
        } else if (text == "BIT(20)") {
            sql("INSERT INTO t VALUES (9, 1), (10, 2), (256, 3), (1048575, 4)");
        } else {
            sql("INSERT INTO t VALUES ('1999', 1), ('2000', 2), ('2100', 3)");
        }
        drop_table(*client_, database_, "t");
        VerifyResult result = verify(load("t"));
        EXPECT_TRUE(result.equal()) << type << "\n" << examples(result);
        EXPECT_GE(result.rows, 3u);
    }
}

TEST_P(VerifyTest, ANullableSortingKey) {
    sql("CREATE TABLE t (id INT PRIMARY KEY, a INT, s VARCHAR(10))");
    sql("INSERT INTO t VALUES (1, NULL, 'x'), (2, -5, NULL), (3, 7, 'y'), (4, NULL, NULL), (5, 7, NULL)");
    TableMapping mapping;
    mapping.use_custom_sorting_key = true;
    mapping.sorting_keys = {"a", "s"};
    TablePlan plan = load("t", mapping);
    VerifyResult result = verify(plan);
    EXPECT_TRUE(result.equal()) << examples(result);
    EXPECT_EQ(result.rows, 5u);
    result = verify(plan, 1);
    EXPECT_TRUE(result.equal()) << examples(result);
    EXPECT_EQ(result.rows, 5u);
}

TEST_P(VerifyTest, AppendOnlyTargetsAreMultisets) {
    sql("CREATE TABLE t (a INT, b VARCHAR(20), j DOUBLE)");
    sql("INSERT INTO t VALUES (1,'x',1), (1,'x',1), (1,'x',2), (NULL,NULL,NULL), (NULL,NULL,NULL), "
        "(2,'A',0.5)");
    TableMapping mapping;
    mapping.engine = TableEngine::kMergeTree;
    TablePlan plan = load("t", mapping);
    VerifyResult result = verify(plan);
    EXPECT_TRUE(result.equal()) << examples(result);
    EXPECT_EQ(result.rows, 6u);
    client_->query("INSERT INTO " + target("t") + " (a, b, j) VALUES (1, 'x', 1)");
    result = verify(plan);
    EXPECT_EQ(result.extra, 1u);
    EXPECT_EQ(result.missing + result.different, 0u);
    sql("INSERT INTO t VALUES (1,'x',1), (1,'x',3)");
    EXPECT_EQ(verify(plan).missing, 1u);
}

TEST_P(VerifyTest, ManyRanges) {
    sql("CREATE TABLE d (i INT PRIMARY KEY)");
    sql("INSERT INTO d VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)");
    sql("CREATE TABLE t (k INT, n INT, PRIMARY KEY (k, n))");
    // Many ranges; one value of the first column spans several of them by itself.
    sql("INSERT INTO t SELECT IF(n < 6000, -5, n - 6000), n FROM (SELECT a.i + b.i * 10 + c.i * 100 + e.i * "
        "1000 AS n "
        "FROM d a, d b, d c, d e) x");
    sql("INSERT INTO t SELECT k + 100000, n FROM t WHERE k >= 0");
    TablePlan plan = load("t");
    client_->query("INSERT INTO " + target("t") + " (k, n) VALUES (-6, 0), (2000000000, 1), (-5, 7000)");
    sql("DELETE FROM t WHERE n = 10");
    for (uint64_t range_rows : {50ull, 999ull, 6000ull, 1000000ull}) {
        VerifyResult result = verify(plan, range_rows);
        EXPECT_EQ(result.rows, 13'999u);
        EXPECT_EQ(result.extra, 4u) << range_rows;
        EXPECT_EQ(result.missing + result.different, 0u) << range_rows << "\n" << examples(result);
    }
    client_->query("DELETE FROM " + target("t") +
                   " WHERE (k, n) IN ((-6, 0), (2000000000, 1), (-5, 7000), (-5, 10))");
    EXPECT_TRUE(verify(plan, 100).equal());
}

TEST_P(VerifyTest, NullTargetsKeepNothing) {
    sql("CREATE TABLE t (k INT PRIMARY KEY)");
    TableMapping mapping;
    mapping.engine = TableEngine::kNull;
    TablePlan plan = load("t", mapping);
    EXPECT_EQ(error_of([&] { verify(plan); }).disposition(), Disposition::kUsage);
}

INSTANTIATE_TEST_SUITE_P(Servers, VerifyTest, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& server) { return std::string(server.param); });

}  // namespace
}  // namespace penstock
