#include "source/partition_planner.h"

#include <map>
#include <random>

#include "source/key_literal.h"
#include "source/test_server.h"

namespace penstock {
namespace {

class PartitionPlannerTest : public ServerTest {
  protected:
    void TearDown() override {
        set_counted_rows_for_tests(0);
        ServerTest::TearDown();
    }
    /// Every row of the table is in exactly one partition, whether keys are counted or cut by estimates.
    /// Returns the partitions of counted keys.
    std::vector<Partition> check_cover(const std::string& table, uint64_t rows_per_partition,
                                       const std::string& column = "", uint32_t max = 100'000) {
        sql("ANALYZE TABLE " + table);
        const TableSchema schema = schema_of(table);
        set_counted_rows_for_tests(1);
        auto estimated = plan_partitions(*connection_, schema, column, rows_per_partition, max);
        expect_each_row_once(table, estimated);
        EXPECT_LE(estimated.size(), max + size_t{1});  // NULLs
        set_counted_rows_for_tests(0);
        auto counted = plan_partitions(*connection_, schema, column, rows_per_partition, max);
        expect_each_row_once(table, counted);
        return counted;
    }
    void expect_each_row_once(const std::string& table, const std::vector<Partition>& partitions) {
        std::map<std::string, int> seen;
        uint64_t rows = 0;
        for (uint32_t i = 0; i < partitions.size(); ++i) {
            EXPECT_EQ(partitions[i].index, i);
            const std::string& predicate = partitions[i].predicate;
            auto ids = connection_->query("SELECT rid FROM " + table +
                                          (predicate.empty() ? "" : " WHERE " + predicate));
            rows += ids.size();
            for (auto& id : ids) ++seen[*id[0]];
        }
        const std::string total = *connection_->query_value("SELECT COUNT(*) FROM " + table);
        EXPECT_EQ(std::to_string(rows), total) << table;
        EXPECT_EQ(std::to_string(seen.size()), total) << table;
    }
    uint64_t status(const std::string& name) {
        return std::stoull(*connection_->query("SHOW SESSION STATUS LIKE '" + name + "'")[0][1]);
    }
    /// Inserts rows (rid, key columns...) given as SQL tuples without the rid.
    void fill(const std::string& table, const std::vector<std::string>& tuples) {
        std::string values;
        for (const std::string& tuple : tuples)
            values += (values.empty() ? "(" : ", (") + std::to_string(++rid_) + ", " + tuple + ")";
        sql("INSERT IGNORE INTO " + table + " VALUES " + values);
    }
    /// A sequence table `numbers` with n = 0 .. count - 1.
    void make_numbers(uint64_t count) {
        sql("CREATE TABLE numbers (n BIGINT PRIMARY KEY)");
        sql("INSERT INTO numbers VALUES (0)");
        for (uint64_t have = 1; have < count; have *= 2) {
            sql("INSERT INTO numbers SELECT n + " + std::to_string(have) + " FROM numbers WHERE n + " +
                std::to_string(have) + " < " + std::to_string(count));
        }
    }
    int rid_ = 0;
    std::mt19937_64 random_{20261122};
};

TEST_P(PartitionPlannerTest, IntegersWithExtremesAndSkew) {
    sql("CREATE TABLE s (rid INT, k BIGINT PRIMARY KEY)");
    fill("s", {"-9223372036854775808", "9223372036854775807", "-1", "0", "1"});
    std::vector<std::string> dense;
    for (int i = 1000; i < 1500; ++i) dense.push_back(std::to_string(i));
    fill("s", dense);
    auto partitions = check_cover("s", 50);
    EXPECT_EQ(partitions.size(), 11u);
    EXPECT_EQ(partitions[0].predicate.find(">="), std::string::npos);
    EXPECT_EQ(partitions[0].estimated_rows, 50u);
    EXPECT_EQ(partitions.back().estimated_rows, 5u);

    sql("CREATE TABLE u (rid INT, k BIGINT UNSIGNED PRIMARY KEY)");
    std::vector<std::string> wide{"0", "18446744073709551615", "9223372036854775808", "9223372036854775807"};
    for (int i = 0; i < 300; ++i) wide.push_back(std::to_string(random_()));
    fill("u", wide);
    check_cover("u", 10);
    check_cover("u", 1);
}

TEST_P(PartitionPlannerTest, OnePartitionWhereNoCutIsPossible) {
    sql("CREATE TABLE no_rows (rid INT PRIMARY KEY)");
    EXPECT_EQ(plan_partitions(*connection_, schema_of("no_rows"), "", 10),
              (std::vector<Partition>{{0, "", 0}}));
    sql("CREATE TABLE keyless (rid INT)");
    sql("INSERT INTO keyless VALUES (1), (2), (3)");
    EXPECT_EQ(check_cover("keyless", 1).size(), 1u);
    sql("CREATE TABLE few (rid INT PRIMARY KEY)");
    sql("INSERT INTO few VALUES (1), (2), (3)");
    EXPECT_EQ(plan_partitions(*connection_, schema_of("few"), "", 10), (std::vector<Partition>{{0, "", 3}}));
    EXPECT_EQ(error_of([&] { plan_partitions(*connection_, schema_of("few"), "no", 10); }).table(),
              database_ + ".few");
}

TEST_P(PartitionPlannerTest, StringsInTheirCollation) {
    const char* collations[] = {"utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_bin",
                                "latin1_swedish_ci",  "ucs2_general_ci",    "sjis_japanese_ci",
                                "utf32_general_ci",   "utf8mb3_general_ci"};
    int n = 0;
    for (const std::string collation : collations) {
        const std::string table = "s" + std::to_string(n++);
        const std::string charset = collation.substr(0, collation.find('_'));
        sql("CREATE TABLE " + table + " (rid INT, k VARCHAR(40) CHARACTER SET " + charset + " COLLATE " +
            collation + " PRIMARY KEY)");
        std::vector<std::string> tuples{"''", "' '", "'''\\\\'", "'a '", "'%_'", "'\t'"};
        const char* letters[] = {"a", "A",        "b",  "B", "z", "Z", "\xC3\xA9", "e",
                                 "E", "\xC3\x9F", "ss", "_", "0", "9", "\\\\",     "''"};
        for (int i = 0; i < 300; ++i) {
            std::string text;
            for (uint64_t l = random_() % 6 + 1; l > 0; --l) text += letters[random_() % std::size(letters)];
            tuples.push_back("'" + text + "'");
        }
        fill(table, tuples);
        EXPECT_GT(check_cover(table, 7).size(), 10u) << collation;
    }
}

TEST_P(PartitionPlannerTest, OtherTypes) {
    struct Case {
        const char* type;
        std::vector<std::string> values;
    };
    std::vector<Case> cases{
        {"DECIMAL(20,6)",
         {"-99999999999999.999999", "0", "-0.000001", "0.1", "99999999999999.999999", "1.5", "1.25"}},
        {"DOUBLE",
         {"-1.7976931348623157E308", "0", "5E-324", "0.1", "1E300", "-2.5", "0.30000000000000004", "0.3"}},
        {"FLOAT", {"0.1", "1.1", "-1.1", "3.4E38", "16777217", "1E-38", "2.2", "0.3"}},
        {"DATE",
         {"'0000-00-00'", "'1000-01-01'", "'1970-01-01'", "'2024-02-29'", "'9999-12-31'", "'2024-00-00'"}},
        {"DATETIME(6)",
         {"'0000-00-00 00:00:00'", "'1969-12-31 23:59:59.999999'", "'9999-12-31 23:59:59.999999'",
          "'2024-03-31 02:30:00.5'", "'2024-03-31 02:30:00.500001'"}},
        {"TIMESTAMP(3)",
         {"'1970-01-01 00:00:01'", "'2024-10-27 01:30:00.123'", "'2038-01-19 03:14:07.999'",
          "'2000-01-01 00:00:00'"}},
        {"TIME(2)", {"'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:00:00.5'", "'12:00:00.25'"}},
        {"YEAR", {"1901", "0", "2155", "2024", "2000"}},
        {"BIT(64)", {"b'0'", "b'1'", "x'FFFFFFFFFFFFFFFF'", "x'8000000000000000'", "b'101'"}},
        {"ENUM('z','a','m','it''s')", {"'z'", "'a'", "'m'", "'it''s'"}},
        {"SET('z','a','m')", {"'z'", "'a'", "'z,a'", "''", "'m,z'"}},
        {"VARBINARY(20)", {"x''", "x'00'", "x'0000'", "x'FF'", "x'61'", "x'41'", "x'5C27'"}},
        {"BINARY(4)", {"x'00'", "x'01'", "x'FF'", "x'61'", "x'41'", "x'5C27'"}},
        {"CHAR(8)", {"''", "'a'", "'B'", "'ab'", "'A0'", "'zz'"}},
    };
    int n = 0;
    for (const Case& c : cases) {
        const std::string table = "o" + std::to_string(n++);
        sql("CREATE TABLE " + table + " (rid INT, k " + c.type + " NOT NULL PRIMARY KEY)");
        fill(table, c.values);
        // One row a partition: each boundary is exact enough to tell two neighbours apart.
        EXPECT_EQ(check_cover(table, 1).size(), c.values.size()) << c.type;
        for (uint64_t rows : {2, 3}) EXPECT_GT(check_cover(table, rows).size(), 1u) << c.type;
    }
}

TEST_P(PartitionPlannerTest, CompositeKeys) {
    sql("CREATE TABLE c (rid INT, a INT, b VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, d "
        "DECIMAL(6,2), "
        "PRIMARY KEY (a, b, d))");
    std::vector<std::string> tuples;
    const char* words[] = {"a", "A ", "b", "\xC3\xA9", "E", "", "zz"};
    for (int i = 0; i < 500; ++i) {
        tuples.push_back(std::to_string(static_cast<int>(random_() % 5) - 2) + ", '" +
                         words[random_() % std::size(words)] + "', " +
                         std::to_string(static_cast<int>(random_() % 40) - 20) + ".5");
    }
    fill("c", tuples);
    auto partitions = check_cover("c", 13);
    EXPECT_GT(partitions.size(), 5u);
    check_cover("c", 1);
    // The leading column's range comes first, so that an index range is read.
    auto plan = connection_->query(std::string("EXPLAIN ") + (mariadb() ? "" : "FORMAT=TRADITIONAL ") +
                                   "SELECT * FROM c FORCE INDEX (PRIMARY) WHERE " + partitions[1].predicate);
    EXPECT_EQ(plan[0][mariadb() ? 3 : 4], "range");
}

TEST_P(PartitionPlannerTest, ChosenColumnWithNullsAndDuplicates) {
    sql("CREATE TABLE t (rid INT PRIMARY KEY, k INT NULL, plain VARCHAR(10) NULL, KEY (k))");
    std::vector<std::string> tuples;
    for (int i = 0; i < 300; ++i) {
        const std::string k = i % 7 == 0 ? "NULL" : i % 2 == 0 ? "42" : std::to_string(i % 50);
        tuples.push_back(k + ", " + (i % 5 == 0 ? "NULL" : "'" + std::to_string(i % 90) + "'"));
    }
    fill("t", tuples);
    auto partitions = check_cover("t", 20, "k");
    EXPECT_EQ(partitions.back().predicate, "`k` IS NULL");
    EXPECT_GT(partitions.size(), 3u);
    // No index: each range would read the whole table.
    EXPECT_EQ(check_cover("t", 20, "plain"), (std::vector<Partition>{{0, "", 300}}));
    check_cover("t", 1, "k");
    EXPECT_EQ(check_cover("t", 1, "plain").size(), 1u);
    EXPECT_EQ(check_cover("t", 1000, "k").size(), 1u);  // NULLs too
    EXPECT_EQ(check_cover("t", 1000, "plain").size(), 1u);
}

TEST_P(PartitionPlannerTest, TheLimitHolds) {
    sql("CREATE TABLE t (rid INT PRIMARY KEY)");
    make_numbers(1000);
    sql("INSERT INTO t SELECT n FROM numbers");
    EXPECT_LE(check_cover("t", 1, "", 7).size(), 7u);
    EXPECT_EQ(check_cover("t", 10, "", 1).size(), 1u);
}

TEST_P(PartitionPlannerTest, KeysAreCutWithoutBeingRead) {
    constexpr uint64_t kRows = 20'000, kPartition = 1000;
    make_numbers(kRows);
    const std::string hash = "LEFT(SHA2(n, 256), 32)", text = "VARCHAR(200) CHARACTER SET ";
    const std::string uuid =
        "CONCAT_WS('-', LEFT(@h := SHA2(n, 256), 8), SUBSTR(@h, 9, 4), SUBSTR(@h, 13, 4), SUBSTR(@h, 17, 4), "
        "SUBSTR(@h, 21, 12))";
    const std::string no_pad =
        mariadb() ? "utf8mb4 COLLATE utf8mb4_nopad_bin" : "utf8mb4 COLLATE utf8mb4_0900_ai_ci";
    struct Case {
        const char* what;
        std::string key, columns, values;  // of the key; for n from 0 on
        bool counted = false;              // after all
    };
    const std::vector<Case> cases{
        {"uuid", "k", "k CHAR(36) CHARACTER SET ascii", uuid},
        {"uuid in upper case, any case", "k", "k CHAR(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
         "UPPER(" + uuid + ")"},
        {"uuid in mixed case, as bytes", "k", "k CHAR(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
         "IF(n % 2, UPPER(" + uuid + "), " + uuid + ")"},
        {"hash", "k", "k " + text + no_pad, hash},
        {"uuid as bytes", "k", "k BINARY(16)", "UNHEX(" + hash + ")"},
        {"bytes with zeros in front", "k", "k BINARY(16)", "UNHEX(LPAD(HEX(n * 1000), 32, '0'))"},
        {"bytes of any length", "k", "k VARBINARY(40)",
         "CONCAT(UNHEX(LEFT(" + hash + ", n % 5 * 2)), UNHEX(LPAD(HEX(n), 6, '0')))"},
        {"counter", "k", "k " + text + "latin1", "LPAD(n + 9000000, 12, '0')"},
        {"number without zeros", "k", "k " + text + "latin1", "CONCAT('user', n)"},
        {"time and hash", "k", "k " + text + "latin1",
         "CONCAT(LPAD(HEX(n DIV 100 + 98765432), 12, '0'), " + hash + ")"},
        {"mail", "k", "k " + text + "utf8mb4 COLLATE utf8mb4_unicode_ci",
         "CONCAT(ELT(n % 7 + 1, 'Anna', 'ben', 'Chris', 'info', 'j', 'Maria', 'z\xC3\xA9t\xC3\xA9'), '.', "
         "CONV(n * 7919, 10, 36), '@', ELT(n % 3 + 1, 'example.com', 'Example.org', 'mail.test'))"},
        {"one prefix of nearly all", "k", "k " + text + "latin1 COLLATE latin1_swedish_ci",
         "IF(n % 100 = 0, " + hash +
             ", CONCAT('https://www.example.com/a/rather/long/way/to/item?id=', n * 37))"},
        {"prefixes that grow", "k", "k " + text + "ascii", "CONCAT(REPEAT('a', n % 90), '/', n)", true},
        {"letters of several bytes", "k", "k " + text + "utf8mb4 COLLATE utf8mb4_general_ci",
         "CONCAT(ELT(n % 5 + 1, '\xC3\xA9', 'e', '\xE4\xB8\xAD', '\xF0\x9F\x98\x80', '\xD0\x96'), "
         "ELT(n % 11 % 4 + 1, '\xE6\x96\x87', '\xC3\x9F', '\xF0\x9F\x9A\x80', 'Z'), n)"},
        {"another character set", "k", "k " + text + "sjis", "CONCAT('\xE4\xB8\xAD', n)", true},
        {"spaces at the end", "k", "k " + text + "utf8mb4 COLLATE utf8mb4_general_ci",
         "CONCAT(LEFT(" + hash + ", 12), ELT(n % 3 + 1, '', '  ', '\t'))"},
        {"spaces that count", "k", "k " + text + no_pad, "CONCAT(n DIV 10, REPEAT(' ', n % 10))"},
        {"integer", "k", "k BIGINT", "IF(n % 2, n, n * 200000000000000 - 5)"},
        {"unsigned integer", "k", "k BIGINT UNSIGNED",
         "18446744073709551615 - CAST(n AS UNSIGNED) * 600000000000000"},
        {"decimal", "k", "k DECIMAL(20,6)", "(n - 10000) * 1234.567891"},
        {"moment", "k", "k DATETIME(6)", "'2024-02-25 00:00:00' + INTERVAL n * 1777777 MICROSECOND"},
        {"timestamp", "k", "k TIMESTAMP", "'1970-01-01 00:00:01' + INTERVAL n * 50021 SECOND"},
        {"date and hash", "d, k", "d DATE, k CHAR(32) CHARACTER SET ascii",
         "'2023-12-20' + INTERVAL n % 50 DAY, " + hash},
        {"tenant and uuid", "a, k", "a INT, k CHAR(36) CHARACTER SET ascii",
         "IF(n % 10, 7, n % 1000), " + uuid},
        {"name, tenant and number", "b, a, k", "b VARCHAR(20) CHARACTER SET latin1, a INT, k INT",
         "'Shop', n % 2, n"},
        {"one date and numbers", "d, k", "d DATE, k INT", "'2024-02-29', n * 5"},
        {"no key that is guessed", "k", "k DOUBLE", "n * 1.5", true},
        {"tenant and no key that is guessed", "a, k", "a INT, k DOUBLE", "n % 3, n * 1.5", true},
    };
    int number = 0;
    for (const Case& c : cases) {
        SCOPED_TRACE(c.what);
        const std::string table = "t" + std::to_string(number++);
        sql("CREATE TABLE " + table + " (rid INT NOT NULL, " + c.columns +
            ", pad CHAR(150) DEFAULT 'p', PRIMARY KEY (" + c.key + ")) CHARACTER SET latin1");
        sql("INSERT INTO " + table + " SELECT n, " + c.values + ", 'p' FROM numbers");
        sql("ANALYZE TABLE " + table);
        set_counted_rows_for_tests(1000);
        const uint64_t read_before = status("Handler_read_next"), asked_before = status("Questions");
        const auto partitions = plan_partitions(*connection_, schema_of(table), "", kPartition);
        const uint64_t asked = status("Questions") - asked_before;
        const uint64_t read = status("Handler_read_next") - read_before;
        uint64_t rows = 0, sum = 0, most = 0;
        for (const Partition& p : partitions) {
            auto found =
                connection_->query("SELECT COUNT(*), SUM(rid) FROM " + table + " WHERE " + p.predicate)[0];
            rows += std::stoull(*found[0]);
            sum += found[1] ? std::stoull(*found[1]) : 0;
            most = std::max<uint64_t>(most, std::stoull(*found[0]));
        }
        EXPECT_EQ(rows, kRows);
        EXPECT_EQ(sum, kRows * (kRows - 1) / 2);
        EXPECT_LE(most, 3 * kPartition);
        EXPECT_GE(partitions.size(), kRows / kPartition / 2);
        EXPECT_LE(partitions.size(), kRows / kPartition * 2);
        EXPECT_LE(asked, 8 * partitions.size());
        EXPECT_LE(read, c.counted ? 2 * kRows : kRows / 10);
    }
}

TEST_P(PartitionPlannerTest, NumbersAreCutWithoutLookingAKeyUp) {
    constexpr uint64_t kRows = 5000;
    make_numbers(kRows);
    for (const char* key : {"k", "a, k", "k, a"}) {
        SCOPED_TRACE(key);
        sql("DROP TABLE IF EXISTS t");
        sql("CREATE TABLE t (rid INT NOT NULL, a INT, k DECIMAL(12,2), PRIMARY KEY (" + std::string(key) +
            "))");
        sql("INSERT INTO t SELECT n, 7, n * 11.5 - 20000 FROM numbers");
        sql("ANALYZE TABLE t");
        const TableSchema schema = schema_of("t");
        set_counted_rows_for_tests(1000);
        const uint64_t before = status("Questions");
        const auto partitions = plan_partitions(*connection_, schema, "", 100);
        // The estimate, the index, the first and the last keys, the pieces; and the question itself.
        EXPECT_EQ(status("Questions") - before, 6u);
        set_counted_rows_for_tests(0);
        EXPECT_GE(partitions.size(), kRows / 100 / 2);
        EXPECT_LE(partitions.size(), kRows / 100 * 2);
        uint64_t rows = 0;
        for (const Partition& p : partitions) {
            rows += std::stoull(*connection_->query_value("SELECT COUNT(*) FROM t WHERE " + p.predicate));
        }
        EXPECT_EQ(rows, kRows);
    }
}

TEST_P(PartitionPlannerTest, AnIndexOfTwoDirectionsGivesNoOrder) {
    make_numbers(20'000);
    sql("CREATE TABLE t (rid BIGINT NOT NULL, a INT, b INT, PRIMARY KEY (a, b DESC))");
    sql("INSERT INTO t SELECT n, n, n * 3 FROM numbers");
    sql("ANALYZE TABLE t");
    set_counted_rows_for_tests(1000);
    auto read = [&] {
        return status("Handler_read_next") + status("Handler_read_rnd_next") + status("Handler_read_rnd");
    };
    const uint64_t before = read();
    EXPECT_EQ(plan_partitions(*connection_, schema_of("t"), "", 1000).size(), 20u);
    EXPECT_LE(read() - before, 3 * 20'000u);  // once, and in order; not for each partition
    check_cover("t", 1000);
}

TEST_P(PartitionPlannerTest, AnIndexThatTheOptimizerDoesNotUseIsNotChosen) {
    const std::string hidden = mariadb() ? " IGNORED" : " INVISIBLE";
    make_numbers(2000);
    // The key is the unique key with the fewest columns, and the optimizer does not use its index.
    sql("CREATE TABLE t (rid INT NOT NULL, a INT NOT NULL, b INT NOT NULL, UNIQUE KEY whole (rid, a, b), "
        "UNIQUE KEY a_b (a, b)" +
        hidden + ")");
    sql("INSERT INTO t SELECT n, n DIV 10, n FROM numbers");
    EXPECT_EQ(schema_of("t").key, (std::vector<uint32_t>{1, 2}));
    EXPECT_EQ(check_cover("t", 100).size(), 1u);  // each range would read the whole table

    sql("ALTER TABLE t ADD KEY other (a, b, rid)");  // behind a_b by its name
    const TableSchema schema = schema_of("t");
    set_counted_rows_for_tests(100);
    const uint64_t read_before = status("Handler_read_next");
    const auto partitions = plan_partitions(*connection_, schema, "", 100);
    EXPECT_LT(status("Handler_read_next") - read_before, 1000u);  // a few keys, not all in order
    EXPECT_GE(partitions.size(), 10u);
    expect_each_row_once("t", partitions);
    EXPECT_EQ(check_cover("t", 100).size(), 20u);
}

TEST_P(PartitionPlannerTest, AnIndexOfBeginningsServesRangesButGivesNoOrder) {
    make_numbers(2000);
    sql("CREATE TABLE t (rid INT NOT NULL, k VARCHAR(20) CHARACTER SET latin1 NOT NULL, KEY (k(2)))");
    sql("INSERT INTO t SELECT n, CONCAT(n DIV 20, 'x', n) FROM numbers");
    const auto partitions = check_cover("t", 100, "k");
    EXPECT_EQ(partitions.size(), 20u);
    const auto plan = connection_->query(std::string("EXPLAIN ") + (mariadb() ? "" : "FORMAT=TRADITIONAL ") +
                                         "SELECT * FROM t FORCE INDEX (k) WHERE " + partitions[1].predicate);
    EXPECT_EQ(plan[0][mariadb() ? 3 : 4], "range");
}

TEST_P(PartitionPlannerTest, StatisticsThatAreWrong) {
    make_numbers(10'000);
    sql("CREATE TABLE t (rid INT NOT NULL, k CHAR(32) CHARACTER SET latin1 PRIMARY KEY, pad CHAR(150)) "
        "CHARACTER SET latin1 STATS_PERSISTENT = 1 STATS_AUTO_RECALC = 0");
    sql("INSERT INTO t SELECT n, LEFT(SHA2(n, 256), 32), 'p' FROM numbers");
    set_counted_rows_for_tests(100);
    for (const uint64_t rows : {200, 10'000, 1'000'000}) {
        SCOPED_TRACE(rows);
        sql("UPDATE mysql.innodb_table_stats SET n_rows = " + std::to_string(rows) +
            " WHERE database_name = DATABASE() AND table_name = 't'");
        sql("FLUSH TABLE t");  // enough for MySQL to take the number up
        const uint64_t asked_before = status("Questions");
        const auto partitions = plan_partitions(*connection_, schema_of("t"), "", 1000);
        EXPECT_LE(status("Questions") - asked_before, 6000u);
        EXPECT_LE(partitions.size(), std::max<uint64_t>(rows / 1000, 10) * 2);
        expect_each_row_once("t", partitions);
    }
}

TEST_P(PartitionPlannerTest, RowsThatCameSinceTheLastLook) {
    make_numbers(5000);
    sql("CREATE TABLE t (rid INT PRIMARY KEY)");
    const std::string look =
        "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()";
    connection_->query(look);  // MySQL shows the same for a day
    sql("INSERT INTO t SELECT n FROM numbers");
    set_counted_rows_for_tests(1000);
    const uint64_t read_before = status("Handler_read_next");
    EXPECT_GE(plan_partitions(*connection_, schema_of("t"), "", 500).size(), 5u);
    EXPECT_LE(status("Handler_read_next") - read_before, 1000u);
}

TEST_P(PartitionPlannerTest, EstimatesFollowSkew) {
    // 60,000 rows at 0, 40,000 at 10^15, single rows between: what equal ranges cannot cut.
    make_numbers(60'000);
    sql("CREATE TABLE t (rid BIGINT PRIMARY KEY)");
    sql("INSERT INTO t SELECT n FROM numbers");
    sql("INSERT INTO t SELECT 1000000000000000 + n * 3 FROM numbers WHERE n < 40000");
    sql("INSERT INTO t SELECT -9223372036854775808 + n * 1000000000000000 FROM numbers WHERE n < 100");
    sql("ANALYZE TABLE t");
    set_counted_rows_for_tests(1000);
    auto partitions = check_cover("t", 5000);
    set_counted_rows_for_tests(0);
    EXPECT_GE(partitions.size(), 10u);
    for (const Partition& p : partitions) {
        const auto rows =
            std::stoull(*connection_->query_value("SELECT COUNT(*) FROM t WHERE " + p.predicate));
        EXPECT_LE(rows, 15'000u) << p.predicate;
        EXPECT_FALSE(p.predicate.empty());
    }
}

INSTANTIATE_TEST_SUITE_P(Servers, PartitionPlannerTest, testing::Values("MYSQL", "MARIADB"));

TEST(KeyBounds, SayTheOrder) {
    SourceColumn a, b;
    a.name = "a";
    b.name = "b`";
    a.type = b.type = SourceType::kInt;
    EXPECT_EQ(at_or_after({&a}, {"5"}), "`a` >= 5");
    EXPECT_EQ(before({&a}, {"5"}), "`a` < 5");
    EXPECT_EQ(at_or_after({&a, &b}, {"5", "7"}), "`a` >= 5 AND (`a` > 5 OR (`a` = 5 AND `b``` >= 7))");
    EXPECT_EQ(before({&a, &b}, {"5", "7"}), "`a` <= 5 AND (`a` < 5 OR (`a` = 5 AND `b``` < 7))");
}

TEST(KeyBounds, LiteralsRefuseForeignText) {
    SourceColumn c;
    c.name = "c";
    c.type = SourceType::kInt;
    EXPECT_THROW(key_literal(c, "1; DROP"), Error);
    EXPECT_THROW(key_literal(c, ""), Error);
    c.type = SourceType::kVarChar;
    c.charset = "latin1";
    EXPECT_EQ(key_literal(c, "6162"), "_latin1 x'6162'");
    EXPECT_EQ(key_literal(c, ""), "_latin1 x''");
    EXPECT_THROW(key_literal(c, "x'"), Error);
}

}  // namespace
}  // namespace penstock
