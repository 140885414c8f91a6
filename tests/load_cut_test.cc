// Loads that are cut: what a process that was killed has sent may come in late, what ClickHouse acknowledged
// may be gone. The target ends with each row once all the same.

#include <csignal>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "source/mysql_connection.h"
#include "support/pipe_process.h"
#include "support/relay.h"
#include "support/serve_process.h"
#include "support/servers.h"
#include "support/wait_until.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;
using std::chrono::milliseconds;

constexpr const char* kInserts = "query=INSERT%20INTO";  // in the head of a request

class LoadCut : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
        database_ = "cut_" + test.substr(0, 24) + test.substr(test.find('/') + 1);
        for (char& c : database_) c = c == '/' ? '_' : static_cast<char>(std::tolower(c));
        source_.emplace(MysqlConnection::open(source_endpoint(GetParam())));
        source_->execute("DROP DATABASE IF EXISTS " + database_);
        source_->execute("CREATE DATABASE " + database_);
        source_->execute("USE " + database_);
    }
    void make_table(const std::string& name, uint32_t rows) {
        source_->execute("CREATE TABLE " + name + " (id INT PRIMARY KEY, v INT, w VARCHAR(100))");
        for (uint32_t from = 1; from <= rows; from += 50'000) {
            std::string values;
            for (uint32_t id = from; id <= std::min(rows, from + 49'999); ++id) {
                values += fmt::format("{}({},{},'w{}')", values.empty() ? "" : ",", id, id % 7, id);
            }
            source_->execute("INSERT INTO " + name + " VALUES " + values);
        }
    }
    PipeChoice choice(const std::string& more_settings = {}) const {
        PipeChoice choice;
        choice.server = GetParam();
        choice.database = database_;
        choice.more_settings = more_settings;
        choice.mappings = {"{sourceTable: t, targetTable: t, tableEngine: MergeTree}"};
        return choice;
    }
    json body(const std::vector<std::string>& tables, const json& more = {}) const {
        return pipe_body(database_, source_endpoint(GetParam()), database_, tables, more);
    }
    std::string target(const std::string& sql) const {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = database_;
        return ClickHouseClient(endpoint).query(sql);
    }
    /// Tables of the target's database, but the ledger.
    std::string tables() const {
        return target(
            "SELECT arrayStringConcat(arraySort(groupArray(name)), ' ') FROM system.tables WHERE "
            "database = currentDatabase() AND name <> '_penstock_ledger'");
    }
    /// ClickHouse has begun with an INSERT.
    bool inserting() const {
        return ClickHouseClient(clickhouse_endpoint())
                   .query(
                       "SELECT count() FROM system.processes WHERE query_kind = 'Insert' AND position(query, "
                       "'`" +
                       database_ + "`') > 0") != "0";
    }
    static ClickHouseEndpoint behind(const Relay& relay) {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.url = relay.url();
        return endpoint;
    }
    static int command(const ServeProcess& serve, const std::string& id, const std::string& name) {
        return serve.call("PATCH", "/clickpipes/" + id + "/state", {{"command", name}}).status;
    }
    /// How often the pipe has entered the state.
    static size_t times_in(const ServeProcess& serve, const std::string& id, const std::string& state) {
        size_t times = 0;
        for (const json& event : serve.events(id)) times += event.at("to") == state ? 1 : 0;
        return times;
    }

    /// A load of `t`, of 300,000 rows, that is killed while ClickHouse takes its rows. The target takes them
    /// slowly: ClickHouse works on for a while at what the process has sent.
    void kill_a_load(bool with_view) {
        PipeProcess pipe(choice("snapshotNumRowsPerPartition: 60000\n"));
        ClickHouseClient(clickhouse_endpoint()).query("CREATE DATABASE " + database_);
        target(
            "CREATE TABLE t (id Int32, v Nullable(Int32), w Nullable(String), _peerdb_synced_at "
            "DateTime64(9) "
            "DEFAULT now64(), _peerdb_is_deleted UInt8, _peerdb_version UInt64, slow UInt8 DEFAULT "
            "sleepEachRow(0.00001)) ENGINE = MergeTree ORDER BY id SETTINGS "
            "non_replicated_deduplication_window = 10000");
        if (with_view) {
            target("CREATE TABLE seen (id Int32) ENGINE = MergeTree ORDER BY id");
            target("CREATE MATERIALIZED VIEW feed TO seen AS SELECT id FROM t");
        }
        pipe.start();
        ASSERT_TRUE(wait_until([&] { return inserting(); })) << pipe.log();
        std::this_thread::sleep_for(milliseconds(random_() % 400));  // a random moment of the load
        pipe.process().signal(SIGKILL);
        pipe.process().wait();
        EXPECT_EQ(pipe.status()["state"], "Snapshot");
        pipe.start();
        ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
        EXPECT_EQ(pipe.pause(), 0);
        ASSERT_TRUE(wait_until([&] { return !inserting(); }));  // what is late is there too
        EXPECT_EQ(target("SELECT count(), uniqExact(id), sum(id) FROM t"), "300000\t300000\t45000150000")
            << pipe.log();
    }

    std::string database_;
    std::optional<MysqlConnection> source_;
    std::mt19937 random_{std::random_device{}()};
};

