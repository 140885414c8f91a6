// A person alters targets while a pipe loads, flows and is resynced: what holds every value goes on, what
// does not stops its table alone, and no value arrives bent.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/served_tables.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;

constexpr const char* kColumns =
    "id INT PRIMARY KEY AUTO_INCREMENT, i SMALLINT NOT NULL DEFAULT 1, u TINYINT UNSIGNED NOT NULL DEFAULT "
    "1, "
    "w INT UNSIGNED, n INT, b TINYINT(1) NOT NULL DEFAULT 1, m DECIMAL(9,2) NOT NULL DEFAULT 1, f FLOAT, "
    "t TIMESTAMP(3) NOT NULL DEFAULT '2001-01-01', d DATETIME(6) NOT NULL DEFAULT '2001-01-01', c TIME(6), "
    "s VARCHAR(100) NOT NULL DEFAULT 'x', e ENUM('a','b')";
constexpr const char* kWrite =
    "INSERT INTO {} (i, u, w, n, b, m, f, t, d, c, s, e) VALUES "
    "(-32768, 255, 4294967295, -2147483648, 1, -9999999.99, 0.1, '2038-01-19 03:14:07.999', "
    "'2299-12-31 23:59:59.999999', '-838:59:59', REPEAT('y', 100), 'b'), "
    "(32767, 0, 0, NULL, 0, 9999999.99, NULL, '1970-01-02 00:00:00.001', '1900-01-01 00:00:00.000001', "
    "'838:59:59', '', NULL)";

/// Every kind of alteration that keeps all values of those columns.
constexpr const char* kWelcome[] = {
    "MODIFY COLUMN i Int64",
    "MODIFY COLUMN u Int16",
    "MODIFY COLUMN w Nullable(Int128)",
    "MODIFY COLUMN n Nullable(Int64)",
    "MODIFY COLUMN b UInt8",
    "MODIFY COLUMN b Int32",
    "MODIFY COLUMN m Decimal(38, 6)",
    "MODIFY COLUMN f Nullable(Float64)",
    "MODIFY COLUMN t DateTime64(9, 'Asia/Tokyo')",
    "MODIFY COLUMN d DateTime64(8, 'UTC')",
    "MODIFY COLUMN s LowCardinality(String) CODEC(ZSTD(3))",
    "MODIFY COLUMN e Nullable(String)",
    "MODIFY COLUMN i Nullable(Int64)",
    "MODIFY COLUMN m Nullable(Decimal(76, 40))",
    "MODIFY COLUMN i COMMENT 'tuned'",
    "MODIFY COLUMN i CODEC(Delta, LZ4)",
    "ADD COLUMN day Date DEFAULT toDate(d)",
    "ADD COLUMN twice Int64 MATERIALIZED id * 2",
    "ADD COLUMN thrice Int64 ALIAS id * 3",
    "ADD COLUMN note String",
    "ADD INDEX by_s s TYPE bloom_filter",
    "MODIFY TTL toDateTime(day) + INTERVAL 500 YEAR",
    "MODIFY SETTING parts_to_delay_insert = 2000",
};

class AlteredTarget : public ServedTables {
  protected:
    void SetUp() override {
        make_database("altered");
        execute("SET SESSION time_zone = '+00:00'");
        for (const char* table : {"a", "b"}) {
            execute(fmt::format("CREATE TABLE {} ({})", table, kColumns));
            execute(fmt::format("INSERT INTO {} (w, n, e) VALUES (1, 1, 'a'), (2, 2, 'b')", table));
        }
        serve_.start();
    }
    void write(const std::string& table) { execute(fmt::format(fmt::runtime(kWrite), table)); }
    void create(const std::vector<std::string>& tables, const json& settings = json::object()) {
        json all = settings;
        all["syncIntervalSeconds"] = 1;
        id_ = serve_.create(pipe_body(database_, source_, database_, tables, {{"settings", all}}));
    }
    int64_t last_id(const std::string& table) {
        std::string id;
        RowStream rows = connection_->stream("SELECT MAX(id) FROM " + table);
        while (rows.next()) id = rows.values()[0];
        return std::stoll(id);
    }
    void expect_flows(const std::string& name) {
        execute("INSERT INTO " + name + " (i) VALUES (7)");
        EXPECT_TRUE(wait_for_row(name, last_id(name))) << serve_.log();
        EXPECT_EQ(error_of(name), "");
    }
    /// The pipe has not been in trouble since it ran.
    void expect_no_stop() {
        bool running = false;
        for (const json& event : serve_.events(id_)) {
            running = running || event["to"] == "Running";
            EXPECT_TRUE(!running || event["to"] == "Running") << event;
        }
    }
};

