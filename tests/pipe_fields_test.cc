// Fields of a pipe whose effect is seen at the source or in ClickHouse.

#include <cctype>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "source/mysql_connection.h"
#include "support/serve_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;

class PipeFields : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        database_ =
            std::string("pipe_fields_") + testing::UnitTest::GetInstance()->current_test_info()->name();
        for (char& c : database_) c = c == '/' ? '_' : static_cast<char>(std::tolower(c));
        // Each reads the log under a name of its own.
        source_ = account_of_its_own(GetParam(), database_.substr(0, 32));
        connection_.emplace(MysqlConnection::open(source_endpoint(GetParam())));
        sql("DROP DATABASE IF EXISTS " + database_);
        sql("CREATE DATABASE " + database_);
        sql("USE " + database_);
        sql("CREATE TABLE t (id INT PRIMARY KEY, day INT NOT NULL, note VARCHAR(20), KEY (day))");
        for (int i = 1; i <= 3000; ++i) values_ += (i == 1 ? "" : ",") + row(i, i / 1000, "'n'");
        sql("INSERT INTO t VALUES " + values_);
        sql("UPDATE t SET note = NULL WHERE id = 1");
        serve_.start();
    }
    static std::string row(int id, int day, const std::string& note) {
        return "(" + std::to_string(id) + "," + std::to_string(day) + "," + note + ")";
    }
    void sql(const std::string& statement) { connection_->execute(statement); }
    std::string target(const std::string& query) {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = database_;
        return ClickHouseClient(endpoint).query(query);
    }
    std::string running(const json& more) {
        std::string id = serve_.create(pipe_body(database_, source_, database_, {"t"}, more));
        EXPECT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
        return id;
    }

    std::string database_, values_;
    SourceEndpoint source_;
    std::optional<MysqlConnection> connection_;
    ServeProcess serve_;
};

TEST_P(PipeFields, DeleteOnMergeTakesDeletedRowsOutOfFinal) {
    const std::string id = running({{"settings", {{"deleteOnMerge", true}}}});
    EXPECT_EQ(target("SELECT engine_full LIKE 'ReplacingMergeTree(_peerdb_version, _peerdb_is_deleted)%'"
                     " FROM system.tables WHERE database = currentDatabase() AND name = 't'"),
              "1");
    sql("DELETE FROM t WHERE id > 10");
    ASSERT_TRUE(serve_.wait_until_caught_up(id, source_)) << serve_.log();
    EXPECT_EQ(target("SELECT count() FROM t FINAL"), "10");
}

TEST_P(PipeFields, WithoutNullableColumnsNullsAreDefaults) {
    const std::string id = running({{"settings", {{"allowNullableColumns", false}}}});
    EXPECT_EQ(target("SELECT toTypeName(note), note FROM t WHERE id = 1"), "String\t");
    sql("INSERT INTO t VALUES (3001, 0, NULL)");
    ASSERT_TRUE(serve_.wait_until_caught_up(id, source_)) << serve_.log();
    EXPECT_EQ(target("SELECT note FROM t WHERE id = 3001"), "");
}

TEST_P(PipeFields, APartitionKeyDividesTheLoad) {
    const json by_day = {
        {"sourceSchemaName", database_}, {"sourceTable", "t"}, {"targetTable", "t"}, {"partitionKey", "day"}};
    const std::string id = running(
        {{"settings", {{"snapshotNumRowsPerPartition", 1000}}}, {"tableMappings", json::array({by_day})}});
    const Answer answer = serve_.call("GET", "/clickpipes/" + id + "/partitions");
    ASSERT_GT(answer.result().size(), 1u);
    uint64_t rows = 0;
    for (const json& partition : answer.result()) {
        EXPECT_NE(partition["predicate"].get<std::string>().find("`day`"), std::string::npos) << partition;
        rows += partition["rows"].get<uint64_t>();
    }
    EXPECT_EQ(rows, 3000u);
    EXPECT_EQ(target("SELECT count(), uniqExact(id) FROM t"), "3000\t3000");
}

TEST_P(PipeFields, TheServerIdIsTheOneThatTheSourceSees) {
    const bool mariadb = std::string(GetParam()).starts_with("MARIADB");
    const std::string id = running({{"serverId", mariadb ? 3141592653 : 3141592654}});
    bool seen = false;
    for (const auto& replica : connection_->query(mariadb ? "SHOW SLAVE HOSTS" : "SHOW REPLICAS")) {
        seen = seen || replica.at(0) == (mariadb ? "3141592653" : "3141592654");
    }
    EXPECT_TRUE(seen);
}

/// MariaDB does not tell for other connections.
class PipeFieldsOfMysql : public PipeFields {};

TEST_P(PipeFieldsOfMysql, TheLogIsReadCompressedWhenAsked) {
    const std::string id = running({{"settings", {{"useCompression", true}}}});
    auto compressed = [&](const char* value) {
        return connection_->query_value(
            "SELECT COUNT(*) > 0 FROM performance_schema.status_by_thread AS s"
            " JOIN performance_schema.threads AS t ON t.THREAD_ID = s.THREAD_ID"
            " WHERE t.PROCESSLIST_COMMAND LIKE 'Binlog Dump%' AND s.VARIABLE_NAME = 'Compression'"
            " AND t.PROCESSLIST_USER = '" +
            source_.username + "' AND s.VARIABLE_VALUE = '" + value + "'");
    };
    EXPECT_EQ(compressed("ON"), "1");
    EXPECT_EQ(compressed("OFF"), "0");
    const json off = {
        {"host", source_.host}, {"port", source_.port}, {"settings", {{"useCompression", false}}}};
    ASSERT_EQ(serve_.call("PATCH", "/clickpipes/" + id, {{"source", {{"mysql", off}}}}).status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    EXPECT_TRUE(serve_.wait_until([&] { return compressed("OFF") == "1"; })) << serve_.log();
    sql("INSERT INTO t VALUES (3001, 0, 'z')");
    ASSERT_TRUE(serve_.wait_until_caught_up(id, source_)) << serve_.log();
    EXPECT_EQ(target("SELECT note FROM t WHERE id = 3001"), "z");
}

INSTANTIATE_TEST_SUITE_P(Servers, PipeFieldsOfMysql, testing::Values("MYSQL"),
                         [](const auto& instance) { return std::string(instance.param); });
INSTANTIATE_TEST_SUITE_P(Servers, PipeFields, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace penstock
