#include "batch/change_batcher.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <malloc.h>

#include "batch/fake_log_for_test.h"

namespace penstock {
namespace {

// As of a server whose cache of tables is too small.
TEST_F(ChangeBatcherTest, TablesThatAlwaysHaveAnotherIdAreForgotten) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    auto transactions = [&](uint64_t first, uint64_t last) {
        for (uint64_t i = first; i < last; ++i) {
            log.begin(11 + i);
            log.map(1000 + i, i % 2 == 0 ? "orders" : "unmapped");
            log.rows(1000 + i, RowsEvent::Kind::kDelete, image(1, "x"));
            log.feed(XidEvent{i});
            log.forget();
            batcher.take(true);
        }
    };
    transactions(0, 5000);
    const size_t before = mallinfo2().uordblks;
    transactions(5000, 50'000);
    EXPECT_LT(mallinfo2().uordblks, before + (size_t{4} << 20));

    log.begin(60'000);
    for (uint64_t i = 0; i < 50'000; ++i) {  // a statement each
        log.map(100'000 + i, "unmapped");
        log.rows(100'000 + i, RowsEvent::Kind::kDelete, image(1, "x"));
        log.forget();
    }
    EXPECT_LT(mallinfo2().uordblks, before + (size_t{4} << 20));
}

TEST_F(ChangeBatcherTest, MapsAreKeptUntilTheirStatementEnds) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    log.begin(11);
    log.map(1, "orders");
    for (uint64_t id = 2; id < 3000; ++id)
        log.map(id, "unmapped");  // of one statement that names many tables
    RowsEvent rows = log.rows_event(1, RowsEvent::Kind::kInsert, image(1, "a"));
    rows.statement_end = false;
    log.feed(rows);
    log.feed(rows);
    EXPECT_EQ(batcher.open_rows(), 2u);
}

TEST_F(ChangeBatcherTest, VersionsFollowTheStreamAcrossTables) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    log.insert(11, "orders", {1, 2});
    log.insert(12, "items", {7});
    log.insert(13, "unmapped", {8, 9});
    ASSERT_TRUE(batcher.at_commit_edge());
    EXPECT_EQ(batcher.open_rows(), 3u);
    Chunk chunk = batcher.take(true);
    ASSERT_EQ(chunk.blocks.size(), 2u);
    EXPECT_EQ(versions(chunk.blocks[0]), (std::vector<uint64_t>{101, 102}));
    EXPECT_EQ(ids(chunk.blocks[0]), (std::vector<int32_t>{1, 2}));
    EXPECT_EQ(versions(chunk.blocks[1]), (std::vector<uint64_t>{103}));
    EXPECT_EQ(chunk.batch, 5u);
    EXPECT_EQ(chunk.first_version, 101u);
    EXPECT_EQ(chunk.last_version, 103u);
    EXPECT_EQ(chunk.to.position.to_string(), "mysql-gtid:" + std::string(kUuid) + ":1-13");
    EXPECT_EQ(chunk.to.next_version, 104u);
    EXPECT_EQ(chunk.to.next_batch, 6u);
    EXPECT_EQ(chunk.counts[0].inserted, 2u);
    EXPECT_EQ(chunk.counts[1].inserted, 1u);
}

TEST_F(ChangeBatcherTest, ATableFillsSeveralBlocksOfAChunk) {
    // Two rows are more than half of the budget, four more than all of it.
    auto cut = [&] {
        ChangeBatcher batcher = make({}, 2 * columns_memory(orders_) + 4 * 20);
        FakeLog log(batcher);
        for (uint64_t gno = 11; !batcher.budget_reached(); ++gno)
            log.insert(gno, "orders", {static_cast<int>(gno)});
        return batcher.take(true);
    };
    Chunk chunk = cut();
    ASSERT_GE(chunk.blocks.size(), 2u);
    std::vector<uint64_t> all;
    for (const Block& block : chunk.blocks) {
        EXPECT_TRUE(block.distinct_keys);
        for (uint64_t version : versions(block)) all.push_back(version);
    }
    EXPECT_EQ(all.front(), 101u);
    EXPECT_EQ(all.back(), chunk.last_version);
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
    EXPECT_EQ(chunk.counts[0].inserted, all.size());
    Chunk again = cut();  // as a replay does
    ASSERT_EQ(again.blocks.size(), chunk.blocks.size());
    for (size_t i = 0; i < again.blocks.size(); ++i) {
        EXPECT_EQ(versions(again.blocks[i]), versions(chunk.blocks[i]));
    }
}

TEST_F(ChangeBatcherTest, ARowInEachOfManyTablesCountsWhatItsBlockTakes) {
    ChangeBatcher batcher = make({}, columns_memory(orders_) + columns_memory(items_));
    FakeLog log(batcher);
    log.insert(11, "orders", {1});
    EXPECT_FALSE(batcher.budget_reached());
    log.insert(12, "items", {2});
    EXPECT_TRUE(batcher.budget_reached());
    batcher.take(true);
    EXPECT_FALSE(batcher.budget_reached());
}

TEST_F(ChangeBatcherTest, ABatchHasOneByteBudgetThatItsReplayCutsBy) {
    const size_t kLarge = 1 << 20, kSmall = 2 * columns_memory(orders_) + 80;
    auto rows = [](FakeLog& log) {
        for (uint64_t gno = 11; gno < 31; ++gno) log.insert(gno, "orders", {static_cast<int>(gno)});
    };
    ChangeBatcher batcher = make({}, kSmall);
    FakeLog log(batcher);
    batcher.set_block_bytes(kLarge);  // no row has come: this batch's
    EXPECT_EQ(batcher.block_bytes(), kLarge);
    rows(log);
    batcher.set_block_bytes(kSmall);
    EXPECT_EQ(batcher.block_bytes(), kLarge);
    EXPECT_FALSE(batcher.budget_reached());
    EXPECT_EQ(batcher.take(true).blocks.size(), 1u);
    EXPECT_EQ(batcher.block_bytes(), kSmall);
    for (uint64_t gno = 31; gno < 51; ++gno) log.insert(gno, "orders", {static_cast<int>(gno)});
    EXPECT_TRUE(batcher.budget_reached());
    EXPECT_GT(batcher.take(true).blocks.size(), 5u);

    // A replay goes by the budget of then, whatever is in force now, and the batch after it by that of now.
    ChangeBatcher again = make(Replay{120, kLarge}, kSmall);
    FakeLog same(again);
    again.set_block_bytes(2 * kSmall);
    rows(same);
    EXPECT_EQ(again.block_bytes(), kLarge);
    EXPECT_EQ(again.take(true).blocks.size(), 1u);
    EXPECT_EQ(again.block_bytes(), 2 * kSmall);
}

TEST_F(ChangeBatcherTest, OnlyInsertsHaveDistinctKeys) {
    for (RowsEvent::Kind kind : {RowsEvent::Kind::kUpdate, RowsEvent::Kind::kDelete}) {
        ChangeBatcher batcher = make();
        FakeLog log(batcher);
        log.insert(11, "orders", {1, 2});
        EXPECT_TRUE(batcher.take(true).blocks.at(0).distinct_keys);
        log.begin(12);
        log.map(9, "orders");
        log.rows(9, kind, kind == RowsEvent::Kind::kUpdate ? image(1, "a") + image(1, "b") : image(1, "a"));
        log.feed(XidEvent{1});
        EXPECT_FALSE(batcher.take(true).blocks.at(0).distinct_keys);
    }
}

TEST_F(ChangeBatcherTest, AKeyChangeRetiresTheOldKeyAtALowerVersion) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    log.begin(11);
    log.map(9, "orders");
    log.rows(9, RowsEvent::Kind::kUpdate, image(1, "a") + image(1, "b") + image(2, "c") + image(3, "c"));
    log.rows(9, RowsEvent::Kind::kDelete, image(4, "d"));
    EXPECT_FALSE(batcher.at_commit_edge());
    log.feed(XidEvent{1});
    Chunk chunk = batcher.take(true);
    const Block& block = chunk.blocks.at(0);
    EXPECT_EQ(ids(block), (std::vector<int32_t>{1, 2, 3, 4}));
    EXPECT_EQ(deleted(block), (std::vector<int>{0, 1, 0, 1}));
    EXPECT_EQ(versions(block), (std::vector<uint64_t>{101, 102, 103, 104}));
    EXPECT_EQ(chunk.counts[0].updated, 2u);
    EXPECT_EQ(chunk.counts[0].deleted, 1u);
}

TEST_F(ChangeBatcherTest, TheCheckpointStaysBehindAnOpenTransaction) {
    ChangeBatcher batcher = make({}, 1);  // every rows event reaches the budget
    FakeLog log(batcher);
    log.begin(11);
    log.map(9, "orders");
    log.rows(9, RowsEvent::Kind::kInsert, image(1, "a"));
    ASSERT_TRUE(batcher.budget_reached());
    Chunk first = batcher.take(false);
    EXPECT_FALSE(first.closes);
    EXPECT_EQ(first.last_version, 101u);
    EXPECT_THROW(batcher.take(true), Error);
    log.rows(9, RowsEvent::Kind::kInsert, image(2, "a"));
    log.feed(XidEvent{1});
    Chunk second = batcher.take(true);
    EXPECT_EQ(second.batch, first.batch);
    EXPECT_EQ(second.index, first.index + 1);
    EXPECT_EQ(second.first_version, 101u);
    EXPECT_EQ(second.to.next_version, 103u);
    EXPECT_EQ(second.counts[0].inserted, 2u);
    EXPECT_EQ(second.to.position.to_string(), "mysql-gtid:" + std::string(kUuid) + ":1-11");
}

TEST_F(ChangeBatcherTest, AReplayIsCutWhereTheFirstAttemptWas) {
    ChangeBatcher batcher = make(Replay{103, 1 << 20});
    FakeLog log(batcher);
    log.insert(11, "orders", {1, 2});
    EXPECT_TRUE(batcher.replaying());
    EXPECT_FALSE(batcher.must_close_now());
    log.insert(12, "items", {7});
    EXPECT_TRUE(batcher.must_close_now());
    Chunk chunk = batcher.take(true);
    EXPECT_EQ(chunk.last_version, 103u);
    EXPECT_FALSE(batcher.replaying());
}

TEST_F(ChangeBatcherTest, WhatAnExactLoadHoldsGivesNoRows) {
    ChangeBatcher batcher = make({}, 1 << 20, Position(GtidSet::parse(std::string(kUuid) + ":1-11")));
    FakeLog log(batcher);
    log.insert(11, "orders", {1, 2});
    log.insert(12, "orders", {3});
    Chunk chunk = batcher.take(true);
    EXPECT_EQ(ids(chunk.blocks.at(0)), (std::vector<int32_t>{3}));
    EXPECT_EQ(versions(chunk.blocks.at(0)), (std::vector<uint64_t>{101}));
}

TEST_F(ChangeBatcherTest, ATableWithTwoTargetsFeedsBoth) {
    TablePlan copy = make_plan(1, "orders");
    copy.target_table = "orders_copy";
    StreamPoint start{Position(GtidSet::parse(std::string(kUuid) + ":1-10")), 101, 5};
    ChangeBatcher batcher({{&orders_, {}}, {&copy, {}}}, start, 1 << 20, {}, NameRules());
    FakeLog log(batcher);
    log.insert(11, "orders", {1, 2});
    log.insert(12, "orders", {3});
    Chunk chunk = batcher.take(true);
    ASSERT_EQ(chunk.blocks.size(), 2u);
    EXPECT_EQ(ids(chunk.blocks[0]), (std::vector<int32_t>{1, 2, 3}));
    EXPECT_EQ(ids(chunk.blocks[1]), (std::vector<int32_t>{1, 2, 3}));
    EXPECT_EQ(chunk.counts[1].inserted, 3u);
}

TEST_F(ChangeBatcherTest, StatementsOnMappedTablesAreNeverSilent) {
    struct Case {
        const char* text;
        size_t stops;
    };
    for (const Case& c : {Case{"TRUNCATE TABLE orders", 1}, Case{"DROP TABLE `orders`", 1},
                          Case{"RENAME TABLE orders TO x", 1}, Case{"RENAME TABLE x TO orders", 1},
                          Case{"DROP TABLE items, orders", 2}, Case{"DROP DATABASE shop", 2},
                          Case{"INSERT INTO orders VALUES (1)", 2}, Case{"UPDATE a_view SET v = 1", 2},
                          Case{"ALTER TABLE orders ADD COLUMN c INT", 1},
                          Case{"ALTER TABLE other EXCHANGE PARTITION p WITH TABLE orders", 1}}) {
        ChangeBatcher batcher = make();
        FakeLog log(batcher);
        log.gtid(11);
        log.query(c.text);
        EXPECT_EQ(batcher.all_stopped(), c.stops == 2) << c.text;
        Chunk chunk = batcher.take(true);
        ASSERT_EQ(chunk.stops.size(), c.stops) << c.text;
        for (const TableStop& stop : chunk.stops) {
            EXPECT_NE(stop.reason.find("(table shop." + std::string(stop.table == 0 ? "orders" : "items")),
                      std::string::npos)
                << stop.reason;
            EXPECT_NE(stop.reason.find("resync the table"), std::string::npos) << stop.reason;
            EXPECT_EQ(stop.position, "binlog.000001:204") << c.text;
            EXPECT_EQ(stop.from_version, 101u);
        }
    }
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    log.gtid(11);
    log.query("ALTER TABLE items ADD INDEX (v)");
    log.gtid(12);
    log.query("TRUNCATE TABLE other");
    // The same name in another database is another table.
    log.gtid(13);
    log.feed(
        QueryEvent{"elsewhere", "DELETE FROM orders", 0, false, false, std::string_view("elsewhere\0", 10)});
    EXPECT_EQ(batcher.position().to_string(), "mysql-gtid:" + std::string(kUuid) + ":1-13");
    EXPECT_TRUE(batcher.take(true).stops.empty());
    log.gtid(14);
    log.feed(QueryEvent{"elsewhere", "SELECT f()", 0, false, false, std::string_view("a\0shop\0", 7)});
    EXPECT_EQ(batcher.take(true).stops.size(), 2u);
    ChangeBatcher unlisted = make();
    FakeLog other(unlisted);
    other.gtid(11);
    other.feed(QueryEvent{"elsewhere", "SELECT f()"});
    EXPECT_EQ(unlisted.take(true).stops.size(), 2u);
}

TEST_F(ChangeBatcherTest, AStoppedTableLeavesTheOthersFlowing) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    log.insert(11, "orders", {1});
    log.gtid(12);
    log.query("TRUNCATE TABLE orders");
    log.insert(13, "orders", {2, 3});
    log.insert(14, "items", {7});
    EXPECT_FALSE(batcher.all_stopped());
    Chunk chunk = batcher.take(true);
    ASSERT_EQ(chunk.stops.size(), 1u);
    EXPECT_EQ(chunk.stops[0].table, 0u);
    EXPECT_EQ(chunk.stops[0].from_version, 102u);
    ASSERT_EQ(chunk.blocks.size(), 2u);
    EXPECT_EQ(ids(chunk.blocks[0]), (std::vector<int32_t>{1}));
    EXPECT_EQ(ids(chunk.blocks[1]), (std::vector<int32_t>{7}));
    EXPECT_EQ(versions(chunk.blocks[1]), (std::vector<uint64_t>{102}));
    EXPECT_EQ(chunk.to.position.to_string(), "mysql-gtid:" + std::string(kUuid) + ":1-14");
}

TEST_F(ChangeBatcherTest, ARowThatFailsLeavesNothingOfItself) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    log.insert(11, "orders", {1});
    log.begin(12);
    log.map(9, "orders");
    // The key of the third row is read, its text is cut short; the second change moves a key.
    std::string cut = image(5, "abc");
    cut.resize(cut.size() - 2);
    log.rows(9, RowsEvent::Kind::kUpdate,
             image(2, "a") + image(2, "b") + image(3, "a") + image(4, "b") + image(5, "a") + cut);
    log.map(10, "items");
    log.rows(10, RowsEvent::Kind::kInsert, image(7, "x"));
    log.feed(XidEvent{1});
    Chunk chunk = batcher.take(true);
    ASSERT_EQ(chunk.stops.size(), 1u);
    EXPECT_EQ(chunk.stops[0].from_version, 105u);
    const Block& block = chunk.blocks.at(0);
    EXPECT_EQ(ids(block), (std::vector<int32_t>{1, 2, 3, 4}));
    EXPECT_EQ(deleted(block), (std::vector<int>{0, 0, 1, 0}));
    EXPECT_EQ(versions(block), (std::vector<uint64_t>{101, 102, 103, 104}));
    EXPECT_EQ(block.columns[0].values().size(), 16u);
    EXPECT_EQ(chunk.counts[0].updated, 2u);
    EXPECT_EQ(versions(chunk.blocks.at(1)), (std::vector<uint64_t>{105}));
}

