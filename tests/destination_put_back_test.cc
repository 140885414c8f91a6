// Either side is put back to an older state, or the server loses power: what is missing is sent again,
// nothing is doubled, or the tables concerned stop with the reason.

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "destination/clickhouse_client.h"
#include "destination/target_state.h"
#include "source/mysql_connection.h"
#include "support/own_clickhouse.h"
#include "support/pipe_process.h"
#include "support/servers.h"
#include "support/wait_until.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;

class DestinationPutBack : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        connection_.emplace(MysqlConnection::open(source_endpoint(GetParam())));
        const std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
        database_ =
            fmt::format("put_back_{}_{}", test.substr(0, std::min<size_t>(30, test.find('/'))), GetParam());
        for (char& c : database_) c = static_cast<char>(std::tolower(c));
        sql("DROP DATABASE IF EXISTS " + database_);
        sql("CREATE DATABASE " + database_);
        // Rows of `appended` are only inserted: its target, which keeps every change, then equals it.
        for (const char* table : {"replaced", "appended", "quiet"}) {
            sql(fmt::format("CREATE TABLE {}.{} (id INT PRIMARY KEY, v INT NOT NULL)", database_, table));
            sql(fmt::format("INSERT INTO {}.{} VALUES (1, 0), (2, 0), (3, 0)", database_, table));
        }
        pipe_.emplace(PipeChoice{
            .server = GetParam(),
            .database = database_,
            .target = clickhouse_.endpoint(),
            .more_settings = "syncIntervalMilliseconds: 100\n",
            .mappings = {"replaced", "{sourceTable: appended, targetTable: appended, tableEngine: MergeTree}",
                         "quiet"}});
    }

    void sql(const std::string& statement) { connection_->execute(statement); }
    std::string target(const std::string& query) {
        return ClickHouseClient(clickhouse_.endpoint(database_)).query(query);
    }
    void begin() {
        pipe_->start();
        ASSERT_TRUE(pipe_->wait_until_caught_up()) << pipe_->log();
    }
    /// A row more in `appended`, and changes in `replaced`; each call is a batch of its own.
    void change() {
        ++changes_;
        sql(fmt::format("INSERT INTO {}.appended VALUES ({}, {})", database_, 100 + changes_, changes_));
        sql(fmt::format("INSERT INTO {}.replaced VALUES ({}, {})", database_, 100 + changes_, changes_));
        sql(fmt::format("UPDATE {}.replaced SET v = {} WHERE id = 1", database_, changes_));
        if (changes_ % 3 == 0)
            sql(fmt::format("DELETE FROM {}.replaced WHERE id = {}", database_, 100 + changes_ - 1));
        MysqlConnection connection = MysqlConnection::open(pipe_->endpoint());
        const Position end =
            current_position(connection, read_server_info(connection), ReplicationMechanism::kGtid);
        ASSERT_TRUE(pipe_->wait_for([&](const json& now) {
            return (now["state"] == "Running" || now["state"] == "Degraded") &&
                   Position::parse(now["position"].get<std::string>()).reached(end);
        })) << pipe_->log();
    }
    std::string path_of(const std::string& table) {
        return target("SELECT data_paths[1] FROM system.tables WHERE database = '" + database_ +
                      "' AND name = '" + table + "'");
    }
    std::string source_rows(const std::string& table) {
        std::string text;
        for (const auto& row :
             connection_->query("SELECT id, v FROM " + database_ + "." + table + " ORDER BY id"))
            text += *row[0] + "\t" + *row[1] + "\n";
        return text;
    }
    void expect_equal() {
        for (const char* table : {"replaced", "quiet"}) {
            EXPECT_EQ(target(fmt::format(
                          "SELECT id, v FROM {} FINAL WHERE NOT _peerdb_is_deleted ORDER BY id", table)) +
                          "\n",
                      source_rows(table))
                << table << "\n"
                << pipe_->log();
        }
        EXPECT_EQ(target("SELECT id, v FROM appended ORDER BY id") + "\n", source_rows("appended"))
            << pipe_->log();
    }
    /// Of the pipe, which pauses for it.
    void save_catalog() {
        EXPECT_EQ(pipe_->pause(), 0);
        std::filesystem::copy(pipe_->data_dir(), saved_catalog(), std::filesystem::copy_options::recursive);
    }
    /// While it does not run.
    void put_catalog_back() {
        std::filesystem::remove_all(pipe_->data_dir());
        std::filesystem::copy(saved_catalog(), pipe_->data_dir(), std::filesystem::copy_options::recursive);
    }
    std::string saved_catalog() const { return saved_.path() + "/data"; }
    void kill_pipe() {
        pipe_->process().signal(SIGKILL);
        pipe_->process().wait();
    }
    json table(const std::string& name) {
        const json tables = pipe_->status().at("tables");
        for (const json& table : tables) {
            if (table.at("target") == name) return table;
        }
        return nullptr;
    }

    TemporaryDirectory saved_;
    OwnClickHouse clickhouse_;
    std::string database_;
    std::optional<MysqlConnection> connection_;
    std::optional<PipeProcess> pipe_;
    int changes_ = 0;
};

