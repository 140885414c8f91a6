// Pipes that begin to write into tables that have rows: of a pipe whose data directory is lost, of another
// tool. What comes from the source wins over what is there.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "source/mysql_connection.h"
#include "support/pipe_process.h"
#include "support/serve_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;

class ExistingRows : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
        database_ = "rows_" + test.substr(0, 24) + test.substr(test.find('/') + 1);
        for (char& c : database_) c = c == '/' ? '_' : static_cast<char>(std::tolower(c));
        source_.emplace(MysqlConnection::open(source_endpoint(GetParam())));
        source_->execute("DROP DATABASE IF EXISTS " + database_);
        source_->execute("CREATE DATABASE " + database_);
        source_->execute("USE " + database_);
        for (const char* table : {"t", "u"}) {
            source_->execute(fmt::format("CREATE TABLE {} (id INT PRIMARY KEY, v INT)", table));
        }
    }
    PipeChoice choice() const {
        PipeChoice choice;
        choice.server = GetParam();
        choice.database = database_;
        choice.mode = "cdc_only";
        choice.mappings = {"t"};
        return choice;
    }
    std::string target(const std::string& sql) const {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = database_;
        return ClickHouseClient(endpoint).query(sql);
    }
    void make_database() const {
        ClickHouseClient(clickhouse_endpoint()).query("CREATE DATABASE " + database_);
    }
    std::string rows_of(const std::string& table) const {
        return target(
            "SELECT arrayStringConcat(groupArray(format('{}:{}', toString(id), toString(v))), ' ') "
            "FROM (SELECT id, v FROM " +
            table + " FINAL WHERE _peerdb_is_deleted = 0 ORDER BY id)");
    }
    /// A target as another tool has left it, with rows 1:51 and 2:52.
    void make_target(const std::string& table, const std::string& version, const std::string& partitions = "",
                     const std::string& settings = "") const {
        target(
            fmt::format("CREATE TABLE {} (id Int32, v Nullable(Int32), _peerdb_synced_at DateTime64(9) "
                        "DEFAULT now64(), _peerdb_is_deleted UInt8, _peerdb_version UInt64) ENGINE = "
                        "ReplacingMergeTree(_peerdb_version) {} ORDER BY id {}",
                        table, partitions, settings));
        target(
            fmt::format("INSERT INTO {} (id, v, _peerdb_is_deleted, _peerdb_version) VALUES (1, 51, 0, {}), "
                        "(2, 52, 0, {})",
                        table, version, version));
    }

    std::string database_;
    std::optional<MysqlConnection> source_;
};

TEST_P(ExistingRows, ALostDataDirectoryLeavesNoRowAboveTheNextPipe) {
    PipeProcess first(choice()), second(choice());  // a data directory each
    first.start();
    ASSERT_TRUE(first.wait_for_state("Running")) << first.log();
    source_->execute("INSERT INTO t VALUES (1, 1), (2, 2)");
    for (int v = 1; v <= 25; ++v) source_->execute(fmt::format("UPDATE t SET v = {} + id", v * 2));
    ASSERT_TRUE(first.wait_until_caught_up()) << first.log();
    EXPECT_EQ(first.pause(), 0);
    EXPECT_EQ(rows_of("t"), "1:51 2:52");
    second.start();
    ASSERT_TRUE(second.wait_for_state("Running")) << second.log();
    source_->execute("UPDATE t SET v = 1000 WHERE id = 1");
    source_->execute("DELETE FROM t WHERE id = 2");
    ASSERT_TRUE(second.wait_until_caught_up()) << second.log();
    EXPECT_EQ(second.pause(), 0);
    EXPECT_EQ(rows_of("t"), "1:1000");
}

TEST_P(ExistingRows, ATableOfAnotherToolIsTakenOverAlsoByARunningPipe) {
    for (const char* table : {"t", "u"})
        source_->execute(fmt::format("INSERT INTO {} VALUES (1, 51), (2, 52)", table));
    ServeProcess serve;
    serve.start();
    const SourceEndpoint source = source_endpoint(GetParam());
    json body =
        pipe_body(database_, source, database_, {"t"}, {{"settings", {{"replicationMode", "cdc_only"}}}});
    make_database();
    make_target("t", "40");
    make_target("u", "1796031501369826068");  // the time in nanoseconds
    const std::string id = serve.create(body);
    ASSERT_TRUE(serve.wait_for_state(id, "Running")) << serve.log();
    source_->execute("UPDATE t SET v = 100 WHERE id = 1");
    ASSERT_TRUE(serve.wait_until_caught_up(id, source)) << serve.log();
    EXPECT_EQ(rows_of("t"), "1:100 2:52");
    json change;
    change["source"]["mysql"] = {
        {"tableMappingsToAdd", {mapping(database_, "u")}}, {"host", source.host}, {"port", source.port}};
    ASSERT_EQ(serve.call("PATCH", "/clickpipes/" + id, change).status, 200);
    ASSERT_TRUE(serve.wait_until([&] {
        const json tables = serve.call("GET", "/clickpipes/" + id + "/tables").result();
        return tables.size() == 2 && tables[1].at("state") == "Running";
    })) << serve.log();
    for (const char* table : {"t", "u"}) {
        source_->execute(fmt::format("UPDATE {} SET v = 1000 WHERE id = 1", table));
        source_->execute(fmt::format("DELETE FROM {} WHERE id = 2", table));
    }
    ASSERT_TRUE(serve.wait_until_caught_up(id, source)) << serve.log();
    for (const char* table : {"t", "u"}) EXPECT_EQ(rows_of(table), "1:1000") << table;
    EXPECT_EQ(target("SELECT min(_peerdb_version) > 1796031501369826068 FROM t FINAL"), "1");
}

TEST_P(ExistingRows, VersionsThatLeaveNoRoomAreRefused) {
    PipeProcess pipe(choice());
    make_database();
    make_target("t", "18446744073709551600");
    Finished refused = pipe.run_to_end();
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_NE(refused.err.find("their highest _peerdb_version: it is 18446744073709551600"),
              std::string::npos)
        << refused.err;
}

TEST_P(ExistingRows, VersionsThatCannotBeReadAreRefused) {
    json body = pipe_body(database_, source_endpoint(GetParam()), database_, {"t"},
                          {{"settings", {{"replicationMode", "cdc_only"}}}});
    make_database();
    make_target("t", "40", "PARTITION BY id", "SETTINGS max_partitions_to_read = 1");
    ServeProcess serve;
    serve.start();
    Answer refused = serve.call("POST", "/clickpipes", body);
    EXPECT_EQ(refused.status, 400);
    EXPECT_NE(
        refused.error().find("a pipe has to begin above their highest _peerdb_version: it cannot be read"),
        std::string::npos)
        << refused.error();
    target("ALTER TABLE t MODIFY SETTING max_partitions_to_read = -1");
    EXPECT_EQ(serve.call("POST", "/clickpipes", body).status, 200);
}

INSTANTIATE_TEST_SUITE_P(Servers, ExistingRows, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace penstock
