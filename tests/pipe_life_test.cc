// Pipes of `penstock serve` through their life: tables added and removed while others flow, resync under
// readers, edits, ways out of Failed, all against real servers.

#include <atomic>
#include <filesystem>
#include <random>
#include <thread>

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

/// Changes the shop until it is stopped.
class Trickle {
  public:
    Trickle(const SourceEndpoint& source, const std::string& database, uint32_t rows)
        : connection_(MysqlConnection::open(source)),
          writer_(connection_, database, rows, 7),
          work_([this](const std::atomic<bool>& stop) { return writer_.run(UINT64_MAX, stop); }) {}
    void stop() { work_.finish(); }

  private:
    MysqlConnection connection_;
    ShopWriter writer_;
    BackgroundWork<uint64_t> work_;
};

class PipeLife : public testing::TestWithParam<const char*> {
  protected:
    static constexpr uint32_t kRows = 3000;

    void SetUp() override {
        source_ = source_endpoint(GetParam());
        std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
        database_ = "service_" + test.substr(0, 24) + test.substr(test.find('/') + 1);
        for (char& c : database_) c = c == '/' ? '_' : static_cast<char>(std::tolower(c));
        connection_.emplace(MysqlConnection::open(source_));
        create_shop(*connection_, database_, kRows);
        serve_.start();
    }

    std::string target(const std::string& sql) {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = database_;
        return ClickHouseClient(endpoint).query(sql);
    }
    json body(const std::vector<std::string>& tables, const json& more = {}) {
        return pipe_body(database_, source_, database_, tables, more);
    }
    json patch(json source) {
        source["host"] = source_.host;
        source["port"] = source_.port;
        return {{"source", {{"mysql", source}}}};
    }
    Answer command(const std::string& id, const std::string& name, const json& tables = nullptr) {
        json asked = {{"command", name}};
        if (!tables.is_null()) asked["tables"] = tables;
        return serve_.call("PATCH", "/clickpipes/" + id + "/state", asked);
    }
    /// The states that the pipe went to since event number `after`, joined by spaces.
    std::string way(const std::string& id, uint64_t after = 0) {
        std::string states;
        for (const json& event : serve_.events(id)) {
            if (event.at("number").get<uint64_t>() <= after) continue;
            EXPECT_FALSE(event.at("reason").get<std::string>().empty());
            states += (states.empty() ? "" : " ") + event.at("to").get<std::string>();
        }
        return states;
    }
    uint64_t last_event(const std::string& id) { return serve_.events(id).size(); }
    void expect_equal(const std::string& id) {
        ASSERT_TRUE(serve_.wait_until_caught_up(id, source_)) << serve_.log();
        Finished verified = serve_.verify(id, source_);
        EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err << serve_.log();
    }

    SourceEndpoint source_;
    std::string database_;
    std::optional<MysqlConnection> connection_;
    ServeProcess serve_;
    int number_ = 0;
};

TEST_P(PipeLife, TablesAreAddedAndRemovedWhileTheOthersFlow) {
    // A chosen server id is the pipe's own: the second reader, for the new tables, must not use it too.
    std::string id = serve_.create(body({"by_int", "by_pair"}, {{"serverId", 990'000'017}}));
    Trickle trickle(source_, database_, kRows);
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    EXPECT_EQ(way(id), "Provisioning Setup Snapshot Running");

    uint64_t before = last_event(id);
    Answer added = serve_.call(
        "PATCH", "/clickpipes/" + id,
        patch({{"tableMappingsToAdd", {mapping(database_, "by_text"), mapping(database_, "every_type")}}}));
    ASSERT_EQ(added.status, 200) << added.error();
    EXPECT_EQ(added.result()["source"]["mysql"]["tableMappings"].size(), 4u);
    bool apart = serve_.wait_until([&] {  // the old tables run while the new ones are loaded
        std::string states;
        for (const json& table : serve_.call("GET", "/clickpipes/" + id + "/tables").result()) {
            states += table.at("state").get<std::string>() + " ";
        }
        return states == "Running Running Snapshot Snapshot " || serve_.state(id) == "Running";
    });
    EXPECT_TRUE(apart);
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    EXPECT_EQ(way(id, before), "Setup Snapshot Running");
    EXPECT_EQ(serve_.log().find("trying again"), std::string::npos) << serve_.log();

    before = last_event(id);
    Answer removed = serve_.call("PATCH", "/clickpipes/" + id,
                                 patch({{"tableMappingsToRemove", {mapping(database_, "by_pair")}}}));
    ASSERT_EQ(removed.status, 200) << removed.error();
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    EXPECT_EQ(way(id, before), "Modifying Running");
    trickle.stop();
    expect_equal(id);
    EXPECT_EQ(serve_.call("GET", "/clickpipes/" + id + "/tables").result().size(), 3u);
    EXPECT_EQ(target("EXISTS TABLE by_pair"), "1");
}

