// Changes of one row that come in one batch: the last one goes to ClickHouse, all of them where a
// materialized view would see them.

#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "destination/clickhouse_client.h"
#include "source/mysql_connection.h"
#include "support/serve_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;

constexpr int kRows = 2000;

class CollapsedChanges : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        source_ = source_endpoint(GetParam());
        database_ = std::string("collapsed_") + (GetParam()[1] == 'Y' ? "mysql" : "mariadb");
        connection_.emplace(MysqlConnection::open(source_));
        sql("DROP DATABASE IF EXISTS " + database_);
        sql("CREATE DATABASE " + database_);
        for (const char* table : {"plain", "viewed"}) {
            sql(fmt::format("CREATE TABLE {}.{} (id INT PRIMARY KEY, step INT NOT NULL, text VARCHAR(50))",
                            database_, table));
            std::string values;
            for (int id = 1; id <= kRows; ++id)
                values += fmt::format("{}({}, 0, 'as loaded')", id == 1 ? "" : ", ", id);
            sql(fmt::format("INSERT INTO {}.{} VALUES {}", database_, table, values));
        }
        serve_.start();
        json targets = pipe_body(database_, source_, database_, {"plain", "viewed"});
        id_ = serve_.create(targets);
        ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    }

    void sql(const std::string& statement) { connection_->execute(statement); }
    std::string target(const std::string& query) {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = database_;
        return ClickHouseClient(endpoint).query(query);
    }
    /// Five changes of every row, the last of some a deletion, in one transaction: so in one batch, whose
    /// bytes it returns.
    uint64_t change_all(const std::string& table) {
        const std::string name = database_ + "." + table;
        sql("BEGIN");
        for (int step = 1; step <= 4; ++step) {
            sql(fmt::format("UPDATE {} SET step = {}, text = CONCAT('step ', {}, ' of row ', id)", name, step,
                            step));
        }
        sql("DELETE FROM " + name + " WHERE id % 10 = 0");
        sql("UPDATE " + name + " SET step = 5, text = NULL WHERE id % 10 = 1");
        sql("UPDATE " + name + " SET step = 6 WHERE id % 10 > 1");
        sql("COMMIT");
        EXPECT_TRUE(serve_.wait_until_caught_up(id_, source_)) << serve_.log();
        json batches = serve_.call("GET", "/clickpipes/" + id_ + "/batches").result();
        for (const json& batch : batches) {
            if (batch["updated"].get<int>() + batch["deleted"].get<int>() == kRows * 5)
                return batch["bytes"].get<uint64_t>();
        }
        ADD_FAILURE() << "no batch holds the transaction: " << batches.dump(1);
        return 0;
    }

    SourceEndpoint source_;
    std::string database_, id_;
    std::optional<MysqlConnection> connection_;
    ServeProcess serve_;
};

TEST_P(CollapsedChanges, OnlyTheLastGoesOutUnlessAViewReadsThem) {
    target("CREATE TABLE seen (id Int32, step Int32, deleted UInt8) ENGINE = MergeTree ORDER BY id");
    target(
        "CREATE MATERIALIZED VIEW feed TO seen AS SELECT id, step, _peerdb_is_deleted AS deleted FROM "
        "viewed");
    const uint64_t plain = change_all("plain"), viewed = change_all("viewed");
    EXPECT_GT(viewed, plain * 4) << "five changes of a row weigh more than four times one";
    EXPECT_EQ(target("SELECT step, sum(deleted), count() FROM seen GROUP BY step ORDER BY step"),
              "1\t0\t2000\n2\t0\t2000\n3\t0\t2000\n4\t200\t2200\n5\t0\t200\n6\t0\t1600");

    for (const char* table : {"plain", "viewed"}) {
        EXPECT_EQ(
            target(fmt::format("SELECT step, count(), countIf(isNull(text)), min(id % 10) FROM {} FINAL "
                               "WHERE NOT _peerdb_is_deleted GROUP BY step ORDER BY step",
                               table)),
            "5\t200\t200\t1\n6\t1600\t0\t2");
        EXPECT_EQ(target(fmt::format("SELECT count(), uniqExact(id), min(id % 10 = 0) FROM {} FINAL "
                                     "WHERE _peerdb_is_deleted",
                                     table)),
                  "200\t200\t1");
    }
    Finished verified = serve_.verify(id_, source_);
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err << serve_.log();

    // A view that comes while the pipe runs sees what comes after it: as many changes of a row as were left
    // out above.
    target("CREATE TABLE late (step Int32) ENGINE = MergeTree ORDER BY step");
    target("CREATE MATERIALIZED VIEW late_feed TO late AS SELECT step FROM plain");
    sql("BEGIN");
    for (int step = 10; step < 15; ++step)
        sql(fmt::format("UPDATE {}.plain SET step = {}, text = 'as the view sees it'", database_, step));
    sql("COMMIT");
    ASSERT_TRUE(serve_.wait_until_caught_up(id_, source_)) << serve_.log();
    EXPECT_EQ(target("SELECT step, count() FROM late GROUP BY step ORDER BY step"),
              "10\t1800\n11\t1800\n12\t1800\n13\t1800\n14\t1800");
}

INSTANTIATE_TEST_SUITE_P(Servers, CollapsedChanges, testing::Values("MYSQL", "MARIADB"));

}  // namespace
}  // namespace penstock
