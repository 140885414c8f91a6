// A runner without a service around it, on real servers.

#include "pipe/pipe_runner.h"

#include <functional>
#include <optional>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "pipe/pipe_file.h"
#include "support/servers.h"
#include "support/subprocess.h"

namespace penstock {
namespace {

using namespace test;

class PipeRunnerTest : public testing::Test {
  protected:
    PipeRunnerTest() {
        spec_.name = "pipe";
        spec_.source = source_endpoint("MARIADB");
    }
    /// MariaDB's table `database`.t, into a database of the same name.
    void map_table(const std::string& database) {
        spec_.target_database = database;
        TableMapping& mapping = spec_.mappings.emplace_back();
        mapping.source_database = database;
        mapping.source_table = mapping.target_table = "t";
    }
    void take_up() {
        PipeRecord record;
        record.id = id_;
        record.name = spec_.name;
        record.spec_json = to_json(spec_).dump();
        record.state = "Provisioning";
        record.state_reason = "created";
        catalog_.create_pipe(record);
        RunnerEnvironment environment;
        environment.catalog = &catalog_;
        environment.destination = [this] { return destination_; };
        runner_.emplace(environment, id_, spec_.source.password);
        runner_->take_up();
    }
    void wait_until(const std::function<bool()>& condition) {
        while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(5));  // between two looks
    }

    std::string reason() const { return catalog_.transitions(id_).back().reason; }

    TemporaryDirectory directory_;
    Catalog catalog_{directory_.path() + "/catalog.sqlite"};
    const std::string id_ = make_uuid();
    PipeSpec spec_;
    ClickHouseEndpoint destination_ = clickhouse_endpoint();
    std::optional<PipeRunner> runner_;
};

TEST_F(PipeRunnerTest, ASourceThatDoesNotAnswerIsWaitedForInProvisioning) {
    spec_.source.port = 1;  // nobody listens there
    map_table("away");
    take_up();
    wait_until([&] {
        return !runner_->progress().trouble().empty() || runner_->state() != PipeState::kProvisioning;
    });
    EXPECT_EQ(runner_->state(), PipeState::kProvisioning) << reason();
    EXPECT_NE(runner_->progress().trouble().find("connect"), std::string::npos)
        << runner_->progress().trouble();
}

TEST_F(PipeRunnerTest, InsertsThatAreTooLargeForClickHouseAreMadeSmaller) {
    const std::string database = "penstock_small_memory_" + std::to_string(getpid());
    MysqlConnection connection = MysqlConnection::open(spec_.source);
    connection.execute("CREATE DATABASE " + database);
    connection.execute("USE " + database);
    connection.execute("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(600) NOT NULL) CHARACTER SET ascii");
    connection.execute("INSERT INTO t SELECT seq, REPEAT(MD5(seq), 15) FROM seq_1_to_400000");
    ClickHouseClient client(destination_);
    client.query("CREATE DATABASE " + database);
    destination_.insert_settings = {{"max_memory_usage", "150000000"}};

    spec_.settings.mode = ReplicationMode::kSnapshot;
    spec_.settings.initial_load_parallelism = 1;
    map_table(database);
    take_up();
    std::string trouble;
    wait_until([&] {
        if (trouble.empty()) trouble = runner_->progress().trouble();
        return runner_->state() == PipeState::kCompleted || runner_->state() == PipeState::kFailed;
    });
    EXPECT_EQ(runner_->state(), PipeState::kCompleted) << reason();
    EXPECT_NE(trouble.find("memory limit exceeded"), std::string::npos) << trouble;
    EXPECT_EQ(client.query("SELECT count(), sum(id), sum(length(v)) FROM " + database + ".t FINAL"),
              "400000\t80000200000\t192000000");
    client.query("DROP DATABASE " + database + " SYNC");
    connection.execute("DROP DATABASE " + database);
}

}  // namespace
}  // namespace penstock