TEST_P(AlteredTarget, WhatHoldsEveryValueIsWelcomeWhileItRuns) {
    execute("CREATE TABLE kept LIKE a");  // append-only: a block that came twice would show
    json body = pipe_body(database_, source_, database_, {"a", "b", "kept"},
                          {{"settings", {{"syncIntervalSeconds", 1}}}});
    body["source"]["mysql"]["tableMappings"][2]["tableEngine"] = "MergeTree";
    id_ = serve_.create(body);
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    for (const char* alteration : kWelcome) {
        for (const char* name : {"a", "kept"}) {
            target(fmt::format("ALTER TABLE {} {}", name, alteration));
            write(name);
            ASSERT_TRUE(wait_for_row(name, last_id(name))) << alteration << serve_.log();
            ASSERT_EQ(error_of(name), "") << alteration;
        }
    }
    execute("UPDATE a SET i = i - 1 WHERE i > 0");
    execute("DELETE FROM a WHERE id % 5 = 0");
    expect_equal();
    expect_no_stop();
    EXPECT_EQ(
        target(
            "SELECT i, u, w, n, b, m, f = toFloat32('0.1'), t, d, c, s = repeat('y', 100), e, twice FROM a "
            "FINAL WHERE id = 3"),
        "-32768\t255\t4294967295\t-2147483648\t1\t-9999999.99\t1\t2038-01-19 12:14:07.999000000\t"
        "2299-12-31 23:59:59.99999900\t-838:59:59.000000\t1\tb\t6");
    serve_.kill();
    serve_.start();
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    write("a");
    write("kept");
    expect_equal();
    expect_no_stop();
}

TEST_P(AlteredTarget, WhatDoesNotHoldEveryValueStopsItsTableAlone) {
    create({"a", "b"});
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    struct Case {
        const char* alteration;
        const char* reason;
        bool is_refused = true;  // by ClickHouse: nothing of the row arrives
    };
    for (const Case& c : {
             Case{"MODIFY COLUMN i Int8", "column i is Int8 and should be Int16"},
             {"MODIFY COLUMN i UInt32", "column i is UInt32 and should be Int16"},
             {"MODIFY COLUMN i Float64", "column i is Float64 and should be Int16"},
             {"MODIFY COLUMN i String", "column i is String and should be Int16"},
             {"MODIFY COLUMN m Float64", "column m is Float64 and should be Decimal(9, 2)"},
             {"MODIFY COLUMN m Decimal(18, 1)", "column m is Decimal(18, 1) and should be Decimal(9, 2)"},
             {"MODIFY COLUMN t DateTime", "column t is DateTime and should be DateTime64(3, 'UTC')"},
             {"MODIFY COLUMN d DateTime64(3, 'UTC')", "column d is DateTime64(3, 'UTC') and should be"},
             {"MODIFY COLUMN d DateTime64(9, 'UTC')", "9 digits of a second end in the year 2262"},
             {"MODIFY COLUMN d DateTime64(6, 'Asia/Tokyo')", "a DATETIME keeps its digits in UTC only",
              false},
             {"MODIFY COLUMN s FixedString(100)", "column s is FixedString(100) and should be String"},
             {"MODIFY COLUMN n Int32 DEFAULT 0", "it takes no NULL"},
             {"MODIFY COLUMN u Bool", "column u is Bool and should be UInt8", false},
             {"MODIFY COLUMN s String EPHEMERAL", "column s is EPHEMERAL and takes no values", false},
             {"MODIFY COLUMN s String MATERIALIZED 'z'", "column s is MATERIALIZED and takes no values"},
             {"DROP COLUMN s", "column s (String) is missing"},
             {"RENAME COLUMN s TO text", "column s (String) is missing"},
         }) {
        target(std::string("ALTER TABLE a ") + c.alteration);
        write("a");
        ASSERT_TRUE(wait_for_error("a")) << c.alteration << serve_.log();
        EXPECT_NE(error_of("a").find(c.reason), std::string::npos) << error_of("a");
        if (c.is_refused) {
            EXPECT_EQ(target(fmt::format("SELECT count() FROM a WHERE id > {}", last_id("a") - 2)), "0");
        }
        write("b");
        expect_flows("b");
        resync({"a"});
        EXPECT_EQ(error_of("a"), "");
        expect_equal();
        execute(
            "DELETE FROM a WHERE id > 2");  // so that the next alteration finds nothing that it would change
        ASSERT_TRUE(serve_.wait_until(
            [&] { return target("SELECT count() FROM a FINAL WHERE _peerdb_is_deleted = 0") == "2"; }));
        target("ALTER TABLE a DELETE WHERE id > 2");
    }
}

