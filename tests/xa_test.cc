// Two-phase transactions: rows arrive with the commit, in its order, or not at all.

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

class Xa : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        choice_.server = GetParam();
        // Of this test alone: they run side by side.
        std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
        choice_.database = "xa_" + test.substr(0, 24) + test.substr(test.find('/') + 1);
        for (char& c : choice_.database) c = static_cast<char>(std::tolower(c));
        choice_.mappings = {"t"};
        source_.emplace(connect(false));
        source_->execute("DROP DATABASE IF EXISTS " + choice_.database);
        source_->execute("CREATE DATABASE " + choice_.database);
        source_->execute("USE " + choice_.database);
        source_->execute("CREATE TABLE t (id INT PRIMARY KEY, v INT, w LONGTEXT)");
        source_->execute("CREATE TABLE other (id INT PRIMARY KEY)");
        for (int id = 1; id < 10; ++id)
            source_->execute(fmt::format("INSERT INTO t (id, v) VALUES ({0}, {0})", id));
    }
    MysqlConnection connect(bool use = true) {
        MysqlConnection connection = MysqlConnection::open(source_endpoint(GetParam()));
        if (use) connection.execute("USE " + choice_.database);
        return connection;
    }
    /// A connection that has prepared `statements` under `xid`.
    MysqlConnection prepare(const std::string& xid, const std::vector<std::string>& statements) {
        MysqlConnection connection = connect();
        connection.execute("XA START " + xid);
        for (const std::string& sql : statements) connection.execute(sql);
        connection.execute("XA END " + xid);
        connection.execute("XA PREPARE " + xid);
        return connection;
    }
    std::string target(const std::string& sql) {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = choice_.database;
        return ClickHouseClient(endpoint).query(sql);
    }
    std::string values(const std::string& ids) {
        return target("SELECT groupArray((id, v)) FROM (SELECT id, v FROM t FINAL WHERE id IN (" + ids +
                      ") AND _peerdb_is_deleted = 0 ORDER BY id)");
    }

    PipeChoice choice_;
    std::optional<MysqlConnection> source_;
};

TEST_P(Xa, RowsArriveWithTheCommitOrNotAtAll) {
    // Prepared before the pipe began: its rows are searched for.
    MysqlConnection early = prepare("'early'", {"INSERT INTO t (id, v) VALUES (900, 1)"});
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    EXPECT_EQ(values("900"), "[]");
    early.execute("XA COMMIT 'early'");

    MysqlConnection late =
        prepare("'a','b',7", {"INSERT INTO t (id, v) VALUES (1000, 1), (1001, 1)",
                              "UPDATE t SET v = 50 WHERE id = 1", "DELETE FROM t WHERE id = 9", "SAVEPOINT s",
                              "UPDATE t SET v = 51 WHERE id = 1", "ROLLBACK TO SAVEPOINT s"});
    MysqlConnection soon = prepare("'soon'", {"UPDATE t SET v = 30 WHERE id = 3"});
    MysqlConnection nothing = prepare("'other'", {"INSERT INTO other VALUES (1)"});
    source_->execute("UPDATE t SET v = 60 WHERE id = 2");
    MysqlConnection back = prepare("'back'", {"UPDATE t SET v = -1 WHERE id = 4"});
    back.execute("XA ROLLBACK 'back'");
    back = prepare("'back'", {"UPDATE t SET v = 40 WHERE id = 4"});  // the name again
    back.execute("XA COMMIT 'back'");
    nothing.execute("XA COMMIT 'other'");
    soon.execute("XA COMMIT 'soon'");
    source_->execute("UPDATE t SET v = 31 WHERE id = 3");
    MysqlConnection one = connect();
    one.execute("XA START 'one'");
    one.execute("UPDATE t SET v = 55 WHERE id = 5");
    one.execute("XA END 'one'");
    one.execute("XA COMMIT 'one' ONE PHASE");
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(values("1, 2, 3, 4, 5, 9, 900, 1000"), "[(1,1),(2,60),(3,31),(4,40),(5,55),(9,9),(900,1)]");

    // The decision comes to another process, in another file of the log, after another change of the row.
    EXPECT_EQ(pipe.pause(), 0);
    source_->execute("FLUSH BINARY LOGS");
    source_->execute("UPDATE t SET v = 70 WHERE id = 7");
    late.execute("XA COMMIT 'a','b',7");
    source_->execute("UPDATE t SET v = v + 1 WHERE id = 1");
    pipe.start();
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    EXPECT_EQ(values("1, 7, 9, 1000, 1001"), "[(1,51),(7,70),(1000,1),(1001,1)]");
    Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err << pipe.log();
}

TEST_P(Xa, APreparedTransactionLargerThanABlockArrivesWholeInAnAppendOnlyTarget) {
    choice_.mappings = {"{sourceTable: t, targetTable: t, tableEngine: MergeTree}"};
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    std::vector<std::string> statements;
    for (int i = 0; i < 20; ++i) {  // 200 MB
        statements.push_back(
            fmt::format("INSERT INTO t VALUES ({}, {}, REPEAT('x', 10000000))", 1000 + i, i));
    }
    MysqlConnection large = prepare("'large'", statements);
    large.execute("XA COMMIT 'large'");
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    EXPECT_EQ(target("SELECT count(), uniqExact(id), uniqExact(_peerdb_version), sum(length(w)) FROM t WHERE "
                     "id >= 1000"),
              "20\t20\t20\t200000000");
}

INSTANTIATE_TEST_SUITE_P(Servers, Xa, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace penstock
