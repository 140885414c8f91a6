// SAVEPOINT and ROLLBACK TO in the log.
#include <gtest/gtest.h>

#include "batch/fake_log_for_test.h"

namespace penstock {
namespace {

TEST_F(ChangeBatcherTest, RowsBehindASavepointAreTakenBack) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    log.insert(11, "orders", {1});
    log.begin(12);
    log.map(9, "orders");
    log.rows(9, RowsEvent::Kind::kInsert, image(2, "a"));
    log.query("SAVEPOINT `a`");
    log.rows(9, RowsEvent::Kind::kInsert, image(3, "b"));
    log.query("SAVEPOINT b");
    log.map(10, "items");
    log.rows(10, RowsEvent::Kind::kInsert, image(7, "c"));
    log.query("ROLLBACK TO `B`");
    EXPECT_EQ(batcher.open_rows(), 3u);
    log.rows(10, RowsEvent::Kind::kInsert, image(8, "c"));
    log.query("ROLLBACK TO `a`");
    log.rows(9, RowsEvent::Kind::kInsert, image(4, "a"));
    log.query("ROLLBACK TO `a`");  // it is still there
    log.rows(9, RowsEvent::Kind::kInsert, image(5, "a"));
    log.feed(XidEvent{1});
    Chunk chunk = batcher.take(true);
    EXPECT_TRUE(chunk.stops.empty());
    ASSERT_EQ(chunk.blocks.size(), 1u);
    EXPECT_EQ(ids(chunk.blocks[0]), (std::vector<int32_t>{1, 2, 5}));
    EXPECT_EQ(versions(chunk.blocks[0]), (std::vector<uint64_t>{101, 102, 103}));
    EXPECT_EQ(chunk.blocks[0].columns[0].values().size(), 12u);
    EXPECT_EQ(chunk.counts[0].inserted, 3u);
    EXPECT_EQ(chunk.counts[1].inserted, 0u);
    EXPECT_EQ(chunk.to.next_version, 104u);
}

TEST_F(ChangeBatcherTest, ASavepointTakesThePlaceOfOneThatTheServerCallsTheSame) {
    for (const bool one : {true, false}) {
        NameRules rules;
        if (!one) rules.savepoints = NameFold::kUnicode14;
        StreamPoint start{Position(GtidSet::parse(std::string(kUuid) + ":1-10")), 101, 5};
        ChangeBatcher batcher({{&orders_, {}}, {&items_, {}}}, start, 1 << 20, {}, rules);
        FakeLog log(batcher);
        log.begin(11);
        log.map(9, "orders");
        log.query("SAVEPOINT `\xc3\x89`");  // E acute
        log.rows(9, RowsEvent::Kind::kInsert, image(1, "a"));
        log.query("SAVEPOINT `e`");
        log.rows(9, RowsEvent::Kind::kInsert, image(2, "b"));
        log.query("ROLLBACK TO `\xc3\xa9`");
        log.rows(9, RowsEvent::Kind::kInsert, image(3, "c"));
        log.feed(XidEvent{1});
        Chunk chunk = batcher.take(true);
        ASSERT_EQ(chunk.blocks.size(), 1u);
        EXPECT_EQ(ids(chunk.blocks[0]), one ? (std::vector<int32_t>{1, 3}) : std::vector<int32_t>{3});
    }
}

// The table has counts in the batch and no block at the savepoint.
TEST_F(ChangeBatcherTest, ASavepointBehindRowsThatWereHandedOverTakesBackWhatFollowsIt) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    log.begin(11);
    log.map(9, "orders");
    log.rows(9, RowsEvent::Kind::kInsert, image(1, "a"));
    batcher.take(false);
    log.query("SAVEPOINT a");
    log.rows(9, RowsEvent::Kind::kInsert, image(2, "b"));
    log.query("ROLLBACK TO a");
    EXPECT_EQ(batcher.open_rows(), 1u);
    log.rows(9, RowsEvent::Kind::kInsert, image(3, "c"));
    log.feed(XidEvent{1});
    Chunk chunk = batcher.take(true);
    EXPECT_TRUE(chunk.stops.empty());
    ASSERT_EQ(chunk.blocks.size(), 1u);
    EXPECT_EQ(ids(chunk.blocks[0]), (std::vector<int32_t>{3}));
    EXPECT_EQ(chunk.counts[0].inserted, 2u);
}

// A replay does not see the batch before, and has to cut chunks where they were cut.
TEST_F(ChangeBatcherTest, RowsTakenBackInTheBatchBeforeDoNotCount) {
    const size_t budget = 4 * columns_memory(orders_);
    auto rows_of_a_chunk = [](ChangeBatcher& batcher, FakeLog& log) {
        for (uint64_t gno = 20; !batcher.budget_reached(); ++gno) log.insert(gno, "orders", {1});
        return batcher.open_rows();
    };
    ChangeBatcher fresh = make({}, budget);
    FakeLog fresh_log(fresh);
    ChangeBatcher used = make({}, budget);
    FakeLog log(used);
    log.begin(11);
    log.query("SAVEPOINT a");
    log.map(9, "orders");
    log.rows(9, RowsEvent::Kind::kInsert, image(2, "a"));
    log.query("ROLLBACK TO a");
    log.feed(XidEvent{1});
    used.take(true);
    EXPECT_EQ(rows_of_a_chunk(used, log), rows_of_a_chunk(fresh, fresh_log));
}

TEST_F(ChangeBatcherTest, RowsThatCannotBeTakenBackStopTheirTable) {
    for (const char* end : {"ROLLBACK", "ROLLBACK TO a"}) {
        ChangeBatcher batcher = make();
        FakeLog log(batcher);
        log.insert(11, "items", {7});
        log.begin(12);
        log.query("SAVEPOINT a");
        log.map(9, "orders");
        log.rows(9, RowsEvent::Kind::kInsert, image(1, "a"));
        batcher.take(false);  // handed over
        log.query(end);
        if (!batcher.at_commit_edge()) log.feed(XidEvent{1});
        Chunk chunk = batcher.take(true);
        ASSERT_EQ(chunk.stops.size(), 1u) << end;
        EXPECT_EQ(chunk.stops[0].table, 0u);
    }
}

}  // namespace
}  // namespace penstock
