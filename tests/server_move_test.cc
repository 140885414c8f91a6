// A pipe that is moved to another server of the same history while a batch is open: a part of it is inserted,
// the process is gone. Nothing is doubled, also where rows stay as they were inserted.

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "destination/clickhouse_client.h"
#include "source/mysql_connection.h"
#include "support/own_server.h"
#include "support/pipe_process.h"
#include "support/replica.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;

class ServerMove : public testing::TestWithParam<const char*> {
  protected:
    bool is_mysql() const { return std::string_view(GetParam()) == "MYSQL"; }
    std::vector<std::string> arguments(int id) const {
        std::vector<std::string> list = {"--server-id=" + std::to_string(id)};
        if (!is_mysql()) list.insert(list.end(), {"--log-slave-updates=ON"});
        return list;
    }
    void SetUp() override {
        first_.emplace(GetParam(), arguments(11));
        second_.emplace(GetParam(), arguments(12));
        source_.emplace(MysqlConnection::open(first_->endpoint()));
        replica_.emplace(MysqlConnection::open(second_->endpoint()));
        for (MysqlConnection* server : {&*source_, &*replica_}) reset_log(*server, is_mysql());
        replicate(*replica_, first_->endpoint(), is_mysql());
        sql("CREATE DATABASE " + database_);
        for (const char* table : {"appended", "replaced"}) {
            sql(fmt::format("CREATE TABLE {}.{} (id INT PRIMARY KEY, v INT NOT NULL)", database_, table));
            sql(fmt::format("INSERT INTO {}.{} VALUES (1, 0), (2, 0)", database_, table));
        }
    }

    void sql(const std::string& statement) { source_->execute(statement); }
    std::string target(const std::string& query) {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = database_;
        return ClickHouseClient(endpoint).query(query);
    }

    const std::string database_ = is_mysql() ? "moved_mysql" : "moved_mariadb";
    std::optional<OwnServer> first_, second_;
    std::optional<MysqlConnection> source_, replica_;
};

TEST_P(ServerMove, AnOpenBatchIsNotInsertedTwice) {
    PipeProcess pipe(
        {.server = GetParam(),
         .source = first_->endpoint(),
         .database = database_,
         .mappings = {"{sourceTable: appended, targetTable: appended, tableEngine: MergeTree}", "replaced"}});
    pipe.start();
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    for (int i = 0; i < 20; ++i) {
        sql(fmt::format("INSERT INTO {}.appended VALUES ({}, 1)", database_, 100 + i));
        sql(fmt::format("INSERT INTO {}.replaced VALUES ({}, 1)", database_, 100 + i));
    }
    ::setenv("PENSTOCK_CRASH_IN", "block:2", 1);
    pipe.start();
    ::unsetenv("PENSTOCK_CRASH_IN");
    EXPECT_EQ(pipe.process().wait(), 128 + SIGKILL);
    ASSERT_EQ(target("SELECT count() FROM appended"), "22")
        << "its block of the batch is in, nothing is noted";

    ASSERT_TRUE(wait_for_replica(*source_, *replica_, is_mysql()));
    pipe.move_to(second_->endpoint());
    pipe.start();
    ASSERT_TRUE(pipe.wait_for([](const json& now) {
        return now["state"] == "Degraded" || now["state"] == "Failed" || now["tables"][0]["error"] != "";
    })) << pipe.log();
    EXPECT_NE(pipe.status()["tables"][0]["error"].get<std::string>().find("another order"), std::string::npos)
        << pipe.status();
    replica_->execute("INSERT INTO " + database_ + ".replaced VALUES (1000, 2)");
    replica_->execute("UPDATE " + database_ + ".replaced SET v = 3 WHERE id = 100");
    ASSERT_TRUE(pipe.wait_for([&](const json&) {
        return target("SELECT count() FROM replaced WHERE id = 1000") == "1" &&
               target("SELECT v FROM replaced FINAL WHERE id = 100") == "3";
    })) << pipe.log();
    EXPECT_EQ(target("SELECT count(), uniqExact(id) FROM appended"), "22\t22");
    EXPECT_EQ(target("SELECT count(), sum(v) FROM replaced FINAL"), "23\t24");
    EXPECT_EQ(pipe.pause(), 0);
}

INSTANTIATE_TEST_SUITE_P(Servers, ServerMove, testing::Values("MYSQL", "MARIADB"));

}  // namespace
}  // namespace penstock