TEST_F(ChangeBatcherTest, AReplayStopsATableWhereItStoppedBefore) {
    // The row that stopped it then would pass now; the versions of the rows after it must not move.
    StreamPoint start{Position(GtidSet::parse(std::string(kUuid) + ":1-10")), 101, 5};
    ChangeBatcher batcher({{&orders_, {}, {}, 102}, {&items_, {}}}, start, 1 << 20, Replay{103, 1 << 20},
                          NameRules());
    FakeLog log(batcher);
    log.insert(11, "orders", {1, 2});
    log.insert(12, "items", {7, 8});
    ASSERT_TRUE(batcher.must_close_now());
    Chunk chunk = batcher.take(true);
    EXPECT_TRUE(chunk.stops.empty());  // it is known
    EXPECT_EQ(ids(chunk.blocks.at(0)), (std::vector<int32_t>{1}));
    EXPECT_EQ(versions(chunk.blocks.at(1)), (std::vector<uint64_t>{102, 103}));

    // A stop that was not there the first time would move them: the pipe fails instead.
    ChangeBatcher other = make(Replay{103, 1 << 20});
    FakeLog again(other);
    again.insert(11, "orders", {1});
    again.gtid(12);
    EXPECT_THROW(again.query("TRUNCATE TABLE orders"), Error);
}