TEST_P(PipeLife, AResyncLeavesTheTargetReadableAtEveryMoment) {
    std::string id = serve_.create(body({"by_int", "by_pair", "by_text", "every_type"}));
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    // A row that no other writer touches.
    connection_->execute("INSERT INTO " + database_ + ".by_int (id) VALUES (3900000)");
    connection_->execute("DELETE FROM " + database_ + ".by_int WHERE id = 3900000");
    ASSERT_TRUE(serve_.wait_until_caught_up(id, source_));
    target("CREATE TABLE seen (id Int64) ENGINE = MergeTree ORDER BY id");
    target("CREATE MATERIALIZED VIEW feed TO seen AS SELECT id FROM by_int");
    EXPECT_EQ(target("SELECT count() FROM by_int FINAL WHERE _peerdb_is_deleted"), "1");

    Trickle trickle(source_, database_, kRows);
    std::atomic<uint64_t> reads{0};
    BackgroundWork<std::string> reader([&](const std::atomic<bool>& stop) {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = database_;
        ClickHouseClient client(endpoint);
        while (!stop) {
            try {
                std::string rows = client.query("SELECT count() > 1000 FROM by_int FINAL");
                if (rows != "1") return std::string("too few rows");
            } catch (const Error& e) {
                return std::string(e.what());
            }
            ++reads;
        }
        return std::string();
    });
    uint64_t before = last_event(id);
    ASSERT_EQ(command(id, "resync").status, 200);
    ASSERT_TRUE(serve_.wait_until([&] { return way(id, before).ends_with("Running"); })) << serve_.log();
    EXPECT_EQ(way(id, before), "Setup Snapshot Resync Running");
    EXPECT_EQ(reader.finish(), "");
    EXPECT_GT(reads, 0u);
    trickle.stop();
    expect_equal(id);
    EXPECT_EQ(
        target(
            "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name LIKE '%resync%'"),
        "0");
    EXPECT_EQ(target("SELECT count() FROM by_int FINAL WHERE id = 3900000 AND _peerdb_is_deleted"), "1");
    // The view goes on with the new table.
    connection_->execute("INSERT INTO " + database_ + ".by_int (id) VALUES (4000000)");
    ASSERT_TRUE(serve_.wait_until_caught_up(id, source_));
    EXPECT_EQ(target("SELECT count() FROM seen WHERE id = 4000000"), "1");
}

TEST_P(PipeLife, AViewSeesEveryChangeOnceAcrossAResync) {
    for (const std::vector<std::string>& resynced : {std::vector<std::string>{}, {"by_int"}}) {
        std::string id =
            serve_.create(body({"by_int", "by_pair"}, {{"settings", {{"syncIntervalSeconds", 60}}}}));
        ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
        target("CREATE TABLE seen (id Int64) ENGINE = MergeTree ORDER BY id");
        target("CREATE MATERIALIZED VIEW feed TO seen AS SELECT id FROM by_int");
        // Changes that wait for the sync interval when the resync begins, and are in its new target.
        for (int i = 0; i < 10; ++i) {
            connection_->execute(
                fmt::format("INSERT INTO {}.by_int (id) VALUES ({})", database_, 5'000'000 + ++number_));
        }
        uint64_t before = last_event(id);
        ASSERT_EQ(command(id, "resync", resynced.empty() ? json(nullptr) : json(resynced)).status, 200);
        ASSERT_TRUE(serve_.wait_until([&] { return way(id, before).ends_with("Resync Running"); }))
            << serve_.log();
        EXPECT_EQ(target(fmt::format("SELECT count(), uniqExact(id) FROM seen WHERE id > {}",
                                     5'000'000 + number_ - 10)),
                  "10\t10");
        ASSERT_EQ(serve_.call("DELETE", "/clickpipes/" + id).status, 200);
        for (const char* name : {"feed", "seen", "by_int", "by_pair"}) {
            target(fmt::format("DROP TABLE {} SYNC", name));
        }
    }
}

