// The temporal formats before MySQL 5.6, which a MariaDB server still makes under
// mysql56_temporal_format=OFF, and its own of that time for fractions ("mariadb-5.3"): loaded, followed and
// compared.

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/pipe_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;

/// Puts a global variable back at the end.
class OldFormats {
  public:
    explicit OldFormats(MysqlConnection& connection) : connection_(connection) {
        connection_.execute("SET GLOBAL mysql56_temporal_format = OFF");
    }
    ~OldFormats() { connection_.execute("SET GLOBAL mysql56_temporal_format = ON"); }

  private:
    MysqlConnection& connection_;
};

class OldTemporal : public testing::TestWithParam<const char*> {};

TEST_P(OldTemporal, AlikeFromLoadAndLog) {
    MysqlConnection source = MysqlConnection::open(source_endpoint(GetParam()));
    PipeChoice choice;
    choice.server = GetParam();
    choice.database = std::string("old_temporal_") + GetParam();
    for (char& c : choice.database) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    choice.mappings = {"t", "{sourceTable: u, targetTable: u, excludedColumns: [left_out]}"};
    source.execute("DROP DATABASE IF EXISTS " + choice.database);
    source.execute("CREATE DATABASE " + choice.database);
    source.execute("USE " + choice.database);
    source.execute("SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'");
    std::string ddl = "CREATE TABLE t (id INT PRIMARY KEY";
    for (int fsp = 0; fsp <= 6; ++fsp)
        ddl += fmt::format(", t{0} TIME({0}), d{0} DATETIME({0}), s{0} TIMESTAMP({0}) NULL", fsp);
    {
        OldFormats old(source);
        source.execute(ddl + ")");
        source.execute("CREATE TABLE u (id INT PRIMARY KEY, left_out TIME(3), n INT)");
    }
    ASSERT_NE(source.query("SHOW CREATE TABLE t")[0][1]->find("mariadb-5.3"), std::string::npos);

    const char* const kTimes[] = {"-838:59:59.123456", "838:59:59.654321", "-00:00:00.000001", "0",
                                  "12:34:56"};
    const char* const kDates[] = {"2024-02-29 23:59:59.999999", "0000-00-00 00:00:00",
                                  "1900-01-01 00:00:00.1", "2299-12-31 12:00:00", "2024-00-00 01:02:03"};
    const char* const kStamps[] = {"1970-01-01 00:00:01.000001", "2038-01-19 03:14:07.5",
                                   "0000-00-00 00:00:00", "2024-02-29 23:59:59.999999", "2000-01-01"};
    auto fill = [&](int parity) {
        for (int row = 0; row < 6; ++row) {
            std::string sql = fmt::format("INSERT INTO t SET id = {}", row * 2 + parity);
            for (int fsp = 0; row < 5 && fsp <= 6; ++fsp) {
                sql += fmt::format(", t{0} = '{1}', d{0} = '{2}', s{0} = '{3}'", fsp, kTimes[row],
                                   kDates[row], kStamps[row]);
            }
            source.execute(sql);
            source.execute(
                fmt::format("INSERT INTO u VALUES ({}, '-01:02:03.456', {})", row * 2 + parity, row));
        }
    };
    fill(1);
    PipeProcess pipe(choice);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    fill(0);
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    ASSERT_EQ(pipe.pause(), 0) << pipe.log();
    Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;

    ClickHouseEndpoint endpoint = clickhouse_endpoint();
    endpoint.database = choice.database;
    ClickHouseClient target(endpoint);
    EXPECT_EQ(target.query("SELECT t6, d6, s6, t0, d0, s0 FROM t FINAL WHERE id < 2 ORDER BY id"),
              "-838:59:59.123456\t2024-02-29 23:59:59.999999\t1970-01-01 00:00:01.000001\t"
              "-838:59:59.000000\t2024-02-29 23:59:59\t1970-01-01 00:00:01\n"
              "-838:59:59.123456\t2024-02-29 23:59:59.999999\t1970-01-01 00:00:01.000001\t"
              "-838:59:59.000000\t2024-02-29 23:59:59\t1970-01-01 00:00:01");
    EXPECT_EQ(target.query("SELECT sum(n), count() FROM u FINAL"), "30\t12");
}

INSTANTIATE_TEST_SUITE_P(Servers, OldTemporal, testing::Values("MARIADB", "MARIADB11"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace penstock
