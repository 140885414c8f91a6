// A source that is no more what it was when its pipe was made: each connection looks, and says it in check's
// words.

#include <algorithm>
#include <cctype>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "source/mysql_connection.h"
#include "support/own_server.h"
#include "support/pipe_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;

class SourceChanges : public testing::TestWithParam<const char*> {
  protected:
    static void TearDownTestSuite() { server_.reset(); }
    static bool mariadb() { return std::string(GetParam()).starts_with("MARIADB"); }

    static std::string log_updates(const char* value) {
        return std::string(mariadb() ? "--log-slave-updates=" : "--log-replica-updates=") + value;
    }
    static std::string skip_start() { return mariadb() ? "--skip-slave-start" : "--skip-replica-start"; }

    void SetUp() override {
        if (server_ == nullptr || server_name_ != GetParam()) {
            server_.reset();
            server_name_ = GetParam();
            server_ = std::make_unique<OwnServer>(GetParam(), std::vector<std::string>{log_updates("ON")});
        }
        connect();
        const std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
        choice_.database =
            "changes_" + test.substr(0, std::min<size_t>(30, test.find('/'))) + "_" + GetParam();
        for (char& c : choice_.database) c = static_cast<char>(std::tolower(c));
        choice_.server = GetParam();
        choice_.source = server_->endpoint();
        choice_.more_settings = "syncIntervalMilliseconds: 100\n";
        choice_.mappings = {"t"};
        source_->execute("CREATE DATABASE " + choice_.database);
        source_->execute("CREATE TABLE " + choice_.database + ".t (id INT PRIMARY KEY, v INT)");
        insert(1);
    }
    void connect() { source_.emplace(MysqlConnection::open(server_->endpoint())); }
    void restart_with(const std::vector<std::string>& arguments) {
        server_->restart_with(arguments);
        connect();
    }
    void insert(int id) {
        source_->execute(fmt::format("INSERT INTO {}.t VALUES ({}, {})", choice_.database, id, id));
    }
    std::unique_ptr<PipeProcess> running() {
        auto pipe = std::make_unique<PipeProcess>(choice_);
        pipe->start();
        EXPECT_TRUE(pipe->wait_for_state("Running")) << pipe->log();
        return pipe;
    }
    /// It ends by itself; when it is started again too.
    void expect_failed(PipeProcess& pipe, const std::string& reason, const std::string& way_out = "") {
        for (int start = 0; start < 2; ++start) {
            if (start != 0) pipe.start();
            pipe.wait_for([](const nlohmann::json&) { return false; });  // to its end
            ASSERT_FALSE(pipe.process().running()) << pipe.log();
            EXPECT_EQ(pipe.status()["state"], "Failed") << pipe.log();
            const json status = pipe.status();
            EXPECT_NE(status["reason"].get<std::string>().find(reason), std::string::npos)
                << status["reason"];
            EXPECT_NE(status["reason"].get<std::string>().find(way_out), std::string::npos)
                << status["reason"];
        }
    }
    void expect_flows(PipeProcess& pipe, int id) {
        insert(id);
        ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = choice_.database;
        EXPECT_EQ(
            ClickHouseClient(endpoint).query(fmt::format("SELECT count() FROM t FINAL WHERE id = {}", id)),
            "1");
    }
    void make_replica() {
        source_->execute(
            mariadb() ? "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1, MASTER_USER = 'x'"
                      : "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = 1, "
                        "SOURCE_USER = 'x'");
    }
    void forget_source() {
        source_->execute(mariadb() ? "STOP SLAVE" : "STOP REPLICA");
        source_->execute(mariadb() ? "RESET SLAVE ALL" : "RESET REPLICA ALL");
    }

    static std::unique_ptr<OwnServer> server_;
    static std::string server_name_;
    PipeChoice choice_;
    std::optional<MysqlConnection> source_;
};
std::unique_ptr<OwnServer> SourceChanges::server_;
std::string SourceChanges::server_name_;

TEST_P(SourceChanges, AFilterThatHidesAMappedDatabase) {
    auto pipe = running();
    restart_with({"--binlog-ignore-db=" + choice_.database});
    insert(2);
    expect_failed(*pipe, "binlog filters: found not logged: " + choice_.database,
                  "must let the mapped databases pass");
    restart_with({"--binlog-do-db=" + choice_.database});  // the other way round it passes
    pipe->start();
    expect_flows(*pipe, 3);
    EXPECT_EQ(pipe->pause(), 0);
    restart_with({});
}