TEST_F(ChangeBatcherTest, PartialUpdatesAreUpdates) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    log.begin(11);
    log.map(8, "unmapped");
    log.rows(8, RowsEvent::Kind::kPartialUpdate, "whatever");
    log.map(9, "orders");
    const std::string no_options(1, '\0');
    log.rows(9, RowsEvent::Kind::kPartialUpdate,
             image(1, "a") + no_options + image(1, "b") + image(2, "a") + no_options + image(3, "b"));
    log.feed(XidEvent{1});
    Chunk chunk = batcher.take(true);
    EXPECT_TRUE(chunk.stops.empty());
    EXPECT_EQ(ids(chunk.blocks.at(0)), (std::vector<int32_t>{1, 2, 3}));
    EXPECT_EQ(deleted(chunk.blocks[0]), (std::vector<int>{0, 1, 0}));
    EXPECT_EQ(chunk.counts[0].updated, 2u);
}

TEST_F(ChangeBatcherTest, AnIncidentStopsThePipe) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    log.insert(11, "orders", {1});
    try {
        log.feed(IncidentEvent{1, "LOST_EVENTS"});
        ADD_FAILURE() << "it passed";
    } catch (const Error& e) {
        EXPECT_EQ(e.disposition(), Disposition::kFailPipe);
        EXPECT_NE(std::string(e.what()).find("LOST_EVENTS"), std::string::npos) << e.what();
    }
}

