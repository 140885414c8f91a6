#include "destination/schema.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "base/error.h"
#include "destination/target_state.h"
#include "destination/test_clickhouse.h"
#include "destination/versions.h"

namespace penstock {
namespace {

TablePlan orders(const std::string& database = "shop") {
    TablePlan plan;
    plan.target_database = database;
    plan.target_table = "orders";
    plan.source.database = "src";
    plan.source.name = "orders";
    plan.columns = {{"id", {TargetKind::kInt32, false, 0, 0}, 0},
                    {"note", {TargetKind::kLowCardinalityString, true, 0, 0}, 1},
                    {"at", {TargetKind::kDateTime64, false, 0, 3}, 2}};
    plan.sorting_key = {0, 2};
    return plan;
}

ExistingTable fitting() {
    return {"ReplacingMergeTree",
            "ReplacingMergeTree(_peerdb_version) ORDER BY (id, at)",
            "id, at",
            {{"id", "Int32", ""},
             {"note", "LowCardinality(Nullable(String))", ""},
             {"at", "DateTime64(3, 'UTC')", ""},
             {"_peerdb_synced_at", "DateTime64(9)", "DEFAULT"},
             {"_peerdb_is_deleted", "UInt8", ""},
             {"_peerdb_version", "UInt64", ""}}};
}

TEST(Quoting, NothingBreaksOut) {
    EXPECT_EQ(quote_target_identifier("a`b\\c'd.e"), "`a\\`b\\\\c'd.e`");
    EXPECT_EQ(quote_target_literal("a'b\\c`"), "'a\\'b\\\\c`'");
    EXPECT_EQ(quoted_target("d.b", "t"), "`d.b`.`t`");
    EXPECT_EQ(quote_target_identifiers({"a", "b c"}), "`a`, `b c`");
}

TEST(CreateTableSql, Engines) {
    TablePlan plan = orders();
    EXPECT_EQ(
        create_table_sql(plan),
        "CREATE TABLE IF NOT EXISTS `shop`.`orders` (`id` Int32, `note` LowCardinality(Nullable(String)), "
        "`at` DateTime64(3, 'UTC'), `_peerdb_synced_at` DateTime64(9) DEFAULT now64(9), `_peerdb_is_deleted` "
        "UInt8, `_peerdb_version` UInt64) ENGINE = ReplacingMergeTree(`_peerdb_version`) ORDER BY (`id`, "
        "`at`) "
        "SETTINGS non_replicated_deduplication_window = 10000");
    plan.delete_on_merge = true;
    plan.sorting_key = {1};
    std::string sql = create_table_sql(plan);
    EXPECT_NE(sql.find("ReplacingMergeTree(`_peerdb_version`, `_peerdb_is_deleted`) ORDER BY (`note`)"),
              sql.npos);
    EXPECT_NE(sql.find("allow_nullable_key = 1"), sql.npos);
    EXPECT_NE(sql.find("allow_experimental_replacing_merge_with_cleanup = 1"), sql.npos);
    plan.engine = TableEngine::kMergeTree;
    plan.sorting_key.clear();
    EXPECT_TRUE(create_table_sql(plan).ends_with(
        "ENGINE = MergeTree ORDER BY tuple() SETTINGS non_replicated_deduplication_window = 10000"));
    EXPECT_TRUE(create_table_sql(plan, "", {.comment = "it's", .deduplicates = false})
                    .ends_with("SETTINGS non_replicated_deduplication_window = 0 COMMENT 'it\\'s'"));
    plan.engine = TableEngine::kNull;
    EXPECT_TRUE(create_table_sql(plan).ends_with("ENGINE = Null"));
}

TEST(OnCluster, EveryStatementGoesToAllServers) {
    TablePlan plan = orders();
    std::string sql = create_table_sql(plan, "main");
    EXPECT_TRUE(
        sql.starts_with("CREATE TABLE IF NOT EXISTS `shop`.`orders` ON CLUSTER `main` (`id` Int32, "));
    EXPECT_TRUE(
        sql.ends_with("ENGINE = ReplicatedReplacingMergeTree(`_peerdb_version`) ORDER BY (`id`, `at`) "
                      "SETTINGS replicated_deduplication_window = 10000"));
    plan.engine = TableEngine::kMergeTree;
    plan.sorting_key.clear();
    EXPECT_TRUE(create_table_sql(plan, "main")
                    .ends_with("ENGINE = ReplicatedMergeTree ORDER BY tuple() SETTINGS "
                               "replicated_deduplication_window = 10000"));
    EXPECT_EQ(create_table_sql(plan, "main", {.deduplicates = false}), create_table_sql(plan, "main"));
    plan.engine = TableEngine::kNull;
    EXPECT_TRUE(create_table_sql(plan, "main").ends_with("ENGINE = Null"));
    EXPECT_EQ(create_database_sql("a b", "m`"), "CREATE DATABASE IF NOT EXISTS `a b` ON CLUSTER `m\\``");
    EXPECT_EQ(truncate_table_sql("d", "t", "m"), "TRUNCATE TABLE `d`.`t` ON CLUSTER `m`");
    EXPECT_EQ(drop_table_sql("d", "t", "m"), "DROP TABLE IF EXISTS `d`.`t` ON CLUSTER `m` SYNC");
    EXPECT_EQ(rename_table_sql("d", "t", "u", "m"), "RENAME TABLE `d`.`t` TO `d`.`u` ON CLUSTER `m`");
    EXPECT_EQ(exchange_tables_sql("d", "t", "u", "m"), "EXCHANGE TABLES `d`.`t` AND `d`.`u` ON CLUSTER `m`");
    EXPECT_EQ(drop_table_sql("d", "t", ""), "DROP TABLE IF EXISTS `d`.`t` SYNC");
}

TEST(Differences, WhatFitsFits) {
    TablePlan plan = orders();
    EXPECT_TRUE(differences(plan, fitting()).empty());
    ExistingTable table = fitting();
    table.engine = "SharedReplacingMergeTree";
    table.engine_full =
        "SharedReplacingMergeTree('/x/{uuid}', '{replica}', _peerdb_version) ORDER BY (at, id)";
    table.sorting_key = "at, `id`";
    table.columns[1].type = "Nullable(String)";
    table.columns.push_back({"day", "Date", "MATERIALIZED"});
    table.columns.push_back({"memo", "String", ""});
    EXPECT_TRUE(differences(plan, table).empty());
    EXPECT_EQ(form_of_target(plan, table), nullptr);

    table.columns[0].type = "Nullable(Int64)";
    table.columns[2].type = "DateTime64(6, 'UTC')";
    EXPECT_TRUE(differences(plan, table).empty());
    const auto form = form_of_target(plan, table);
    ASSERT_NE(form, nullptr);
    ASSERT_EQ(form->columns.size(), 3u);
    EXPECT_EQ(form->columns[0].wire_type, "Nullable(Int64)");
    EXPECT_EQ(form->columns[1].wire_type, "Nullable(String)");
    EXPECT_EQ(form->columns[2].power, 3);
}

TEST(Differences, EachIsNamed) {
    ExistingTable table = fitting();
    table.engine_full = "ReplacingMergeTree(other) ORDER BY toDate(at)";
    table.sorting_key = "toDate(at)";
    table.columns[0].type = "Int16";
    table.columns[1].default_kind = "ALIAS";
    table.columns[2].name = "when";
    table.columns[4].type = "Bool";
    table.columns[5].type = "UInt128";
    EXPECT_EQ(differences(orders(), table), (std::vector<std::string>{
                                                "the engine does not take _peerdb_version as its version",
                                                "the sorting key is (toDate(at)) and should be (`id`, `at`)",
                                                "column id is Int16 and should be Int32",
                                                "column note is ALIAS and takes no values",
                                                "column at (DateTime64(3, 'UTC')) is missing",
                                                "column _peerdb_is_deleted is Bool and should be UInt8",
                                                "column _peerdb_version is UInt128 and should be UInt64",
                                            }));
    table = fitting();
    table.engine = "MergeTree";
    EXPECT_EQ(differences(orders(), table),
              std::vector<std::string>{
                  "the engine is MergeTree and should be ReplacingMergeTree(`_peerdb_version`)"});
}

TEST(Differences, SomeHaveAReason) {
    ExistingTable table = fitting();
    table.columns[1].type = "LowCardinality(String)";
    table.columns[2].type = "DateTime64(9, 'UTC')";
    EXPECT_EQ(
        differences(orders(), table),
        (std::vector<std::string>{"column note is LowCardinality(String) and should be "
                                  "LowCardinality(Nullable(String)): it takes no NULL",
                                  "column at is DateTime64(9, 'UTC') and should be DateTime64(3, 'UTC'): 9 "
                                  "digits of a second end in the year 2262"}));
}

class SchemaTest : public ClickHouseTest {
  protected:
    ClickHouseClient client_{test_endpoint()};
};

TEST_F(SchemaTest, TheServerSaysWhatItIs) {
    DestinationInfo info = read_destination_info(client_);
    EXPECT_GE(std::stoi(info.version), 20);
    EXPECT_TRUE(info.has_time64);
}

TEST_F(SchemaTest, MadeTablesFitTheirPlans) {
    for (TableEngine engine :
         {TableEngine::kReplacingMergeTree, TableEngine::kMergeTree, TableEngine::kNull}) {
        for (bool delete_on_merge : {false, true}) {
            TablePlan plan = orders(database_);
            plan.engine = engine;
            plan.delete_on_merge = delete_on_merge;
            EXPECT_FALSE(has_target(client_, plan));
            create_table(client_, plan);
            EXPECT_TRUE(has_target(client_, plan));
            create_table(client_, plan);  // again: nothing happens
            EXPECT_EQ(count_rows(client_, database_, "orders"), 0u);
            drop_table(client_, database_, "orders");
            drop_table(client_, database_, "orders");
        }
    }
}

TEST_F(SchemaTest, OddNames) {
    TablePlan plan = orders(database_ + ".`'\"\\\xc3\xa9");
    plan.target_table = "t.a`b'c\"d\\e \xe8\xa1\xa8\t?";
    plan.columns[0].name = "c.`'\"\\ \xe8\xa1\xa8\n,(x)";
    plan.columns[1].name = "select";
    plan.columns[2].name = "a, b";
    plan.sorting_key = {0, 1, 2};
    create_database(client_, plan.target_database);
    create_database(client_, plan.target_database);
    create_table(client_, plan);
    EXPECT_TRUE(has_target(client_, plan));
    std::optional<ExistingTable> table = describe_table(client_, plan.target_database, plan.target_table);
    ASSERT_TRUE(table);
    EXPECT_EQ(table->columns[0].name, plan.columns[0].name);
    client_.query("DROP DATABASE " + quote_target_identifier(plan.target_database));
}

TEST_F(SchemaTest, DeletedRowsLeaveWithDeleteOnMerge) {
    TablePlan plan = orders(database_);
    plan.delete_on_merge = true;
    create_table(client_, plan);
    const std::string table = quoted_target(database_, "orders");
    auto write = [&] {
        client_.query("INSERT INTO " + table +
                      " (id, _peerdb_is_deleted, _peerdb_version) VALUES (1, 0, 1), (2, 0, 1)");
        client_.query("INSERT INTO " + table + " (id, _peerdb_is_deleted, _peerdb_version) VALUES (1, 1, 2)");
    };
    const std::string stored = "SELECT count(), sum(_peerdb_is_deleted) FROM " + table;
    write();
    client_.query("OPTIMIZE TABLE " + table + " FINAL");
    EXPECT_EQ(client_.query(stored), "2\t1");
    client_.query("OPTIMIZE TABLE " + table + " FINAL CLEANUP");
    EXPECT_EQ(client_.query(stored), "1\t0");
    // By itself too, once the partition is quiet for long enough.
    client_.query("TRUNCATE TABLE " + table);
    client_.query("ALTER TABLE " + table + " MODIFY SETTING min_age_to_force_merge_seconds = 1");
    write();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(100);
    while (client_.query(stored) != "1\t0" && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_EQ(client_.query(stored), "1\t0");
}

TEST_F(SchemaTest, ATargetThatDeletesOtherwiseIsRefused) {
    for (bool delete_on_merge : {false, true}) {
        TablePlan plan = orders(database_);
        plan.delete_on_merge = delete_on_merge;
        create_table(client_, plan);
        plan.delete_on_merge = !delete_on_merge;
        try {
            has_target(client_, plan);
            ADD_FAILURE() << "no error";
        } catch (const Error& error) {
            EXPECT_NE(std::string(error.what()).find("_peerdb_is_deleted as its is_deleted"),
                      std::string::npos)
                << error.what();
        }
        drop_table(client_, database_, "orders");
    }
}

TEST_F(SchemaTest, AnotherTableIsRefused) {
    TablePlan plan = orders(database_);
    client_.query("CREATE TABLE " + quoted_target(database_, "orders") + " (id String) ENGINE = Log");
    try {
        has_target(client_, plan);
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.disposition(), Disposition::kFailPipe);
        std::string text = error.what();
        EXPECT_NE(text.find("the engine is Log"), text.npos) << text;
        EXPECT_NE(text.find("column id is String and should be Int32"), text.npos) << text;
        EXPECT_NE(text.find("_peerdb_version (UInt64) is missing"), text.npos) << text;
        EXPECT_NE(text.find("choose another targetTable"), text.npos) << text;
    }
}

TEST_F(SchemaTest, ManyTargetsAreLookedAtInTheirOrder) {
    std::vector<TablePlan> plans;  // of more tables, with longer names, than one query takes
    for (int i = 0; i < 2500; ++i) {
        plans.push_back(orders(database_));
        plans.back().id = static_cast<uint32_t>(i);
        plans.back().target_table = "t'" + std::to_string(i) + std::string(100, 'x');
    }
    const std::vector<uint32_t> made = {0, 7, 999, 1000, 2499};
    for (uint32_t i : made) create_table(client_, plans[i]);
    client_.query("INSERT INTO " + quoted_target(database_, plans[7].target_table) + " (id) VALUES (1), (2)");
    std::vector<uint32_t> looked, found;
    look_at_targets(client_, plans, [&](const TablePlan& plan, const ExistingTable* table) {
        looked.push_back(plan.id);
        EXPECT_EQ(problem_with_target(table, plan).empty(), table != nullptr) << plan.id;
        if (table == nullptr) return;
        found.push_back(plan.id);
        EXPECT_EQ(table->rows, plan.id == 7 ? 2u : 0u);
        require_fit(*table, plan);
    });
    ASSERT_EQ(looked.size(), plans.size());
    for (uint32_t i = 0; i < looked.size(); ++i) ASSERT_EQ(looked[i], i);
    EXPECT_EQ(found, made);
}

TEST_F(SchemaTest, AnAlterationIsSeenByItsTime) {
    TablePlan plan = orders(database_);
    create_table(client_, plan);
    auto time = [&] {
        return read_target_states(client_, database_, {"orders", "nowhere"}).tables.at("orders").altered_at;
    };
    EXPECT_EQ(time(), 0);  // too new to be told from the next
    auto wait_for_time = [&] {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(100);
        while (time() == 0 && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        return time();
    };
    const int64_t made = wait_for_time();
    EXPECT_GT(made, 0);
    EXPECT_EQ(describe_table(client_, database_, "orders")->altered_at, made);
    client_.query("INSERT INTO " + quoted_target(database_, "orders") + " (id) VALUES (1)");
    client_.query("OPTIMIZE TABLE " + quoted_target(database_, "orders") + " FINAL");
    EXPECT_EQ(time(), made);
    client_.query("ALTER TABLE " + quoted_target(database_, "orders") +
                  " MODIFY COLUMN note Nullable(String)");
    EXPECT_NE(time(), made);
    EXPECT_GT(wait_for_time(), made);
}

TEST_F(SchemaTest, ATableKeepsItsIdentity) {
    TablePlan plan = orders(database_);
    create_table(client_, plan, {.comment = "ours"});
    const auto before = identify_tables(client_, database_, {"orders", "nowhere"});
    ASSERT_EQ(before.size(), 1u);
    EXPECT_EQ(before.at("orders").comment, "ours");
    rename_table(client_, database_, "orders", "renamed");
    const auto after = identify_tables(client_, database_, {"orders", "renamed"});
    ASSERT_EQ(after.size(), 1u);
    EXPECT_EQ(after.at("renamed").uuid, before.at("orders").uuid);
}

TEST_F(SchemaTest, ClickHouseReadsWhatIsMeantForACluster) {
    // There is none here to run it on, but the server's own parser says how it understands the statement.
    for (const std::string& sql :
         {create_table_sql(orders(), "main"), create_database_sql("d", "main"),
          truncate_table_sql("d", "t", "main"), drop_table_sql("d", "t", "main"),
          create_table_like_sql("d", "t_load_1", "t", "it's", "main"),
          rename_table_sql("d", "t", "u", "main"), exchange_tables_sql("d", "t", "u", "main")}) {
        std::string read = client_.query("SELECT formatQuerySingleLine(" + quote_target_literal(sql) + ")");
        EXPECT_NE(read.find(" ON CLUSTER main"), read.npos) << read;
    }
}

TEST_F(SchemaTest, ATableLikeTheTargetHasWhatPeopleHaveTuned) {
    TablePlan plan = orders(database_);
    create_table(client_, plan, {.comment = "it's ours"});
    const std::string target = quoted_target(database_, "orders");
    for (const char* change :
         {"ADD COLUMN seen DateTime DEFAULT now()", "MODIFY COLUMN note CODEC(ZSTD(3))",
          "MODIFY SETTING non_replicated_deduplication_window = 77", "MODIFY TTL at + INTERVAL 1 YEAR",
          "ADD INDEX by_note note TYPE bloom_filter"}) {
        client_.query("ALTER TABLE " + target + " " + change);
    }
    create_table_like_target(client_, plan, "orders_load_1");
    std::string like = table_definition(client_, database_, "orders_load_1");
    const std::string made = table_definition(client_, database_, "orders");
    like.replace(like.find("orders_load_1"), 13, "orders");
    EXPECT_EQ(like, made);
    EXPECT_NE(made.find("window = 77"), made.npos) << made;
    EXPECT_NE(made.find("s ours"), made.npos) << made;
    EXPECT_EQ(table_definition(client_, database_, "nowhere"), "");
}

TEST_F(SchemaTest, TheHighestVersionIsReadWhateverItsType) {
    const std::string table = quoted_target(database_, "v");
    auto highest = [&](const std::string& type, const std::string& values) {
        client_.query("CREATE OR REPLACE TABLE " + table + " (_peerdb_version " + type +
                      ") ENGINE = MergeTree ORDER BY ()");
        if (!values.empty()) client_.query("INSERT INTO " + table + " VALUES " + values);
        return highest_version(client_, database_, "v");
    };
    EXPECT_EQ(highest("UInt64", ""), 0u);
    EXPECT_EQ(highest("UInt64", "(7), (18446744073709551615), (3)"), UINT64_MAX);
    EXPECT_EQ(highest("Int64", "(-7), (-3)"), 0u);
    EXPECT_EQ(highest("Int64", "(-7), (1796031501369826068)"), 1796031501369826068u);
    EXPECT_EQ(highest("UInt128", "(18446744073709551616)"), UINT64_MAX);
    EXPECT_THROW(highest("String", "('new')"), Error);
}

TEST_F(SchemaTest, TruncateAndExchange) {
    TablePlan plan = orders(database_);
    create_table(client_, plan);
    plan.target_table = "other";
    create_table(client_, plan);
    client_.query("INSERT INTO " + quoted_target(database_, "other") + " (id) VALUES (1)");
    exchange_tables(client_, database_, "orders", "other");
    EXPECT_EQ(count_rows(client_, database_, "orders"), 1u);
    EXPECT_EQ(count_rows(client_, database_, "other"), 0u);
    truncate_table(client_, database_, "orders");
    EXPECT_EQ(count_rows(client_, database_, "orders"), 0u);
}

}  // namespace
}  // namespace penstock
