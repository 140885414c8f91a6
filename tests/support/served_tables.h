#pragma once
// For tests that look at single tables of a pipe of the service: a database of the test's own, the service,
// and what both sides hold.

#include <cctype>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "destination/clickhouse_client.h"
#include "source/mysql_connection.h"
#include "support/serve_process.h"
#include "support/servers.h"

namespace penstock::test {

/// The parameter names the source. The service is started by the test, when its tables are there.
class ServedTables : public testing::TestWithParam<const char*> {
  protected:
    void make_database(const std::string& prefix) {
        source_ = source_endpoint(GetParam());
        const std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
        database_ = prefix + "_" + test.substr(0, 24) + test.substr(test.find('/') + 1);
        for (char& c : database_) c = c == '/' ? '_' : static_cast<char>(std::tolower(c));
        connection_.emplace(MysqlConnection::open(source_));
        execute("DROP DATABASE IF EXISTS " + database_);
        execute("CREATE DATABASE " + database_);
        execute("USE " + database_);
    }
    void execute(const std::string& sql) { connection_->execute(sql); }
    std::string target(const std::string& sql) {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = database_;
        return ClickHouseClient(endpoint).query(sql,
                                                {{"enable_time_time64_type", "1"}, {"mutations_sync", "2"}});
    }

    Answer command(const std::string& name, const nlohmann::json& tables = nullptr) {
        nlohmann::json asked = {{"command", name}};
        if (!tables.is_null()) asked["tables"] = tables;
        return serve_.call("PATCH", "/clickpipes/" + id_ + "/state", asked);
    }
    void resync(const std::vector<std::string>& tables) {
        ASSERT_EQ(command("resync", tables).status, 200);
        ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    }

    nlohmann::json table(const std::string& target) {
        const Answer answer = serve_.call("GET", "/clickpipes/" + id_ + "/tables");
        for (const nlohmann::json& shown : answer.result()) {
            if (shown["targetTable"] == target) return shown;
        }
        return nullptr;
    }
    std::string error_of(const std::string& name) {
        const nlohmann::json error = table(name)["error"];
        return error.is_string() ? error.get<std::string>() : "";
    }
    bool wait_for_row(const std::string& table, int64_t id) {
        return serve_.wait_until(
            [&] { return target(fmt::format("SELECT count() FROM {} WHERE id = {}", table, id)) != "0"; });
    }
    /// The table is stopped, and the pipe says so.
    bool wait_for_error(const std::string& table) {
        return serve_.wait_until([&] { return !error_of(table).empty() && serve_.state(id_) == "Degraded"; });
    }
    void expect_equal() {
        ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
        ASSERT_TRUE(serve_.wait_until_caught_up(id_, source_)) << serve_.log();
        Finished verified = serve_.verify(id_, source_);
        EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
    }

    SourceEndpoint source_;
    std::string database_, id_;
    std::optional<MysqlConnection> connection_;
    ServeProcess serve_;
};

}  // namespace penstock::test