TEST_F(ChangeBatcherTest, RowsThatCannotBePlacedStopThePipe) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    log.begin(11);
    EXPECT_THROW(log.rows(77, RowsEvent::Kind::kInsert, image(1, "a")), Error);
}

/// XA PREPARE of inserts into orders, as MySQL logs it.
void prepare(FakeLog& log, uint64_t gno, const std::string& xid, std::vector<int32_t> ids,
             std::string_view table = "orders", bool one_phase = false) {
    log.gtid(gno);
    log.query(log.keep("XA START " + xid));
    log.map(9, table);
    for (int32_t id : ids) log.rows(9, RowsEvent::Kind::kInsert, image(id, "x"));
    log.query(log.keep("XA END " + xid));
    log.feed(XaPrepareEvent{one_phase, xid});
}

TEST_F(ChangeBatcherTest, RowsOfAPreparedTransactionComeWithItsCommit) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    prepare(log, 11, "X'61',X'',1", {1});
    EXPECT_FALSE(batcher.wanted());
    prepare(log, 12, "X'62',X'',1", {2});
    log.insert(13, "items", {7});
    log.gtid(14);
    log.query("XA ROLLBACK X'62',X'',1");
    EXPECT_EQ(batcher.position().to_string(), "mysql-gtid:" + std::string(kUuid) + ":1-14");
    EXPECT_EQ(batcher.open_rows(), 1u);

    log.gtid(15);
    log.query("XA COMMIT X'61', X'', 1");
    ASSERT_TRUE(batcher.wanted());
    EXPECT_EQ(*batcher.wanted(), (PreparedTransaction{"X'61',X'',1", {"binlog.000001", 4}}));
    EXPECT_FALSE(batcher.at_commit_edge());
    log.feed_prepared("orders", {1, 3});
    batcher.end_prepared();
    EXPECT_FALSE(batcher.wanted());
    Chunk chunk = batcher.take(true);
    EXPECT_EQ(versions(chunk.blocks.at(0)), (std::vector<uint64_t>{102, 103}));
    EXPECT_EQ(ids(chunk.blocks[0]), (std::vector<int32_t>{1, 3}));
    EXPECT_EQ(versions(chunk.blocks.at(1)), (std::vector<uint64_t>{101}));
    EXPECT_EQ(chunk.to.position.to_string(), "mysql-gtid:" + std::string(kUuid) + ":1-15");
    log.insert(16, "orders", {4});  // the stream's own table maps are there again
    EXPECT_EQ(batcher.open_rows(), 1u);
}

