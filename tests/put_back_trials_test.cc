// Random disasters in the load, in the flow and in a resync, while rows are written: ClickHouse loses power;
// it, the data directory or the source is put back to an older state; the data directory is lost; the
// source's log is reset; the pipe is moved with an open batch. Afterwards both sides are equal, or what is
// not equal is stopped with the reason and a resync mends it. PENSTOCK_TEST_TRIALS says how many for each
// server and disaster, PENSTOCK_TEST_SEED which.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "destination/clickhouse_client.h"
#include "source/mysql_connection.h"
#include "support/own_clickhouse.h"
#include "support/own_server.h"
#include "support/pipe_process.h"
#include "support/replica.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;
namespace fs = std::filesystem;

enum class Disaster {
    kPowerCut,
    kOlderEngine,
    kOlderCatalog,
    kLostCatalog,
    kRestoredSource,
    kResetSource,
    kMove
};
enum Phase { kLoad, kFlow, kResync };

/// What may be told of each; a reason holds one of these.
const std::map<Disaster, std::vector<std::string>> kReasons = {
    {Disaster::kPowerCut, {"lacks rows that ClickHouse had acknowledged"}},
    {Disaster::kOlderEngine, {"lacks rows that ClickHouse had acknowledged", "was dropped"}},
    {Disaster::kOlderCatalog, {"the data directory is older than the targets"}},
    {Disaster::kLostCatalog, {}},
    {Disaster::kRestoredSource, {"the source was put back"}},
    {Disaster::kResetSource, {"the source was put back", "reset"}},
    {Disaster::kMove, {"a part of the open batch is in the table already"}},
};

int trials() {
    const char* text = std::getenv("PENSTOCK_TEST_TRIALS");
    return text != nullptr ? std::atoi(text) : 1;
}

class PutBackTrials : public testing::TestWithParam<std::tuple<const char*, Disaster>> {
  protected:
    static constexpr int kRows = 20'000;

    bool is_mysql() const { return std::string_view(std::get<0>(GetParam())) == "MYSQL"; }
    std::vector<std::string> arguments(int id) const {
        std::vector<std::string> list = {"--server-id=" + std::to_string(id)};
        if (!is_mysql()) list.emplace_back("--log-slave-updates=ON");
        return list;
    }
    SourceEndpoint source() const {
        return own_ ? own_->endpoint() : source_endpoint(std::get<0>(GetParam()));
    }
    void connect() { connection_.emplace(MysqlConnection::open(source())); }
    /// Those of a disaster at the source alone, and new ones each time.
    void start_servers() {
        const auto& [server, disaster] = GetParam();
        if (disaster < Disaster::kRestoredSource) return;
        replica_.reset();
        own_ = std::make_unique<OwnServer>(server, arguments(11));
        if (disaster != Disaster::kMove) return;
        second_ = std::make_unique<OwnServer>(server, arguments(12));
        replica_.emplace(MysqlConnection::open(second_->endpoint()));
        MysqlConnection first = MysqlConnection::open(own_->endpoint());
        for (MysqlConnection* one : {&first, &*replica_}) reset_log(*one, is_mysql());
        replicate(*replica_, own_->endpoint(), is_mysql());
    }
    void prepare(uint64_t seed) {
        random_.seed(seed);
        const auto& [server, disaster] = GetParam();
        database_ = fmt::format("trials_{}_{}", server, static_cast<int>(disaster));
        for (char& c : database_) c = static_cast<char>(std::tolower(c));
        start_servers();
        connect();
        sql("DROP DATABASE IF EXISTS " + database_);
        sql("CREATE DATABASE " + database_);
        for (const char* table : {"replaced", "appended"}) {
            sql(fmt::format("CREATE TABLE {}.{} (id INT PRIMARY KEY, v INT NOT NULL, t VARCHAR(40))",
                            database_, table));
            std::string values;
            for (int id = 1; id <= kRows; ++id)
                values += fmt::format("{}({}, 0, 'as loaded')", id > 1 ? "," : "", id);
            sql(fmt::format("INSERT INTO {}.{} VALUES {}", database_, table, values));
        }
        next_ = kRows;
        clickhouse_.emplace();
        PipeChoice choice{
            .server = server,
            .source = source(),
            .database = database_,
            .target = clickhouse_->endpoint(),
            .more_settings = "syncIntervalMilliseconds: 50\nsnapshotNumRowsPerPartition: 2000\n",
            .mappings = {"replaced",
                         "{sourceTable: appended, targetTable: appended, tableEngine: MergeTree}"}};
        pipe_.emplace(choice);
        choice.mode = "cdc_only";
        next_pipe_.emplace(choice);
    }

