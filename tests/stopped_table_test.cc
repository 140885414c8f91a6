// A table that cannot be followed stops alone: the pipe is Degraded, the other tables flow, a restart changes
// nothing, and a resync of the table brings it back.

#include <csignal>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/served_tables.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;

class StoppedTable : public ServedTables {
  protected:
    void SetUp() override {
        make_database("stopped");
        connection_->execute("SET SESSION sql_mode = ''");
        for (const char* table : {"a", "b"}) {
            connection_->execute(fmt::format(
                "CREATE TABLE {} (id INT PRIMARY KEY AUTO_INCREMENT, v INT, d DATE, w TEXT)", table));
            connection_->execute(fmt::format("INSERT INTO {} (v, w) VALUES (1, 'x'), (2, 'y')", table));
        }
        serve_.start();
    }
    /// A new row of b arrives.
    void expect_b_flows() {
        connection_->execute(fmt::format("INSERT INTO b (v) VALUES ({})", ++number_));
        EXPECT_TRUE(serve_.wait_until([&] {
            return target(fmt::format("SELECT count() FROM b WHERE v = {}", number_)) == "1";
        })) << serve_.log();
        EXPECT_EQ(table("b")["state"], "Running");
    }

    /// A row that the pipe's policy does not let pass, behind others. Not in the log: only a load meets it.
    void add_bad_row(const std::string& table) {
        connection_->execute("SET SESSION sql_log_bin = 0");
        connection_->execute("INSERT INTO " + table + " (id, d) VALUES (77, '2024-00-10')");
        connection_->execute("SET SESSION sql_log_bin = 1");
    }
    void remove_bad_row(const std::string& table) {
        connection_->execute("SET SESSION sql_log_bin = 0");
        connection_->execute("DELETE FROM " + table + " WHERE id = 77");
        connection_->execute("SET SESSION sql_log_bin = 1");
    }
    std::string bad_row_of(const std::string& table) {
        return "decode: ClickHouse cannot hold the date '2024-00-10', in column d (table " + database_ + "." +
               table +
               "). Set settings.invalidDates to clamp or null, or correct the row at the source; then resync "
               "the table";
    }
    void expect_stopped_in_load(const std::string& target) {
        const json stopped = table(target);
        EXPECT_EQ(stopped["state"], "Failed") << stopped;
        EXPECT_EQ(stopped["error"], bad_row_of(target));
        EXPECT_TRUE(stopped["errorPosition"].is_null()) << stopped;
    }
    json strict() const { return {{"settings", {{"syncIntervalSeconds", 1}, {"invalidDates", "error"}}}}; }

    int number_ = 1000;
};

TEST_P(StoppedTable, LeavesTheOthersFlowingUntilItIsResynced) {
    id_ = serve_.create(pipe_body(database_, source_, database_, {"a", "b"}, strict()));
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    struct Case {
        std::vector<const char*> statements;
        const char* reason;
    };
    int n = 0;
    for (const Case& c :
         {Case{{"TRUNCATE TABLE a"}, "emptied the table"},
          Case{{"INSERT INTO a (v, w) VALUES (1, 'x')", "SET SESSION binlog_row_image = MINIMAL",
                "UPDATE a SET v = 5", "SET SESSION binlog_row_image = FULL"},
               "binlog_row_image is not FULL"},
          Case{{"SET SESSION binlog_row_image = NOBLOB", "UPDATE a SET v = 6",
                "SET SESSION binlog_row_image = FULL"},
               "binlog_row_image is not FULL"},
          Case{{"INSERT INTO a (v, d) VALUES (1, '0000-00-00')", "DELETE FROM a WHERE d = 0"}, "column d"},
          Case{{"ALTER TABLE a ADD COLUMN extra INT DEFAULT 3"}, "altered the table"}}) {
        connection_->execute("INSERT INTO b (v) VALUES (0)");
        for (const char* sql : c.statements) connection_->execute(sql);
        ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
        expect_b_flows();
        const json stopped = table("a");
        const std::string error = stopped["error"].is_string() ? stopped["error"] : "";
        EXPECT_EQ(stopped["state"], "Failed") << stopped;
        EXPECT_NE(error.find(c.reason), std::string::npos) << stopped;
        EXPECT_NE(
            error.find("(table " + database_ + ".a, at " + stopped["errorPosition"].get<std::string>() + ")"),
            std::string::npos)
            << stopped;
        EXPECT_EQ(serve_.call("GET", "/clickpipes/" + id_ + "/progress").result()["trouble"],
                  "1 of 2 tables is stopped: " + error);
        EXPECT_TRUE(table("b")["error"].is_null());
        switch (n++) {
            case 0:
                ASSERT_EQ(command("stop").status, 200);
                ASSERT_TRUE(serve_.wait_for_state(id_, "Paused"));
                EXPECT_EQ(table("a")["state"], "Failed");
                ASSERT_EQ(command("start").status, 200);
                break;
            case 1:
                serve_.kill();
                serve_.start();
                break;
            default:
                break;
        }
        ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
        expect_b_flows();
        EXPECT_EQ(table("a")["error"], error);

        ASSERT_EQ(command("resync", {"a"}).status, 200);
        ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
        EXPECT_TRUE(table("a")["error"].is_null());
        ASSERT_TRUE(serve_.wait_until_caught_up(id_, source_)) << serve_.log();
        Finished verified = serve_.verify(id_, source_);
        EXPECT_EQ(verified.exit_code, 0) << c.reason << verified.out << verified.err;
    }
}