TEST_F(ChangeBatcherTest, ACommitOfWhatWasPreparedBeforeIsSearchedForOrStopsTheTables) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    prepare(log, 11, "X'6f',X'',1", {1}, "unmapped");
    log.gtid(12);
    log.query("XA COMMIT X'6F',X'',1");
    EXPECT_FALSE(batcher.wanted());  // it changed nothing of interest
    log.gtid(13);
    log.query("XA COMMIT X'01',X'',1");
    ASSERT_TRUE(batcher.wanted());
    EXPECT_EQ(*batcher.wanted(), (PreparedTransaction{"X'01',X'',1", {"", 4}}));
    batcher.lose_prepared(Error(Disposition::kFailPipe, "read", "gone"));
    EXPECT_TRUE(batcher.at_commit_edge());
    EXPECT_TRUE(batcher.all_stopped());
    Chunk chunk = batcher.take(true);
    ASSERT_EQ(chunk.stops.size(), 2u);
    EXPECT_NE(chunk.stops[0].reason.find("X'01',X'',1 cannot be read again: gone"), std::string::npos)
        << chunk.stops[0].reason;
    log.gtid(14);
    log.query("XA COMMIT X'02',X'',1");
    EXPECT_FALSE(batcher.wanted());  // no table is left that could need it
}

