// What a pipe's policies make of values that ClickHouse cannot hold, and where each is counted: by column, in
// `penstock status` and in the API.

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/pipe_process.h"
#include "support/serve_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;

class Policies : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
        database_ = "policies_" + test;
        for (char& c : database_)
            c = c == '/' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        source_.emplace(MysqlConnection::open(source_endpoint(GetParam())));
        source_->execute("DROP DATABASE IF EXISTS " + database_);
        source_->execute("CREATE DATABASE " + database_);
        source_->execute("USE " + database_);
        source_->execute("SET sql_mode = 'ALLOW_INVALID_DATES'");
        source_->execute(
            "CREATE TABLE t (id INT PRIMARY KEY, d DATE, dt DATETIME(3) NOT NULL, flag TINYINT(1), n INT)");
        source_->execute("CREATE TABLE clean (id INT PRIMARY KEY, d DATE)");
        source_->execute("INSERT INTO clean VALUES (1, '2024-01-01')");
        source_->execute(
            "INSERT INTO t VALUES (1, '0000-00-00', '2024-00-00 01:02:03.5', 2, 1), "
            "(3, '2024-05-05', '9999-12-31 23:59:59.999', 1, 1)");
    }
    void write_to_log() {
        source_->execute("INSERT INTO t VALUES (2, '1000-01-01', '2024-01-01', -1, 1)");
        source_->execute("INSERT INTO t VALUES (4, NULL, '0000-00-00', 0, 1)");
    }
    std::string target(const std::string& sql) {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = database_;
        return ClickHouseClient(endpoint).query(sql);
    }

    /// Loads, follows, and gives the table's part of the status.
    json followed(const std::string& settings) {
        PipeChoice choice;
        choice.server = GetParam();
        choice.database = database_;
        choice.mappings = {"t", "clean"};
        choice.more_settings = settings;
        PipeProcess pipe(choice);
        pipe.start();
        EXPECT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
        write_to_log();
        EXPECT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
        EXPECT_EQ(pipe.pause(), 0) << pipe.log();
        Finished verified = pipe.verify();
        EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
        json tables = pipe.status()["tables"];
        EXPECT_EQ(tables[1]["adjusted"], 0);
        EXPECT_EQ(tables[1]["adjustedColumns"], json::array());
        return tables[0];
    }

    const json by_column_ = {{{"column", "d"}, {"values", 2}},
                             {{"column", "dt"}, {"values", 3}},
                             {{"column", "flag"}, {"values", 2}}};
    std::string database_;
    std::optional<MysqlConnection> source_;
};

TEST_P(Policies, Clamp) {
    json table = followed("");
    EXPECT_EQ(table["adjusted"], 7);
    EXPECT_EQ(table["adjustedColumns"], by_column_);
    EXPECT_EQ(target("SELECT d, dt, flag FROM t FINAL ORDER BY id"),
              "1970-01-01\t2024-01-01 01:02:03.500\ttrue\n"
              "1900-01-01\t2024-01-01 00:00:00.000\ttrue\n"
              "2024-05-05\t2299-12-31 23:59:59.999\ttrue\n"
              "\\N\t1970-01-01 00:00:00.000\tfalse");
}

TEST_P(Policies, NullAndInt8) {
    json table = followed("invalidDates: \"null\"\ntinyInt1: int8\n");
    EXPECT_EQ(table["adjustedColumns"], json::array({by_column_[0], by_column_[1]}));
    EXPECT_EQ(target("SELECT d, dt, flag FROM t FINAL ORDER BY id"),
              "\\N\t2024-01-01 01:02:03.500\t2\n"
              "\\N\t2024-01-01 00:00:00.000\t-1\n"
              "2024-05-05\t2299-12-31 23:59:59.999\t1\n"
              "\\N\t1970-01-01 00:00:00.000\t0");
}

TEST_P(Policies, ErrorNamesColumnAndValue) {
    PipeChoice choice;
    choice.server = GetParam();
    choice.database = database_;
    choice.mode = "snapshot";
    choice.mappings = {"t"};
    choice.more_settings = "invalidDates: error\n";
    PipeProcess pipe(choice);
    Finished finished = pipe.run_to_end();
    EXPECT_NE(finished.exit_code, 0);
    EXPECT_NE(finished.err.find("'0000-00-00', in column d"), std::string::npos) << finished.err;
}

TEST_P(Policies, TheApiTellsThemByColumn) {
    ServeProcess serve;
    serve.start();
    const SourceEndpoint endpoint = source_endpoint(GetParam());
    const std::string id = serve.create(pipe_body(database_, endpoint, database_, {"t", "clean"}, {}));
    ASSERT_TRUE(serve.wait_for_state(id, "Running")) << serve.log();
    write_to_log();
    ASSERT_TRUE(serve.wait_until_caught_up(id, endpoint)) << serve.log();
    json tables = serve.call("GET", "/clickpipes/" + id + "/tables").result();
    EXPECT_EQ(tables[0]["adjustedColumns"], by_column_);
    EXPECT_EQ(tables[1]["adjustedColumns"], json::array());

    // A table that is loaded anew by way of an intake takes its own counts along.
    ASSERT_EQ(serve.call("PATCH", "/clickpipes/" + id + "/state", {{"command", "resync"}}).status, 200);
    ASSERT_TRUE(serve.wait_until([&] {
        json now = serve.call("GET", "/clickpipes/" + id + "/tables").result();
        return serve.state(id) == "Running" && now[0]["rowsLoaded"] == 4;
    })) << serve.log();
    EXPECT_EQ(serve.call("GET", "/clickpipes/" + id + "/tables").result()[0]["adjustedColumns"], by_column_);
}

INSTANTIATE_TEST_SUITE_P(Servers, Policies, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace penstock