/// Targets that are there, empty, before the pipe is.
TEST_P(AlteredTarget, ATargetThatHoldsEveryValueIsLoaded) {
    execute("CREATE TABLE kept LIKE a");
    for (const char* name : {"a", "kept"}) write(name);
    json body = pipe_body(database_, source_, database_, {"a", "b", "kept"},
                          {{"settings", {{"syncIntervalSeconds", 1}}}});
    body["source"]["mysql"]["tableMappings"][2]["tableEngine"] = "MergeTree";
    ClickHouseClient(clickhouse_endpoint()).query("CREATE DATABASE " + database_);
    for (const auto& [name, engine] :
         {std::pair{"a", "ReplacingMergeTree(_peerdb_version)"}, {"kept", "MergeTree"}}) {
        target(fmt::format(
            "CREATE TABLE {} (note String DEFAULT 'n', id Int64, i Int32, u Nullable(UInt64), w "
            "Nullable(UInt64), "
            "n Nullable(Int256), b UInt8, m Decimal(20, 4), f Nullable(Float64), t DateTime64(9), "
            "d DateTime64(7, 'UTC'), c Nullable(Time64(9)), s LowCardinality(String), e Nullable(String), "
            "_peerdb_synced_at DateTime64(9) DEFAULT now64(9), _peerdb_is_deleted UInt8, _peerdb_version "
            "UInt64) "
            "ENGINE = {} ORDER BY id",
            name, engine));
    }
    id_ = serve_.create(body);
    expect_equal();
    EXPECT_EQ(target("SELECT id, i, u, w, n, b, m, c, e, note FROM kept WHERE id = 1 AND u = 255"),
              "1\t-32768\t255\t4294967295\t-2147483648\t1\t-9999999.99\t-838:59:59.000000000\tb\tn");
    for (const char* name : {"a", "kept"}) write(name);
    expect_equal();
    expect_no_stop();
}

TEST_P(AlteredTarget, AnAlterationDuringTheLoad) {
    for (const char* name : {"c", "kept", "e"}) execute(fmt::format("CREATE TABLE {} LIKE a", name));
    for (const char* name : {"a", "c", "kept", "e"}) {
        execute(fmt::format(
            "INSERT INTO {} (i) SELECT x.i FROM b x, b y, b z, b v, b w, b p, b q, b r, b s, b t, b g, b h",
            name));
        write(name);
    }
    json body = pipe_body(database_, source_, database_, {"a", "b", "c", "kept", "e"},
                          {{"settings",
                            {{"syncIntervalSeconds", 1},
                             {"snapshotNumberOfParallelTables", 4},
                             {"snapshotNumRowsPerPartition", 1000},
                             {"snapshotMaxRowsPerSecond", 500}}}});
    body["source"]["mysql"]["tableMappings"][3]["tableEngine"] = "MergeTree";
    id_ = serve_.create(body);
    // The targets have been looked at; a partition takes seconds, so none of a's rows is on its way.
    ASSERT_TRUE(serve_.wait_until([&] { return table("a")["partitionsTotal"] > 0; })) << serve_.log();
    target("ALTER TABLE a MODIFY COLUMN i Int64, MODIFY COLUMN s LowCardinality(String)");
    target("ALTER TABLE c MODIFY COLUMN i Int8");
    target("ALTER TABLE kept MODIFY COLUMN m Float64");
    target("ALTER TABLE e MODIFY COLUMN s String EPHEMERAL");
    ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
    EXPECT_EQ(error_of("a") + error_of("b"), "");
    EXPECT_NE(serve_.log().find(".`a`: the target was altered and holds every value"), std::string::npos);
    EXPECT_NE(error_of("c").find("column i is Int8 and should be Int16"), std::string::npos) << error_of("c");
    EXPECT_NE(error_of("kept").find("column m is Float64"), std::string::npos) << error_of("kept");
    EXPECT_NE(error_of("e").find("column s is EPHEMERAL"), std::string::npos) << error_of("e");
    write("a");
    expect_flows("b");
    for (const char* name : {"c", "kept", "e"}) {
        ASSERT_EQ(
            serve_.call("PATCH", "/clickpipes/" + id_ + "/state", {{"command", "resync"}, {"tables", {name}}})
                .status,
            200);
        ASSERT_TRUE(serve_.wait_until([&] {
            return error_of(name).empty() && table(name)["state"] == "Running";
        })) << serve_.log();
    }
    expect_equal();
}