TEST_F(ChangeBatcherTest, AOnePhaseCommitWantsItsRowsAtOnce) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    prepare(log, 11, "X'61',X'',1", {1}, "orders", true);
    ASSERT_TRUE(batcher.wanted());
    log.feed_prepared("orders", {1});
    batcher.end_prepared();
    EXPECT_EQ(ids(batcher.take(true).blocks.at(0)), (std::vector<int32_t>{1}));
    EXPECT_EQ(batcher.position().to_string(), "mysql-gtid:" + std::string(kUuid) + ":1-11");
}

TEST(ChangeBatcherFilePosition, OffsetsPassFourGigabytes) {
    TablePlan orders = make_plan(0, "orders");
    StreamPoint start{Position(FilePosition{"binlog.000009", 0xfffffff0}), 1, 1};
    ChangeBatcher batcher({{&orders, {}}}, start, 1 << 20, {}, NameRules());
    EventHeader artificial;
    artificial.flags = EventHeader::kArtificial;
    batcher.feed(RotateEvent{"binlog.000009", 0xfffffff0, true}, artificial);
    EventHeader header;
    header.size = 0x40;
    header.log_pos = 0x30;  // wrapped
    batcher.feed(GtidEvent{true, {}, 0, 0}, header);
    header.log_pos = 0x70;
    batcher.feed(QueryEvent{"shop", "CREATE TABLE x (a INT)"}, header);
    EXPECT_EQ(batcher.position().to_string(), "file:binlog.000009:4294967408");
    header.log_pos = 0xa0;
    batcher.feed(RotateEvent{"binlog.000010", 4, false}, header);
    EXPECT_EQ(batcher.position().to_string(), "file:binlog.000010:4");
}

}  // namespace
}  // namespace penstock