TEST_P(PipeLife, AResyncLeadsOutOfFailedWithTheNewDefinition) {
    std::string id = serve_.create(body({"by_int", "by_pair"}));
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    connection_->execute("ALTER TABLE " + database_ + ".by_int ADD COLUMN extra INT DEFAULT 42");
    ASSERT_TRUE(serve_.wait_for_state(id, "Degraded")) << serve_.log();  // one table alone
    connection_->execute("ALTER TABLE " + database_ + ".by_pair ADD COLUMN extra INT DEFAULT 43");
    ASSERT_TRUE(serve_.wait_for_state(id, "Failed")) << serve_.log();  // no table is left that flows
    EXPECT_EQ(command(id, "stop").status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id, "Paused")) << serve_.log();
    EXPECT_EQ(command(id, "start").status, 200);  // where it failed
    ASSERT_TRUE(serve_.wait_for_state(id, "Failed")) << serve_.log();
    ASSERT_EQ(command(id, "resync").status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    EXPECT_EQ(target("SELECT uniqExact(extra), any(extra) FROM by_int"), "1\t42");
    expect_equal(id);
}

TEST_P(PipeLife, TablesAddedAtAnyMomentOfASnapshotPipeAreLoaded) {
    std::vector<std::string> tables = {"by_int"};
    for (int i = 0; i < 12; ++i) {  // so that Setup takes a while
        tables.push_back(fmt::format("t{}", i));
        connection_->execute(
            fmt::format("CREATE TABLE {}.{} (id INT PRIMARY KEY)", database_, tables.back()));
    }
    std::string late;
    for (const char* state : {"Provisioning", "Setup", "Snapshot"}) {
        json more = {{"settings", {{"replicationMode", "snapshot"}}}};
        json asked = pipe_body(database_, source_, database_, tables, more);
        std::string id = serve_.create(asked);
        ASSERT_TRUE(serve_.wait_until([&] {
            return way(id).find(state) != std::string::npos || std::string_view(state) == "Provisioning";
        }));
        Answer added = serve_.call("PATCH", "/clickpipes/" + id,
                                   patch({{"tableMappingsToAdd", {mapping(database_, "by_text")}}}));
        ASSERT_TRUE(serve_.wait_for_state(id, "Completed")) << serve_.log();
        if (added.status == 200) {
            late += state;
            EXPECT_EQ(target("SELECT count() FROM by_text"), std::to_string(kRows)) << state << way(id);
        } else {
            EXPECT_NE(added.error().find("Completed"), std::string::npos) << added.error();
        }
        EXPECT_EQ(serve_.call("DELETE", "/clickpipes/" + id).status, 200);
    }
    EXPECT_NE(late, "");
}

TEST_P(PipeLife, TablesAddedWithASettingDuringAResyncAreLoaded) {
    json more = {{"settings", {{"replicationMode", "snapshot"}, {"snapshotNumRowsPerPartition", 1000}}}};
    std::string id = serve_.create(body({"by_int", "by_pair"}, more));
    ASSERT_TRUE(serve_.wait_for_state(id, "Completed")) << serve_.log();
    uint64_t before = last_event(id);
    ASSERT_EQ(command(id, "resync").status, 200);
    ASSERT_TRUE(serve_.wait_until([&] { return way(id, before).find("Snapshot") != std::string::npos; }));
    ASSERT_EQ(serve_
                  .call("PATCH", "/clickpipes/" + id,
                        patch({{"settings", {{"pullBatchSize", 500}}},
                               {"tableMappingsToAdd", {mapping(database_, "by_text")}}}))
                  .status,
              200);
    ASSERT_TRUE(serve_.wait_until([&] { return way(id, before).ends_with("Completed"); })) << serve_.log();
    Finished verified = serve_.verify(id, source_);
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err << serve_.log();
}