    void sql(const std::string& statement) { connection_->execute(statement); }
    int any(int below) { return static_cast<int>(random_() % static_cast<uint64_t>(below)); }
    std::string target(const std::string& query) {
        return ClickHouseClient(clickhouse_->endpoint(database_)).query(query);
    }
    /// Rows of `appended` are only inserted.
    void write(int times) {
        for (int i = 0; i < times; ++i) {
            ++next_;
            sql(fmt::format("INSERT INTO {}.appended VALUES ({}, {}, 'later')", database_, next_, i));
            sql(fmt::format("INSERT INTO {}.replaced VALUES ({}, {}, 'later')", database_, next_, i));
            sql(fmt::format("UPDATE {}.replaced SET v = v + 1 WHERE id <= {}", database_, 1 + any(50)));
            if (i % 4 == 0)
                sql(fmt::format("DELETE FROM {}.replaced WHERE id = {}", database_, 100 + any(kRows - 100)));
            std::this_thread::sleep_for(std::chrono::milliseconds(any(40)));  // several batches
        }
    }
    std::string sum_at_source(const std::string& table) {
        const auto row = connection_->query(
            fmt::format("SELECT COUNT(*), COUNT(DISTINCT id), SUM(id), SUM(v), SUM(id * v) FROM {}.{}",
                        database_, table))[0];
        return fmt::format("{}\t{}\t{}\t{}\t{}", *row[0], *row[1], *row[2], *row[3], *row[4]);
    }
    std::string sum_at_target(const std::string& table) {
        const bool replaced = table == "replaced";
        return target(
            fmt::format("SELECT count(), uniqExact(id), sum(id), sum(v), sum(toInt64(id) * v) FROM {}{}",
                        table, replaced ? " FINAL WHERE NOT _peerdb_is_deleted" : ""));
    }
    std::vector<std::string> paths() {
        std::vector<std::string> found;
        const std::string list = target("SELECT data_paths[1] FROM system.tables WHERE database = '" +
                                        database_ + "' AND name NOT LIKE '\\\\_penstock%'");
        for (size_t begin = 0; begin < list.size();) {
            const size_t end = std::min(list.find('\n', begin), list.size());
            found.push_back(list.substr(begin, end - begin));
            begin = end + 1;
        }
        return found;
    }
    void kill_pipe() {
        pipe_->process().signal(SIGKILL);
        pipe_->process().wait();
    }
    /// Why it is not equal, as the pipe says; empty when the pipe flows whole.
    std::string told() {
        const json now = pipe_->status();
        if (now["state"] == "Failed") return now["reason"].get<std::string>();
        for (const json& table : now["tables"])
            if (table["error"] != "") return table["error"].get<std::string>();
        return {};
    }
    void put_back_source(Phase phase, bool pipe_too);
    void move(bool pipe_too);
    void lose_catalog(Phase phase);
    void lose_parts(const std::string& path);
    void strike(Disaster disaster, Phase phase);
    void expect_equal_or_told();

    std::mt19937_64 random_;
    std::string database_;
    std::optional<MysqlConnection> connection_;
    std::optional<OwnClickHouse> clickhouse_;
    std::optional<fs::file_time_type> flows_since_;  // in the flow
    std::unique_ptr<OwnServer> own_, second_;
    std::optional<MysqlConnection> replica_;
    std::optional<PipeProcess> pipe_, next_pipe_;  // the next one does not load
    int next_ = 0;
};

/// To before some rows; then others come under the same numbers.
void PutBackTrials::put_back_source(Phase phase, bool pipe_too) {
    own_->save();
    connect();
    write(5 + any(10));
    if (phase == kFlow && any(4) != 0) {  // what goes has been copied
        ASSERT_TRUE(pipe_->wait_until_caught_up()) << pipe_->log();
    } else {
        std::this_thread::sleep_for(std::chrono::milliseconds(any(4000)));
    }
    if (pipe_too) kill_pipe();
    own_->restore();
    connect();
    next_ += 1000;
    write(5 + any(20));
    if (pipe_too) pipe_->start();
}

