// One table's trouble is one table's: a target whose rows ClickHouse refuses, a source table that goes while
// it is loaded. That table stops with the reason, the others flow.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/served_tables.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;

class RefusedTarget : public ServedTables {
  protected:
    void SetUp() override {
        make_database("refused");
        for (const char* table : {"a", "b", "kept"}) {
            execute(fmt::format("CREATE TABLE {} (id INT PRIMARY KEY, v INT NOT NULL)", table));
            execute(fmt::format("INSERT INTO {} VALUES (1, 1), (2, 2)", table));
        }
        serve_.start();
    }
    /// pipe_body drops the target's database.
    json body(const json& settings = json::object()) {
        json all = {{"syncIntervalSeconds", 1}};
        all.update(settings);
        json made = pipe_body(database_, source_, database_, {"a", "b", "kept"}, {{"settings", all}});
        made["source"]["mysql"]["tableMappings"][2]["tableEngine"] = "MergeTree";
        return made;
    }
};

TEST_P(RefusedTarget, StopsItsTableAloneWhileItFlows) {
    id_ = serve_.create(body());
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    target("ALTER TABLE a ADD CONSTRAINT low CHECK v < 100");
    target("CREATE MATERIALIZED VIEW throws ENGINE = Null AS SELECT throwIf(v > 100, 'too high') FROM kept");
    execute("INSERT INTO a VALUES (3, 1000)");
    execute("INSERT INTO b VALUES (3, 1000)");
    execute("INSERT INTO kept VALUES (3, 1000)");
    ASSERT_TRUE(wait_for_error("a")) << serve_.log();
    ASSERT_TRUE(wait_for_error("kept")) << serve_.log();
    EXPECT_NE(error_of("a").find("Constraint `low`"), std::string::npos) << error_of("a");
    EXPECT_NE(error_of("a").find("Mend that, then resync the table"), std::string::npos) << error_of("a");
    EXPECT_NE(error_of("kept").find("too high"), std::string::npos) << error_of("kept");
    EXPECT_TRUE(wait_for_row("b", 3)) << serve_.log();
    // Again and again, and after a kill.
    execute("INSERT INTO a VALUES (4, 1000)");
    execute("INSERT INTO b VALUES (4, 1000)");
    EXPECT_TRUE(wait_for_row("b", 4)) << serve_.log();
    serve_.kill();
    serve_.start();
    execute("INSERT INTO b VALUES (5, 1000)");
    EXPECT_TRUE(wait_for_row("b", 5)) << serve_.log();
    EXPECT_EQ(error_of("b"), "");
    target("DROP TABLE throws");
    resync({"a", "kept"});
    expect_equal();
}

TEST_P(RefusedTarget, StopsItsTableAloneInTheLoad) {
    const json made = body();
    ClickHouseClient(clickhouse_endpoint()).query("CREATE DATABASE " + database_);
    for (const char* table : {"a", "kept"}) {
        target(fmt::format(
            "CREATE TABLE {} (id Int32, v Int32, _peerdb_synced_at DateTime64(9) DEFAULT now64(),"
            " _peerdb_is_deleted UInt8, _peerdb_version UInt64, CONSTRAINT low CHECK v < 2)"
            " ENGINE = {} ORDER BY id",
            table, std::string(table) == "a" ? "ReplacingMergeTree(_peerdb_version)" : "MergeTree"));
    }
    id_ = serve_.create(made);
    ASSERT_TRUE(wait_for_error("a")) << serve_.log();
    ASSERT_TRUE(wait_for_error("kept")) << serve_.log();
    EXPECT_NE(error_of("a").find("Constraint `low`"), std::string::npos) << error_of("a");
    EXPECT_NE(error_of("kept").find("Constraint `low`"), std::string::npos) << error_of("kept");
    execute("INSERT INTO b VALUES (3, 3)");
    EXPECT_TRUE(wait_for_row("b", 3)) << serve_.log();
    for (const char* table : {"a", "kept"}) target(fmt::format("DROP TABLE {} SYNC", table));
    resync({"a", "kept"});
    expect_equal();
}

TEST_P(RefusedTarget, ATableThatIsDroppedDuringTheLoadStopsAlone) {
    execute("DELETE FROM a");
    std::string values;
    for (int id = 1; id <= 6000; ++id) values += fmt::format("{}({}, 1)", id > 1 ? "," : "", id);
    execute("INSERT INTO a VALUES " + values);
    id_ = serve_.create(body({{"snapshotMaxRowsPerSecond", 2000}, {"initialLoadParallelism", 1}}));
    ASSERT_TRUE(serve_.wait_until([&] { return serve_.state(id_) == "Snapshot"; })) << serve_.log();
    execute("DROP TABLE b");  // while `a` is read
    ASSERT_TRUE(wait_for_error("b")) << serve_.log();
    EXPECT_NE(error_of("b").find("doesn't exist"), std::string::npos) << error_of("b");
    execute("INSERT INTO a VALUES (6001, 1)");
    EXPECT_TRUE(wait_for_row("a", 6001)) << serve_.log();
    EXPECT_EQ(error_of("a") + error_of("kept"), "");
}

INSTANTIATE_TEST_SUITE_P(Servers, RefusedTarget, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& p) { return std::string(p.param); });

}  // namespace
}  // namespace penstock