TEST_P(DestinationPutBack, RowsThatAPowerCutTookAreSentAgain) {
    begin();
    for (int i = 0; i < 4; ++i) change();
    const std::string appended = path_of("appended"), replaced = path_of("replaced");
    target("SYSTEM STOP MERGES");
    for (int i = 0; i < 4; ++i) change();

    clickhouse_.kill();  // the pipe goes on and waits
    lose_newest_parts(appended, 3);
    lose_newest_parts(replaced, 2);
    clickhouse_.start();
    change();
    expect_equal();

    kill_pipe();  // both at once
    clickhouse_.kill();
    lose_newest_parts(replaced, 1);
    clickhouse_.start();
    pipe_->start();
    change();
    expect_equal();
    EXPECT_EQ(pipe_->pause(), 0);
}

TEST_P(DestinationPutBack, EachStartOfTheServerIsAnotherLife) {
    ClickHouseClient(clickhouse_.endpoint())
        .query("CREATE TABLE default.t (id Int32) ENGINE = MergeTree ORDER BY id");
    const auto life = [&] {
        ClickHouseClient client(clickhouse_.endpoint());
        return read_target_states(client, "default", {"t"}).life;
    };
    for (int i = 0; i < 3; ++i) {
        const int64_t before = life();
        EXPECT_FALSE(is_another_life(before, life()));
        clickhouse_.kill();
        clickhouse_.start();
        EXPECT_TRUE(is_another_life(before, life()));
    }
}

TEST_P(DestinationPutBack, AnInsertThatTheServerDiesUnderIsSentAgain) {
    begin();
    change();
    target("ALTER TABLE appended ADD COLUMN slow UInt8 DEFAULT sleepEachRow(0.005)");
    std::string rows;
    for (int id = 1000; id < 1500; ++id) rows += fmt::format("{}({}, 7)", id > 1000 ? "," : "", id);
    sql(fmt::format("INSERT INTO {}.appended VALUES {}", database_, rows));
    ASSERT_TRUE(wait_until([&] {
        return target(
                   "SELECT count() FROM system.processes WHERE query_kind = 'Insert' AND query LIKE "
                   "'%appended%'") != "0";
    })) << pipe_->log();
    clickhouse_.kill();
    clickhouse_.start();
    change();
    expect_equal();
    EXPECT_EQ(pipe_->pause(), 0);
}

TEST_P(DestinationPutBack, RowsOfTheLoadThatAreGoneStopTheirTable) {
    begin();
    const std::string quiet = path_of("quiet");
    change();
    clickhouse_.kill();
    lose_newest_parts(quiet, 1);
    clickhouse_.start();
    change();
    ASSERT_TRUE(pipe_->wait_for([&](const json&) { return !table("quiet").value("error", "").empty(); }))
        << pipe_->log();
    EXPECT_NE(table("quiet")["error"].get<std::string>().find("lacks rows"), std::string::npos)
        << table("quiet");
    EXPECT_EQ(target("SELECT id, v FROM appended ORDER BY id") + "\n", source_rows("appended"));
    EXPECT_EQ(pipe_->pause(), 0);
}

