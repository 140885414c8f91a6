// What the log takes back of a group whose rows do not stay in memory.
#include <gtest/gtest.h>

#include "batch/fake_log_for_test.h"

namespace penstock {
namespace {

/// Events of one group, each kept to be fed twice: to the batcher, and to what looks ahead of it.
class Group {
  public:
    explicit Group(FakeLog& log) : log_(log) {}
    void statement(std::string_view text) { events_.emplace_back(QueryEvent{"shop", text}); }
    void insert(std::string_view table, int32_t id) {
        events_.emplace_back(log_.map_event(table == "orders" ? 9 : 10, table));
        events_.emplace_back(
            log_.rows_event(table == "orders" ? 9 : 10, RowsEvent::Kind::kInsert, image(id, "a")));
    }
    void end() { events_.emplace_back(XidEvent{1}); }
    UndoneRows undone() const {
        UndoneRows undone(NameRules().savepoints);
        undone.feed(QueryEvent{"shop", "BEGIN"});
        for (const Event& event : events_) undone.feed(event);
        return undone;
    }
    /// Through the batcher, which hands over whenever it is full.
    void feed(ChangeBatcher& batcher, uint64_t gno, std::vector<Chunk>& chunks) {
        log_.may_be_undone = true;
        log_.begin(gno);
        for (const Event& event : events_) {
            log_.feed(event);
            if (batcher.wants_undone()) {
                ++asked;
                batcher.take_undone(undone());
            }
            if (batcher.budget_reached()) chunks.push_back(batcher.take(batcher.at_commit_edge()));
        }
    }
    int asked = 0;

