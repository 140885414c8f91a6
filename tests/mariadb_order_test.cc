// MariaDB without gtid_strict_mode: the numbers of a domain may go down, and domains may be deleted. What
// comes before what is told by the log.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "source/mysql_connection.h"
#include "support/own_server.h"
#include "support/pipe_process.h"
#include "support/replica.h"
#include "support/serve_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;

class MariadbOrder : public testing::TestWithParam<const char*> {
  protected:
    static void TearDownTestSuite() { server_.reset(); }
    void SetUp() override {
        if (server_ == nullptr || server_name_ != GetParam()) {
            server_.reset();
            server_name_ = GetParam();
            server_ =
                std::make_unique<OwnServer>(GetParam(), std::vector<std::string>{"--gtid-strict-mode=OFF"});
        }
        source_.emplace(MysqlConnection::open(server_->endpoint()));
        const std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
        choice_.database = "order_" + test.substr(0, std::min<size_t>(30, test.find('/'))) + "_" + GetParam();
        for (char& c : choice_.database) c = static_cast<char>(std::tolower(c));
        choice_.server = GetParam();
        choice_.source = server_->endpoint();
        choice_.more_settings = "syncIntervalMilliseconds: 100\n";
        choice_.mappings = {"t", "{sourceTable: a, targetTable: a, tableEngine: MergeTree}"};
        source_->execute("CREATE DATABASE " + choice_.database);
        source_->execute("USE " + choice_.database);
        for (const char* table : {"t", "a", "other"})
            source_->execute(fmt::format("CREATE TABLE {} (id INT PRIMARY KEY, v INT)", table));
        number_from(1, 1'000'000 * ++tests_);
        insert(1);
    }
    /// The GTIDs of the session go on from there.
    void number_from(uint32_t server_id, uint64_t sequence) {
        source_->execute(fmt::format("SET SESSION server_id = {}, gtid_seq_no = {}", server_id, sequence));
    }
    void insert(int id) {
        for (const char* table : {"t", "a"})
            source_->execute(fmt::format("INSERT INTO {} VALUES ({}, {})", table, id, id));
    }
    /// Both tables get a row, each under a number of another server below all before.
    void insert_lower(int id) {
        for (const char* table : {"t", "a"}) {
            number_from(2, 1'000 * tests_ - ++lowered_);
            source_->execute(fmt::format("INSERT INTO {} VALUES ({}, {})", table, id, id));
        }
        source_->execute("SET SESSION server_id = 1");
    }
    std::string target(const std::string& table) {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = choice_.database;
        return ClickHouseClient(endpoint).query(
            "SELECT arrayStringConcat(arraySort(groupArray(id)), ' ') FROM " + table +
            (table == "t" ? " FINAL" : ""));
    }
    void expect_rows(PipeProcess& pipe, const std::string& ids) {
        ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
        EXPECT_EQ(target("t"), ids) << pipe.log();
        EXPECT_EQ(target("a"), ids) << pipe.log();
    }

    static std::unique_ptr<OwnServer> server_;
    static std::string server_name_;
    static uint64_t tests_;
    PipeChoice choice_;
    std::optional<MysqlConnection> source_;
    uint64_t lowered_ = 0;
};
std::unique_ptr<OwnServer> MariadbOrder::server_;
std::string MariadbOrder::server_name_;
uint64_t MariadbOrder::tests_ = 0;

TEST_P(MariadbOrder, LowerNumbersComeWhileThePipeRunsAndWhileItIsStopped) {
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    insert_lower(2);
    expect_rows(pipe, "1 2");
    EXPECT_EQ(pipe.pause(), 0);
    insert_lower(3);
    pipe.start();
    expect_rows(pipe, "1 2 3");
    EXPECT_EQ(pipe.pause(), 0);
}

TEST_P(MariadbOrder, ANewPipeBeginsAtALogThatEndsBelowEarlierNumbers) {
    insert_lower(2);
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    insert_lower(3);
    expect_rows(pipe, "1 2 3");
    EXPECT_EQ(pipe.pause(), 0);
    pipe.start();
    insert_lower(4);
    expect_rows(pipe, "1 2 3 4");
    EXPECT_EQ(pipe.pause(), 0);
}

TEST_P(MariadbOrder, ADomainIsDeleted) {
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    source_->execute("SET SESSION gtid_domain_id = 5");
    insert(2);
    source_->execute("SET SESSION gtid_domain_id = 0");
    expect_rows(pipe, "1 2");
    const auto delete_domain = [&] {
        source_->execute("FLUSH BINARY LOGS");
        const std::string last = *source_->query("SHOW BINARY LOGS").back().at(0);
        // A dump thread that still stands in an older file holds it up.
        while (source_->query("SHOW BINARY LOGS").size() > 1)
            source_->execute("PURGE BINARY LOGS TO '" + last + "'");
        source_->execute("FLUSH BINARY LOGS DELETE_DOMAIN_ID = (5)");
    };
    delete_domain();
    insert(3);
    expect_rows(pipe, "1 2 3");
    EXPECT_EQ(pipe.status()["position"].get<std::string>().find(",5-"), std::string::npos) << pipe.status();
    EXPECT_EQ(pipe.pause(), 0);
    pipe.start();
    insert(4);
    expect_rows(pipe, "1 2 3 4");
    EXPECT_EQ(pipe.pause(), 0);
}

TEST_P(MariadbOrder, TablesThatAreAddedGetLowerNumbersToo) {
    const SourceEndpoint source = server_->endpoint();
    ServeProcess serve;
    serve.start();
    const std::string id =
        serve.create(pipe_body(choice_.database, source, choice_.database, {"other"},
                               {{"settings", {{"syncIntervalSeconds", 1}, {"replicationMode", "cdc"}}}}));
    ASSERT_TRUE(serve.wait_for_state(id, "Running")) << serve.log();
    json append_only = mapping(choice_.database, "a");
    append_only["tableEngine"] = "MergeTree";
    const json change = {{"host", source.host},
                         {"port", source.port},
                         {"tableMappingsToAdd", {mapping(choice_.database, "t"), append_only}}};
    const Answer added = serve.call("PATCH", "/clickpipes/" + id, {{"source", {{"mysql", change}}}});
    ASSERT_EQ(added.status, 200) << added.error();
    const auto running = [&] {
        const json tables = serve.call("GET", "/clickpipes/" + id + "/tables").result();
        return tables.size() == 3 && serve.state(id) == "Running";
    };
    ASSERT_TRUE(serve.wait_until(running)) << serve.log();
    insert_lower(2);
    ASSERT_TRUE(serve.wait_until_caught_up(id, source)) << serve.log();
    EXPECT_EQ(target("t"), "1 2");
    EXPECT_EQ(target("a"), "1 2");
}

TEST_P(MariadbOrder, AReplicaThatLagsBehindIsWaitedForAfterAMove) {
    OwnServer replica(GetParam(), {"--server-id=3", "--log-slave-updates=ON", "--gtid-strict-mode=OFF"});
    MysqlConnection there = MysqlConnection::open(replica.endpoint());
    source_->execute("DELETE FROM t");
    source_->execute("DELETE FROM a");
    source_->execute("RESET MASTER");
    insert(1);
    // Its own users are there; what comes is this test's database.
    there.execute("RESET MASTER");
    there.execute("CREATE DATABASE " + choice_.database);
    for (const char* table : {"t", "a"})
        there.execute(fmt::format("CREATE TABLE {}.{} (id INT PRIMARY KEY, v INT)", choice_.database, table));
    there.execute("RESET MASTER");
    replicate(there, server_->endpoint(), false);
    const auto wait_for = [&](const std::string& gtids) {
        EXPECT_EQ(there.query_value("SELECT MASTER_GTID_WAIT('" + gtids + "', 60)"), "0");
    };
    const auto end = [&] { return *source_->query_value("SELECT @@GLOBAL.gtid_binlog_pos"); };
    wait_for(end());

    choice_.mappings = {"t"};
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    there.execute("STOP SLAVE");
    insert(2);
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    pipe.move_to(replica.endpoint());
    pipe.start();
    ASSERT_TRUE(pipe.wait_for([&](const json&) {
        return pipe.log().find("has not yet applied transactions that this pipe has read") !=
               std::string::npos;
    })) << pipe.log();
    there.execute("START SLAVE");
    wait_for(end());
    insert(3);
    wait_for(end());
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(target("t"), "1 2 3");
    // There the place is proved from now on.
    there.execute("INSERT INTO " + choice_.database + ".t VALUES (4, 4)");
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_NE(pipe.status()["position"].get<std::string>().find("@3-0/"), std::string::npos) << pipe.status();
    EXPECT_EQ(pipe.pause(), 0);
    there.execute("STOP SLAVE");
}

INSTANTIATE_TEST_SUITE_P(Sources, MariadbOrder, testing::Values("MARIADB", "MARIADB11"),
                         [](const auto& p) { return std::string(p.param); });

}  // namespace
}  // namespace penstock