TEST_P(PipeLife, AResyncTakesNobodysTable) {
    json other = {{"name", "other"},
                  {"source", body({"by_text"})["source"]},
                  {"destination", {{"database", database_}}}};
    other["source"]["mysql"]["tableMappings"][0]["targetTable"] = "by_pair_resync";
    std::string id = serve_.create(body({"by_int", "by_pair"}));
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    target("CREATE TABLE by_int_resync ENGINE = MergeTree ORDER BY id AS SELECT toInt32(7) AS id");
    target("CREATE TABLE by_int_load_01234567 ENGINE = MergeTree ORDER BY id AS SELECT toInt32(8) AS id");
    const std::string neighbour = serve_.create(other);
    ASSERT_TRUE(serve_.wait_for_state(neighbour, "Running")) << serve_.log();
    EXPECT_EQ(command(id, "resync").status, 200);
    ASSERT_TRUE(serve_.wait_until([&] { return way(id).ends_with("Resync Running"); })) << serve_.log();
    EXPECT_EQ(target("SELECT id FROM by_int_resync"), "7");
    EXPECT_EQ(target("SELECT id FROM by_int_load_01234567"), "8");
    EXPECT_EQ(target("SELECT count() FROM by_pair_resync"), std::to_string(kRows));
    EXPECT_EQ(target("SELECT count() FROM system.tables WHERE database = currentDatabase()"),
              "6");  // and the ledger
}

TEST_P(PipeLife, ChosenTablesAreResyncedAgainAndAgain) {
    std::string id = serve_.create(body({"by_int", "by_pair"}));
    Trickle trickle(source_, database_, kRows);
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    target("INSERT INTO by_int (id, _peerdb_version) VALUES (777777777, 1)");  // a row that the source lacks
    uint64_t before = last_event(id);
    EXPECT_EQ(command(id, "resync", {"nowhere"}).status, 400);
    ASSERT_EQ(command(id, "resync", {"by_int"}).status, 200);
    ASSERT_EQ(command(id, "resync", {"by_pair"}).status, 200);  // during the other: both are done
    ASSERT_TRUE(serve_.wait_until([&] { return way(id, before).ends_with("Resync Running"); }))
        << serve_.log();
    trickle.stop();
    expect_equal(id);
    EXPECT_EQ(target("SELECT count() FROM by_int WHERE id = 777777777"), "0");
}

TEST_P(PipeLife, StopsAndStartsInTheMiddleOfALoad) {
    std::string id = serve_.create(body({"by_int", "by_pair", "by_text", "every_type"}));
    Trickle trickle(source_, database_, kRows);
    for (int i = 0; i < 5; ++i) {
        ASSERT_EQ(command(id, "stop").status, 200);
        EXPECT_EQ(command(id, "stop").status, 200);  // twice is once
        ASSERT_TRUE(serve_.wait_for_state(id, "Paused")) << serve_.log();
        ASSERT_EQ(command(id, "start").status, 200);
    }
    Answer again = command(id, "start");
    EXPECT_EQ(again.status, 400);
    EXPECT_NE(again.error().find("already running"), std::string::npos) << again.error();
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    trickle.stop();
    expect_equal(id);
}

TEST_P(PipeLife, AppendOnlyAndNullTablesJoinARunningPipeExactlyOnce) {
    connection_->execute("CREATE TABLE " + database_ + ".log (id INT PRIMARY KEY AUTO_INCREMENT, v INT)");
    connection_->execute("INSERT INTO " + database_ + ".log (v) SELECT a FROM " + database_ +
                         ".by_int LIMIT 500");
    std::string id = serve_.create(body({"by_int"}));
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    target("CREATE TABLE fed (id Int32, n UInt64) ENGINE = SummingMergeTree ORDER BY id");
    BackgroundWork<void> inserts([&](const std::atomic<bool>& stop) {
        MysqlConnection writing = MysqlConnection::open(source_);
        while (!stop) writing.execute("INSERT INTO " + database_ + ".log (v) VALUES (1)");
    });
    json append = mapping(database_, "log"), feed = mapping(database_, "log");
    append["tableEngine"] = "MergeTree";
    feed["tableEngine"] = "Null";
    feed["targetTable"] = "log_feed";
    target(
        "CREATE TABLE log_feed (id Int32, v Nullable(Int32), `_peerdb_synced_at` DateTime64(9) DEFAULT "
        "now64(9), "
        "`_peerdb_is_deleted` UInt8, `_peerdb_version` UInt64) ENGINE = Null");
    target("CREATE MATERIALIZED VIEW feeder TO fed AS SELECT id, toUInt64(1) AS n FROM log_feed");
    Answer added = serve_.call("PATCH", "/clickpipes/" + id, patch({{"tableMappingsToAdd", {append, feed}}}));
    ASSERT_EQ(added.status, 200) << added.error();
    uint64_t before = last_event(id);
    ASSERT_TRUE(serve_.wait_until([&] { return way(id).ends_with("Setup Snapshot Running"); }))
        << serve_.log();
    ASSERT_GE(last_event(id), before);
    inserts.finish();
    ASSERT_TRUE(serve_.wait_until_caught_up(id, source_)) << serve_.log();
    std::string rows = connection_->query("SELECT COUNT(*) FROM " + database_ + ".log").at(0).at(0).value();
    EXPECT_EQ(target("SELECT count(), uniqExact(id) FROM log"), rows + "\t" + rows);
    EXPECT_EQ(target("SELECT sum(n), uniqExact(id) FROM fed"), rows + "\t" + rows);
    expect_equal(id);
}