  private:
    FakeLog& log_;
    std::vector<Event> events_;
};

class UndoneRowsTest : public ChangeBatcherTest {
  protected:
    /// Every row of `orders` that was handed over.
    static std::vector<int32_t> orders(const std::vector<Chunk>& chunks) {
        std::vector<int32_t> all;
        for (const Chunk& chunk : chunks) {
            for (const Block& block : chunk.blocks) {
                if (block.plan->id != 0) continue;
                for (int32_t id : ids(block)) all.push_back(id);
            }
        }
        return all;
    }
    static uint64_t stops(const std::vector<Chunk>& chunks) {
        uint64_t count = 0;
        for (const Chunk& chunk : chunks) count += chunk.stops.size();
        return count;
    }
    size_t budget_of_three_rows() const { return 2 * (columns_memory(orders_) + 20 * 3); }
};

TEST_F(UndoneRowsTest, RangesAreThoseThatAServerTakesBack) {
    UndoneRows undone(NameRules().savepoints);
    auto say = [&](std::string_view text) { return undone.feed(QueryEvent{"shop", text}); };
    EXPECT_TRUE(undone.feed(MariadbGtidEvent{}));
    EXPECT_TRUE(undone.feed(RowsEvent{}));          // 0
    EXPECT_TRUE(say("SAVEPOINT a"));                // 1
    EXPECT_TRUE(undone.feed(RowsEvent{}));          // 2
    EXPECT_TRUE(say("SAVEPOINT b"));                // 3
    EXPECT_TRUE(undone.feed(RowsEvent{}));          // 4
    EXPECT_TRUE(say("ROLLBACK TO B"));              // 5
    EXPECT_TRUE(undone.feed(RowsEvent{}));          // 6
    EXPECT_TRUE(say("SAVEPOINT a"));                // 7: the one before is gone
    EXPECT_TRUE(undone.feed(RowsEvent{}));          // 8
    EXPECT_TRUE(say("SAVEPOINT c"));                // 9
    EXPECT_TRUE(say("ROLLBACK TO SAVEPOINT `a`"));  // 10
    EXPECT_TRUE(say("ROLLBACK TO c"));              // 11: gone with what was behind a
    EXPECT_TRUE(say("DROP TEMPORARY TABLE x"));     // 12
    EXPECT_EQ(undone.ranges(), (std::vector<UndoneRows::Range>{{3, 5}, {7, 10}}));
    EXPECT_EQ(undone.find(2), nullptr);
    EXPECT_NE(undone.find(4), nullptr);
    EXPECT_EQ(undone.find(6), nullptr);
    EXPECT_NE(undone.find(8), nullptr);
    EXPECT_EQ(undone.find(11), nullptr);
    EXPECT_FALSE(say("ROLLBACK"));
    EXPECT_EQ(undone.ranges(), (std::vector<UndoneRows::Range>{{0, 13}}));
}

TEST_F(UndoneRowsTest, ASmallGroupThatEndsWithRollbackLeavesNothing) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    log.insert(11, "orders", {1});
    log.may_be_undone = true;
    log.begin(12);
    log.map(9, "orders");
    log.rows(9, RowsEvent::Kind::kInsert, image(2, "a"));
    log.map(10, "items");
    log.rows(10, RowsEvent::Kind::kInsert, image(7, "b"));
    log.query("ROLLBACK");
    log.insert(13, "orders", {3});
    Chunk chunk = batcher.take(true);
    EXPECT_TRUE(chunk.stops.empty());
    ASSERT_EQ(chunk.blocks.size(), 1u);
    EXPECT_EQ(ids(chunk.blocks[0]), (std::vector<int32_t>{1, 3}));
    EXPECT_EQ(versions(chunk.blocks[0]), (std::vector<uint64_t>{101, 102}));
    EXPECT_EQ(chunk.counts[0].inserted, 2u);
    EXPECT_EQ(chunk.counts[1].inserted, 0u);
}

TEST_F(UndoneRowsTest, AStatementOfAGroupThatEndsWithRollbackStopsOnlyTablesThatItStaysIn) {
    orders_.source.storage_engine = "InnoDB";
    items_.source.storage_engine = "MyISAM";
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    log.may_be_undone = true;
    log.begin(12);
    log.query("INSERT INTO items SELECT 1");
    log.query("ROLLBACK");
    log.insert(13, "orders", {3});
    Chunk chunk = batcher.take(true);
    ASSERT_EQ(chunk.stops.size(), 1u);
    EXPECT_EQ(chunk.stops[0].table, 1u);
    EXPECT_NE(chunk.stops[0].reason.find("as a statement, not as rows: INSERT INTO items"),
              std::string::npos);
    ASSERT_EQ(chunk.blocks.size(), 1u);
    EXPECT_EQ(ids(chunk.blocks[0]), (std::vector<int32_t>{3}));

    log.begin(14);
    log.query("INSERT INTO items SELECT 1");
    log.feed(XidEvent{1});
    chunk = batcher.take(true);
    ASSERT_EQ(chunk.stops.size(), 1u);
    EXPECT_EQ(chunk.stops[0].table, 0u) << "it was committed";
}

TEST_F(UndoneRowsTest, AGroupLargerThanTheBudgetThatEndsWithRollbackLeavesNothing) {
    ChangeBatcher batcher = make({}, budget_of_three_rows());
    FakeLog log(batcher);
    log.insert(11, "orders", {1});
    Group group(log);
    for (int32_t id = 2; id < 50; ++id) group.insert("orders", id);
    group.statement("ROLLBACK");
    std::vector<Chunk> chunks;
    group.feed(batcher, 12, chunks);
    EXPECT_EQ(group.asked, 1);
    EXPECT_TRUE(batcher.at_commit_edge());
    log.insert(13, "orders", {90});
    chunks.push_back(batcher.take(true));
    EXPECT_EQ(orders(chunks), (std::vector<int32_t>{1, 90}));
    EXPECT_EQ(stops(chunks), 0u);
    EXPECT_EQ(chunks.back().counts[0].inserted, 2u);
    EXPECT_EQ(chunks.back().to.next_version, 103u);
}

// The part in front of the savepoint, the part that goes back over what is in memory and what is still to
// come, ranges within that, and what follows.
TEST_F(UndoneRowsTest, PartsOfAGroupLargerThanTheBudgetAreTakenBack) {
    ChangeBatcher batcher = make({}, budget_of_three_rows());
    FakeLog log(batcher);
    Group group(log);
    group.insert("orders", 1);
    group.statement("SAVEPOINT a");
    group.insert("orders", 2);
    group.statement("SAVEPOINT b");
    for (int32_t id = 10; id < 30; ++id) group.insert("orders", id);
    group.statement("ROLLBACK TO b");
    for (int32_t id = 30; id < 35; ++id) group.insert("orders", id);
    group.statement("ROLLBACK TO a");
    for (int32_t id = 40; id < 45; ++id) group.insert("orders", id);
    group.statement("SAVEPOINT c");
    for (int32_t id = 50; id < 55; ++id) group.insert("orders", id);
    group.statement("ROLLBACK TO c");
    group.insert("orders", 60);
    group.end();
    std::vector<Chunk> chunks;
    group.feed(batcher, 12, chunks);
    chunks.push_back(batcher.take(true));
    EXPECT_EQ(orders(chunks), (std::vector<int32_t>{1, 40, 41, 42, 43, 44, 60}));
    EXPECT_EQ(stops(chunks), 0u);
    EXPECT_EQ(chunks.back().counts[0].inserted, 7u);
    EXPECT_EQ(group.asked, 1);
}

// The very event that fills the block is the last before its rows are taken back.
TEST_F(UndoneRowsTest, WhatFillsTheBlockMayBeTakenBackAtOnce) {
    for (int32_t count = 1; count < 12; ++count) {
        for (const char* end : {"ROLLBACK", "ROLLBACK TO \xc3\x89"}) {  // é and É
            ChangeBatcher batcher = make({}, budget_of_three_rows());
            FakeLog log(batcher);
            Group group(log);
            group.statement("SAVEPOINT r");
            group.statement("SAVEPOINT \xc3\xa9");
            for (int32_t id = 0; id < count; ++id) group.insert("orders", id);
            group.statement(end);
            group.statement("SAVEPOINT t");
            group.statement("ROLLBACK TO r");
            if (std::string_view(end) != "ROLLBACK") group.end();
            std::vector<Chunk> chunks;
            group.feed(batcher, 12, chunks);
            log.insert(13, "orders", {90});
            chunks.push_back(batcher.take(true));
            EXPECT_EQ(orders(chunks), std::vector<int32_t>{90}) << count << end;
            EXPECT_EQ(stops(chunks), 0u);
        }
    }
}

TEST_F(UndoneRowsTest, MoreSavepointsThanAreKeptAreTakenBackToo) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    Group group(log);
    group.insert("orders", 1);
    for (int32_t i = 0; i < 1000; ++i) {
        group.statement(log.keep("SAVEPOINT s" + std::to_string(i)));
        group.insert("orders", 1000 + i);
    }
    group.statement("ROLLBACK TO s3");
    group.insert("orders", 2);
    group.end();
    std::vector<Chunk> chunks;
    group.feed(batcher, 12, chunks);
    chunks.push_back(batcher.take(true));
    EXPECT_EQ(orders(chunks), (std::vector<int32_t>{1, 1000, 1001, 1002, 2}));
    EXPECT_EQ(stops(chunks), 0u);
}