TEST_P(DestinationPutBack, AnOlderEngineGetsWhatItLacks) {
    begin();
    change();
    change();
    clickhouse_.stop();
    clickhouse_.save();
    clickhouse_.start();
    for (int i = 0; i < 5; ++i) change();
    clickhouse_.kill();
    clickhouse_.put_back();
    clickhouse_.start();
    change();
    expect_equal();
    EXPECT_EQ(pipe_->pause(), 0);
}

TEST_P(DestinationPutBack, AnOlderCatalogGoesOnFromTheDestinationsPlace) {
    begin();
    change();
    save_catalog();
    begin();
    for (int i = 0; i < 5; ++i) change();
    EXPECT_EQ(pipe_->pause(), 0);
    put_catalog_back();
    begin();
    change();
    expect_equal();
    EXPECT_NE(pipe_->log().find("the data directory is older than the targets"), std::string::npos)
        << pipe_->log();
    EXPECT_EQ(pipe_->pause(), 0);
}

TEST_P(DestinationPutBack, AnOlderCatalogWithoutALedgerFindsWhatIsThere) {
    begin();
    save_catalog();
    begin();
    change();
    kill_pipe();
    target("DROP TABLE _penstock_ledger SYNC");
    sql(fmt::format("INSERT INTO {}.appended VALUES (1000, 0)", database_));  // into one block with the other
    put_catalog_back();
    begin();
    change();
    expect_equal();
    EXPECT_EQ(pipe_->pause(), 0);
}

TEST_P(DestinationPutBack, RowsInTheMiddleThatAPowerCutTookAreSentAgain) {
    begin();
    change();
    const std::string appended = path_of("appended"), replaced = path_of("replaced");
    target("SYSTEM STOP MERGES");
    for (int i = 0; i < 4; ++i) change();
    clickhouse_.kill();
    std::filesystem::remove_all(parts_by_age(appended).at(1));
    std::filesystem::remove_all(parts_by_age(appended).at(2));
    std::filesystem::remove_all(parts_by_age(replaced).at(1));
    clickhouse_.start();
    change();
    expect_equal();

    EXPECT_EQ(pipe_->pause(), 0);  // nothing is open, and nothing comes
    target("SYSTEM STOP MERGES");
    clickhouse_.kill();
    std::filesystem::remove_all(parts_by_age(appended).at(1));
    std::filesystem::remove_all(parts_by_age(replaced).at(2));
    clickhouse_.start();
    begin();
    ASSERT_TRUE(wait_until([&] {
        return target("SELECT id, v FROM appended ORDER BY id") + "\n" == source_rows("appended");
    })) << pipe_->log();
    expect_equal();
    EXPECT_EQ(pipe_->pause(), 0);
}

TEST_P(DestinationPutBack, RowsOfTheLoadThatAreGoneBelowNewerOnesStopTheirTable) {
    begin();
    const std::string appended = path_of("appended");
    target("SYSTEM STOP MERGES");
    change();
    clickhouse_.kill();
    std::filesystem::remove_all(parts_by_age(appended).back());
    clickhouse_.start();
    sql(fmt::format("INSERT INTO {}.replaced VALUES (500, 1)", database_));
    ASSERT_TRUE(pipe_->wait_for([&](const json&) { return !table("appended").value("error", "").empty(); }))
        << pipe_->log();
    EXPECT_NE(table("appended")["error"].get<std::string>().find("had acknowledged: 3 of the 3 of its load"),
              std::string::npos)
        << table("appended");
    EXPECT_EQ(table("replaced").value("error", ""), "");
    EXPECT_EQ(table("quiet").value("error", ""), "");
    EXPECT_EQ(pipe_->pause(), 0);
}

