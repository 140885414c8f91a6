// The service killed (SIGKILL) in each of the states of a pipe's life: after a restart the pipe goes on to
// where it was going, and both sides are equal. PENSTOCK_TEST_KILLS says how often in each state.

#include <cstdlib>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "source/mysql_connection.h"
#include "support/background_work.h"
#include "support/serve_process.h"
#include "support/servers.h"
#include "support/shop.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;

/// What brings a pipe into the state, and where it comes to rest afterwards.
struct Scene {
    const char* state;
    const char* way;   ///< "create", "stop", "remove", "resync", "snapshot", "fail", "degrade"
    const char* goal;  ///< the state to wait for after the restart
};

class Kill : public testing::TestWithParam<std::tuple<const char*, Scene>> {};

int kills() {
    const char* text = std::getenv("PENSTOCK_TEST_KILLS");
    return text != nullptr ? std::atoi(text) : 1;
}

TEST_P(Kill, GoesOnToWhereItWasGoing) {
    const auto& [server, scene] = GetParam();
    const SourceEndpoint admin = source_endpoint(server);
    const std::string database = fmt::format("kill_{}_{}", scene.state, server);
    const bool in_snapshot_mode = std::string_view(scene.way) == "snapshot";
    const bool fails = std::string_view(scene.way) == "fail";
    std::mt19937_64 random(std::random_device{}());
    // An account of its own, so that the links of this pipe can be told from those of other tests.
    const SourceEndpoint source = account_of_its_own(server, "kill_" + std::string(scene.state));
    const std::vector<std::string> tables = {"by_int", "by_pair", "by_text", "every_type"};

    for (int i = 0; i < kills(); ++i) {
        const long delay = random() % 2 == 0 ? 0 : static_cast<long>(1 + random() % 60);  // ms within it
        SCOPED_TRACE(fmt::format("kill {} in {}, {} ms after it was entered", i + 1, scene.state, delay));
        MysqlConnection connection = MysqlConnection::open(admin);
        create_shop(connection, database, 2000);
        ServeProcess serve;
        json more = json::object();
        if (in_snapshot_mode) more["settings"] = {{"replicationMode", "snapshot"}};
        json body = pipe_body(database, source, database, tables, more);
        const std::map<std::string, std::string> crash = {
            {"PENSTOCK_CRASH_IN", fmt::format("{}:{}", scene.state, delay)}};

        std::string id;
        const bool from_the_start = std::string_view(scene.way) == "create" || in_snapshot_mode;
        if (from_the_start) {
            serve.start(crash);
            Answer answer = serve.call("POST", "/clickpipes", body);
            if (answer.status == 200) id = answer.result().at("id");
        } else {
            serve.start();
            id = serve.create(body);
            ASSERT_TRUE(serve.wait_for_state(id, "Running")) << serve.log();
            EXPECT_EQ(serve.stop(), 0);
            serve.start(crash);
        }
        MysqlConnection writing = MysqlConnection::open(admin);
        ShopWriter writer(writing, database, 2000, random());
        BackgroundWork<uint64_t> written(
            [&](const std::atomic<bool>& stop) { return fails ? 0 : writer.run(UINT64_MAX, stop); });

        json asked;
        std::string path = "/clickpipes/" + id;
        std::string way = scene.way;
        if (way == "stop" || way == "resync") {
            asked = {{"command", way}};
            path += "/state";
        } else if (way == "remove") {
            asked["source"]["mysql"] = {{"host", source.host},
                                        {"port", source.port},
                                        {"tableMappingsToRemove", {mapping(database, "by_pair")}}};
        }
        if (!asked.is_null()) serve.call("PATCH", path, asked);  // the process may die before it answers
        if (fails) {  // a pipe fails when its last table is stopped
            for (const std::string& table : tables) {
                connection.execute("ALTER TABLE " + database + "." + table + " ADD COLUMN extra INT");
            }
        }
        if (way == "degrade") {
            serve.wait_until([&] {
                kill_log_readers(connection, source.username);
                return false;
            });
        }
        serve.wait_until([] { return false; }, 60);  // until it has ended
        ASSERT_FALSE(serve.process().running()) << "not killed\n" << serve.log();
        EXPECT_EQ(serve.process().wait(), 128 + 9) << serve.log();

        serve.start();
        if (id.empty()) {  // it died before the answer: made, or not at all
            json list = serve.call("GET", "/clickpipes").result();
            ASSERT_LE(list.size(), 1u);
            id = list.empty() ? serve.create(body) : list[0].at("id").get<std::string>();
        }
        ASSERT_TRUE(serve.wait_for_state(id, scene.goal)) << serve.log();
        written.finish();
        if (std::string_view(scene.goal) == "Paused") {
            ASSERT_EQ(serve.call("PATCH", "/clickpipes/" + id + "/state", {{"command", "start"}}).status,
                      200);
        } else if (std::string_view(scene.goal) != "Running") {  // Failed or Completed: loaded anew
            ASSERT_EQ(serve.call("PATCH", "/clickpipes/" + id + "/state", {{"command", "resync"}}).status,
                      200);
            if (in_snapshot_mode) {
                ASSERT_TRUE(serve.wait_until([&] {
                    json events = serve.events(id);
                    return events.back().at("to") == "Completed" && events.back().at("from") == "Resync";
                })) << serve.log();
            }
        }
        if (!in_snapshot_mode) {
            ASSERT_TRUE(serve.wait_until_caught_up(id, source)) << serve.log();
        }
        Finished verified = serve.verify(id, source);
        ASSERT_EQ(verified.exit_code, 0) << verified.out << verified.err << serve.log();
    }
}

INSTANTIATE_TEST_SUITE_P(
    States, Kill,
    testing::Combine(
        testing::Values("MYSQL", "MARIADB"),
        testing::Values(Scene{"Provisioning", "create", "Running"}, Scene{"Setup", "create", "Running"},
                        Scene{"Snapshot", "create", "Running"}, Scene{"Running", "create", "Running"},
                        Scene{"Pausing", "stop", "Paused"}, Scene{"Paused", "stop", "Paused"},
                        Scene{"Modifying", "remove", "Running"}, Scene{"Resync", "resync", "Running"},
                        Scene{"Completed", "snapshot", "Completed"}, Scene{"Failed", "fail", "Failed"},
                        Scene{"Degraded", "degrade", "Running"})),
    [](const auto& instance) {
        return std::string(std::get<0>(instance.param)) + "_" + std::get<1>(instance.param).state;
    });

}  // namespace
}  // namespace penstock
