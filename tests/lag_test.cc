// How late the target is: the age of the oldest commit that is not visible, whatever holds it up.

#include <csignal>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "source/mysql_connection.h"
#include "support/own_server.h"
#include "support/relay.h"
#include "support/serve_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;

class Lag : public testing::TestWithParam<const char*> {};

TEST_P(Lag, IsTheAgeOfTheOldestCommitThatIsNotVisible) {
    OwnServer server(GetParam(), {});
    const SourceEndpoint source = server.endpoint();
    std::string database = fmt::format("lag_{}", GetParam());
    for (char& c : database) c = static_cast<char>(std::tolower(c));
    MysqlConnection connection = MysqlConnection::open(source);
    connection.execute("CREATE DATABASE " + database);
    connection.execute("CREATE TABLE " + database + ".t (id INT PRIMARY KEY)");
    Relay relay(clickhouse_endpoint().url);
    ClickHouseEndpoint endpoint = clickhouse_endpoint();
    endpoint.url = relay.url();
    ServeProcess serve(endpoint);
    serve.start();
    const std::string id = serve.create(
        pipe_body(database, source, database, {"t"}, {{"settings", {{"syncIntervalMilliseconds", 100}}}}));
    const auto lag = [&] {
        const json shown = serve.call("GET", "/clickpipes/" + id + "/progress").result()["lagSeconds"];
        return shown.is_number() ? shown.get<double>() : -1.0;
    };
    ASSERT_TRUE(serve.wait_for_state(id, "Running")) << serve.log();
    connection.execute("INSERT INTO " + database + ".t VALUES (1)");
    ASSERT_TRUE(serve.wait_until_caught_up(id, source)) << serve.log();
    EXPECT_TRUE(serve.wait_until([&] { return lag() == 0; })) << lag() << ": an idle pipe is late";

    relay.hold("query=INSERT%20INTO");
    connection.execute("INSERT INTO " + database + ".t VALUES (2)");
    EXPECT_TRUE(serve.wait_until([&] { return lag() > 4; })) << lag() << ": ClickHouse takes nothing";
    relay.hold("");
    relay.let_go();
    serve.kill();
    serve.start();
    ASSERT_TRUE(serve.wait_until_caught_up(id, source)) << serve.log();
    EXPECT_TRUE(serve.wait_until([&] { return lag() == 0; })) << lag();

    ASSERT_EQ(::kill(server.pid(), SIGSTOP), 0);
    EXPECT_TRUE(serve.wait_until([&] { return lag() > 7; })) << lag() << ": nothing is heard of the source";
    ASSERT_EQ(::kill(server.pid(), SIGCONT), 0);
    EXPECT_TRUE(serve.wait_until([&] { return lag() == 0; })) << lag();
}

INSTANTIATE_TEST_SUITE_P(Servers, Lag, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& p) { return std::string(p.param); });

}  // namespace
}  // namespace penstock