TEST_P(LoadCut, AppendOnlyLoadsThatAreKilledHoldEachRowOnce) {
    make_table("t", 300'000);
    for (int i = 0; i < 8; ++i) {
        SCOPED_TRACE(fmt::format("kill {}", i + 1));
        kill_a_load(false);
        EXPECT_EQ(tables(), "t");
    }
}

// Its rows have to pass the view, so they cannot be loaded elsewhere: what runs still is ended first.
TEST_P(LoadCut, ATargetWithAViewHoldsEachRowOnceTooWhenItsLoadIsKilled) {
    make_table("t", 300'000);
    for (int i = 0; i < 4; ++i) {
        SCOPED_TRACE(fmt::format("kill {}", i + 1));
        kill_a_load(true);
        EXPECT_EQ(tables(), "feed seen t");
        EXPECT_EQ(target("SELECT uniqExact(id) FROM seen"), "300000");
    }
}

TEST_P(LoadCut, AnInsertThatTheNetworkHeldBackFindsNoTable) {
    make_table("t", 5000);
    Relay relay(clickhouse_endpoint().url);
    PipeChoice through_relay = choice("initialLoadParallelism: 1\n");
    through_relay.target = behind(relay);
    PipeProcess pipe(through_relay);
    relay.hold(kInserts);
    pipe.start();
    ASSERT_TRUE(wait_until([&] { return relay.held() > 0; })) << pipe.log();
    pipe.process().signal(SIGKILL);
    pipe.process().wait();
    relay.hold("");
    pipe.start();
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    const std::vector<std::string> answers = relay.let_go();
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_NE(answers[0].find("X-ClickHouse-Exception-Code: 60"), std::string::npos) << answers[0];
    EXPECT_EQ(pipe.pause(), 0);
    EXPECT_EQ(target("SELECT count(), uniqExact(id) FROM t"), "5000\t5000");
    Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

TEST_P(LoadCut, AnInsertOfAnAbandonedResyncFindsNoTable) {
    make_table("r", 3000);
    make_table("a", 3000);
    Relay relay(clickhouse_endpoint().url);
    ServeProcess serve(behind(relay));
    serve.start();
    json pipe = body({"r", "a"}, {{"settings",
                                   {{"snapshotMaxRowsPerSecond", 1500},
                                    {"snapshotNumberOfParallelTables", 2},
                                    {"initialLoadParallelism", 1}}}});
    pipe["source"]["mysql"]["tableMappings"][1]["tableEngine"] = "MergeTree";
    const std::string id = serve.create(pipe);
    ASSERT_TRUE(serve.wait_for_state(id, "Running")) << serve.log();
    relay.hold(kInserts);
    ASSERT_EQ(command(serve, id, "resync"), 200);
    ASSERT_TRUE(wait_until([&] { return relay.held() == 2; })) << serve.log();
    serve.kill();
    for (const char* table : {"r", "a"}) {
        source_->execute(fmt::format("DELETE FROM {} WHERE id <= 100", table));
        source_->execute(fmt::format("UPDATE {} SET v = 1000 WHERE id = 200", table));
    }
    relay.hold("");
    serve.start();
    const size_t before = times_in(serve, id, "Snapshot");
    ASSERT_EQ(command(serve, id, "resync"), 200);
    ASSERT_TRUE(wait_until([&] { return times_in(serve, id, "Snapshot") > before; })) << serve.log();
    EXPECT_EQ(relay.let_go().size(), 2u);  // while the next resync is loaded
    ASSERT_TRUE(serve.wait_until([&] {
        return serve.state(id) == "Running" && times_in(serve, id, "Resync") > 0;
    })) << serve.log();
    ASSERT_TRUE(serve.wait_until_caught_up(id, source_endpoint(GetParam()))) << serve.log();
    for (const char* table : {"r FINAL", "a"}) {
        EXPECT_EQ(target(fmt::format("SELECT count(), uniqExact(id), min(id), max(v) FROM {} WHERE "
                                     "_peerdb_is_deleted = 0",
                                     table)),
                  "2900\t2900\t101\t1000")
            << table << serve.log();
    }
    EXPECT_EQ(tables(), "a r");
}

TEST_P(LoadCut, NothingIsLeftOverWhenThePipeIsDeleted) {
    make_table("t", 5000);
    Relay relay(clickhouse_endpoint().url);
    ServeProcess serve(behind(relay));
    serve.start();
    json pipe = body({"t"}, {{"settings", {{"initialLoadParallelism", 1}}}});
    pipe["source"]["mysql"]["tableMappings"][0]["tableEngine"] = "MergeTree";
    for (const char* killed_in : {"load", "resync"}) {
        SCOPED_TRACE(killed_in);
        const bool in_resync = std::string_view(killed_in) == "resync";
        if (!in_resync) relay.hold(kInserts);
        const std::string id = serve.create(pipe);
        if (in_resync) {
            ASSERT_TRUE(serve.wait_for_state(id, "Running")) << serve.log();
            relay.hold(kInserts);
            ASSERT_EQ(command(serve, id, "resync"), 200);
        }
        ASSERT_TRUE(wait_until([&] { return relay.held() > 0; })) << serve.log();
        serve.kill();
        EXPECT_NE(tables(), "t");
        relay.hold("");
        serve.start();
        ASSERT_EQ(serve.call("DELETE", "/clickpipes/" + id).status, 200);
        EXPECT_EQ(tables(), "t");
        EXPECT_EQ(relay.let_go().size(), 1u);
        EXPECT_EQ(tables(), "t");
        target("DROP TABLE t");
    }
}

TEST_P(LoadCut, PartsThatAreLostBeforeATableCountsAsLoadedAreLoadedAgain) {
    make_table("t", 20'000);
    for (const char* engine : {"MergeTree", "ReplacingMergeTree"}) {
        SCOPED_TRACE(engine);
        const bool merges = std::string_view(engine) == "ReplacingMergeTree";
        Relay relay(clickhouse_endpoint().url);
        PipeChoice through_relay = choice("snapshotNumRowsPerPartition: 2000\ninitialLoadParallelism: 2\n");
        through_relay.target = behind(relay);
        through_relay.mappings = {fmt::format("{{sourceTable: t, targetTable: t, tableEngine: {}}}", engine)};
        PipeProcess pipe(through_relay);
        relay.hold("select_sequential_consistency=1");  // the count of what is there
        pipe.start();
        ASSERT_TRUE(wait_until([&] { return relay.held() > 0; })) << pipe.log();
        const std::string part = target(
            "SELECT concat(table, ' ', name) FROM system.parts WHERE active AND rows > 0 AND database = "
            "currentDatabase() ORDER BY name LIMIT 1");
        const std::string table = part.substr(0, part.find(' '));
        EXPECT_TRUE(merges ? table == "t" : table.starts_with("t_load_")) << part;
        target(fmt::format("ALTER TABLE {} DROP PART '{}'", table, part.substr(table.size() + 1)));
        pipe.process().signal(SIGKILL);
        pipe.process().wait();
        relay.hold("");
        pipe.start();
        ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
        EXPECT_EQ(pipe.pause(), 0);
        EXPECT_EQ(
            target(std::string("SELECT count(), uniqExact(id), sum(id) FROM t") + (merges ? " FINAL" : "")),
            "20000\t20000\t200010000")
            << pipe.log();
        EXPECT_NE(pipe.log().find("which ClickHouse had acknowledged"), std::string::npos) << pipe.log();
        Finished verified = pipe.verify();
        EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
        EXPECT_EQ(tables(), "t");
    }
}

// Rows that are written while such a table is read come twice: in what is read, and from the log.
TEST_P(LoadCut, TablesThatCannotBeReadConsistentlyAreNotLoadedWhereRowsStay) {
    make_table("t", 100);
    make_table("old", 100);
    source_->execute("ALTER TABLE old ENGINE = MyISAM");
    ServeProcess serve;
    serve.start();
    const std::string sentence = "this target would keep rows twice";
    json refused = body({"old"});
    refused["source"]["mysql"]["tableMappings"][0]["tableEngine"] = "MergeTree";
    Answer answer = serve.call("POST", "/clickpipes", refused);
    EXPECT_EQ(answer.status, 400);
    EXPECT_NE(answer.error().find(sentence), std::string::npos) << answer.error();
    EXPECT_NE(answer.error().find("ENGINE = InnoDB"), std::string::npos) << answer.error();

    const std::string id = serve.create(body({"t"}));
    ASSERT_TRUE(serve.wait_for_state(id, "Running")) << serve.log();
    const SourceEndpoint source = source_endpoint(GetParam());
    json change;
    change["source"]["mysql"] = {{"host", source.host}, {"port", source.port}};
    json& added = change["source"]["mysql"]["tableMappingsToAdd"];
    added = {mapping(database_, "old")};
    added[0]["tableEngine"] = "Null";
    answer = serve.call("PATCH", "/clickpipes/" + id, change);
    EXPECT_EQ(answer.status, 400);
    EXPECT_NE(answer.error().find(sentence), std::string::npos) << answer.error();
    added[0].erase("tableEngine");
    EXPECT_EQ(serve.call("PATCH", "/clickpipes/" + id, change).status, 200);
    ASSERT_TRUE(serve.wait_until([&] { return times_in(serve, id, "Running") == 2; })) << serve.log();
    EXPECT_EQ(target("SELECT count() FROM old FINAL"), "100");
    ASSERT_EQ(serve.call("DELETE", "/clickpipes/" + id).status, 200);

    // Nothing is loaded in this mode, until a resync.
    json later = body({"old", "t"}, {{"settings", {{"replicationMode", "cdc_only"}}}});
    later["source"]["mysql"]["tableMappings"][0]["tableEngine"] = "MergeTree";
    const std::string other = serve.create(later);
    ASSERT_TRUE(serve.wait_for_state(other, "Running")) << serve.log();
    ASSERT_EQ(command(serve, other, "resync"), 200);
    ASSERT_TRUE(serve.wait_for_state(other, "Degraded")) << serve.log();
    json found = serve.call("GET", "/clickpipes/" + other + "/tables").result();
    EXPECT_EQ(found[0].at("state"), "Failed");
    EXPECT_NE(found[0].at("error").get<std::string>().find("its engine is MyISAM"), std::string::npos)
        << found[0];
    EXPECT_EQ(found[1].at("state"), "Running");
    EXPECT_EQ(tables(), "old t");
}

INSTANTIATE_TEST_SUITE_P(Servers, LoadCut, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace penstock
