// A table that cannot be followed stops alone: the pipe is Degraded, the other tables flow, a restart changes
// nothing, and a resync of the table brings it back.

#include <csignal>
#include <optional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "destination/clickhouse_client.h"
#include "source/mysql_connection.h"
#include "support/serve_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;

class StoppedTable : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        source_ = source_endpoint(GetParam());
        std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
        database_ = "stopped_" + test.substr(0, 24) + test.substr(test.find('/') + 1);
        for (char& c : database_) c = static_cast<char>(std::tolower(c));
        connection_.emplace(MysqlConnection::open(source_));
        connection_->execute("DROP DATABASE IF EXISTS " + database_);
        connection_->execute("CREATE DATABASE " + database_);
        connection_->execute("USE " + database_);
        connection_->execute("SET SESSION sql_mode = ''");
        for (const char* table : {"a", "b"}) {
            connection_->execute(fmt::format(
                "CREATE TABLE {} (id INT PRIMARY KEY AUTO_INCREMENT, v INT, d DATE, w TEXT)", table));
            connection_->execute(fmt::format("INSERT INTO {} (v, w) VALUES (1, 'x'), (2, 'y')", table));
        }
        serve_.start();
    }
    Answer command(const std::string& name, const json& tables = nullptr) {
        json asked = {{"command", name}};
        if (!tables.is_null()) asked["tables"] = tables;
        return serve_.call("PATCH", "/clickpipes/" + id_ + "/state", asked);
    }
    json table(const std::string& target) {
        const Answer answer = serve_.call("GET", "/clickpipes/" + id_ + "/tables");
        for (const json& shown : answer.result()) {
            if (shown["targetTable"] == target) return shown;
        }
        return nullptr;
    }
    /// A new row of b arrives.
    void expect_b_flows() {
        connection_->execute(fmt::format("INSERT INTO b (v) VALUES ({})", ++number_));
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = database_;
        ClickHouseClient client(endpoint);
        EXPECT_TRUE(serve_.wait_until([&] {
            return client.query(fmt::format("SELECT count() FROM b WHERE v = {}", number_)) == "1";
        })) << serve_.log();
        EXPECT_EQ(table("b")["state"], "Running");
    }

    SourceEndpoint source_;
    std::string database_, id_;
    std::optional<MysqlConnection> connection_;
    ServeProcess serve_;
    int number_ = 1000;
};

TEST_P(StoppedTable, LeavesTheOthersFlowingUntilItIsResynced) {
    id_ = serve_.create(pipe_body(database_, source_, database_, {"a", "b"},
                                  {{"settings", {{"syncIntervalSeconds", 1}, {"invalidDates", "error"}}}}));
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    struct Case {
        std::vector<const char*> statements;
        const char* reason;
    };
    int n = 0;
    for (const Case& c :
         {Case{{"TRUNCATE TABLE a"}, "emptied the table"},
          Case{{"INSERT INTO a (v, w) VALUES (1, 'x')", "SET SESSION binlog_row_image = MINIMAL",
                "UPDATE a SET v = 5", "SET SESSION binlog_row_image = FULL"},
               "binlog_row_image is not FULL"},
          Case{{"SET SESSION binlog_row_image = NOBLOB", "UPDATE a SET v = 6",
                "SET SESSION binlog_row_image = FULL"},
               "binlog_row_image is not FULL"},
          Case{{"INSERT INTO a (v, d) VALUES (1, '0000-00-00')", "DELETE FROM a WHERE d = 0"}, "column d"},
          Case{{"ALTER TABLE a ADD COLUMN extra INT DEFAULT 3"}, "altered the table"}}) {
        connection_->execute("INSERT INTO b (v) VALUES (0)");
        for (const char* sql : c.statements) connection_->execute(sql);
        ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
        expect_b_flows();
        const json stopped = table("a");
        const std::string error = stopped["error"].is_string() ? stopped["error"] : "";
        EXPECT_EQ(stopped["state"], "Failed") << stopped;
        EXPECT_NE(error.find(c.reason), std::string::npos) << stopped;
        EXPECT_NE(
            error.find("(table " + database_ + ".a, at " + stopped["errorPosition"].get<std::string>() + ")"),
            std::string::npos)
            << stopped;
        EXPECT_EQ(serve_.call("GET", "/clickpipes/" + id_ + "/progress").result()["trouble"],
                  "1 of 2 tables is stopped: " + error);
        EXPECT_TRUE(table("b")["error"].is_null());
        switch (n++) {
            case 0:
                ASSERT_EQ(command("stop").status, 200);
                ASSERT_TRUE(serve_.wait_for_state(id_, "Paused"));
                EXPECT_EQ(table("a")["state"], "Failed");
                ASSERT_EQ(command("start").status, 200);
                break;
            case 1:
                serve_.kill();
                serve_.start();
                break;
            default:
                break;
        }
        ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
        expect_b_flows();
        EXPECT_EQ(table("a")["error"], error);

        ASSERT_EQ(command("resync", {"a"}).status, 200);
        ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
        EXPECT_TRUE(table("a")["error"].is_null());
        ASSERT_TRUE(serve_.wait_until_caught_up(id_, source_)) << serve_.log();
        Finished verified = serve_.verify(id_, source_);
        EXPECT_EQ(verified.exit_code, 0) << c.reason << verified.out << verified.err;
    }
}

TEST_P(StoppedTable, TheLastOneFailsThePipeAndIsBroughtBackAlone) {
    id_ = serve_.create(
        pipe_body(database_, source_, database_, {"a", "b"}, {{"settings", {{"syncIntervalSeconds", 1}}}}));
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    connection_->execute("TRUNCATE TABLE a");
    ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
    connection_->execute("TRUNCATE TABLE b");
    ASSERT_TRUE(serve_.wait_for_state(id_, "Failed")) << serve_.log();
    ASSERT_EQ(command("start").status, 200);  // keeps them stopped
    ASSERT_TRUE(serve_.wait_for_state(id_, "Failed")) << serve_.log();
    EXPECT_NE(
        serve_.events(id_).back()["reason"].get<std::string>().find("every table of the pipe is stopped"),
        std::string::npos);
    ASSERT_EQ(command("resync", {"b"}).status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
    expect_b_flows();
    EXPECT_EQ(table("a")["state"], "Failed");
    // Taken out of the pipe, it degrades it no more.
    json source = {{"host", source_.host}, {"port", source_.port}};
    source["tableMappingsToRemove"] = {mapping(database_, "a")};
    ASSERT_EQ(serve_.call("PATCH", "/clickpipes/" + id_, {{"source", {{"mysql", source}}}}).status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    ASSERT_TRUE(serve_.wait_until_caught_up(id_, source_)) << serve_.log();
    Finished verified = serve_.verify(id_, source_);
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

INSTANTIATE_TEST_SUITE_P(Servers, StoppedTable, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace penstock