/// While a batch is open.
void PutBackTrials::move(bool pipe_too) {
    if (pipe_->process().running()) kill_pipe();
    if (pipe_too) {
        ::setenv("PENSTOCK_CRASH_IN", fmt::format("block:{}", 1 + any(3)).c_str(), 1);
        pipe_->start();
        ::unsetenv("PENSTOCK_CRASH_IN");
        for (int i = 0; i < 200 && pipe_->process().running(); ++i) write(1);
        if (pipe_->process().running()) kill_pipe();
    } else {
        write(5 + any(20));
    }
    ASSERT_TRUE(wait_for_replica(*connection_, *replica_, is_mysql()));
    pipe_->move_to(second_->endpoint());
    std::swap(own_, second_);
    std::swap(connection_, replica_);
    for (const char* statement : is_mysql() ? std::array{"STOP REPLICA", "RESET REPLICA ALL"}
                                            : std::array{"STOP SLAVE", "RESET SLAVE ALL"})
        connection_->execute(statement);
    pipe_->start();
}

/// And a new pipe is made: which goes on, if all rows were there.
void PutBackTrials::lose_catalog(Phase phase) {
    if (phase == kFlow) {
        ASSERT_TRUE(pipe_->wait_until_caught_up()) << pipe_->log();
        kill_pipe();
        std::swap(pipe_, next_pipe_);
        pipe_->start();
        ASSERT_TRUE(pipe_->wait_for_state("Running")) << pipe_->log();
        return;
    }
    kill_pipe();
    fs::remove_all(pipe_->data_dir());
    pipe_->start();
    ASSERT_TRUE(pipe_->wait_for([](const json& now) { return now["state"] == "Running"; }) ||
                !pipe_->process().running())
        << pipe_->log();
    if (pipe_->process().running()) return;
    EXPECT_NE(pipe_->log().find("already holds"), std::string::npos) << pipe_->log();
    fs::remove_all(pipe_->data_dir());
    target("DROP TABLE IF EXISTS replaced");
    target("DROP TABLE IF EXISTS appended");
    pipe_->start();
    ASSERT_TRUE(pipe_->wait_for_state("Running")) << pipe_->log();
}

/// The newest, and any of those that are not older than the flow: what is loaded is put on disk before that.
void PutBackTrials::lose_parts(const std::string& path) {
    lose_newest_parts(path, static_cast<size_t>(any(4)));
    for (const fs::path& part : parts_by_age(path)) {
        if (flows_since_ && fs::last_write_time(part) > *flows_since_ && any(3) == 0) fs::remove_all(part);
    }
}

void PutBackTrials::strike(Disaster disaster, Phase phase) {
    const bool pipe_too = any(2) == 0;
    switch (disaster) {
        case Disaster::kPowerCut: {
            const std::vector<std::string> tables = paths();
            if (pipe_too) kill_pipe();
            clickhouse_->kill();
            for (const std::string& path : tables) lose_parts(path);
            clickhouse_->start();
            if (pipe_too) pipe_->start();
            return;
        }
        case Disaster::kOlderEngine:
            clickhouse_->stop();
            clickhouse_->save();
            clickhouse_->start();
            write(5 + any(20));
            if (pipe_too) kill_pipe();
            clickhouse_->kill();
            clickhouse_->put_back();
            clickhouse_->start();
            if (pipe_too) pipe_->start();
            return;
        case Disaster::kOlderCatalog: {
            kill_pipe();
            TemporaryDirectory old;
            fs::copy(pipe_->data_dir(), old.path() + "/data", fs::copy_options::recursive);
            pipe_->start();
            write(5 + any(20));
            std::this_thread::sleep_for(std::chrono::milliseconds(any(8000)));  // older by seconds
            kill_pipe();
            fs::remove_all(pipe_->data_dir());
            fs::copy(old.path() + "/data", pipe_->data_dir(), fs::copy_options::recursive);
            pipe_->start();
            return;
        }
        case Disaster::kLostCatalog:
            return lose_catalog(phase);
        case Disaster::kRestoredSource:
            return put_back_source(phase, pipe_too);
        case Disaster::kResetSource:
            if (pipe_too) kill_pipe();
            reset_log(*connection_, is_mysql());
            write(5 + any(60));
            if (pipe_too) pipe_->start();
            return;
        case Disaster::kMove:
            return move(pipe_too);
    }
}

