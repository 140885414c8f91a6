#include "pipe/load_check.h"

#include <fmt/format.h>

#include "destination/test_clickhouse.h"

namespace penstock {
namespace {

class LoadCheckTest : public ClickHouseTest {
  protected:
    void SetUp() override {
        ClickHouseTest::SetUp();
        client_.emplace(test_endpoint());
    }
    /// Of three columns, the first of which is the source's key.
    TablePlan plan(const std::string& table, TableEngine engine) const {
        TablePlan plan;
        plan.target_database = database_;
        plan.target_table = table;
        plan.engine = engine;
        plan.source.database = "src";
        plan.source.name = table;
        plan.source.columns.resize(2);
        plan.source.key = {0};
        plan.columns = {{"id", {TargetKind::kInt32, false, 0, 0}, 0},
                        {"v", {TargetKind::kInt32, true, 0, 0}, 1}};
        plan.sorting_key = {0};
        return plan;
    }
    void insert(const TablePlan& plan, uint64_t version, uint32_t from, uint32_t to) {
        client_->query(
            fmt::format("INSERT INTO {} (id, v, _peerdb_is_deleted, _peerdb_version) SELECT number, 0, "
                        "0, {} FROM numbers({}, {}) SETTINGS insert_deduplicate = 0",
                        quoted_target(database_, plan.target_table), version, from, to - from));
    }
    static PartitionRecord done(uint32_t index, uint64_t version, uint64_t rows, uint32_t attempts = 1) {
        return {.index = index,
                .state = PartitionState::kDone,
                .rows = rows,
                .attempts = attempts,
                .version = version};
    }
    WrongRows wrong(const TablePlan& plan, const std::vector<PartitionRecord>& partitions) {
        return find_wrong_rows(*client_, {{&plan, plan.target_table, partitions}}).front();
    }
    void without_merges(const TablePlan& plan) {
        client_->query("SYSTEM STOP MERGES " + quoted_target(database_, plan.target_table));
    }

    std::optional<ClickHouseClient> client_;
};

TEST_F(LoadCheckTest, RowsThatAreGoneAreFoundByTheirPartition) {
    for (const TableEngine engine : {TableEngine::kReplacingMergeTree, TableEngine::kMergeTree}) {
        const TablePlan t = plan(engine == TableEngine::kMergeTree ? "a" : "r", engine);
        create_table(*client_, t);
        for (uint32_t i = 0; i < 3; ++i) insert(t, 10 + i, i * 100, i * 100 + 100);
        const std::vector<PartitionRecord> partitions = {done(0, 10, 100), done(1, 11, 100), done(7, 12, 100),
                                                         done(8, 13, 0)};
        EXPECT_TRUE(wrong(t, partitions).partitions.empty());
        client_->query("ALTER TABLE " + quoted_target(database_, t.target_table) +
                       " DELETE WHERE id = 250 SETTINGS mutations_sync = 1");
        const WrongRows found = wrong(t, partitions);
        EXPECT_EQ(found.partitions, std::vector<uint32_t>{7});
        EXPECT_EQ(found.acknowledged, 100u);
        EXPECT_EQ(found.held, 99u);
        const std::string line = wrong_rows_error({&t, t.target_table, partitions}, found).what();
        EXPECT_NE(line.find("of 100 rows in 1 partitions, which ClickHouse had acknowledged"), line.npos)
            << line;
        drop_table(*client_, database_, t.target_table);
        EXPECT_EQ(wrong(t, partitions).partitions, (std::vector<uint32_t>{0, 1, 7}));
    }
}

TEST_F(LoadCheckTest, RowsSentTwiceAreWrongOnlyWhereTheyStay) {
    const TablePlan replacing = plan("r", TableEngine::kReplacingMergeTree);
    const TablePlan lacking = plan("l", TableEngine::kReplacingMergeTree);
    const TablePlan append = plan("a", TableEngine::kMergeTree);
    for (const TablePlan* t : {&replacing, &append}) {
        create_table(*client_, *t);
        without_merges(*t);
        insert(*t, 10, 0, 60);
        insert(*t, 10, 0, 100);
    }
    EXPECT_TRUE(wrong(replacing, {done(0, 10, 100, 2)}).partitions.empty());
    EXPECT_EQ(wrong(append, {done(0, 10, 100, 2)}).partitions, std::vector<uint32_t>{0});
    // 120 rows are there, and yet of a hundred ten are gone.
    create_table(*client_, lacking);
    without_merges(lacking);
    insert(lacking, 10, 0, 30);
    insert(lacking, 10, 0, 90);
    const WrongRows found = wrong(lacking, {done(0, 10, 100, 2)});
    EXPECT_EQ(found.partitions, std::vector<uint32_t>{0});
    EXPECT_EQ(found.held, 90u);
}

TEST_F(LoadCheckTest, APartitionOfAnOlderLoadIsCountedWithTheOthersOfItsVersion) {
    const TablePlan t = plan("r", TableEngine::kReplacingMergeTree);
    create_table(*client_, t);
    insert(t, 4, 0, 200);
    EXPECT_TRUE(wrong(t, {done(0, 4, 100), done(1, 4, 100)}).partitions.empty());
    EXPECT_EQ(wrong(t, {done(0, 4, 100), done(1, 4, 101)}).partitions, (std::vector<uint32_t>{0, 1}));
}

TEST_F(LoadCheckTest, WhatCannotBeCountedIsNot) {
    const std::vector<PartitionRecord> partitions = {done(0, 10, 100)};
    TablePlan expiring = plan("ttl", TableEngine::kReplacingMergeTree);
    create_table(*client_, expiring);
    client_->query("ALTER TABLE " + quoted_target(database_, "ttl") +
                   " MODIFY TTL toDateTime(_peerdb_synced_at) + INTERVAL 1 DAY");
    EXPECT_TRUE(wrong(expiring, partitions).partitions.empty());
    TablePlan feeding = plan("feed", TableEngine::kNull);
    create_table(*client_, feeding);
    EXPECT_TRUE(wrong(feeding, partitions).partitions.empty());
    TablePlan by_value = plan("by_value", TableEngine::kReplacingMergeTree);
    create_table(*client_, by_value);
    by_value.sorting_key = {1};  // rows that differ may be one row there
    EXPECT_TRUE(wrong(by_value, partitions).partitions.empty());
    by_value.sorting_key = {1, 0};
    EXPECT_FALSE(wrong(by_value, partitions).partitions.empty());
}

TEST_F(LoadCheckTest, ManyTablesAreCountedTogether) {
    std::vector<TablePlan> plans;
    for (int i = 0; i < 100; ++i) {
        plans.push_back(
            plan(fmt::format("t{}", i) + std::string(150, 'x'), TableEngine::kReplacingMergeTree));
        if (i == 50) continue;
        create_table(*client_, plans.back());
        if (i != 7) insert(plans.back(), 10, 0, 2);
    }
    std::vector<LoadedTable> tables;
    for (const TablePlan& t : plans) tables.push_back({&t, t.target_table, {done(0, 10, 2)}});
    const std::vector<WrongRows> found = find_wrong_rows(*client_, tables);
    ASSERT_EQ(found.size(), 100u);
    for (size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].partitions.empty(), i != 7 && i != 50) << i;
    EXPECT_TRUE(find_wrong_rows(*client_, {}).empty());
}

}  // namespace
}  // namespace penstock
