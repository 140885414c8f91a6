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

PipeChoice strict(const std::string& server, const std::string& database) {
    PipeChoice choice;
    choice.server = server;
    choice.database = database;
    choice.mappings = {"t", "clean"};
    choice.more_settings = "invalidDates: error\n";
    return choice;
}

// Where nothing flows in the end, a table that is missing fails the pipe; the others are loaded.
TEST_P(Policies, ErrorInTheLoadNamesColumnAndValue) {
    PipeChoice choice = strict(GetParam(), database_);
    choice.mode = "snapshot";
    PipeProcess pipe(choice);
    for (int run = 0; run < 2; ++run) {
        Finished finished = pipe.run_to_end();
        EXPECT_EQ(finished.exit_code, 1);
        EXPECT_NE(finished.err.find("1 of 2 tables is stopped: decode: ClickHouse cannot hold the date "
                                    "'0000-00-00', in column d (table " +
                                    database_ + ".t)"),
                  std::string::npos)
            << finished.err;
        const json status = pipe.status();
        EXPECT_EQ(status["state"], "Failed");
        EXPECT_EQ(status["tables"][1]["load"], "loaded");
        EXPECT_EQ(target("SELECT id, d FROM clean"), "1\t2024-01-01");
    }
}

// The load of one table meets a bad value: `penstock run` follows the other one.
TEST_P(Policies, ErrorInTheLoadLeavesTheOtherTableFlowing) {
    PipeProcess pipe(strict(GetParam(), database_));
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Degraded")) << pipe.log();
    source_->execute("INSERT INTO clean VALUES (2, '2024-02-02')");
    EXPECT_TRUE(pipe.wait_for([&](const json& now) { return now["tables"][1]["inserted"] == 1; }))
        << pipe.log();
    EXPECT_EQ(pipe.pause(), 0) << pipe.log();
    EXPECT_EQ(target("SELECT id, d FROM clean ORDER BY id"), "1\t2024-01-01\n2\t2024-02-02");
    const std::string error = pipe.status()["tables"][0]["error"];
    EXPECT_NE(error.find("'0000-00-00', in column d"), std::string::npos) << error;
}

// Each such value in the log stops the table at its row: what stands before it in the same statement is
// applied, nothing behind it. tinyint(1) has no error: Bool counts, whatever the policy for dates is.
TEST_P(Policies, ErrorInTheLogStopsTheTableAtTheRow) {
    struct Case {
        const char* row;
        const char* value;
        const char* column;
    };
    for (const Case& c :
         {Case{"(12, '0000-00-00', '2024-01-01', 1, 1)", "0000-00-00", "d"},
          Case{"(12, '2024-02-31', '2024-01-01', 1, 1)", "2024-02-31", "d"},
          Case{"(12, '1899-12-31', '2024-01-01', 1, 1)", "1899-12-31", "d"},
          Case{"(12, NULL, '2024-00-00 01:02:03.5', 1, 1)", "2024-00-00 01:02:03.500000", "dt"},
          Case{"(12, NULL, '2300-01-01', 1, 1)", "2300-01-01 00:00:00", "dt"}}) {
        source_->execute("DELETE FROM t");
        source_->execute("DELETE FROM clean WHERE id > 1");
        PipeProcess pipe(strict(GetParam(), database_));
        pipe.start();
        ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
        source_->execute(std::string("INSERT INTO t VALUES (11, '2024-05-05', '2024-05-05', 7, 1), ") +
                         c.row + ", (13, '2024-05-05', '2024-05-05', 1, 1)");
        source_->execute("INSERT INTO clean VALUES (2, '2024-02-02')");
        ASSERT_TRUE(pipe.wait_for_state("Degraded")) << pipe.log();
        EXPECT_TRUE(pipe.wait_for([&](const json& now) { return now["tables"][1]["inserted"] == 1; }))
            << pipe.log();
        EXPECT_EQ(pipe.pause(), 0) << pipe.log();
        EXPECT_EQ(target("SELECT id, flag FROM t"), "11\ttrue");
        const json table = pipe.status()["tables"][0];
        const std::string error = table["error"];
        EXPECT_EQ(
            error.find(fmt::format("decode: ClickHouse cannot hold the date '{}', in column {} (table {}.t, "
                                   "at {})",
                                   c.value, c.column, database_, table["errorPosition"].get<std::string>())),
            0)
            << error;
        EXPECT_EQ(table["adjustedColumns"], json::array({{{"column", "flag"}, {"values", 1}}}));
    }
}

// In the key it is an error whatever the policy: two rows must not become one.
TEST_P(Policies, ErrorInTheKeyWhateverThePolicy) {
    source_->execute("CREATE TABLE keyed (d DATE PRIMARY KEY, flag TINYINT(1))");
    PipeChoice choice = strict(GetParam(), database_);
    choice.mappings = {"keyed", "clean"};
    choice.more_settings = "invalidDates: clamp\n";
    PipeProcess pipe(choice);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    source_->execute("INSERT INTO keyed VALUES ('2024-01-01', 1), ('0000-00-00', 1)");
    ASSERT_TRUE(pipe.wait_for_state("Degraded")) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0) << pipe.log();
    const std::string error = pipe.status()["tables"][0]["error"];
    EXPECT_NE(error.find("'0000-00-00', in column d"), std::string::npos) << error;
    EXPECT_NE(error.find("choose another sorting key"), std::string::npos) << error;
    EXPECT_EQ(target("SELECT d FROM keyed"), "2024-01-01");
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
