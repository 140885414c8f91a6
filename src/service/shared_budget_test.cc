// What the pipes of a service share, as running pipes on real servers meet it.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "destination/test_clickhouse.h"
#include "pipe/pipe.h"
#include "pipe/pipe_file.h"
#include "pipe/pipe_runner.h"
#include "pipe/resource_budget.h"
#include "service/pipe_manager.h"
#include "service/test_service.h"
#include "source/test_server.h"

namespace penstock {
namespace {

using nlohmann::json;

constexpr size_t kSmall = size_t{4} << 20;  // blocks of 1 MiB for a pipe that is alone
constexpr size_t kLarge = size_t{1} << 30;
constexpr int kRows = 3000;  // 3 MB

class SharedBudgetTest : public ServerTest {
  protected:
    void SetUp() override {
        ServerTest::SetUp();
        sql("CREATE TABLE big (id INT PRIMARY KEY AUTO_INCREMENT, text VARCHAR(1000))");
    }
    void TearDown() override {
        ClickHouseClient(test_endpoint())
            .query("DROP DATABASE IF EXISTS " + quote_target_identifier(database_));
        ServerTest::TearDown();
    }

    /// One transaction of 3 MB.
    void insert_rows() {
        std::string statement = "INSERT INTO big (text) VALUES (REPEAT('x', 1000))";
        for (int i = 1; i < kRows; ++i) statement += ",(REPEAT('x', 1000))";
        sql(statement);
    }
    json body(const std::string& engine) const {
        return json::parse(R"({"name": "big", "source": {"mysql": {"type": ")" + endpoint_.type +
                           R"(", "host": ")" + endpoint_.host + R"(", "port": )" +
                           std::to_string(endpoint_.port) + R"(, "credentials": {"username": ")" +
                           endpoint_.username + R"(", "password": ")" + endpoint_.password +
                           R"("}, "settings": {"replicationMode": "cdc", "syncIntervalMilliseconds": 100},
            "tableMappings": [{"sourceSchemaName": ")" +
                           database_ + R"(", "sourceTable": "big", "targetTable": "big", "tableEngine": ")" +
                           engine + R"("}]}}, "destination": {"database": ")" + database_ + R"("}})");
    }
    static void wait_until(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
        while (!condition()) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline);
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    }

    DataDirectory directory_;
};

/// A pipe with a budget of the test's own.
class PipeBudgetTest : public SharedBudgetTest {
  protected:
    void take_up(const std::string& engine) {
        const PipeSpec spec = from_json(body(engine));
        RunnerEnvironment environment;
        environment.catalog = &directory_.catalog();
        environment.destination = [] { return test_endpoint(); };
        environment.budget = &budget_;
        id_ = open_pipe(spec, test_endpoint(), directory_.catalog());
        runner_ = std::make_unique<PipeRunner>(environment, id_, endpoint_.password);
        runner_->take_up();
    }
    void wait_until_running() {
        wait_until([&] {
            return runner_->state() == PipeState::kRunning || runner_->state() == PipeState::kFailed;
        });
        ASSERT_EQ(runner_->state(), PipeState::kRunning) << directory_.catalog().get_pipe(id_)->state_reason;
    }
    /// Of a batch with one transaction of 3 MB.
    uint64_t blocks_of_a_batch() {
        const uint64_t before = runner_->progress().inserted;
        insert_rows();
        wait_until([&] { return runner_->progress().inserted == before + kRows; });
        return directory_.catalog().batches(id_, 1).at(0).blocks;
    }

    ResourceBudget budget_{4, kSmall};
    std::string id_;
    std::unique_ptr<PipeRunner> runner_;
};

TEST_P(PipeBudgetTest, ARunningFlowTakesOverAnotherBudget) {
    take_up("ReplacingMergeTree");
    wait_until_running();
    EXPECT_EQ(blocks_of_a_batch(), 6u);  // tables fill blocks of half a chunk
    budget_.set_limits(4, kLarge);
    EXPECT_EQ(blocks_of_a_batch(), 1u);
    {
        ResourceBudget::Share another(&budget_);
        budget_.set_limits(4, 2 * kSmall);
        EXPECT_EQ(blocks_of_a_batch(), 6u);
        budget_.set_limits(4, 4 * kSmall);
        EXPECT_EQ(blocks_of_a_batch(), 3u);
    }
    EXPECT_EQ(blocks_of_a_batch(), 2u);  // the other has given its share back
    EXPECT_EQ(budget_.shares(), 1u);
    runner_->shutdown();
    EXPECT_EQ(budget_.shares(), 0u);
}

