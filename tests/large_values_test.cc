// Values at the bounds that the servers set: 1 GB for a packet and for an event of the log. Takes minutes, 4
// GB of memory and 15 GB of disk, so it runs only where PENSTOCK_TEST_LARGE is set (CONTRIBUTING.md).

#include <cstdlib>
#include <optional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "destination/clickhouse_client.h"
#include "source/mysql_connection.h"
#include "support/own_server.h"
#include "support/serve_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;

constexpr int kMinutes = 10 * 60;
constexpr const char* kLargest = "REPEAT('0123456789abcdef', (1 << 26) - 64)";  // 1 GB less 1 KB

class LargeValues : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        if (std::getenv("PENSTOCK_TEST_LARGE") == nullptr) GTEST_SKIP() << "PENSTOCK_TEST_LARGE is not set";
    }
};

// Loaded and from the log, text and bytes. An UPDATE of such a row is an event that the source cannot send:
// that is said, and a resync helps, also where the row has become larger than a value may be.
TEST_P(LargeValues, UpToOneGigabyteAndNotSilentAboveIt) {
    OwnServer own(GetParam(), {"--max-allowed-packet=1G"});
    const std::string database = std::string("large_values_") + GetParam();
    MysqlConnection source =
        MysqlConnection::open(own.endpoint(), {.read_timeout = std::chrono::minutes(10)});
    source.execute("CREATE DATABASE " + database);
    source.execute("USE " + database);
    source.execute("CREATE TABLE t (id INT PRIMARY KEY, n INT, v LONGTEXT, w LONGBLOB)");
    source.execute(fmt::format("INSERT INTO t VALUES (1, 0, {}, NULL)", kLargest));
    ServeProcess serve;
    serve.start();
    const std::string id = serve.create(pipe_body(database, own.endpoint(), database, {"t"}));
    ASSERT_TRUE(serve.wait_for_state(id, "Running", kMinutes)) << serve.log();
    source.execute(fmt::format("INSERT INTO t VALUES (2, 0, NULL, {})", kLargest));
    ClickHouseEndpoint endpoint = clickhouse_endpoint();
    endpoint.database = database;
    ClickHouseClient client(endpoint);
    ASSERT_TRUE(serve.wait_until([&] { return client.query("SELECT count() FROM t") == "2"; }, kMinutes))
        << serve.log();
    const std::string digest = *source.query_value(fmt::format("SELECT SHA2({}, 256)", kLargest));
    auto digest_of = [&](const std::string& column, int row) {
        return client.query(fmt::format("SELECT lower(hex(SHA256({}))) FROM t WHERE id = {}", column, row));
    };
    EXPECT_EQ(digest_of("v", 1), digest);
    EXPECT_EQ(digest_of("w", 2), digest);

    source.execute("UPDATE t SET n = 1, v = REPEAT('x', 100 << 20) WHERE id = 2");
    ASSERT_TRUE(serve.wait_for_state(id, "Failed", kMinutes)) << serve.log();
    const std::string reason = serve.events(id).back()["reason"];
    EXPECT_NE(reason.find("exceeded max_allowed_packet"), std::string::npos) << reason;
    EXPECT_NE(reason.find("An event is larger than the source sends (1 GB at most"), std::string::npos)
        << reason;
    ASSERT_EQ(serve.call("PATCH", "/clickpipes/" + id + "/state", {{"command", "resync"}}).status, 200);
    ASSERT_TRUE(serve.wait_for_state(id, "Running", kMinutes)) << serve.log();
    EXPECT_EQ(client.query("SELECT n, length(v) FROM t WHERE id = 2"), "1\t104857600");
    EXPECT_EQ(digest_of("v", 1), digest);
    EXPECT_EQ(digest_of("w", 2), digest);
}

INSTANTIATE_TEST_SUITE_P(Servers, LargeValues, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace penstock
