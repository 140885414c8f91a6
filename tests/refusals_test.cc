// What cannot work is refused in one line that says what to do, and leaves nothing behind.

#include <algorithm>
#include <functional>
#include <optional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "source/mysql_connection.h"
#include "support/own_server.h"
#include "support/servers.h"
#include "support/subprocess.h"

namespace penstock {
namespace {

using namespace test;

constexpr const char* kDatabase = "refusals";

/// The parts of a pipe file that the cases bend.
struct Bend {
    SourceEndpoint source;
    std::string table = "t";
    std::string mode = "cdc";
    std::string clickhouse_url;
    std::string extra;  // appended to the file
};

class Refusals : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        bend_.source = source_endpoint(GetParam());
        admin_.emplace(MysqlConnection::open(bend_.source));
        admin_->execute(fmt::format("DROP DATABASE IF EXISTS {}", kDatabase));
        admin_->execute(fmt::format("CREATE DATABASE {}", kDatabase));
        admin_->execute(fmt::format("CREATE TABLE {}.t (id INT PRIMARY KEY, v INT)", kDatabase));
        admin_->execute(fmt::format("INSERT INTO {}.t VALUES (1, 1)", kDatabase));
        target_ = clickhouse_endpoint();
        ClickHouseClient(target_).query(fmt::format("DROP DATABASE IF EXISTS {}", kDatabase));
        bend_.clickhouse_url = target_.url;
        clickhouse_password_ = target_.password;
    }

    /// Runs the bent pipe and holds its end against what every refusal has in common.
    void expect_refused(const std::string& part, const std::string& fix = "") {
        write_file(directory_.path() + "/password", clickhouse_password_);
        write_file(file(), fmt::format(R"(name: refused
source:
  mysql:
    host: {}
    port: {}
    credentials: {{username: {}, password: "{}"}}
    settings: {{replicationMode: {}, syncIntervalSeconds: 1}}
    tableMappings:
      - {{sourceSchemaName: {}, sourceTable: {}, targetTable: t}}
destination: {{database: {}}}
{})",
                                       bend_.source.host, bend_.source.port, bend_.source.username,
                                       bend_.source.password, bend_.mode, kDatabase, bend_.table, kDatabase,
                                       bend_.extra));
        Finished finished =
            run_program({penstock_program(), "run", file(), "--data-dir", data(), "--clickhouse-url",
                         bend_.clickhouse_url, "--clickhouse-user", target_.user,
                         "--clickhouse-password-file", directory_.path() + "/password"});
        EXPECT_NE(finished.exit_code, 0);
        EXPECT_LT(finished.exit_code, 126) << "ended by a signal";
        EXPECT_EQ(std::count(finished.err.begin(), finished.err.end(), '\n'), 1) << finished.err;
        EXPECT_EQ(finished.err.rfind("penstock: ", 0), 0u) << finished.err;
        EXPECT_NE(finished.err.find(part), std::string::npos) << finished.err;
        EXPECT_NE(finished.err.find(fix), std::string::npos) << finished.err;
        if (!bend_.source.password.empty()) {
            EXPECT_EQ(finished.err.find(bend_.source.password), std::string::npos) << "the password is shown";
        }
        EXPECT_EQ(finished.out, "");
        EXPECT_EQ(ClickHouseClient(target_).query(
                      fmt::format("SELECT count() FROM system.databases WHERE name = '{}'", kDatabase)),
                  "0");
        Finished status = run_program({penstock_program(), "status", "refused", "--data-dir", data()});
        EXPECT_NE(status.exit_code, 0) << "a pipe was left behind: " << status.out;
    }

    /// Sets a global variable for the time of one check.
    void with_global(const std::string& name, const std::string& value, const std::function<void()>& body) {
        std::string before = *admin_->query_value("SELECT @@GLOBAL." + name);
        admin_->execute(fmt::format("SET GLOBAL {} = '{}'", name, value));
        body();
        admin_->execute(fmt::format("SET GLOBAL {} = '{}'", name, before));
    }

    std::string file() const { return directory_.path() + "/pipe.yaml"; }
    std::string data() const { return directory_.path() + "/data"; }

    TemporaryDirectory directory_;
    Bend bend_;
    ClickHouseEndpoint target_;
    std::string clickhouse_password_;
    std::optional<MysqlConnection> admin_;
};