TEST_P(DestinationPutBack, ACopyOfTheCatalogIsFoundOut) {
    begin();
    save_catalog();
    begin();
    change();
    PipeProcess other = pipe_->with_data_dir(saved_catalog());
    other.start();
    ASSERT_TRUE(other.wait_for_state("Running")) << other.log();
    int id = 1000;
    ASSERT_TRUE(pipe_->wait_for([&](const json& now) {
        sql(fmt::format("INSERT INTO {}.appended VALUES ({}, 0)", database_, ++id));
        return now["state"] == "Failed";
    })) << pipe_->log();
    EXPECT_NE(pipe_->status()["reason"].get<std::string>().find("copy of the data directory"),
              std::string::npos)
        << pipe_->status();
    ASSERT_TRUE(other.wait_until_caught_up()) << other.log();
    expect_equal();
    EXPECT_EQ(other.pause(), 0);
}

TEST_P(DestinationPutBack, AnotherTableInATargetsPlaceStopsIt) {
    begin();
    change();
    target("CREATE TABLE other AS replaced");
    target("EXCHANGE TABLES replaced AND other");
    sql(fmt::format("UPDATE {}.replaced SET v = 77 WHERE id = 2", database_));
    ASSERT_TRUE(pipe_->wait_for([&](const json&) { return !table("replaced").value("error", "").empty(); }))
        << pipe_->log();
    EXPECT_NE(table("replaced")["error"].get<std::string>().find("another table"), std::string::npos)
        << table("replaced");
    EXPECT_EQ(pipe_->pause(), 0);

    // At a start too, without a change.
    target("CREATE TABLE new AS quiet");
    target("DROP TABLE quiet");
    target("RENAME TABLE new TO quiet");
    pipe_->start();
    ASSERT_TRUE(pipe_->wait_for([&](const json&) { return !table("quiet").value("error", "").empty(); }))
        << pipe_->log();
    EXPECT_EQ(target("SELECT count() FROM quiet"), "0");
    EXPECT_EQ(pipe_->pause(), 0);
}

TEST_P(DestinationPutBack, AnEmptiedTargetStopsItsTable) {
    begin();
    change();
    target("TRUNCATE TABLE replaced");
    sql(fmt::format("UPDATE {}.replaced SET v = 77 WHERE id = 2", database_));
    ASSERT_TRUE(pipe_->wait_for([&](const json&) { return !table("replaced").value("error", "").empty(); }))
        << pipe_->log();
    EXPECT_NE(table("replaced")["error"].get<std::string>().find("lacks rows"), std::string::npos)
        << table("replaced");
    change();
    EXPECT_EQ(target("SELECT id, v FROM appended ORDER BY id") + "\n", source_rows("appended"));
    EXPECT_EQ(pipe_->pause(), 0);
}

/// ALTER TABLE ... DELETE is how people purge: the newest rows may be gone by it, and nothing is amiss.
TEST_P(DestinationPutBack, RowsThatAPersonDeletesAreNotLost) {
    begin();
    change();
    const std::string blocks = "SELECT count() FROM system.parts WHERE database = '" + database_ +
                               "' AND table = 'replaced' AND active AND rows > 0";
    target("ALTER TABLE replaced DELETE WHERE id > 0 SETTINGS mutations_sync = 2");
    ASSERT_TRUE(pipe_->wait_for([&](const json&) { return target(blocks) == "0"; }));
    change();
    EXPECT_EQ(table("replaced")["error"], "");
    EXPECT_EQ(pipe_->pause(), 0);
    target("ALTER TABLE replaced DELETE WHERE id > 0 SETTINGS mutations_sync = 2");
    ASSERT_EQ(target(blocks), "0");
    begin();
    change();
    EXPECT_EQ(table("replaced")["error"], "");
    EXPECT_EQ(target("SELECT count() FROM replaced"), "3") << "the changes since, nothing sent again";
    EXPECT_EQ(pipe_->pause(), 0);
}

INSTANTIATE_TEST_SUITE_P(Servers, DestinationPutBack, testing::Values("MYSQL", "MARIADB"));

}  // namespace
}  // namespace penstock