TEST_P(StoppedTable, TheLastOneFailsThePipeAndIsBroughtBackAlone) {
    id_ = serve_.create(
        pipe_body(database_, source_, database_, {"a", "b"}, {{"settings", {{"syncIntervalSeconds", 1}}}}));
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    connection_->execute("TRUNCATE TABLE a");
    ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
    connection_->execute("TRUNCATE TABLE b");
    ASSERT_TRUE(serve_.wait_for_state(id_, "Failed")) << serve_.log();
    ASSERT_EQ(command("start").status, 200);  // keeps them stopped
    ASSERT_TRUE(serve_.wait_for_state(id_, "Failed")) << serve_.log();
    EXPECT_NE(
        serve_.events(id_).back()["reason"].get<std::string>().find("every table of the pipe is stopped"),
        std::string::npos);
    ASSERT_EQ(command("resync", {"b"}).status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
    expect_b_flows();
    EXPECT_EQ(table("a")["state"], "Failed");
    // Taken out of the pipe, it degrades it no more.
    json source = {{"host", source_.host}, {"port", source_.port}};
    source["tableMappingsToRemove"] = {mapping(database_, "a")};
    ASSERT_EQ(serve_.call("PATCH", "/clickpipes/" + id_, {{"source", {{"mysql", source}}}}).status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    ASSERT_TRUE(serve_.wait_until_caught_up(id_, source_)) << serve_.log();
    Finished verified = serve_.verify(id_, source_);
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

// The load meets what the log has met before: the table stops alone. `c` only takes rows in, by another way.
TEST_P(StoppedTable, ABadRowInTheFirstLoadStopsItsTableAlone) {
    connection_->execute("CREATE TABLE c LIKE a");
    add_bad_row("a");
    add_bad_row("c");
    json body = pipe_body(database_, source_, database_, {"a", "b", "c"}, strict());
    body["source"]["mysql"]["tableMappings"][2]["tableEngine"] = "MergeTree";
    id_ = serve_.create(body);
    ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
    expect_stopped_in_load("a");
    expect_stopped_in_load("c");
    expect_b_flows();
    const std::string loaded = target("SELECT count() FROM a");

    // Whatever comes by the log and whatever becomes of the process, it stays so.
    connection_->execute("INSERT INTO a (v) VALUES (5)");
    serve_.kill();
    serve_.start();
    ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
    expect_b_flows();
    ASSERT_EQ(command("stop").status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id_, "Paused")) << serve_.log();
    ASSERT_EQ(command("start").status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
    expect_b_flows();
    expect_stopped_in_load("a");
    EXPECT_EQ(target("SELECT count() FROM a"), loaded);

    remove_bad_row("a");
    remove_bad_row("c");
    ASSERT_EQ(command("resync", {"a"}).status, 200);
    ASSERT_TRUE(serve_.wait_until([&] { return table("a")["state"] == "Running"; })) << serve_.log();
    ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
    expect_stopped_in_load("c");
    ASSERT_EQ(command("resync", {"c"}).status, 200);
    expect_equal();
}

TEST_P(StoppedTable, ABadRowInTheLoadOfAnAddedTableStopsThatTableAlone) {
    id_ = serve_.create(pipe_body(database_, source_, database_, {"b"}, strict()));
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    add_bad_row("a");
    connection_->execute("CREATE TABLE c LIKE b");
    json source = {{"host", source_.host}, {"port", source_.port}};
    source["tableMappingsToAdd"] = {mapping(database_, "a"), mapping(database_, "c")};
    ASSERT_EQ(serve_.call("PATCH", "/clickpipes/" + id_, {{"source", {{"mysql", source}}}}).status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
    expect_stopped_in_load("a");
    EXPECT_EQ(table("c")["state"], "Running");
    expect_b_flows();

    // One that is added alone, with nothing beside it that could be followed.
    connection_->execute("CREATE TABLE d LIKE b");
    add_bad_row("d");
    source.erase("tableMappingsToAdd");
    source["tableMappingsToAdd"] = {mapping(database_, "d")};
    ASSERT_EQ(serve_.call("PATCH", "/clickpipes/" + id_, {{"source", {{"mysql", source}}}}).status, 200);
    ASSERT_TRUE(serve_.wait_until([&] {
        return table("d")["error"].is_string() && serve_.state(id_) == "Degraded";
    })) << serve_.log();
    expect_stopped_in_load("d");
    expect_b_flows();

    remove_bad_row("a");
    remove_bad_row("d");
    ASSERT_EQ(command("resync", {"a", "d"}).status, 200);
    expect_equal();
}

TEST_P(StoppedTable, ABadRowInAResyncLeavesTheOldTargetAsItIs) {
    id_ = serve_.create(pipe_body(database_, source_, database_, {"a", "b"}, strict()));
    expect_equal();
    const std::string identities = "SELECT name, uuid FROM system.tables WHERE database = '" + database_ +
                                   "' AND name LIKE 'a%' ORDER BY name";
    const std::string identity = target(identities), rows = target("SELECT * FROM a FINAL ORDER BY id");
    const std::string identity_of_b =
        target("SELECT uuid FROM system.tables WHERE database = '" + database_ + "' AND name = 'b'");
    add_bad_row("a");
    for (const json& asked : {json{"a"}, json(nullptr)}) {  // alone, and with all the others
        ASSERT_EQ(command("resync", asked).status, 200);
        ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
        expect_stopped_in_load("a");
        expect_b_flows();
        EXPECT_EQ(target(identities), identity);
        connection_->execute("INSERT INTO a (v) VALUES (5)");
        expect_b_flows();
        EXPECT_EQ(target("SELECT * FROM a FINAL ORDER BY id"), rows);
    }
    EXPECT_NE(target("SELECT uuid FROM system.tables WHERE database = '" + database_ + "' AND name = 'b'"),
              identity_of_b);

    // A table that was stopped for something else has the newer reason, and only that.
    remove_bad_row("a");
    ASSERT_EQ(command("resync", {"a"}).status, 200);
    expect_equal();
    connection_->execute("TRUNCATE TABLE a");
    ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
    add_bad_row("a");
    ASSERT_EQ(command("resync", {"a"}).status, 200);
    ASSERT_TRUE(serve_.wait_until([&] {
        return table("a")["error"] == bad_row_of("a") && serve_.state(id_) == "Degraded";
    })) << serve_.log();
    expect_stopped_in_load("a");
    expect_b_flows();
    remove_bad_row("a");
    ASSERT_EQ(command("resync", {"a"}).status, 200);
    expect_equal();
}

// The new target of a resync stops on its way, and nothing is beside it that could be followed.
TEST_P(StoppedTable, AStatementDuringAResyncStopsItsTableAlone) {
    connection_->execute(
        "INSERT INTO a (v) SELECT x.v FROM a x, a y, a z, a u, a v, a w, a k, a l, a m, a n");
    json settings = strict();
    settings["settings"]["snapshotMaxRowsPerSecond"] = 500;
    id_ = serve_.create(pipe_body(database_, source_, database_, {"a", "b"}, settings));
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    ASSERT_EQ(command("resync", {"a"}).status, 200);
    ASSERT_TRUE(serve_.wait_until([&] { return table("a")["state"] == "Snapshot"; })) << serve_.log();
    connection_->execute("TRUNCATE TABLE a");
    ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
    const std::string error = table("a")["error"];
    EXPECT_NE(error.find("emptied the table"), std::string::npos) << error;
    expect_b_flows();
    ASSERT_EQ(command("resync", {"a"}).status, 200);
    expect_equal();
}

TEST_P(StoppedTable, APipeWhoseOnlyTableCannotBeLoadedFails) {
    add_bad_row("a");
    id_ = serve_.create(pipe_body(database_, source_, database_, {"a"}, strict()));
    ASSERT_TRUE(serve_.wait_for_state(id_, "Failed")) << serve_.log();
    EXPECT_EQ(serve_.events(id_).back()["reason"],
              "follow changes: the pipe's only table is stopped: " + bad_row_of("a"));
    ASSERT_EQ(command("resync").status, 200);  // and fails again
    ASSERT_TRUE(serve_.wait_until([&] { return serve_.events(id_).size() > 7; })) << serve_.log();
    ASSERT_TRUE(serve_.wait_for_state(id_, "Failed")) << serve_.log();
    expect_stopped_in_load("a");
    remove_bad_row("a");
    ASSERT_EQ(command("resync").status, 200);
    expect_equal();
}

TEST_P(StoppedTable, ATargetThatIsGoneStopsItsTableAlone) {
    json body =
        pipe_body(database_, source_, database_, {"a", "b"}, {{"settings", {{"syncIntervalSeconds", 1}}}});
    body["source"]["mysql"]["tableMappings"][1]["tableEngine"] = "MergeTree";  // a row sent twice stays twice
    id_ = serve_.create(body);
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    ClickHouseClient client(clickhouse_endpoint());
    // Both tables in one transaction, so that they are in one batch.
    const auto change_both = [&] {
        connection_->execute("BEGIN");
        connection_->execute("UPDATE a SET v = v + 1");
        connection_->execute("INSERT INTO b (v) VALUES (500)");
        connection_->execute("COMMIT");
    };
    const auto lose_a = [&](const char* statement, const char* reason) {
        client.query(fmt::format(fmt::runtime(statement), database_));
        change_both();
        ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
        ASSERT_TRUE(serve_.wait_until([&] { return table("a")["error"].is_string(); })) << serve_.log();
        EXPECT_EQ(table("a")["state"], "Failed");
        EXPECT_NE(table("a")["error"].get<std::string>().find(reason), std::string::npos) << table("a");
        expect_b_flows();
    };
    lose_a("DROP TABLE {}.a SYNC", "is gone");
    serve_.kill();
    serve_.start();
    expect_b_flows();
    ASSERT_EQ(command("resync", {"a"}).status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    EXPECT_TRUE(table("a")["error"].is_null());

    lose_a("ALTER TABLE {}.a DROP COLUMN w", "does not fit");
    ASSERT_EQ(command("resync", {"a"}).status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();

    client.query("DROP TABLE " + database_ + ".a SYNC");
    json source = {{"host", source_.host}, {"port", source_.port}};
    source["tableMappingsToRemove"] = {mapping(database_, "a")};
    ASSERT_EQ(serve_.call("PATCH", "/clickpipes/" + id_, {{"source", {{"mysql", source}}}}).status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    expect_b_flows();
    EXPECT_EQ(client.query("SELECT count() FROM " + database_ + ".b WHERE v = 500"), "2");
}

// The last table stops just when it is resynced: the way out is under way already.
TEST_P(StoppedTable, AResyncGoesOnWhenTheOldTargetIsLostMeanwhile) {
    id_ = serve_.create(pipe_body(database_, source_, database_, {"a"}));
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    for (int round = 0; round < 6; ++round) {
        ASSERT_EQ(command("stop").status, 200);
        ASSERT_TRUE(serve_.wait_for_state(id_, "Paused")) << serve_.log();
        target("TRUNCATE TABLE a");
        ASSERT_EQ(command("start").status, 200);
        ASSERT_EQ(command("resync").status, 200);
        ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
        EXPECT_EQ(target("SELECT count() FROM a FINAL"), "2");
    }
    for (const json& event : serve_.events(id_)) EXPECT_NE(event["to"], "Failed") << event;
}

INSTANTIATE_TEST_SUITE_P(Servers, StoppedTable, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace penstock