TEST_P(PipeLife, SettingsAndCredentialsChangeInPlace) {
    std::string id = serve_.create(body({"by_int"}));
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    uint64_t before = last_event(id);
    Answer changed = serve_.call("PATCH", "/clickpipes/" + id,
                                 patch({{"settings",
                                         {{"syncIntervalSeconds", 2},
                                          {"syncIntervalMilliseconds", 50},
                                          {"snapshotMaxRowsPerSecond", 1000000},
                                          {"pullBatchSize", 500}}}}));
    ASSERT_EQ(changed.status, 200) << changed.error();
    EXPECT_EQ(changed.result()["source"]["mysql"]["settings"]["pullBatchSize"], 500);
    EXPECT_EQ(changed.result()["source"]["mysql"]["settings"]["syncIntervalMilliseconds"], 50);
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    EXPECT_EQ(way(id, before), "Modifying Running");

    connection_->execute("DROP USER IF EXISTS 'rotated'@'%'");
    connection_->execute("CREATE USER 'rotated'@'%' IDENTIFIED BY 'first-secret-1'");
    connection_->execute("GRANT ALL ON *.* TO 'rotated'@'%'");
    Answer wrong = serve_.call("PATCH", "/clickpipes/" + id,
                               patch({{"credentials", {{"username", "rotated"}, {"password", "not-it-9"}}}}));
    EXPECT_EQ(wrong.status, 400);
    EXPECT_EQ(wrong.error().find("not-it-9"), std::string::npos);
    ASSERT_EQ(command(id, "stop").status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id, "Paused"));
    Answer right =
        serve_.call("PATCH", "/clickpipes/" + id,
                    patch({{"credentials", {{"username", "rotated"}, {"password", "first-secret-1"}}}}));
    ASSERT_EQ(right.status, 200) << right.error();
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();  // an edit of a paused pipe resumes it
    expect_equal(id);
    EXPECT_EQ(serve_.log().find("first-secret-1"), std::string::npos);
}

TEST_P(PipeLife, ATableIsAddedAgainOnlyWhenItsRemovalIsDone) {
    source_ = account_of_its_own(GetParam(), "added_again");
    std::string id = serve_.create(body({"by_int", "by_pair"}));
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    // The removal cannot be done while the source does not let the pipe in.
    connection_->execute("ALTER USER 'added_again'@'%' ACCOUNT LOCK");
    ASSERT_EQ(serve_
                  .call("PATCH", "/clickpipes/" + id,
                        patch({{"tableMappingsToRemove", {mapping(database_, "by_pair")}}}))
                  .status,
              200);
    ASSERT_EQ(command(id, "stop").status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id, "Paused")) << serve_.log();
    connection_->execute("ALTER USER 'added_again'@'%' ACCOUNT UNLOCK");

    target("TRUNCATE TABLE by_pair");
    const json add = patch({{"tableMappingsToAdd", {mapping(database_, "by_pair")}}});
    Answer early = serve_.call("PATCH", "/clickpipes/" + id, add);
    EXPECT_EQ(early.status, 400);
    EXPECT_NE(early.error().find("tableMappingsToAdd: the removal of by_pair is not done yet"),
              std::string::npos)
        << early.error();
    ASSERT_EQ(command(id, "start").status, 200);
    Answer added;
    ASSERT_TRUE(serve_.wait_until([&] {
        added = serve_.call("PATCH", "/clickpipes/" + id, add);
        return added.status == 200;
    })) << added.error();
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    expect_equal(id);
}

