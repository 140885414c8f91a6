// A pipe of many tables: one table more costs neither connections nor questions of either server.

#include <csignal>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/pipe_process.h"
#include "support/relay.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;

class ManyTables : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
        database_ = "many_" + test.substr(0, 12) + "_" + GetParam();
        for (char& c : database_) c = static_cast<char>(std::tolower(c));
        connection_.emplace(MysqlConnection::open(source_endpoint(GetParam())));
        connection_->execute("DROP DATABASE IF EXISTS " + database_);
        connection_->execute("CREATE DATABASE " + database_);
        connection_->execute("USE " + database_);
    }
    void TearDown() override {
        connection_->execute("DROP DATABASE " + database_);
        ClickHouseClient(clickhouse_endpoint()).query("DROP DATABASE IF EXISTS " + database_);
    }

    std::string target(const std::string& sql) {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = database_;
        return ClickHouseClient(endpoint).query(sql);
    }

    std::string database_;
    std::optional<MysqlConnection> connection_;
};

TEST_P(ManyTables, AreLoadedAndFollowedOverFewConnections) {
    constexpr int kTables = 100;
    constexpr uint64_t kFew = 40;
    constexpr uint64_t kLooks =
        50 + kTables / 10;  // at all of them at once, and notes of how far the load is
    PipeChoice choice;
    choice.server = GetParam();
    choice.database = database_;
    for (int i = 0; i < kTables; ++i) {
        const std::string table = fmt::format("t{}", i);
        connection_->execute(fmt::format("CREATE TABLE {} (id INT PRIMARY KEY, v INT)", table));
        connection_->execute(fmt::format("INSERT INTO {} VALUES (1, {})", table, i));
        choice.mappings.push_back(table);
    }
    // The source counts connections by account; those of the target are counted on their way, with requests.
    choice.source = account_of_its_own(GetParam(), database_);
    connection_->execute(fmt::format("ALTER USER {} WITH MAX_CONNECTIONS_PER_HOUR {}", database_, kFew));
    choice.target = clickhouse_endpoint();
    Relay relay(choice.target->url);
    choice.target->url = relay.url();

    PipeProcess pipe(choice);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    EXPECT_EQ(target("SELECT count(), sum(v) FROM merge(currentDatabase(), '^t')"),
              fmt::format("{}\t{}", kTables, kTables * (kTables - 1) / 2));
    EXPECT_EQ(target("SELECT count() FROM system.tables WHERE database = currentDatabase() AND "
                     "engine_full LIKE '%non_replicated_deduplication_window = 10000%'"),
              std::to_string(kTables));  // they are not so many that their tokens cost too much
    // A CREATE and an INSERT each.
    EXPECT_LE(relay.requests(), 2 * kTables + kLooks);

    connection_->execute("BEGIN");
    for (int i = 0; i < kTables; ++i) connection_->execute(fmt::format("UPDATE t{} SET v = -v", i));
    connection_->execute("COMMIT");
    connection_->execute("ALTER USER " + database_ + " WITH MAX_CONNECTIONS_PER_HOUR 0");  // ours, to look
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(target("SELECT count(), sum(v) FROM merge(currentDatabase(), '^t') FINAL"),
              fmt::format("{}\t{}", kTables, -kTables * (kTables - 1) / 2));
    EXPECT_LE(relay.requests(), 3 * kTables + kLooks);
    EXPECT_LE(relay.connections(), kFew);

    pipe.process().signal(SIGKILL);
    pipe.process().wait();
    const uint64_t before = relay.requests();
    connection_->execute("UPDATE t7 SET v = 0");
    pipe.start();
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(target("SELECT v FROM t7 FINAL"), "0");
    EXPECT_LE(relay.requests() - before, kFew);
}

// One source table with a thousand targets and one: what counts is how many tables the pipe has.
TEST_P(ManyTables, RememberNoBlockTokensWhereVersionsDoTheSame) {
    connection_->execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
    PipeChoice choice;
    choice.server = GetParam();
    choice.database = database_;
    choice.mode = "cdc_only";
    for (int i = 0; i < 1000; ++i) {
        choice.mappings.push_back(fmt::format("{{sourceTable: t, targetTable: r{}}}", i));
    }
    choice.mappings.push_back("{sourceTable: t, targetTable: appended, tableEngine: MergeTree}");
    PipeProcess pipe(choice);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    EXPECT_NE(pipe.log().find("1001 tables are more than 1000"), std::string::npos) << pipe.log();
    const std::string remembering =
        "SELECT count(), countIf(engine_full LIKE '%non_replicated_deduplication_window = 0%') FROM "
        "system.tables WHERE database = currentDatabase() AND name <> '_penstock_ledger' AND engine = ";
    EXPECT_EQ(target(remembering + "'ReplacingMergeTree'"), "1000\t1000");
    EXPECT_EQ(target(remembering + "'MergeTree'"), "1\t0");

    connection_->execute("INSERT INTO t VALUES (1, 1), (2, 2)");
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(target("SELECT count(), sum(v) FROM merge(currentDatabase(), '^r') FINAL"), "2000\t3000");
    EXPECT_EQ(target("SELECT count(), sum(v) FROM appended"), "2\t3");
}

INSTANTIATE_TEST_SUITE_P(Servers, ManyTables, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace penstock
