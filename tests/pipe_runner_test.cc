// A runner without a service around it, on real servers.

#include "pipe/pipe_runner.h"

#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

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

}  // namespace
}  // namespace penstock