TEST_P(PipeLife, ALostSourceIsShownAsDegradedAndPasses) {
    source_ = account_of_its_own(GetParam(), "lost_source");
    std::string id = serve_.create(body({"by_int"}));
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    // The log reader's connection is killed until the pipe has noticed.
    ASSERT_TRUE(serve_.wait_until([&] {
        kill_log_readers(*connection_, source_.username);
        return way(id).find("Degraded") != std::string::npos;
    })) << serve_.log();
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    EXPECT_EQ(way(id).substr(0, 52), "Provisioning Setup Snapshot Running Degraded Running");
    expect_equal(id);
}

TEST_P(PipeLife, SettingsForClickHouseComeWithEachInsert) {
    json with = body({"by_int"});
    with["settings"] = {{"clickhouse_max_threads", 3},
                        {"clickhouse_max_insert_threads", 2},
                        {"clickhouse_min_insert_block_size_bytes", 12345678},
                        {"clickhouse_parallel_view_processing", true}};
    std::string id = serve_.create(with);
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    // What is in force while an insert goes through it.
    target(
        "CREATE TABLE seen (threads UInt64, inserting UInt64, bytes UInt64, parallel UInt64)"
        " ENGINE = MergeTree ORDER BY ()");
    target(
        "CREATE MATERIALIZED VIEW watch TO seen AS SELECT getSetting('max_threads') AS threads,"
        " getSetting('max_insert_threads') AS inserting, getSetting('min_insert_block_size_bytes') AS bytes,"
        " getSetting('parallel_view_processing') AS parallel FROM by_int");
    const std::string seen = "SELECT DISTINCT threads, inserting, bytes, parallel FROM seen";
    connection_->execute("DELETE FROM " + database_ + ".by_int LIMIT 1");
    ASSERT_TRUE(serve_.wait_until_caught_up(id, source_)) << serve_.log();
    EXPECT_EQ(target(seen), "3\t2\t12345678\t1");
    // Others come from the next time on that its work begins.
    target("TRUNCATE TABLE seen");
    ASSERT_EQ(serve_.call("PUT", "/clickpipes/" + id + "/settings", {{"clickhouse_max_threads", 5}}).status,
              200);
    ASSERT_EQ(command(id, "stop").status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id, "Paused"));
    ASSERT_EQ(command(id, "start").status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id, "Running"));
    connection_->execute("DELETE FROM " + database_ + ".by_int LIMIT 1");
    ASSERT_TRUE(serve_.wait_until_caught_up(id, source_)) << serve_.log();
    EXPECT_EQ(target("SELECT DISTINCT threads, bytes = 12345678 FROM seen"), "5\t0");
}