// A row that the target cannot take stops its table, unless it was never committed.
TEST_F(UndoneRowsTest, AStopIsUndoneWithTheRowThatItIsOf) {
    for (const char* end : {"ROLLBACK", "ROLLBACK TO s", ""}) {
        for (const bool replays : {false, true}) {
            ChangeBatcher batcher = make(replays ? std::optional<Replay>({110, 1 << 20}) : std::nullopt);
            FakeLog log(batcher);
            log.may_be_undone = true;
            log.begin(11);
            log.query("SAVEPOINT s");
            log.map(9, "orders");
            log.rows(9, RowsEvent::Kind::kInsert, image(1, "a"));
            log.map(9, "orders");
            TableMapEvent other = log.map_event(11, "orders");
            std::string bytes = std::string(as_text(other.definition));
            bytes[bytes.size() - 1] = 3;  // both columns may be NULL
            log.feed(TableMapEvent{11, as_bytes(log.keep(bytes))});
            log.rows(11, RowsEvent::Kind::kInsert, image(2, "a"));
            if (replays && *end == '\0') {
                EXPECT_THROW(log.feed(XidEvent{1}), Error);
                continue;
            }
            if (*end != '\0') log.query(end);
            if (!batcher.at_commit_edge()) log.feed(XidEvent{1});
            EXPECT_EQ(batcher.all_stopped(), false);
            log.may_be_undone = false;
            log.insert(13, "orders", {3});
            Chunk chunk = batcher.take(true);
            if (*end == '\0') {
                ASSERT_EQ(chunk.stops.size(), 1u);
                EXPECT_EQ(chunk.stops[0].from_version, 102u);
                EXPECT_EQ(ids(chunk.blocks[0]), std::vector<int32_t>{1});
            } else {
                EXPECT_TRUE(chunk.stops.empty()) << end;
                EXPECT_EQ(ids(chunk.blocks[0]), std::vector<int32_t>{3}) << end;
            }
        }
    }
}

// Its versions rise above the place where the table was stopped, and fall again.
TEST_F(UndoneRowsTest, AReplayStopsATableWhereItWasStoppedAlsoBehindRowsThatWereTakenBack) {
    StreamPoint start{Position(GtidSet::parse(std::string(kUuid) + ":1-10")), 101, 5};
    ChangeBatcher batcher({{&orders_, {}, {}, 103}, {&items_, {}}}, start, 1 << 20, Replay{104, 1 << 20},
                          NameRules());
    FakeLog log(batcher);
    log.may_be_undone = true;
    log.begin(11);
    log.map(9, "orders");
    for (int32_t id = 1; id < 9; ++id) log.rows(9, RowsEvent::Kind::kInsert, image(id, "a"));
    log.query("ROLLBACK");
    log.insert(12, "orders", {20, 21, 22, 23});
    log.insert(13, "items", {30, 31});
    Chunk chunk = batcher.take(true);
    ASSERT_EQ(chunk.blocks.size(), 2u);
    EXPECT_EQ(ids(chunk.blocks[0]), (std::vector<int32_t>{20, 21}));
    EXPECT_EQ(versions(chunk.blocks[1]), (std::vector<uint64_t>{103, 104}));
}

}  // namespace
}  // namespace penstock
