// What a source takes back, and writes into its log all the same: the targets hold what was committed.

#include <cctype>
#include <optional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "destination/clickhouse_client.h"
#include "source/mysql_connection.h"
#include "support/pipe_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;

class UndoneGroups : public testing::TestWithParam<const char*> {
  protected:
    bool mariadb() const { return std::string(GetParam()).starts_with("MARIADB"); }
    void SetUp() override {
        choice_.server = GetParam();
        const std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
        choice_.database = "undone_" + test.substr(0, test.find('/')) + "_" + GetParam();
        for (char& c : choice_.database) c = static_cast<char>(std::tolower(c));
        choice_.mappings = {"t", "my", "{sourceTable: t, targetTable: every, tableEngine: MergeTree}"};
        source_.emplace(MysqlConnection::open(source_endpoint(GetParam())));
        run({"DROP DATABASE IF EXISTS " + choice_.database, "CREATE DATABASE " + choice_.database,
             "USE " + choice_.database, "CREATE TABLE t (id INT PRIMARY KEY, v INT, w LONGTEXT)",
             "CREATE TABLE my (id INT PRIMARY KEY, v INT) ENGINE = MyISAM",
             "INSERT INTO t VALUES (1, 1, 'loaded'), (2, 2, 'loaded')", "INSERT INTO my VALUES (1, 1)"});
    }
    void run(const std::vector<std::string>& statements) { run_on(*source_, statements); }
    static void run_on(MysqlConnection& connection, const std::vector<std::string>& statements) {
        for (const std::string& sql : statements) connection.execute(sql);
    }
    MysqlConnection connect() {
        MysqlConnection connection = MysqlConnection::open(source_endpoint(GetParam()));
        connection.execute("USE " + choice_.database);
        return connection;
    }
    /// Rows of 10 MB each: a few are more than a pipe keeps in memory.
    static std::vector<std::string> large_rows(int first, int count) {
        std::vector<std::string> statements;
        for (int id = first; id < first + count; ++id)
            statements.push_back(fmt::format("INSERT INTO t VALUES ({0}, {0}, REPEAT('x', 10000000))", id));
        return statements;
    }
    std::string target(const std::string& sql) {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = choice_.database;
        return ClickHouseClient(endpoint).query(sql);
    }
    void expect_committed(PipeProcess& pipe) {
        ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
        EXPECT_EQ(pipe.pause(), 0);
        for (const nlohmann::json& table : pipe.status()["tables"]) EXPECT_EQ(table["error"], "") << table;
        for (const std::string table : {"t", "my"}) {
            EXPECT_EQ(
                target("SELECT groupArray(id || ':' || v) FROM (SELECT toString(id) AS id, toString(v) AS "
                       "v FROM " +
                       table + " FINAL WHERE _peerdb_is_deleted = 0 ORDER BY toInt64(id))"),
                quoted(*source_->query_value("SELECT GROUP_CONCAT(id, ':', v ORDER BY id) FROM " + table)))
                << table;
        }
    }
    /// "1:1,2:2" as ClickHouse shows an array.
    static std::string quoted(const std::string& list) {
        std::string out = "['";
        for (char c : list) out += c == ',' ? std::string("','") : std::string(1, c);
        return out + "']";
    }
    /// Rows in the target that keeps every row, those that were loaded left out.
    std::string appended() {
        return target(
            "SELECT groupArray((id, v, _peerdb_is_deleted)) FROM (SELECT * FROM every WHERE w != "
            "'loaded' OR _peerdb_is_deleted = 1 OR v > 2 ORDER BY _peerdb_version)");
    }

    PipeChoice choice_;
    std::optional<MysqlConnection> source_;
};