TEST_P(PipeLife, ADeletedPipeIsGoneAndItsTargetsStay) {
    std::string id = serve_.create(body({"by_int"}));
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    // UUIDs are read in either case, and shown in one.
    const auto upper = [](std::string path) {
        std::transform(path.begin(), path.end(), path.begin(),
                       [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
        return path;
    };
    std::string ids = upper(serve_.service_path() + "/clickpipes/" + id);
    for (const char* word : {"/v1/organizations/", "/services/", "/clickpipes/"}) {
        ids.replace(ids.find(upper(word)), std::string(word).size(), word);
    }
    ASSERT_NE(ids, serve_.service_path() + "/clickpipes/" + id);
    EXPECT_EQ(serve_.call_path("GET", ids, nullptr).result().at("id"), id);
    EXPECT_EQ(serve_.call_path("GET", ids + "/tables", nullptr).result().size(), 1u);
    EXPECT_EQ(serve_.call_path("PATCH", ids + "/state", {{"command", "stop"}}).status, 200);
    EXPECT_EQ(serve_.call_path("GET", upper(ids), nullptr).status, 404);  // the words are not ids
    EXPECT_EQ(serve_.call("DELETE", "/clickpipes/" + id).status, 200);
    EXPECT_EQ(serve_.call("GET", "/clickpipes/" + id).status, 404);
    EXPECT_EQ(serve_.call("GET", "/clickpipes").result().size(), 0u);
    EXPECT_EQ(target("SELECT count() > 0 FROM by_int"), "1");
}

TEST_P(PipeLife, ASnapshotPipeCompletesAndIsResynced) {
    json snapshot = {{"settings", {{"replicationMode", "snapshot"}}}};
    std::string id = serve_.create(body({"by_int", "by_pair"}, snapshot));
    ASSERT_TRUE(serve_.wait_for_state(id, "Completed")) << serve_.log();
    EXPECT_EQ(command(id, "start").status, 400);
    EXPECT_EQ(command(id, "stop").status, 400);
    EXPECT_EQ(serve_.call("PATCH", "/clickpipes/" + id, patch({{"settings", {{"pullBatchSize", 5}}}})).status,
              400);
    connection_->execute("DELETE FROM " + database_ + ".by_int WHERE id > 100");
    uint64_t before = last_event(id);
    ASSERT_EQ(command(id, "resync").status, 200);
    ASSERT_TRUE(serve_.wait_until([&] { return way(id, before).ends_with("Completed"); })) << serve_.log();
    EXPECT_EQ(way(id, before), "Setup Snapshot Resync Completed");
    Finished verified = serve_.verify(id, source_);
    EXPECT_EQ(verified.exit_code, 0) << verified.out;
}

TEST_P(PipeLife, AnEditOfAPausedPipeAsItsClientsDoIt) {
    // They stop, wait for Paused, edit, and bring the pipe to where its user wants it; the edit itself
    // resumes it.
    std::string id = serve_.create(body({"by_int", "by_pair"}));
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    ASSERT_EQ(command(id, "stop").status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id, "Paused"));
    uint64_t before = last_event(id);
    EXPECT_EQ(serve_.call("PATCH", "/clickpipes/" + id, {{"name", database_ + "_renamed"}}).status, 200);
    EXPECT_EQ(serve_.state(id), "Paused");  // a name needs no work
    EXPECT_EQ(last_event(id), before);
    Answer edited = serve_.call("PATCH", "/clickpipes/" + id,
                                patch({{"tableMappingsToAdd", {mapping(database_, "by_text")}},
                                       {"tableMappingsToRemove", {mapping(database_, "by_int")}}}));
    ASSERT_EQ(edited.status, 200) << edited.error();
    EXPECT_EQ(edited.result()["name"], database_ + "_renamed");
    ASSERT_TRUE(serve_.wait_until([&] { return way(id, before).ends_with("Running"); })) << serve_.log();
    EXPECT_EQ(way(id, before), "Modifying Setup Snapshot Running");
    Answer start = command(id, "start");
    EXPECT_EQ(start.status, 400);
    EXPECT_NE(start.error().find("already running"), std::string::npos) << start.error();
    expect_equal(id);
    EXPECT_EQ(command(id, "stop").status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id, "Paused"));
    EXPECT_EQ(command(id, "stop").status, 200);
    EXPECT_EQ(serve_.call("DELETE", "/clickpipes/" + id).status, 200);
}

TEST_P(PipeLife, TablesJoinAPipeThatOnlyFollowsChanges) {
    std::string id = serve_.create(body({"by_int"}, {{"settings", {{"replicationMode", "cdc_only"}}}}));
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    uint64_t before = last_event(id);
    ASSERT_EQ(serve_
                  .call("PATCH", "/clickpipes/" + id,
                        patch({{"tableMappingsToAdd", {mapping(database_, "by_pair")}}}))
                  .status,
              200);
    ASSERT_TRUE(serve_.wait_until([&] { return way(id, before).ends_with("Running"); })) << serve_.log();
    EXPECT_EQ(way(id, before), "Setup Running");
    connection_->execute("DELETE FROM " + database_ + ".by_pair LIMIT 3");
    connection_->execute("DELETE FROM " + database_ + ".by_int WHERE id = 5");
    ASSERT_TRUE(serve_.wait_until_caught_up(id, source_)) << serve_.log();
    EXPECT_EQ(target("SELECT count() FROM by_pair FINAL WHERE _peerdb_is_deleted"), "3");
    EXPECT_EQ(target("SELECT groupArray(id) FROM by_int FINAL WHERE _peerdb_is_deleted"), "[5]");
    ASSERT_EQ(command(id, "resync").status, 200);  // loads what was never loaded
    ASSERT_TRUE(serve_.wait_until([&] { return way(id, before).ends_with("Resync Running"); }))
        << serve_.log();
    expect_equal(id);
}