TEST_P(SourceChanges, ALogThatIsNotWritten) {
    auto pipe = running();
    restart_with({"--skip-log-bin"});
    expect_failed(*pipe, "log_bin: found OFF", "ON: changes are read from the binary log");
    restart_with({});
}

TEST_P(SourceChanges, RowImagesThatAreNotWhole) {
    auto pipe = running();
    EXPECT_EQ(pipe->pause(), 0);
    source_->execute("SET GLOBAL binlog_row_image = MINIMAL");
    pipe->start();
    expect_failed(*pipe, "binlog_row_image: found MINIMAL", "binlog_row_image = 'FULL'");
    source_->execute("SET GLOBAL binlog_row_image = FULL");
    pipe->start();
    expect_flows(*pipe, 2);
    EXPECT_EQ(pipe->pause(), 0);
}

TEST_P(SourceChanges, GtidsThatAreTurnedOff) {
    if (mariadb()) GTEST_SKIP() << "MariaDB's are always on";
    auto pipe = running();
    EXPECT_EQ(pipe->pause(), 0);
    source_->execute("SET GLOBAL gtid_mode = ON_PERMISSIVE");
    pipe->start();
    expect_failed(*pipe, "gtid_mode: found ON_PERMISSIVE", "SET GLOBAL gtid_mode = ON");
    source_->execute("SET GLOBAL gtid_mode = ON");
    pipe->start();
    expect_flows(*pipe, 2);
    EXPECT_EQ(pipe->pause(), 0);
}

TEST_P(SourceChanges, AReplicaThatDoesNotLogWhatItApplies) {
    auto pipe = running();
    make_replica();
    restart_with({log_updates("OFF"), skip_start()});
    expect_failed(*pipe, mariadb() ? "log_slave_updates: found OFF on a replica"
                                   : "log_replica_updates: found OFF on a replica");
    restart_with({skip_start()});
    forget_source();
    pipe->start();
    expect_flows(*pipe, 2);
    EXPECT_EQ(pipe->pause(), 0);
}

TEST_P(SourceChanges, AReplicaThatIsNotSuppliedIsShownUntilItIs) {
    auto pipe = running();
    EXPECT_EQ(pipe->pause(), 0);
    make_replica();
    pipe->start();
    ASSERT_TRUE(pipe->wait_for_state("Degraded")) << pipe->log();
    EXPECT_NE(pipe->status()["reason"].get<std::string>().find(
                  "the source is a replica whose replication does not run: receiving No, applying No"),
              std::string::npos)
        << pipe->status()["reason"];
    insert(2);  // what the source has itself flows, and does not end the trouble
    ClickHouseEndpoint endpoint = clickhouse_endpoint();
    endpoint.database = choice_.database;
    ASSERT_TRUE(pipe->wait_for([&](const json&) {
        return ClickHouseClient(endpoint).query("SELECT count() FROM t FINAL WHERE id = 2") == "1";
    })) << pipe->log();
    EXPECT_EQ(pipe->status()["state"], "Degraded");
    forget_source();
    ASSERT_TRUE(pipe->wait_for_state("Running")) << pipe->log();
    expect_flows(*pipe, 3);
    EXPECT_EQ(pipe->pause(), 0);
}

TEST_P(SourceChanges, PrivilegesThatAreTakenAway) {
    const std::string user = "changes_user";
    source_->execute("CREATE USER " + user + " IDENTIFIED BY 'secret'");
    source_->execute("GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO " + user);
    choice_.source->username = user;
    choice_.source->password = "secret";
    auto pipe = running();
    EXPECT_EQ(pipe->pause(), 0);
    source_->execute("REVOKE REPLICATION SLAVE ON *.* FROM " + user);
    pipe->start();
    expect_failed(*pipe, "REPLICATION SLAVE", "GRANT REPLICATION SLAVE");
    source_->execute("GRANT REPLICATION SLAVE ON *.* TO " + user);
    pipe->start();
    expect_flows(*pipe, 2);
    EXPECT_EQ(pipe->pause(), 0);
    source_->execute("DROP USER " + user);
}

INSTANTIATE_TEST_SUITE_P(Sources, SourceChanges, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& p) { return std::string(p.param); });

}  // namespace
}  // namespace penstock
