// A runner without a service around it, on real servers.

#include "pipe/pipe_runner.h"

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

TEST(PipeRunner, ASourceThatDoesNotAnswerIsWaitedForInProvisioning) {
    TemporaryDirectory directory;
    Catalog catalog(directory.path() + "/catalog.sqlite");
    PipeSpec spec;
    spec.name = "away";
    spec.source = source_endpoint("MARIADB");
    spec.source.port = 1;  // nobody listens there
    spec.target_database = "away";
    TableMapping& mapping = spec.mappings.emplace_back();
    mapping.source_database = "shop";
    mapping.source_table = mapping.target_table = "t";
    PipeRecord record;
    record.id = make_uuid();
    record.name = spec.name;
    record.spec_json = to_json(spec).dump();
    record.state = "Provisioning";
    record.state_reason = "created";
    catalog.create_pipe(record);

    RunnerEnvironment environment;
    environment.catalog = &catalog;
    environment.destination = [] { return clickhouse_endpoint(); };
    PipeRunner runner(environment, record.id, spec.source.password);
    runner.take_up();
    while (runner.progress().trouble().empty() && runner.state() == PipeState::kProvisioning) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));  // between two looks
    }
    EXPECT_EQ(runner.state(), PipeState::kProvisioning) << catalog.transitions(record.id).back().reason;
    EXPECT_NE(runner.progress().trouble().find("connect"), std::string::npos) << runner.progress().trouble();
}

TEST(PipeRunner, InsertsThatAreTooLargeForClickHouseAreMadeSmaller) {
    const std::string database = "penstock_small_memory_" + std::to_string(getpid());
    SourceEndpoint source = source_endpoint("MARIADB");
    MysqlConnection connection = MysqlConnection::open(source);
    connection.execute("CREATE DATABASE " + database);
    connection.execute("USE " + database);
    connection.execute("CREATE TABLE " + database +
                       ".t (id INT PRIMARY KEY, v VARCHAR(600) NOT NULL) CHARACTER SET ascii");
    connection.execute("INSERT INTO " + database +
                       ".t SELECT seq, REPEAT(MD5(seq), 15) FROM seq_1_to_400000");
    ClickHouseEndpoint destination = clickhouse_endpoint();
    ClickHouseClient client(destination);
    client.query("CREATE DATABASE " + database);
    destination.insert_settings = {{"max_memory_usage", "150000000"}};

    TemporaryDirectory directory;
    Catalog catalog(directory.path() + "/catalog.sqlite");
    PipeSpec spec;
    spec.name = "large";
    spec.source = source;
    spec.settings.mode = ReplicationMode::kSnapshot;
    spec.settings.initial_load_parallelism = 1;
    spec.target_database = database;
    TableMapping& mapping = spec.mappings.emplace_back();
    mapping.source_database = database;
    mapping.source_table = mapping.target_table = "t";
    PipeRecord record;
    record.id = make_uuid();
    record.name = spec.name;
    record.spec_json = to_json(spec).dump();
    record.state = "Provisioning";
    record.state_reason = "created";
    catalog.create_pipe(record);
    RunnerEnvironment environment;
    environment.catalog = &catalog;
    environment.destination = [&] { return destination; };
    PipeRunner runner(environment, record.id, spec.source.password);
    runner.take_up();
    std::string trouble;
    while (runner.state() != PipeState::kCompleted && runner.state() != PipeState::kFailed) {
        if (trouble.empty()) trouble = runner.progress().trouble();
        std::this_thread::sleep_for(std::chrono::milliseconds(5));  // between two looks
    }
    EXPECT_EQ(runner.state(), PipeState::kCompleted) << catalog.transitions(record.id).back().reason;
    EXPECT_NE(trouble.find("memory limit exceeded"), std::string::npos) << trouble;
    EXPECT_EQ(client.query("SELECT count(), sum(id), sum(length(v)) FROM " + database + ".t FINAL"),
              "400000\t80000200000\t192000000");
    client.query("DROP DATABASE " + database + " SYNC");
    connection.execute("DROP DATABASE " + database);
}

}  // namespace
}  // namespace penstock