void PutBackTrials::expect_equal_or_told() {
    write(5);
    const bool settled = pipe_->wait_for([&](const json&) {
        return !told().empty() || (sum_at_source("replaced") == sum_at_target("replaced") &&
                                   sum_at_source("appended") == sum_at_target("appended"));
    });
    std::string why = told();
    if (settled && why.empty()) return;
    ASSERT_FALSE(why.empty()) << "not equal, and not a word: replaced " << sum_at_source("replaced") << " / "
                              << sum_at_target("replaced") << ", appended " << sum_at_source("appended")
                              << " / " << sum_at_target("appended") << "\n"
                              << pipe_->log();
    std::cout << "told: " << why << std::endl;
    const auto& reasons = kReasons.at(std::get<1>(GetParam()));
    EXPECT_TRUE(std::any_of(reasons.begin(), reasons.end(),
                            [&](const std::string& reason) { return why.find(reason) != std::string::npos; }))
        << "another reason than this disaster's\n"
        << pipe_->log();
    pipe_->process().signal(SIGINT);
    pipe_->process().wait();
    pipe_->start({"--resync"});
    ASSERT_TRUE(pipe_->wait_for([&](const json& now) {
        return now["state"] == "Running" && sum_at_source("replaced") == sum_at_target("replaced") &&
               target("SELECT count() = uniqExact(id) FROM appended WHERE NOT _peerdb_is_deleted") == "1" &&
               sum_at_source("appended") == sum_at_target("appended");
    })) << "a resync does not mend it: replaced "
        << sum_at_source("replaced") << " / " << sum_at_target("replaced") << ", appended "
        << sum_at_source("appended") << " / " << sum_at_target("appended") << "\n"
        << pipe_->log();
}

TEST_P(PutBackTrials, AreEqualOrTold) {
    const char* chosen = std::getenv("PENSTOCK_TEST_SEED");
    for (int i = 0; i < trials(); ++i) {
        const uint64_t seed = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : std::random_device{}();
        SCOPED_TRACE(fmt::format("PENSTOCK_TEST_SEED={}", seed));
        std::cout << "seed " << seed << std::endl;
        prepare(seed);
        if (HasFatalFailure()) return;
        const auto phase = static_cast<Phase>(any(3));
        flows_since_.reset();
        pipe_->start();
        if (phase == kLoad) {
            ASSERT_TRUE(pipe_->wait_for([&](const json& now) {
                return now["state"] == "Snapshot" || now["state"] == "Running";
            })) << pipe_->log();
        } else {
            ASSERT_TRUE(pipe_->wait_for_state("Running")) << pipe_->log();
            if (phase == kFlow) flows_since_ = fs::file_time_type::clock::now();
            write(5 + any(10));
        }
        if (phase == kResync) {
            EXPECT_EQ(pipe_->pause(), 0);
            pipe_->start({"--resync"});
            ASSERT_TRUE(pipe_->wait_for([&](const json& now) {
                return now["state"] == "Snapshot" || now["state"] == "Resync" || now["state"] == "Running";
            })) << pipe_->log();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(any(300)));  // a moment of any kind
        strike(std::get<1>(GetParam()), phase);
        if (HasFatalFailure()) return;
        expect_equal_or_told();
        if (HasFailure()) return;
        if (pipe_->process().running()) {
            pipe_->process().signal(SIGINT);
            pipe_->process().wait();
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Servers, PutBackTrials,
                         testing::Combine(testing::Values("MYSQL", "MARIADB"),
                                          testing::Values(Disaster::kPowerCut, Disaster::kOlderEngine,
                                                          Disaster::kOlderCatalog, Disaster::kLostCatalog,
                                                          Disaster::kRestoredSource, Disaster::kResetSource,
                                                          Disaster::kMove)));

}  // namespace
}  // namespace penstock
