// The source's log is not the one that the pipe has read: put back, reset, read past a gap. And it is,
// whatever else has happened to the server.

#include <cctype>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "source/mysql_connection.h"
#include "support/own_server.h"
#include "support/pipe_process.h"
#include "support/relay.h"
#include "support/servers.h"
#include "support/wait_until.h"

namespace penstock {
namespace {

using namespace test;

/// Pipes by GTID and by file beside each other: starting a server costs more than all that they do.
class PutBack : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        server_.emplace(GetParam(), std::vector<std::string>{});
        connect();
    }
    void connect() { source_.emplace(MysqlConnection::open(server_->endpoint())); }
    static bool mariadb() { return std::string(GetParam()).starts_with("MARIADB"); }

    /// One pipe for each mechanism, which has followed the log of a new table to its sixth row and is at
    /// rest.
    void follow_to_row_six() {
        pipes_.clear();
        database_ = fmt::format("put_back_{}_{}_{}", GetParam(), ::getpid(), ++databases_);
        for (char& c : database_) c = static_cast<char>(std::tolower(c));
        source_->execute("CREATE DATABASE " + database_);
        source_->execute("CREATE TABLE " + table() + " (id INT PRIMARY KEY, v INT)");
        insert(1, 1);
        for (const char* mechanism : {"GTID", "FILE_POS"}) {
            PipeChoice choice;
            choice.server = GetParam();
            choice.source = server_->endpoint();
            choice.database = database_;
            choice.mechanism = mechanism;
            choice.more_settings = "syncIntervalMilliseconds: 100\n";
            const std::string target = std::string("t_") + mechanism;
            choice.mappings = {"{sourceTable: t, targetTable: " + target + "}"};
            pipes_.push_back({mechanism, target, std::make_unique<PipeProcess>(choice)});
        }
        start();
        for (auto& [mechanism, target, pipe] : pipes_) {
            ASSERT_TRUE(pipe->wait_for_state("Running")) << mechanism << pipe->log();
        }
        insert(2, 6);
        pause_where_the_source_is();
    }
    void start() {
        for (auto& pipe : pipes_) pipe.process->start();
    }
    void pause_where_the_source_is() {
        for (auto& [mechanism, target, pipe] : pipes_) {
            ASSERT_TRUE(pipe->wait_until_caught_up()) << mechanism << pipe->log();
            EXPECT_EQ(pipe->pause(), 0) << mechanism << pipe->log();
        }
    }

    std::string table() const { return database_ + ".t"; }
    /// A transaction for each of the ids.
    void insert(int from, int to) {
        for (int id = from; id <= to; ++id)
            source_->execute(fmt::format("INSERT INTO {} VALUES ({}, {})", table(), id, id));
    }
    std::string rows(const std::string& target, const std::string& final = " FINAL") {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = database_;
        return ClickHouseClient(endpoint).query(
            "SELECT arrayStringConcat(arraySort(groupArray(id)), ' ') FROM " + target + final);
    }
    /// Each fails by itself, with the reason, and again when it is started again.
    void expect_failed(const std::string& reason) {
        for (auto& [mechanism, target, pipe] : pipes_) {
            SCOPED_TRACE(mechanism);
            for (int begun = 0; begun < 2; ++begun) {
                if (begun != 0) pipe->start();
                pipe->wait_for([](const nlohmann::json&) { return false; });  // to its end
                ASSERT_FALSE(pipe->process().running()) << pipe->log();
                EXPECT_EQ(pipe->status()["state"], "Failed") << pipe->log();
                const auto status = pipe->status();
                EXPECT_NE(status["reason"].get<std::string>().find(reason), std::string::npos)
                    << status["reason"];
                EXPECT_NE(status["reason"].get<std::string>().find("resync the pipe"), std::string::npos)
                    << status["reason"];
            }
        }
    }
    void expect_rows(const std::string& wanted) {
        for (auto& [mechanism, target, pipe] : pipes_) {
            EXPECT_EQ(rows(target), wanted) << mechanism;
            EXPECT_EQ(pipe->log().find("was put back"), std::string::npos) << mechanism << pipe->log();
        }
    }

