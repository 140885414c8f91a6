// The main job on real servers: load while a writer runs, follow its changes, be killed in between, and end
// equal, value by value.

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/background_work.h"
#include "support/pipe_process.h"
#include "support/servers.h"
#include "support/shop.h"
#include "support/subprocess.h"

namespace penstock {
namespace {

using namespace test;
using std::chrono::milliseconds;

struct Scenario {
    const char* name;
    const char* server;
    const char* mechanism;
    int kills;
};

uint64_t seed_of_run() {
    const char* given = std::getenv("PENSTOCK_TEST_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

uint32_t scale(const char* variable, uint32_t standard) {
    const char* given = std::getenv(variable);
    return given != nullptr ? static_cast<uint32_t>(std::strtoul(given, nullptr, 10)) : standard;
}

class MainJob : public testing::TestWithParam<Scenario> {};

TEST_P(MainJob, EndsEqual) {
    const Scenario& scenario = GetParam();
    const uint64_t seed = seed_of_run();
    SCOPED_TRACE(fmt::format("replay with PENSTOCK_TEST_SEED={}", seed));
    const uint32_t rows = scale("PENSTOCK_TEST_ROWS", 50'000);  // in each of four tables
    const uint32_t changes = scale("PENSTOCK_TEST_CHANGES", 50'000);
    const std::string database = fmt::format("main_job_{}", scenario.name);

    PipeChoice choice;
    choice.server = scenario.server;
    choice.database = database;
    choice.mechanism = scenario.mechanism;
    choice.more_settings =
        "snapshotNumRowsPerPartition: 4000\nsnapshotNumberOfParallelTables: 2\ninitialLoadParallelism: 2\n";
    choice.mappings = {"by_int", "by_pair", "by_text", "every_type"};
    PipeProcess pipe(choice);
    MysqlConnection connection = MysqlConnection::open(pipe.endpoint());
    create_shop(connection, database, rows);
    MysqlConnection writing = MysqlConnection::open(pipe.endpoint());
    ShopWriter writer(writing, database, rows, seed);

    // While the tables are loaded a writer runs.
    BackgroundWork<uint64_t> during_load(
        [&](const std::atomic<bool>& stop) { return writer.run(UINT64_MAX, stop); });
    pipe.start();
    std::mt19937_64 random(seed);
    int kills_left = scenario.kills;
    auto kill_at_random_moment = [&] {
        std::this_thread::sleep_for(milliseconds(random() % 1500));  // the moment itself is what is random
        pipe.process().signal(SIGKILL);
        EXPECT_EQ(pipe.process().wait(), 128 + SIGKILL) << pipe.log();
        pipe.start();
        --kills_left;
    };
    while (kills_left > scenario.kills / 2) kill_at_random_moment();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    during_load.finish();

    // Then 50,000 changes more.
    BackgroundWork<uint64_t> after_load(
        [&](const std::atomic<bool>& stop) { return writer.run(changes, stop); });
    while (kills_left > 0) kill_at_random_moment();
    EXPECT_GE(after_load.wait(), changes);

    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0) << pipe.log();
    EXPECT_EQ(pipe.status()["state"], "Paused");

    Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;

    // The check can fail: one bent value is found.
    ClickHouseClient target(clickhouse_endpoint());
    target.query("INSERT INTO " + database +
                 ".by_int (id, a, _peerdb_is_deleted, _peerdb_version) "
                 "SELECT id, 4242424242, 0, 18446744073709551615 FROM " +
                 database + ".by_int LIMIT 1");
    EXPECT_EQ(pipe.verify().exit_code, 1);
}

INSTANTIATE_TEST_SUITE_P(Servers, MainJob,
                         testing::Values(Scenario{"mysql_gtid", "MYSQL", "GTID", 0},
                                         Scenario{"mysql_file", "MYSQL", "FILE_POS", 0},
                                         Scenario{"mariadb_gtid", "MARIADB", "GTID", 0},
                                         Scenario{"mariadb_file", "MARIADB", "FILE_POS", 0},
                                         Scenario{"mysql_gtid_killed", "MYSQL", "GTID", 10},
                                         Scenario{"mysql_file_killed", "MYSQL", "FILE_POS", 10},
                                         Scenario{"mariadb_gtid_killed", "MARIADB", "GTID", 10}),
                         [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace penstock
