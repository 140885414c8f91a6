// Definitions that change where the log does not say so: what a table map tells stops the table at its first
// row, for the rest the dictionary is looked at.

#include <algorithm>
#include <cctype>
#include <optional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "destination/clickhouse_client.h"
#include "source/mysql_connection.h"
#include "support/own_server.h"
#include "support/pipe_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;

class UnloggedChanges : public testing::TestWithParam<const char*> {
  protected:
    bool mariadb() const { return std::string(GetParam()).starts_with("MARIADB"); }
    void set_up(const std::string& name, const std::string& metadata) {
        own_.emplace(GetParam(), std::vector<std::string>{"--binlog-row-metadata=" + metadata});
        choice_.server = GetParam();
        choice_.source = own_->endpoint();
        choice_.database = "unlogged_" + name + "_" + GetParam();
        for (char& c : choice_.database) c = static_cast<char>(std::tolower(c));
        choice_.mappings = {"chars", "bytes", "identity", "unique_one", "fine"};
        source_.emplace(MysqlConnection::open(own_->endpoint()));
        run({"CREATE DATABASE " + choice_.database, "USE " + choice_.database,
             "CREATE TABLE chars (id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET latin1, w TEXT)",
             "CREATE TABLE bytes (id INT PRIMARY KEY, v BLOB)",
             "CREATE TABLE identity (id INT PRIMARY KEY, v INT NOT NULL, KEY (id))",
             "CREATE TABLE unique_one (id INT NOT NULL, v INT, UNIQUE only (id))",
             "CREATE TABLE fine (id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET latin1, w INT)"});
        for (const std::string& table : choice_.mappings)
            run({"INSERT INTO " + table + " (id, v) VALUES (1, 1)"});
    }
    void run(const std::vector<std::string>& statements) {
        for (const std::string& sql : statements) source_->execute(sql);
    }
    void run_unlogged(const std::vector<std::string>& statements) {
        run({"SET SESSION sql_log_bin = 0"});
        run(statements);
        run({"SET SESSION sql_log_bin = 1"});
    }
    /// What differs without touching a row.
    void alter_unlogged() {
        run_unlogged({"ALTER TABLE chars MODIFY v VARCHAR(20) CHARACTER SET latin2",
                      "ALTER TABLE bytes MODIFY v TEXT CHARACTER SET latin1",
                      "ALTER TABLE identity DROP PRIMARY KEY", "ALTER TABLE unique_one DROP INDEX only",
                      // None of these is a difference.
                      "ALTER TABLE fine MODIFY v VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin COMMENT "
                      "'other' DEFAULT 'x'",
                      "ALTER TABLE fine ADD UNIQUE a_first (w)", "ALTER TABLE fine COMMENT = 'other'"});
    }
    static std::string reason_of(const PipeProcess& pipe, size_t table) {
        return pipe.status()["tables"][table]["error"];
    }
    bool wait_for_stops(PipeProcess& pipe, const std::vector<size_t>& tables) {
        return pipe.wait_for([&](const nlohmann::json& now) {
            return std::all_of(tables.begin(), tables.end(),
                               [&](size_t table) { return now["tables"][table]["error"] != ""; });
        });
    }
    void expect_fine_flows(PipeProcess& pipe) {
        run({"INSERT INTO fine (id, v) VALUES (9, 9)"});
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = choice_.database;
        EXPECT_TRUE(pipe.wait_for([&](const nlohmann::json&) {
            return ClickHouseClient(endpoint).query("SELECT count() FROM fine FINAL WHERE id = 9") == "1";
        })) << pipe.log();
    }

    std::optional<OwnServer> own_;
    PipeChoice choice_;
    std::optional<MysqlConnection> source_;
};

TEST_P(UnloggedChanges, FullMetadataTellsAtTheFirstRow) {
    set_up("full", "FULL");
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    alter_unlogged();
    for (const std::string& table : choice_.mappings)
        run({"INSERT INTO " + table + " (id, v) VALUES (2, 2)"});
    ASSERT_TRUE(wait_for_stops(pipe, {0, 1, 2})) << pipe.status() << pipe.log();
    expect_fine_flows(pipe);
    EXPECT_EQ(pipe.pause(), 0);
    EXPECT_NE(reason_of(pipe, 0).find("of character set latin1, the binary log has it in latin2"),
              std::string::npos)
        << reason_of(pipe, 0);
    EXPECT_NE(reason_of(pipe, 1).find("of character set binary, the binary log has it in latin1"),
              std::string::npos)
        << reason_of(pipe, 1);
    EXPECT_NE(reason_of(pipe, 2).find("the primary key was recorded as (id), in the binary log it is none"),
              std::string::npos)
        << reason_of(pipe, 2);
}

TEST_P(UnloggedChanges, WithoutItTheDictionaryDoes) {
    set_up("minimal", mariadb() ? "NO_LOG" : "MINIMAL");
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    alter_unlogged();  // and no row comes
    if (mariadb()) {   // at each new connection; else on a schedule
        EXPECT_EQ(pipe.pause(), 0);
        pipe.start();
    }
    ASSERT_TRUE(wait_for_stops(pipe, {0, 1, 2, 3})) << pipe.status() << pipe.log();
    expect_fine_flows(pipe);
    EXPECT_EQ(pipe.status()["state"], "Degraded");
    EXPECT_EQ(pipe.pause(), 0);
    EXPECT_NE(reason_of(pipe, 0).find("column v is now varchar(20) CHARACTER SET latin2, recorded was "
                                      "varchar(20) CHARACTER SET latin1"),
              std::string::npos)
        << reason_of(pipe, 0);
    EXPECT_NE(reason_of(pipe, 1).find("column v is now text CHARACTER SET latin1, recorded was blob"),
              std::string::npos)
        << reason_of(pipe, 1);
    for (const size_t table : {2, 3}) {
        EXPECT_NE(reason_of(pipe, table).find("its key of before is no key any more"), std::string::npos)
            << reason_of(pipe, table);
    }
}

INSTANTIATE_TEST_SUITE_P(Servers, UnloggedChanges, testing::Values("MYSQL", "MARIADB", "MARIADB11"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace penstock
