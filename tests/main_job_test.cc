// The main job on real servers: load while a writer runs, follow its changes, be killed in between, and end
// equal, value by value.

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <future>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "model/position.h"
#include "source/server_info.h"
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

class Pipe {
  public:
    Pipe(const Scenario& scenario, const std::string& database) : endpoint_(source_endpoint(scenario.server)) {
        write_file(file(), fmt::format(R"(name: {0}
source:
  mysql:
    type: {1}
    host: {2}
    port: {3}
    credentials: {{username: {4}, password: "{5}"}}
    settings:
      replicationMode: cdc
      replicationMechanism: {6}
      syncIntervalSeconds: 1
      snapshotNumRowsPerPartition: 4000
      snapshotNumberOfParallelTables: 2
      initialLoadParallelism: 2
    tableMappings:
      - {{sourceSchemaName: {0}, sourceTable: by_int, targetTable: by_int}}
      - {{sourceSchemaName: {0}, sourceTable: by_pair, targetTable: by_pair}}
      - {{sourceSchemaName: {0}, sourceTable: by_text, targetTable: by_text}}
      - {{sourceSchemaName: {0}, sourceTable: every_type, targetTable: every_type}}
destination:
  database: {0}
)",
                                       database, endpoint_.type, endpoint_.host, endpoint_.port, endpoint_.username,
                                       endpoint_.password, scenario.mechanism));
        ClickHouseEndpoint target = clickhouse_endpoint();
        write_file(directory_.path() + "/password", target.password);
        ClickHouseClient(target).query("DROP DATABASE IF EXISTS " + database);
        options_ = {"--data-dir", directory_.path() + "/data"};
        target_options_ = {"--clickhouse-url", target.url, "--clickhouse-user", target.user,
                           "--clickhouse-password-file", directory_.path() + "/password"};
    }

    void start() {
        std::vector<std::string> arguments = {penstock_program(), "run", file()};
        arguments.insert(arguments.end(), options_.begin(), options_.end());
        arguments.insert(arguments.end(), target_options_.begin(), target_options_.end());
        running_ = std::make_unique<Background>(arguments, log());
    }
    Background& process() { return *running_; }

    nlohmann::json status() {
        std::vector<std::string> arguments = {penstock_program(), "status", file(), "--output", "json"};
        arguments.insert(arguments.end(), options_.begin(), options_.end());
        Finished finished = run_program(arguments);
        if (finished.exit_code != 0) return {};
        return nlohmann::json::parse(finished.out);
    }
    Finished verify() {
        std::vector<std::string> arguments = {penstock_program(), "verify", file()};
        arguments.insert(arguments.end(), options_.begin(), options_.end());
        arguments.insert(arguments.end(), target_options_.begin(), target_options_.end());
        return run_program(arguments);
    }

    /// Polls the status until `condition` holds; false when the pipe ended or three minutes passed.
    template <typename Condition>
    bool wait_for(Condition condition) {
        auto end = std::chrono::steady_clock::now() + std::chrono::minutes(3);
        while (std::chrono::steady_clock::now() < end) {
            nlohmann::json now = status();
            if (!now.is_null() && condition(now)) return true;
            if (!running_->running()) return false;
            std::this_thread::sleep_for(milliseconds(50));
        }
        return false;
    }

    std::string file() const { return directory_.path() + "/pipe.yaml"; }
    std::string log() const { return directory_.path() + "/log"; }
    const SourceEndpoint& endpoint() const { return endpoint_; }

  private:
    TemporaryDirectory directory_;
    SourceEndpoint endpoint_;
    std::vector<std::string> options_, target_options_;
    std::unique_ptr<Background> running_;
};

class MainJob : public testing::TestWithParam<Scenario> {};

TEST_P(MainJob, EndsEqual) {
    const Scenario& scenario = GetParam();
    const uint64_t seed = seed_of_run();
    SCOPED_TRACE(fmt::format("replay with PENSTOCK_TEST_SEED={}", seed));
    const uint32_t rows = scale("PENSTOCK_TEST_ROWS", 50'000);  // in each of four tables
    const uint32_t changes = scale("PENSTOCK_TEST_CHANGES", 50'000);
    const std::string database = fmt::format("main_job_{}", scenario.name);

    Pipe pipe(scenario, database);
    MysqlConnection connection = MysqlConnection::open(pipe.endpoint());
    create_shop(connection, database, rows);
    MysqlConnection writing = MysqlConnection::open(pipe.endpoint());
    ShopWriter writer(writing, database, rows, seed);

    // While the tables are loaded a writer runs.
    std::atomic<bool> stop{false};
    std::future<uint64_t> during_load =
        std::async(std::launch::async, [&] { return writer.run(UINT64_MAX, stop); });
    pipe.start();
    std::mt19937_64 random(seed);
    int kills_left = scenario.kills;
    auto kill_at_random_moment = [&] {
        std::this_thread::sleep_for(milliseconds(random() % 1500));  // the moment itself is what is random
        pipe.process().signal(SIGKILL);
        EXPECT_EQ(pipe.process().wait(), 128 + SIGKILL) << read_file(pipe.log());
        pipe.start();
        --kills_left;
    };
    while (kills_left > scenario.kills / 2) kill_at_random_moment();
    ASSERT_TRUE(pipe.wait_for([](const nlohmann::json& now) { return now["state"] == "Running"; }))
        << read_file(pipe.log());
    stop = true;
    during_load.get();

    // Then 50,000 changes more.
    stop = false;
    std::future<uint64_t> after_load = std::async(std::launch::async, [&] { return writer.run(changes, stop); });
    while (kills_left > 0) kill_at_random_moment();
    EXPECT_GE(after_load.get(), changes);

    ServerInfo info = read_server_info(connection);
    Position end = current_position(connection, info,
                                    std::string(scenario.mechanism) == "GTID" ? ReplicationMechanism::kGtid
                                                                           : ReplicationMechanism::kFilePos);
    ASSERT_TRUE(pipe.wait_for([&](const nlohmann::json& now) {
        return now["state"] == "Running" && Position::parse(now["position"].get<std::string>()).reached(end);
    })) << read_file(pipe.log());
    pipe.process().signal(SIGINT);
    EXPECT_EQ(pipe.process().wait(), 0) << read_file(pipe.log());
    EXPECT_EQ(pipe.status()["state"], "Paused");

    Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;

    // The check can fail: one bent value is found.
    ClickHouseClient target(clickhouse_endpoint());
    target.query("INSERT INTO " + database +
                 ".by_int (id, a, _peerdb_is_deleted, _peerdb_version) "
                 "SELECT id, 4242424242, 0, 18446744073709551615 FROM " + database + ".by_int LIMIT 1");
    EXPECT_EQ(pipe.verify().exit_code, 1);
}

INSTANTIATE_TEST_SUITE_P(
    Servers, MainJob,
    testing::Values(Scenario{"mysql_gtid", "MYSQL", "GTID", 0}, Scenario{"mysql_file", "MYSQL", "FILE_POS", 0},
                    Scenario{"mariadb_gtid", "MARIADB", "GTID", 0}, Scenario{"mysql_gtid_killed", "MYSQL", "GTID", 10},
                    Scenario{"mysql_file_killed", "MYSQL", "FILE_POS", 10},
                    Scenario{"mariadb_gtid_killed", "MARIADB", "GTID", 10}),
    [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace penstock
