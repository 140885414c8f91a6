// DATETIME keeps its digits and TIMESTAMP its instant, with a source in one zone, writers in others, and
// penstock in a third, through the hours that summer time leaves out and repeats.

#include <cstdlib>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/own_server.h"
#include "support/pipe_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;

/// The zone of this process and of those it starts from now on, as a rule of POSIX: no zone files are needed.
class HostZone {
  public:
    explicit HostZone(const char* zone) { setenv("TZ", zone, 1); }
    ~HostZone() { unsetenv("TZ"); }
};

constexpr const char* kBerlin = "CET-1CEST,M3.5.0,M10.5.0/3";
constexpr const char* kNewYork = "EST5EDT,M3.2.0,M11.1.0";

class TimeZone : public testing::TestWithParam<const char*> {};

TEST_P(TimeZone, DigitsAndInstantsStay) {
    std::optional<OwnServer> server;
    {
        HostZone zone(kBerlin);
        server.emplace(GetParam(), std::vector<std::string>{});
    }
    PipeChoice choice;
    choice.server = GetParam();
    choice.source = server->endpoint();
    choice.database = fmt::format("zones_{}", GetParam());
    choice.mappings = {"t", "hours"};
    choice.more_settings = "snapshotNumRowsPerPartition: 1000\n";
    MysqlConnection source = MysqlConnection::open(*choice.source);
    auto in_zone = [&](const char* zone, const std::string& sql) {
        source.execute(fmt::format("SET time_zone = '{}'", zone));
        source.execute(sql);
    };
    source.execute("CREATE DATABASE " + choice.database);
    source.execute("USE " + choice.database);
    source.execute("CREATE TABLE t (id INT PRIMARY KEY, s TIMESTAMP(3) NULL, d DATETIME(3))");
    source.execute("CREATE TABLE hours (at TIMESTAMP PRIMARY KEY, n INT)");
    source.execute("SET time_zone = 'SYSTEM'");
    ASSERT_EQ(source.query("SELECT FROM_UNIXTIME(1720000000)")[0][0], "2024-07-03 11:46:40")
        << "not in summer time";

    auto fill = [&](int parity) {
        auto insert = [&](int id, const char* zone, const char* time) {
            in_zone(zone, fmt::format("INSERT INTO t VALUES ({}, '{}', '{}')", id * 2 + parity, time, time));
        };
        insert(1, "SYSTEM", "2024-01-15 12:00:00.123");  // winter
        insert(2, "SYSTEM", "2024-07-15 12:00:00.123");  // summer
        insert(3, "SYSTEM", "2024-03-31 02:30:00");      // left out: the server takes the hour after
        insert(4, "+02:00", "2024-10-27 02:30:00");      // the first time
        insert(5, "+01:00", "2024-10-27 02:30:00");      // the second time
        insert(6, "-07:00", "2038-01-18 20:14:07");
        insert(7, "+09:00", "1970-01-01 09:00:01");
    };
    fill(1);
    // Every hour of 2024 as a key, cut into partitions across both changes.
    std::string digit =
        "(SELECT 0 n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 "
        "UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)";
    in_zone("+00:00",
            "INSERT INTO hours SELECT FROM_UNIXTIME(1704067200 + 3600 * (a.n + 10 * b.n + 100 * c.n + "
            "1000 * d.n)), 0 FROM " +
                digit + " a, " + digit + " b, " + digit + " c, " + digit + " d");
    PipeProcess pipe(choice);
    {
        HostZone zone(kNewYork);
        pipe.start();
    }
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    fill(0);
    in_zone("SYSTEM", "UPDATE hours SET n = 1 WHERE at BETWEEN '2024-10-26' AND '2024-10-28'");
    in_zone("SYSTEM", "DELETE FROM hours WHERE at BETWEEN '2024-03-30' AND '2024-04-01'");
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    ASSERT_EQ(pipe.pause(), 0) << pipe.log();

    ClickHouseEndpoint endpoint = clickhouse_endpoint();
    endpoint.database = choice.database;
    ClickHouseClient target(endpoint);
    EXPECT_EQ(
        target.query("SELECT intDiv(id, 2) AS n, s, d, count() FROM t FINAL GROUP BY n, s, d ORDER BY n"),
        "1\t2024-01-15 11:00:00.123\t2024-01-15 12:00:00.123\t2\n"
        "2\t2024-07-15 10:00:00.123\t2024-07-15 12:00:00.123\t2\n"
        "3\t2024-03-31 01:00:00.000\t2024-03-31 02:30:00.000\t2\n"
        "4\t2024-10-27 00:30:00.000\t2024-10-27 02:30:00.000\t2\n"
        "5\t2024-10-27 01:30:00.000\t2024-10-27 02:30:00.000\t2\n"
        "6\t2038-01-19 03:14:07.000\t2038-01-18 20:14:07.000\t2\n"
        "7\t1970-01-01 00:00:01.000\t1970-01-01 09:00:01.000\t2");
    EXPECT_EQ(
        target.query(
            "SELECT countIf(n = 1), min(at), max(at), count() FROM hours FINAL WHERE _peerdb_is_deleted = 0"),
        "50\t2024-01-01 00:00:00\t2025-02-20 15:00:00\t9952");
    HostZone zone(kNewYork);
    Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

INSTANTIATE_TEST_SUITE_P(Servers, TimeZone, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace penstock