TEST_P(PipeLife, NoSecretIsToldAnywhere) {
    const std::string password = "s3cret-of-the-source", wrong = "s3cret-that-is-wrong";
    connection_->execute("DROP USER IF EXISTS 'quiet'@'%'");
    connection_->execute("CREATE USER 'quiet'@'%' IDENTIFIED BY '" + password + "'");
    connection_->execute("GRANT ALL ON *.* TO 'quiet'@'%'");
    json with = body({"by_int"});
    std::string told;
    with["source"]["mysql"]["credentials"] = {{"username", "quiet"}, {"password", wrong}};
    told += serve_.call("POST", "/clickpipes", with).body.dump();
    with["source"]["mysql"]["credentials"]["password"] = password;
    with["source"]["mysql"]["port"] = "many";  // beside a right password
    told += serve_.call("POST", "/clickpipes", with).error();
    EXPECT_NE(told.find("port"), std::string::npos) << told;
    with["source"]["mysql"]["port"] = source_.port;
    std::string id = serve_.create(with);
    ASSERT_TRUE(serve_.wait_for_state(id, "Running")) << serve_.log();
    connection_->execute("ALTER USER 'quiet'@'%' IDENTIFIED BY 'another-one-1'");
    EXPECT_EQ(command(id, "stop").status, 200);
    ASSERT_TRUE(serve_.wait_for_state(id, "Paused"));
    EXPECT_EQ(command(id, "start").status, 200);  // its password is wrong now
    ASSERT_TRUE(serve_.wait_for_state(id, "Failed")) << serve_.log();
    for (const char* view : {"", "/tables", "/partitions", "/batches", "/events", "/progress", "/settings"}) {
        told += serve_.call("GET", "/clickpipes/" + id + view).body.dump();
    }
    told += serve_.call("GET", "/clickpipes").body.dump();
    // The embedded ClickHouse makes a password for itself.
    std::string embedded;
    const Answer services = serve_.call_path("GET", serve_.services_path(), nullptr);
    for (const json& service : services.result()) {
        if (service.at("embedded"))
            embedded = serve_.services_path() + "/" + service["id"].get<std::string>();
    }
    json inside = body({"by_pair"});
    inside["name"] = "inside";
    const Answer made = serve_.call_path("POST", embedded + "/clickpipes", inside);
    ASSERT_EQ(made.status, 200) << made.error();
    const std::string path = embedded + "/clickpipes/" + made.result()["id"].get<std::string>();
    ASSERT_TRUE(serve_.wait_until([&] {
        return serve_.call_path("GET", path, nullptr).result()["state"] == "Running";
    })) << serve_.log();
    for (const char* view : {"", "/tables", "/events", "/progress"}) {
        told += serve_.call_path("GET", path + view, nullptr).body.dump();
    }
    told += serve_.call_path("GET", embedded, nullptr).body.dump();
    const std::string engine_password_file = serve_.data_dir() + "/clickhouse/password";
    told += serve_.log() + run_program({"/bin/ps", "-eo", "args"}).out;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(serve_.data_dir())) {
        if (entry.is_regular_file() && entry.path().filename() != "master.key" &&
            entry.path() != engine_password_file) {
            told += read_file(entry.path());
        }
    }
    std::string master_key = read_file(serve_.data_dir() + "/master.key");
    while (!master_key.empty() && master_key.back() == '\n') master_key.pop_back();
    ASSERT_GT(master_key.size(), 40u);
    std::string engine_password = read_file(engine_password_file);
    while (!engine_password.empty() && engine_password.back() == '\n') engine_password.pop_back();
    for (const std::string& secret :
         {password, wrong, master_key, clickhouse_endpoint().password, engine_password}) {
        ASSERT_GT(secret.size(), 8u);
        size_t at = told.find(secret);
        EXPECT_EQ(at, std::string::npos) << told.substr(at < 200 ? 0 : at - 200, 400);
    }
    EXPECT_EQ(told.find(serve_.key_secret()), told.rfind(serve_.key_secret()));  // once, at the first start
}

INSTANTIATE_TEST_SUITE_P(Servers, PipeLife, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace penstock