TEST_P(UndoneGroups, SmallOnes) {
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    const std::string leaves_it = "DROP TEMPORARY TABLE IF EXISTS no_such_table";
    run({"BEGIN", "INSERT INTO t VALUES (10, 10, 'undone')", "UPDATE t SET v = -1 WHERE id = 1", leaves_it,
         "DELETE FROM t WHERE id = 2", "ROLLBACK",
         // A temporary table that is made, and one that goes.
         "BEGIN", "INSERT INTO t VALUES (11, 11, 'undone')", "CREATE TEMPORARY TABLE scratch (id INT)",
         "INSERT INTO t VALUES (12, 12, 'undone')", "DROP TEMPORARY TABLE scratch", "ROLLBACK",
         // Parts.
         "BEGIN", "INSERT INTO t VALUES (20, 20, 'done')", "SAVEPOINT a",
         "INSERT INTO t VALUES (21, 21, 'undone')", leaves_it, "SAVEPOINT b",
         "INSERT INTO t VALUES (22, 22, 'undone')", "ROLLBACK TO b",
         "INSERT INTO t VALUES (23, 23, 'undone')", "ROLLBACK TO a", "INSERT INTO t VALUES (24, 24, 'done')",
         "COMMIT"});
    {  // A client that goes away.
        MysqlConnection other = connect();
        run_on(other, {"BEGIN", "INSERT INTO t VALUES (13, 13, 'undone')", leaves_it});
    }
    run({"XA START 'x'", "INSERT INTO t VALUES (14, 14, 'undone')", leaves_it, "XA END 'x'",
         "XA ROLLBACK 'x'", "XA START 'y'", "INSERT INTO t VALUES (30, 30, 'done')", "SAVEPOINT a",
         "INSERT INTO t VALUES (31, 31, 'undone')", leaves_it, "ROLLBACK TO a",
         "INSERT INTO t VALUES (32, 32, 'done')", "XA END 'y'", "XA PREPARE 'y'", "XA COMMIT 'y'"});
    if (mariadb()) {  // MySQL with GTIDs refuses tables without transactions in one; what they took stays
        run({"BEGIN", "INSERT INTO t VALUES (15, 15, 'undone')", "INSERT INTO my VALUES (15, 15)",
             "UPDATE t JOIN my USING (id) SET t.v = 16, my.v = 16 WHERE id IN (1, 15)", leaves_it,
             "ROLLBACK"});
    }
    run({"UPDATE t SET v = 40 WHERE id = 1"});
    expect_committed(pipe);
    EXPECT_EQ(appended(), "[(20,20,0),(24,24,0),(30,30,0),(32,32,0),(1,40,0)]");
}

// Handed over in parts, as memory is bounded: but not what is taken back.
TEST_P(UndoneGroups, LargeOnes) {
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    const std::string leaves_it = "DROP TEMPORARY TABLE IF EXISTS no_such_table";
    run({"BEGIN", leaves_it});
    run(large_rows(100, 15));
    run({"UPDATE t SET v = -1 WHERE id = 1", leaves_it, "ROLLBACK",
         "INSERT INTO t VALUES (10, 10, 'between')"});

    run({"BEGIN"});
    run(large_rows(200, 8));
    run({"SAVEPOINT a"});
    run(large_rows(300, 10));
    run({leaves_it, "SAVEPOINT b", "UPDATE t SET v = -1 WHERE id = 1"});
    run(large_rows(310, 5));
    run({"ROLLBACK TO b"});
    run(large_rows(320, 3));
    run({"ROLLBACK TO a", "UPDATE t SET v = 20 WHERE id = 2"});
    run(large_rows(400, 2));
    run({"COMMIT"});

    run({"XA START 'x'"});
    run(large_rows(500, 2));
    run({"SAVEPOINT a", leaves_it});
    run(large_rows(600, 15));
    run({leaves_it, "ROLLBACK TO a", "UPDATE t SET v = 30 WHERE id = 2", "XA END 'x'", "XA PREPARE 'x'",
         "XA COMMIT 'x'", "INSERT INTO t VALUES (11, 11, 'behind')"});
    expect_committed(pipe);
    EXPECT_EQ(
        target("SELECT groupArray((id, v, length(w))) FROM (SELECT * FROM every WHERE w != 'loaded' OR v "
               "> 2 ORDER BY _peerdb_version)"),
        "[(10,10,7),(200,200,10000000),(201,201,10000000),(202,202,10000000),(203,203,10000000),(204,204,"
        "10000000),(205,205,10000000),(206,206,10000000),(207,207,10000000),(2,20,6),(400,400,10000000),("
        "401,401,10000000),(500,500,10000000),(501,501,10000000),(2,30,6),(11,11,6)]");
}

INSTANTIATE_TEST_SUITE_P(Servers, UndoneGroups, testing::Values("MYSQL", "MARIADB", "MARIADB11"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace penstock