/// The new target of a resync is altered on its way; the old one stays where it was.
TEST_P(AlteredTarget, AnAlterationDuringAResync) {
    execute("INSERT INTO a (i) SELECT x.i FROM b x, b y, b z, b v, b w, b p, b q, b r, b s, b t, b g, b h");
    write("a");
    create({"a", "b"}, {{"snapshotMaxRowsPerSecond", 500}, {"snapshotNumRowsPerPartition", 1000}});
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    for (const char* alteration : {"ALTER TABLE {} MODIFY COLUMN i Int8",
                                   "ALTER TABLE {} MODIFY COLUMN s String EPHEMERAL", "DROP TABLE {}"}) {
        std::string identity, target_of_resync;
        bool in_time = false;
        for (int attempt = 0; attempt < 10 && !in_time; ++attempt) {
            identity =
                target("SELECT uuid FROM system.tables WHERE database = currentDatabase() AND name = 'a'");
            ASSERT_EQ(serve_
                          .call("PATCH", "/clickpipes/" + id_ + "/state",
                                {{"command", "resync"}, {"tables", {"a"}}})
                          .status,
                      200);
            // Its INSERT is under way, and ends well.
            ASSERT_TRUE(serve_.wait_until([&] {
                return target(
                           "SELECT count() FROM system.processes WHERE query_kind = 'Insert' AND query LIKE "
                           "'%" +
                           database_ + "%a_resync_%'") != "0";
            })) << serve_.log();
            target_of_resync = target(
                "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE "
                "'a\\\\_resync%'");
            try {
                target(fmt::format(fmt::runtime(alteration), target_of_resync));
                // Else the last look at the target came first: its next rows would tell.
                ASSERT_TRUE(serve_.wait_until([&] {
                    return serve_.state(id_) == "Running" || serve_.state(id_) == "Degraded";
                })) << serve_.log();
                in_time = !error_of("a").empty();
            } catch (const Error&) {  // it waited for the INSERT, and the resync was done before its turn
                ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
            }
        }
        if (!in_time) {
            std::cout << alteration << ": never in time" << std::endl;
            continue;
        }
        ASSERT_TRUE(serve_.wait_until([&] {
            return !error_of("a").empty() && serve_.state(id_) == "Degraded";
        })) << serve_.log();
        EXPECT_NE(error_of("a").find(target_of_resync + "` "), std::string::npos) << error_of("a");
        EXPECT_EQ(
            target("SELECT uuid FROM system.tables WHERE database = currentDatabase() AND name LIKE 'a%'"),
            identity);
        expect_flows("b");
    }
    resync({"a"});
    expect_equal();
    // A tuned target: the new one is as planned, and has what was only marked as deleted, as it was.
    target(
        "ALTER TABLE a MODIFY COLUMN i Int64, MODIFY COLUMN m Decimal(38, 6), MODIFY COLUMN t DateTime64(9, "
        "'UTC'), "
        "MODIFY COLUMN n Nullable(Int128), MODIFY COLUMN s LowCardinality(String)");
    execute("DELETE FROM a WHERE i < 0");
    expect_equal();
    const std::string deleted = "SELECT i, m, t, n, s FROM a FINAL WHERE _peerdb_is_deleted = 1";
    ASSERT_TRUE(serve_.wait_until([&] { return !target(deleted).empty(); })) << serve_.log();
    resync({"a"});
    expect_equal();
    EXPECT_EQ(target(deleted),
              "-32768\t-9999999.99\t2038-01-19 03:14:07.999\t-2147483648\t" + std::string(100, 'y'));
    EXPECT_EQ(target("SELECT toTypeName(i), toTypeName(m) FROM a LIMIT 1"), "Int16\tDecimal(9, 2)");
}

TEST_P(AlteredTarget, AnAlterationWhileATableIsAdded) {
    create({"b"}, {{"snapshotMaxRowsPerSecond", 500}});
    ASSERT_TRUE(serve_.wait_for_state(id_, "Running")) << serve_.log();
    execute("CREATE TABLE c LIKE a");
    for (const char* name : {"a", "c"}) {
        execute(fmt::format(
            "INSERT INTO {} (i) SELECT x.i FROM b x, b y, b z, b v, b w, b p, b q, b r, b s, b t, b g, b h",
            name));
        write(name);
    }
    json source = {{"host", source_.host}, {"port", source_.port}};
    source["tableMappingsToAdd"] = {mapping(database_, "a"), mapping(database_, "c")};
    ASSERT_EQ(serve_.call("PATCH", "/clickpipes/" + id_, {{"source", {{"mysql", source}}}}).status, 200);
    ASSERT_TRUE(serve_.wait_until([&] { return table("a")["state"] == "Snapshot"; })) << serve_.log();
    target("ALTER TABLE a MODIFY COLUMN i Int8");
    target("ALTER TABLE c MODIFY COLUMN i Int32");
    ASSERT_TRUE(serve_.wait_for_state(id_, "Degraded")) << serve_.log();
    EXPECT_NE(error_of("a").find("column i is Int8"), std::string::npos) << error_of("a");
    EXPECT_EQ(error_of("c"), "");
    write("c");
    expect_flows("b");
    resync({"a"});
    expect_equal();
}

INSTANTIATE_TEST_SUITE_P(Servers, AlteredTarget, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace penstock