TEST_P(Refusals, WrongPassword) {
    bend_.source.password = "not-the-password";
    expect_refused("Access denied");
}

TEST_P(Refusals, UnknownHost) {
    bend_.source.host = "no-such-host.invalid";
    expect_refused("no-such-host.invalid");
}

TEST_P(Refusals, NothingListensThere) {
    bend_.source.port = 1;
    expect_refused("127.0.0.1:1");
}

TEST_P(Refusals, MissingTable) {
    bend_.table = "not_there";
    expect_refused("refusals.not_there");
}

TEST_P(Refusals, StatementFormat) {
    with_global("binlog_format", "STATEMENT", [&] { expect_refused("STATEMENT", "binlog_format = 'ROW'"); });
}

TEST_P(Refusals, LogBinOff) {
    OwnServer server(GetParam(), {"--skip-log-bin"});
    bend_.source = server.endpoint();
    MysqlConnection own = MysqlConnection::open(bend_.source);
    own.execute(fmt::format("CREATE DATABASE {}", kDatabase));
    own.execute(fmt::format("CREATE TABLE {}.t (id INT PRIMARY KEY, v INT)", kDatabase));
    expect_refused("log_bin: found OFF", "a restart");
}

TEST_P(Refusals, MinimalRowImage) {
    with_global("binlog_row_image", "MINIMAL",
                [&] { expect_refused("MINIMAL", "binlog_row_image = 'FULL'"); });
}

TEST_P(Refusals, MissingReplicationPrivilege) {
    admin_->execute("DROP USER IF EXISTS 'penstock_reader'@'%'");
    admin_->execute("CREATE USER 'penstock_reader'@'%' IDENTIFIED BY 'readers-password'");
    admin_->execute(fmt::format("GRANT SELECT ON {}.* TO 'penstock_reader'@'%'", kDatabase));
    bend_.source.username = "penstock_reader";
    bend_.source.password = "readers-password";
    expect_refused("replication", "GRANT REPLICATION");
    admin_->execute("DROP USER 'penstock_reader'@'%'");
}

TEST_P(Refusals, MissingSelectPrivilege) {
    admin_->execute("DROP USER IF EXISTS 'penstock_reader'@'%'");
    admin_->execute("CREATE USER 'penstock_reader'@'%' IDENTIFIED BY 'readers-password'");
    admin_->execute("GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'penstock_reader'@'%'");
    bend_.source.username = "penstock_reader";
    bend_.source.password = "readers-password";
    expect_refused("refusals.t", "GRANT SELECT");
    admin_->execute("DROP USER 'penstock_reader'@'%'");
}

TEST_P(Refusals, ClickHouseDown) {
    bend_.clickhouse_url = "http://127.0.0.1:1";
    expect_refused("127.0.0.1:1");
}

TEST_P(Refusals, WrongClickHousePassword) {
    clickhouse_password_ = "not-the-password";
    expect_refused("Authentication failed");
}

TEST_P(Refusals, BadYaml) {
    bend_.extra = "  : [unclosed\n";
    expect_refused("pipe.yaml");
}

TEST_P(Refusals, UnknownField) {
    bend_.extra = "destinatoin: {}\n";
    expect_refused("destinatoin", "destination");
}

TEST_P(Refusals, NoKey) {
    admin_->execute(fmt::format("ALTER TABLE {}.t DROP PRIMARY KEY", kDatabase));
    expect_refused("refusals.t", "PRIMARY KEY");
}

INSTANTIATE_TEST_SUITE_P(Servers, Refusals, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace penstock
