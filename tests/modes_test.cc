// What a pipe does besides the main job: its modes, append-only targets, pauses, changes that it refuses.

#include <csignal>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "source/mysql_connection.h"
#include "support/background_work.h"
#include "support/own_server.h"
#include "support/pipe_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;

class Modes : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        choice_.server = GetParam();
        // Tests run side by side, so each has a database of its own.
        std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
        choice_.database = "modes_" + test.substr(0, 20) + test.substr(test.find('/') + 1);
        for (char& c : choice_.database) c = static_cast<char>(std::tolower(c));
        choice_.mappings = {"t"};
        read_from(source_endpoint(GetParam()));
    }
    /// The pipe's source from now on; there the table is empty.
    void read_from(const SourceEndpoint& endpoint) {
        choice_.source = endpoint;
        source_.emplace(MysqlConnection::open(endpoint));
        source_->execute("DROP DATABASE IF EXISTS " + choice_.database);
        source_->execute("CREATE DATABASE " + choice_.database);
        source_->execute("USE " + choice_.database);
        source_->execute("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v INT, w VARCHAR(1000))");
    }
    /// Doubles from one row to 2^n rows.
    void fill(int n) {
        source_->execute("INSERT INTO t (v, w) VALUES (0, 'x')");
        for (int i = 0; i < n; ++i) source_->execute("INSERT INTO t (v, w) SELECT v + 1, w FROM t");
    }
    std::string target(const std::string& sql) {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = choice_.database;
        return ClickHouseClient(endpoint).query(sql);
    }

    PipeChoice choice_;
    std::optional<MysqlConnection> source_;
};

TEST_P(Modes, SnapshotOnlyLoadsAndCompletes) {
    fill(12);
    choice_.mode = "snapshot";
    PipeProcess pipe(choice_);
    Finished finished = pipe.run_to_end();
    ASSERT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_NE(finished.out.find("Completed"), std::string::npos) << finished.out;
    EXPECT_EQ(target("SELECT count(), sum(v) FROM t FINAL"), "4096\t24576");
    EXPECT_EQ(pipe.status()["state"], "Completed");
    EXPECT_EQ(pipe.verify().exit_code, 0);
    // A second run has nothing to do and says so.
    EXPECT_EQ(pipe.run_to_end().exit_code, 0);
}

TEST_P(Modes, ChangesOnlyTakesNothingOfWhatWasThere) {
    fill(4);
    choice_.mode = "cdc_only";
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    source_->execute("INSERT INTO t (id, v) VALUES (1000, 7)");
    source_->execute("UPDATE t SET v = 8 WHERE id = 1");
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    EXPECT_EQ(target("SELECT id, v FROM t FINAL ORDER BY id"), "1\t8\n1000\t7");
}

TEST_P(Modes, AppendOnlyTargetsHoldEachChangeOnceThroughKills) {
    fill(14);
    choice_.more_settings = "snapshotNumRowsPerPartition: 1000\n";
    choice_.mappings = {"{sourceTable: t, targetTable: t, tableEngine: MergeTree}"};
    PipeProcess pipe(choice_);
    MysqlConnection writing = MysqlConnection::open(source_endpoint(GetParam()));
    BackgroundWork<uint64_t> writer([&](const std::atomic<bool>& stop) {
        uint64_t n = 0;
        for (; !stop; ++n) {
            writing.execute(fmt::format("INSERT INTO {}.t (id, v, w) VALUES ({}, {}, 'new')",
                                        choice_.database, 1'000'000 + n, n));
        }
        return n;
    });
    pipe.start();
    std::mt19937 random(std::random_device{}());
    for (int i = 0; i < 6; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 1500));  // a random moment
        pipe.process().signal(SIGKILL);
        pipe.process().wait();
        pipe.start();
    }
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    uint64_t written = writer.finish();
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    EXPECT_EQ(target("SELECT count(), uniqExact(id) FROM t"), fmt::format("{0}\t{0}", 16384 + written))
        << pipe.log();
    Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

