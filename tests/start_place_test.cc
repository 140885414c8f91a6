// A commit that is in the log and that no reader sees yet: every load that begins meanwhile gets it all the
// same.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "source/mysql_connection.h"
#include "support/background_work.h"
#include "support/own_server.h"
#include "support/pipe_process.h"
#include "support/serve_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;

/// A server that lets nobody see a commit before a replica has it, and has no such replica.
class StartPlace : public testing::TestWithParam<const char*> {
  protected:
    static bool mariadb() { return std::string(GetParam()).starts_with("MARIADB"); }

    void make(const std::vector<std::string>& more = {}) {
        std::vector<std::string> arguments = more;
        if (!mariadb()) arguments.push_back("--plugin-load-add=semisync_source.so");
        server_.emplace(GetParam(), arguments);
        source_.emplace(MysqlConnection::open(server_->endpoint()));
        const std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
        database_ = "start_place_" + test.substr(0, std::min<size_t>(30, test.find('/'))) + "_" + GetParam();
        for (char& c : database_) c = static_cast<char>(std::tolower(c));
        source_->execute("CREATE DATABASE " + database_);
        source_->execute("USE " + database_);
        for (const char* table : {"t", "a", "other"}) {
            source_->execute(fmt::format("CREATE TABLE {} (id INT PRIMARY KEY, v INT)", table));
            source_->execute(fmt::format("INSERT INTO {} VALUES (1, 1)", table));
        }
    }

    /// Row 2 of t and a, which is in the log when this returns, and stays unseen.
    void hold_commit(int id = 2) {
        source_->execute(mariadb()
                             ? "SET GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC, "
                               "rpl_semi_sync_master_timeout = 3600000, rpl_semi_sync_master_enabled = ON"
                             : "SET GLOBAL rpl_semi_sync_source_wait_point = AFTER_SYNC, "
                               "rpl_semi_sync_source_timeout = 3600000, rpl_semi_sync_source_enabled = ON");
        const std::string before = end_of_log();
        held_ = std::make_unique<BackgroundWork<int>>([this, id](const std::atomic<bool>&) {
            MysqlConnection connection = MysqlConnection::open(server_->endpoint());
            connection.execute("USE " + database_);
            connection.execute("BEGIN");
            for (const char* table : {"t", "a"})
                connection.execute(fmt::format("INSERT INTO {} VALUES ({}, {})", table, id, id));
            connection.execute("COMMIT");
            return 0;
        });
        while (end_of_log() == before) std::this_thread::yield();
        EXPECT_EQ(source_->query_value(fmt::format("SELECT count(*) FROM t WHERE id = {}", id)), "0");
    }
    void release() {
        source_->execute(mariadb() ? "SET GLOBAL rpl_semi_sync_master_enabled = OFF"
                                   : "SET GLOBAL rpl_semi_sync_source_enabled = OFF");
        held_->wait();
        held_.reset();
    }
    void TearDown() override {
        if (held_) release();
    }
    std::string end_of_log() {
        const auto rows = source_->query(mariadb() ? "SHOW MASTER STATUS" : "SHOW BINARY LOG STATUS");
        return rows[0][0].value() + ":" + rows[0][1].value();
    }
    PipeChoice choice() {
        PipeChoice choice;
        choice.server = GetParam();
        choice.source = server_->endpoint();
        choice.database = database_;
        choice.more_settings = "syncIntervalMilliseconds: 100\n";
        choice.mappings = {"t", "{sourceTable: a, targetTable: a, tableEngine: MergeTree}"};
        return choice;
    }
    std::string target(const std::string& table) {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = database_;
        return ClickHouseClient(endpoint).query(
            "SELECT arrayStringConcat(arraySort(groupArray(id)), ' ') FROM " + table +
            (table == "a" ? "" : " FINAL"));
    }

    std::optional<OwnServer> server_;
    std::optional<MysqlConnection> source_;
    std::string database_;
    std::unique_ptr<BackgroundWork<int>> held_;
};