    struct Pipe {
        std::string mechanism, target;
        std::unique_ptr<PipeProcess> process;
    };
    std::optional<OwnServer> server_;
    std::optional<MysqlConnection> source_;
    std::string database_;
    int databases_ = 0;
    std::vector<Pipe> pipes_;
};

TEST_P(PutBack, ASourceThatWasRestoredOrReset) {
    server_->save();
    connect();
    {
        SCOPED_TRACE("restored while the pipes were stopped, and past their place again");
        ASSERT_NO_FATAL_FAILURE(follow_to_row_six());
        server_->restore();
        connect();
        source_->execute("CREATE DATABASE " + database_);
        source_->execute("CREATE TABLE " + table() + " (id INT PRIMARY KEY, v INT)");
        insert(101, 140);
        start();
        expect_failed("was put back");
        for (auto& pipe : pipes_) EXPECT_EQ(rows(pipe.target), "1 2 3 4 5 6");
    }
    {
        SCOPED_TRACE("restored while the pipes run");
        ASSERT_NO_FATAL_FAILURE(follow_to_row_six());
        start();
        server_->restore();
        connect();
        source_->execute("CREATE DATABASE " + database_);
        source_->execute("CREATE TABLE " + table() + " (id INT PRIMARY KEY, v INT)");
        insert(101, 140);
        expect_failed("was put back");
    }
    {
        SCOPED_TRACE("reset while the pipes were stopped");
        ASSERT_NO_FATAL_FAILURE(follow_to_row_six());
        source_->execute(mariadb() ? "RESET MASTER" : "RESET BINARY LOGS AND GTIDS");
        insert(101, 200);
        start();
        expect_failed("was put back");
    }
    {
        SCOPED_TRACE("reset while the pipes run");
        ASSERT_NO_FATAL_FAILURE(follow_to_row_six());
        start();
        for (auto& pipe : pipes_) ASSERT_TRUE(pipe.process->wait_until_caught_up()) << pipe.process->log();
        source_->execute(mariadb() ? "RESET MASTER" : "RESET BINARY LOGS AND GTIDS");
        insert(101, 200);
        expect_failed("");  // MySQL says itself that the file is gone
    }
}

// The place where the flow begins is before what was put back, and is proved; what the load has read is not.
TEST_P(PutBack, ASourceThatWasRestoredDuringTheLoad) {
    Relay relay(clickhouse_endpoint().url);
    ClickHouseEndpoint endpoint = clickhouse_endpoint();
    endpoint.url = relay.url();
    database_ = fmt::format("put_back_load_{}_{}", mariadb() ? "mariadb" : "mysql", ::getpid());
    source_->execute("CREATE DATABASE " + database_);
    for (const std::string& name : {table(), database_ + ".u"}) {
        source_->execute("CREATE TABLE " + name + " (id INT PRIMARY KEY, v INT)");
        source_->execute("INSERT INTO " + name + " VALUES (1, 1)");
    }
    for (const char* mechanism : {"GTID", "FILE_POS"}) {
        PipeChoice choice;
        choice.server = GetParam();
        choice.source = server_->endpoint();
        choice.database = database_;
        choice.target = endpoint;
        choice.mechanism = mechanism;
        choice.more_settings = "syncIntervalMilliseconds: 100\n";
        const std::string target = std::string("t_") + mechanism;
        choice.mappings = {"{sourceTable: t, targetTable: " + target + ", tableEngine: MergeTree}",
                           "{sourceTable: u, targetTable: u_" + std::string(mechanism) + "}"};
        pipes_.push_back({mechanism, target, std::make_unique<PipeProcess>(choice)});
    }
    /// Starts them, and kills them when each waits for the answer to such a request.
    const auto run_until_held = [&](const std::string& text) {
        relay.hold(text);
        start();
        ASSERT_TRUE(wait_until([&] { return relay.held() == pipes_.size(); }))
            << pipes_[0].process->log() << pipes_[1].process->log();
        for (auto& [mechanism, target, pipe] : pipes_) {
            pipe->process().signal(SIGKILL);
            pipe->process().wait();
        }
        relay.forget();
    };
    ASSERT_NO_FATAL_FAILURE(run_until_held("query=INSERT%20INTO"));  // the places are taken
    server_->save();
    connect();
    insert(2, 6);
    ASSERT_NO_FATAL_FAILURE(run_until_held("query=INSERT%20INTO%20%60" + database_ + "%60.%60u_"));
    for (auto& pipe : pipes_) EXPECT_EQ(rows(pipe.target, ""), "1 2 3 4 5 6");
    server_->restore();
    connect();
    insert(101, 140);
    relay.hold("");
    start();
    expect_failed("was put back");
}