TEST_P(PipeBudgetTest, ALoadHasAShareAndTakesOverAnotherBudget) {
    insert_rows();
    budget_.set_limits(1, kLarge);
    {
        ResourceBudget::Worker held = budget_.acquire_worker({});
        // A view that sees each block that arrives: the target is there before the pipe, which would load it
        // into another table else.
        ClickHouseClient client(test_endpoint());
        client.query("CREATE DATABASE " + quote_target_identifier(database_));
        client.query("CREATE TABLE " + quoted_target(database_, "big") +
                     " (id Int32, text Nullable(String), _peerdb_synced_at DateTime64(9) DEFAULT now64(9), "
                     "_peerdb_is_deleted UInt8, _peerdb_version UInt64) ENGINE = MergeTree ORDER BY id");
        client.query("CREATE TABLE " + quoted_target(database_, "blocks") +
                     " (rows UInt64) ENGINE = MergeTree ORDER BY ()");
        client.query("CREATE MATERIALIZED VIEW " + quoted_target(database_, "watch") + " TO " +
                     quoted_target(database_, "blocks") + " AS SELECT count() AS rows FROM " +
                     quoted_target(database_, "big"));
        take_up("MergeTree");
        wait_until([&] { return budget_.waiting() == 1; });
        EXPECT_EQ(budget_.shares(), 1u);
        budget_.set_limits(1, kSmall);
    }
    wait_until_running();
    // Four workers share 1 MiB; a reader of a table that only grows sends what would be three blocks at once.
    EXPECT_EQ(ClickHouseClient(test_endpoint())
                  .query("SELECT count(), sum(rows) FROM " + quoted_target(database_, "blocks")),
              "4\t3000");
    EXPECT_EQ(budget_.shares(), 1u);  // the flow's; the load has given its own back
    EXPECT_EQ(budget_.waiting(), 0u);
}

/// Through the manager, as the API calls it.
class ScalingTest : public SharedBudgetTest {};

TEST_P(ScalingTest, APatchReachesARunningPipe) {
    const ClickHouseEndpoint clickhouse = test_endpoint();
    std::unique_ptr<Services> services = directory_.services({{.name = "default",
                                                               .url = clickhouse.url,
                                                               .user = clickhouse.user,
                                                               .password = clickhouse.password}});
    const std::string service = services->default_id();
    // Less than can be asked for: what a service with very many pipes leaves for each.
    directory_.catalog().put_cdc_scaling(service, {.cpu_millicores = 1000, .memory_gb = 0});
    PipeManager manager(directory_.catalog(), directory_.key(), *services);
    const std::string id = manager.create(service, body("ReplacingMergeTree"))["id"];
    wait_until([&] { return manager.get(service, id)["state"] == "Running"; });
    const json events = manager.events(service, id);
    size_t batches = 0;
    auto blocks_of_a_batch = [&] {
        insert_rows();
        wait_until([&] { return manager.batches(service, id, 100).size() == batches + 1; });
        ++batches;
        return manager.batches(service, id, 1)[0]["blocks"].get<int>();
    };
    EXPECT_EQ(blocks_of_a_batch(), 6);
    manager.patch_cdc_scaling(service, {{"replicaCpuMillicores", 2000}, {"replicaMemoryGb", 8}});
    EXPECT_EQ(blocks_of_a_batch(), 1);
    EXPECT_EQ(manager.events(service, id), events);  // it has not been started anew
}

INSTANTIATE_TEST_SUITE_P(Servers, PipeBudgetTest, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& each) { return std::string(each.param); });
INSTANTIATE_TEST_SUITE_P(Servers, ScalingTest, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace penstock