TEST_P(Modes, TheEndOfABacklogDoesNotWaitForTheInterval) {
    OwnServer own(choice_.server, {});  // its log is quiet when the backlog has been read
    read_from(own.endpoint());
    choice_.mode = "cdc_only";
    choice_.more_settings = "syncIntervalMilliseconds: 600000\n";
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    source_->execute("SET TIMESTAMP = UNIX_TIMESTAMP() - 7200");
    source_->execute("INSERT INTO t (v) VALUES (1)");
    source_->execute("SET TIMESTAMP = DEFAULT");
    source_->execute("INSERT INTO t (v) VALUES (2)");
    pipe.start();
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    EXPECT_EQ(target("SELECT id, v FROM t FINAL ORDER BY id"), "1\t1\n2\t2");
}

TEST_P(Modes, OneTableFeedsTwoTargets) {
    fill(5);
    choice_.mappings = {"{sourceTable: t, targetTable: a}",
                        "{sourceTable: t, targetTable: b, tableEngine: MergeTree, excludedColumns: [w]}"};
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    source_->execute("INSERT INTO t (id, v) VALUES (1000, 7)");
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    EXPECT_EQ(target("SELECT count(), sum(v) FROM a FINAL"), "33\t87");
    EXPECT_EQ(target("SELECT count(), sum(v) FROM b"), "33\t87");
    EXPECT_EQ(pipe.verify().exit_code, 0);
}

TEST_P(Modes, RowsThatDifferAreNeverOneRow) {
    source_->execute("CREATE TABLE k (u INT, l TINYINT(1), v INT, PRIMARY KEY (u, l))");
    source_->execute("INSERT INTO k VALUES (1, 1, 5), (1, 2, 5), (1, 3, 5)");
    choice_.mappings = {"{sourceTable: k, targetTable: k, useCustomSortingKey: true, sortingKeys: [v]}"};
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    source_->execute("INSERT INTO k VALUES (2, 7, 5)");
    source_->execute("UPDATE k SET v = 6 WHERE l = 2");  // the chosen key changes, the source's does not
    source_->execute("UPDATE k SET l = 4 WHERE l = 3");
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    EXPECT_EQ(target("SELECT u, l, v FROM k FINAL WHERE _peerdb_is_deleted = 0 ORDER BY u, l"),
              "1\t1\t5\n1\t2\t6\n1\t4\t5\n2\t7\t5");
    Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

TEST_P(Modes, StatementsInARowLogStopThePipe) {
    fill(2);
    source_->execute("CREATE VIEW a_view AS SELECT * FROM t");
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    source_->execute("SET SESSION binlog_format = 'STATEMENT'");
    source_->execute("UPDATE a_view SET v = 77");
    source_->execute("SET SESSION binlog_format = 'ROW'");
    EXPECT_EQ(pipe.process().wait(), 1) << pipe.log();
    EXPECT_NE(pipe.log().find("as a statement, not as rows"), std::string::npos) << pipe.log();
}

TEST_P(Modes, APauseInTheMiddleOfTheLoadGoesOnFromThere) {
    fill(15);
    choice_.more_settings = "snapshotNumRowsPerPartition: 1000\ninitialLoadParallelism: 1\n";
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for([](const nlohmann::json& now) {
        return !now["tables"].empty() && now["tables"][0]["rowsLoaded"] > 0;
    })) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0) << pipe.log();
    nlohmann::json paused = pipe.status();
    EXPECT_EQ(paused["state"], "Paused");
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    EXPECT_EQ(target("SELECT count() FROM t FINAL"), "32768");
    EXPECT_EQ(pipe.status()["tables"][0]["rowsLoaded"], 32768);
    EXPECT_EQ(pipe.verify().exit_code, 0);
}