TEST_P(PutBack, ASourceThatWasNeither) {
    ASSERT_NO_FATAL_FAILURE(follow_to_row_six());
    server_->restart();
    connect();
    insert(7, 7);
    start();
    for (auto& pipe : pipes_) ASSERT_TRUE(pipe.process->wait_until_caught_up()) << pipe.process->log();
    server_->restart();
    connect();
    insert(8, 8);
    pause_where_the_source_is();
    expect_rows("1 2 3 4 5 6 7 8");

    // Nothing happens to the pipes, and the files that they have read are purged.
    start();
    for (int i = 0; i < 3; ++i) source_->execute("FLUSH BINARY LOGS");
    pause_where_the_source_is();
    const std::string last = *source_->query("SHOW BINARY LOGS").back().at(0);
    source_->execute("PURGE BINARY LOGS TO '" + last + "'");
    insert(9, 9);
    start();
    pause_where_the_source_is();
    expect_rows("1 2 3 4 5 6 7 8 9");

    // The log has no checksums for a while.
    source_->execute("SET GLOBAL binlog_checksum = NONE");
    insert(10, 10);
    start();
    pause_where_the_source_is();
    source_->execute("SET GLOBAL binlog_checksum = CRC32");
    insert(11, 11);
    start();
    pause_where_the_source_is();
    expect_rows("1 2 3 4 5 6 7 8 9 10 11");
}

TEST_P(PutBack, TransactionsWithoutAGtidStopAPipeThatGoesByGtids) {
    if (mariadb()) GTEST_SKIP() << "MySQL's alone";
    const auto set_modes = [&](const std::vector<std::string>& modes) {
        for (const std::string& mode : modes) source_->execute("SET GLOBAL gtid_mode = " + mode);
    };
    for (const bool runs : {true, false}) {
        SCOPED_TRACE(runs ? "running" : "stopped");
        ASSERT_NO_FATAL_FAILURE(follow_to_row_six());
        Pipe by_file = std::move(pipes_.back());
        pipes_.pop_back();
        if (runs) {
            start();
            ASSERT_TRUE(pipes_[0].process->wait_until_caught_up()) << pipes_[0].process->log();
        }
        set_modes({"ON_PERMISSIVE", "OFF_PERMISSIVE"});
        insert(7, 8);
        set_modes({"ON_PERMISSIVE", "ON"});
        insert(9, 9);
        if (!runs) start();
        expect_failed("gtid_mode was taken off ON");
        // By file nothing is missed; but while the mode is ON the server does not send it.
        set_modes({"ON_PERMISSIVE"});
        by_file.process->start();
        ASSERT_TRUE(by_file.process->wait_until_caught_up()) << by_file.process->log();
        EXPECT_EQ(by_file.process->pause(), 0);
        EXPECT_EQ(rows(by_file.target), "1 2 3 4 5 6 7 8 9");
        set_modes({"ON"});
    }
}

INSTANTIATE_TEST_SUITE_P(Sources, PutBack, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& p) { return std::string(p.param); });

}  // namespace
}  // namespace penstock