TEST_P(StartPlace, AFirstLoadMissesNoCommitThatIsNotSeenYet) {
    make();
    hold_commit();
    PipeProcess pipe(choice());
    pipe.start();
    ASSERT_TRUE(pipe.wait_for([](const json& now) {
        return now["state"] != "Provisioning" && now["state"] != "Setup";
    })) << pipe.log();
    if (mariadb()) {
        ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    }
    release();
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    EXPECT_EQ(target("t"), "1 2");
    EXPECT_EQ(target("a"), "1 2");
    EXPECT_EQ(pipe.verify().exit_code, 0) << pipe.verify().out;
}

TEST_P(StartPlace, ByFileTooOrItIsWaitedFor) {
    make();
    hold_commit();
    PipeChoice by_file = choice();
    by_file.mechanism = "FILE_POS";
    PipeProcess pipe(by_file);
    pipe.start();
    if (mariadb()) {
        ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    } else {
        ASSERT_TRUE(pipe.wait_for([&](const json&) {
            return pipe.log().find("transactions have not ended that may be in the log already") !=
                   std::string::npos;
        })) << pipe.log();
    }
    release();
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    EXPECT_EQ(target("t"), "1 2");
    EXPECT_EQ(target("a"), "1 2");
}

TEST_P(StartPlace, WithoutGtidsTheTablesAreLockedForAMoment) {
    if (mariadb()) GTEST_SKIP() << "MariaDB always has GTIDs";
    make({"--gtid-mode=OFF"});
    hold_commit();
    PipeChoice by_file = choice();
    by_file.mechanism = "FILE_POS";
    PipeProcess pipe(by_file);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for([&](const json&) {
        return pipe.log().find("a transaction that writes the pipe's tables has not ended") !=
               std::string::npos;
    })) << pipe.log();
    release();
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    EXPECT_EQ(target("t"), "1 2");
    EXPECT_EQ(target("a"), "1 2");
}

TEST_P(StartPlace, TablesThatAreAddedOrLoadedAnewMissNoneEither) {
    make();
    const SourceEndpoint source = server_->endpoint();
    ServeProcess serve;
    serve.start();
    json body = pipe_body(database_, source, database_, {"other"},
                          {{"settings", {{"syncIntervalSeconds", 1}, {"replicationMode", "cdc"}}}});
    const std::string id = serve.create(body);
    ASSERT_TRUE(serve.wait_for_state(id, "Running")) << serve.log();
    const auto patch = [&](json change) {
        change["host"] = source.host;
        change["port"] = source.port;
        const Answer answer = serve.call("PATCH", "/clickpipes/" + id, {{"source", {{"mysql", change}}}});
        ASSERT_EQ(answer.status, 200) << answer.error();
    };
    hold_commit();
    json append_only = mapping(database_, "a");
    append_only["tableEngine"] = "MergeTree";
    patch({{"tableMappingsToAdd", {mapping(database_, "t"), append_only}}});
    const auto loads = [&] {  // that have begun: of the first table, of those that were added, of the resync
        int begun = 0;
        for (const json& event : serve.events(id)) begun += event.at("to") == "Snapshot" ? 1 : 0;
        return begun;
    };
    ASSERT_TRUE(serve.wait_until([&] { return loads() == 2; })) << serve.log();
    if (mariadb()) {
        ASSERT_TRUE(serve.wait_for_state(id, "Running")) << serve.log();
    }
    release();
    ASSERT_TRUE(serve.wait_until_caught_up(id, source)) << serve.log();
    EXPECT_EQ(target("t"), "1 2");
    EXPECT_EQ(target("a"), "1 2");

    hold_commit(3);
    ASSERT_EQ(serve.call("PATCH", "/clickpipes/" + id + "/state", {{"command", "resync"}}).status, 200);
    ASSERT_TRUE(serve.wait_until([&] { return loads() == 3; })) << serve.log();
    if (mariadb()) {
        ASSERT_TRUE(serve.wait_for_state(id, "Running")) << serve.log();
    }
    release();
    ASSERT_TRUE(serve.wait_until_caught_up(id, source)) << serve.log();
    EXPECT_EQ(target("t"), "1 2 3");
    EXPECT_EQ(target("a"), "1 2 3");
}

INSTANTIATE_TEST_SUITE_P(Sources, StartPlace, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& p) { return std::string(p.param); });

}  // namespace
}  // namespace penstock