TEST_P(Modes, ATransactionLargerThanABlockArrivesWhole) {
    source_->execute("INSERT INTO t (v, w) VALUES (0, REPEAT('y', 1000))");
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    source_->execute("BEGIN");
    for (int i = 0; i < 17; ++i)
        source_->execute("INSERT INTO t (v, w) SELECT v + 1, w FROM t");  // 130 MB of rows
    source_->execute("COMMIT");
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    EXPECT_EQ(target("SELECT count(), uniqExact(id) FROM t FINAL"), "131072\t131072");
    EXPECT_EQ(pipe.verify().exit_code, 0);
}

TEST_P(Modes, CompressedTransactionsAreChangesLikeOthers) {
    // MariaDB compresses for all sessions or none, so it takes a server of its own.
    std::optional<OwnServer> own;
    if (choice_.server == "MARIADB") {
        own.emplace("MARIADB", std::vector<std::string>{"--log-bin-compress=ON"});
        read_from(own->endpoint());
    } else {
        source_->execute("SET SESSION binlog_transaction_compression = ON");
    }
    fill(2);
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    source_->execute("BEGIN");
    source_->execute("INSERT INTO t (v, w) VALUES (0, REPEAT('z', 1000))");
    for (int i = 0; i < 15; ++i) {  // 65 MB
        source_->execute("INSERT INTO t (v, w) SELECT v, w FROM t WHERE w LIKE 'zz%'");
    }
    source_->execute("UPDATE t SET v = 7 WHERE id % 5 = 0");
    source_->execute("DELETE FROM t WHERE id % 5 = 1");
    source_->execute("COMMIT");
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

TEST_P(Modes, ChangesThatAreNotAppliedFailThePipeLoudly) {
    for (const char* sql :
         {"TRUNCATE TABLE t", "ALTER TABLE t ADD COLUMN extra INT", "RENAME TABLE t TO t_old"}) {
        fill(3);
        PipeProcess pipe(choice_);
        pipe.start();
        ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
        source_->execute(sql);
        EXPECT_EQ(pipe.process().wait(), 1) << sql << pipe.log();
        nlohmann::json failed = pipe.status();
        EXPECT_EQ(failed["state"], "Failed") << sql;
        EXPECT_NE(failed["reason"].get<std::string>().find(choice_.database + ".t"), std::string::npos)
            << failed;
        source_->execute("DROP TABLE IF EXISTS t, t_old");
        source_->execute("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v INT, w VARCHAR(1000))");
    }
}

TEST_P(Modes, AClickHouseThatIsKilledLosesNothing) {
    TemporaryDirectory engine_directory;
    Background engine(
        {penstock_program(), "clickhouse", "--data-dir", engine_directory.path(), "--output", "json"},
        engine_directory.path() + "/out");
    auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (engine.output().find('}') == std::string::npos && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));  // between two looks at a condition
    }
    nlohmann::json at = nlohmann::json::parse(engine.output());
    ClickHouseEndpoint target;
    target.url = at["url"];
    target.user = at["user"];
    target.password = read_file(at["password_file"]);
    target.password = target.password.substr(0, target.password.find('\n'));
    choice_.target = target;

    fill(10);
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    for (int i = 0; i < 2000; ++i) {
        source_->execute(fmt::format("INSERT INTO t (v) VALUES ({})", i));
        if (i == 700) kill(at["pid"].get<pid_t>(), SIGKILL);  // `penstock clickhouse` starts it again
    }
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
    engine.signal(SIGTERM);
    EXPECT_EQ(engine.wait(), 0) << engine.output();
}

TEST_P(Modes, AnIndexAddedAtTheSourceChangesNothing) {
    fill(3);
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    source_->execute("ALTER TABLE t ADD INDEX by_v (v)");
    source_->execute("INSERT INTO t (v) VALUES (99)");
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    EXPECT_EQ(target("SELECT count() FROM t FINAL WHERE v = 99"), "1");
}

INSTANTIATE_TEST_SUITE_P(Servers, Modes, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace penstock
