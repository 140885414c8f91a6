// What the batcher knows of its place in the log: anchors, places, and what is passed over because of them.

#include <gtest/gtest.h>

#include "batch/fake_log_for_test.h"

namespace penstock {
namespace {

class PlacesTest : public ChangeBatcherTest {
  protected:
    ChangeBatcher from(const std::string& position, Position loaded = {}, LogAnchor anchor = {}) {
        return ChangeBatcher({{&orders_, std::move(loaded)}, {&items_, {}}},
                             StreamPoint{Position::parse(position), 101, 5, std::move(anchor)}, 1 << 20, {},
                             NameRules());
    }
    static std::string gtids(const std::string& rest) { return std::string("mysql-gtid:") + kUuid + rest; }
    static void commit_mariadb(FakeLog& log, const MariadbGtid& gtid, int32_t id) {
        log.feed(MariadbGtidEvent{gtid, false, false});
        log.map(9, "orders");
        log.rows(9, RowsEvent::Kind::kInsert, image(id, "v"));
        log.feed(XidEvent{1});
    }
};

TEST_F(PlacesTest, ACommitEdgeIsKnownByTheTransactionBeforeIt) {
    ChangeBatcher batcher = from(gtids(":1-10"));
    batcher.keep_places("server");
    FakeLog log(batcher);
    log.insert(11, "orders", {1});
    const StreamPoint first = batcher.take(true).to;
    EXPECT_EQ(first.anchor.server, "server");
    EXPECT_EQ(first.anchor.file, "binlog.000001");
    EXPECT_EQ(first.anchor.start, 4u);
    EXPECT_EQ(first.anchor.end, 504u);
    EXPECT_EQ(first.position.to_string(), gtids(":1-11@server/binlog.000001:504"));
    log.insert(12, "orders", {2});
    const StreamPoint second = batcher.take(true).to;
    EXPECT_EQ(second.anchor.start, 504u);
    EXPECT_EQ(second.anchor.end, 1004u);
    EXPECT_NE(second.anchor.digest, first.anchor.digest);

    // The same events give the same digest, wherever the stream began; others do not.
    ChangeBatcher again = from(gtids(":1-10"));
    again.keep_places("server");
    FakeLog same(again);
    same.insert(11, "items", {1});
    same.next_digest(6);
    same.insert(12, "orders", {2});
    EXPECT_EQ(again.take(true).to.anchor, second.anchor);
    same.next_digest(99);
    same.insert(13, "orders", {3});
    log.insert(13, "orders", {3});
    EXPECT_NE(again.take(true).to.anchor.digest, batcher.take(true).to.anchor.digest);
}

TEST_F(PlacesTest, WithoutACertainPlaceThereIsNone) {
    ChangeBatcher batcher = from(gtids(":1-10"));
    FakeLog log(batcher);
    log.insert(11, "orders", {1});
    StreamPoint to = batcher.take(true).to;
    EXPECT_TRUE(to.anchor.none());
    EXPECT_EQ(to.position.to_string(), gtids(":1-11"));
    batcher.keep_places("server");
    log.insert(12, "orders", {2});
    to = batcher.take(true).to;
    EXPECT_EQ(to.anchor.start, 504u);
    EXPECT_EQ(to.position.place()->at.offset, 1004u);
}

TEST_F(PlacesTest, ANewFileIsAPlaceOfItsOwn) {
    const LogAnchor before{"server", "binlog.000001", 1, 2, 3, 4};
    ChangeBatcher batcher = from(gtids(":1-10@server/binlog.000001:3"), {}, before);
    batcher.keep_places("server");
    FakeLog log(batcher);
    EXPECT_EQ(batcher.take(true).to.anchor, before);
    log.rotate("binlog.000002");
    log.feed(PreviousGtidsEvent{});
    EXPECT_TRUE(batcher.moved());
    const StreamPoint to = batcher.take(true).to;
    EXPECT_EQ(to.anchor.file, "binlog.000002");
    EXPECT_EQ(to.anchor.start, 4u);
    EXPECT_EQ(to.anchor.end, 204u);
    EXPECT_NE(to.anchor.head, 0u);
    EXPECT_EQ(to.position.to_string(), gtids(":1-10@server/binlog.000002:204"));
    EXPECT_FALSE(batcher.moved());
}

TEST_F(PlacesTest, HeartbeatsAreNoPartOfATransaction) {
    ChangeBatcher plain = from(gtids(":1-10")), with = from(gtids(":1-10"));
    uint64_t digests[2];
    ChangeBatcher* batchers[] = {&plain, &with};
    for (int i = 0; i < 2; ++i) {
        batchers[i]->keep_places("server");
        FakeLog log(*batchers[i]);
        log.begin(11);
        if (i == 1) {
            EventHeader header;
            header.digest = 77;
            batchers[i]->feed(HeartbeatEvent{"binlog.000001", 204}, header);
        }
        log.feed(XidEvent{11});
        digests[i] = batchers[i]->take(true).to.anchor.digest;
    }
    EXPECT_EQ(digests[0], digests[1]);
}

TEST_F(PlacesTest, WhatThePositionHoldsIsPassedOver) {
    ChangeBatcher batcher = from(gtids(":1-10:12"));
    batcher.keep_places("server");
    FakeLog log(batcher);
    log.insert(10, "orders", {1});
    log.insert(11, "orders", {2});
    log.insert(12, "orders", {3});
    log.insert(13, "orders", {4});
    const Chunk chunk = batcher.take(true);
    ASSERT_EQ(chunk.blocks.size(), 1u);
    EXPECT_EQ(ids(chunk.blocks[0]), (std::vector<int32_t>{2, 4}));
    EXPECT_EQ(versions(chunk.blocks[0]), (std::vector<uint64_t>{101, 102}));
    EXPECT_EQ(chunk.to.position.mysql()->to_string(), std::string(kUuid) + ":1-13");
    EXPECT_EQ(chunk.to.anchor.end, 2004u);
}

TEST_F(PlacesTest, ATransactionWithoutAGtidEndsAStreamOfGtids) {
    ChangeBatcher batcher = from(gtids(":1-10"));
    FakeLog log(batcher);
    try {
        log.feed(GtidEvent{true, {}, 0, 0});
        FAIL() << "it was taken";
    } catch (const Error& e) {
        EXPECT_EQ(e.disposition(), Disposition::kFailPipe);
        EXPECT_NE(std::string(e.what()).find("a transaction without a GTID: gtid_mode was taken off ON"),
                  std::string::npos)
            << e.what();
        EXPECT_NE(e.hint().find("resync the pipe"), std::string::npos);
    }
    ChangeBatcher by_file = from("file:binlog.000001:4");
    FakeLog other(by_file);
    other.feed(GtidEvent{true, {}, 0, 0});
    other.query("BEGIN");
    other.map(9, "orders");
    other.rows(9, RowsEvent::Kind::kInsert, image(1, "v"));
    other.feed(XidEvent{1});
    EXPECT_EQ(by_file.take(true).blocks.size(), 1u);
}

TEST_F(PlacesTest, MariadbsLoadsEndAtTheirPlaceWhateverTheNumbersSay) {
    const Position loaded = Position::parse("mariadb-gtid:0-1-100@1-0/binlog.000001:404");
    ChangeBatcher batcher = from("mariadb-gtid:0-1-90@1-0/binlog.000001:4", loaded);
    batcher.keep_places("1-0");
    FakeLog log(batcher);
    commit_mariadb(log, {0, 1, 100}, 1);  // ends at 404
    commit_mariadb(log, {0, 2, 7}, 2);    // later, with a lower number
    const Chunk chunk = batcher.take(true);
    ASSERT_EQ(chunk.blocks.size(), 1u);
    EXPECT_EQ(ids(chunk.blocks[0]), (std::vector<int32_t>{2}));
    EXPECT_EQ(chunk.to.position.to_string(), "mariadb-gtid:0-2-7@1-0/binlog.000001:804");
    // On another server only the numbers are left.
    ChangeBatcher moved = from("mariadb-gtid:0-1-90", loaded);
    FakeLog elsewhere(moved);
    commit_mariadb(elsewhere, {0, 1, 100}, 1);
    commit_mariadb(elsewhere, {0, 1, 101}, 2);
    EXPECT_EQ(ids(moved.take(true).blocks.at(0)), (std::vector<int32_t>{2}));
}

TEST_F(PlacesTest, DomainsThatTheServerDeletedAreForgotten) {
    ChangeBatcher batcher = from("mariadb-gtid:0-1-90,5-1-3@1-0/binlog.000001:4");
    batcher.keep_places("1-0");
    FakeLog log(batcher);
    const MariadbGtidListEvent list{{{0, 1, 90}, {0, 2, 80}}};
    log.feed(list, EventHeader::kArtificial);  // of a dump, not of the log
    EXPECT_EQ(batcher.position().mariadb()->to_string(), "0-1-90,5-1-3");
    log.rotate("binlog.000002");
    log.feed(list);
    EXPECT_EQ(batcher.position().to_string(), "mariadb-gtid:0-1-90@1-0/binlog.000002:204");
}

TEST_F(PlacesTest, RowsThatWerePreparedBeforeTheLoadAndCommittedAfterItAreTaken) {
    const Position loaded(GtidSet::parse(std::string(kUuid) + ":1-11"));
    ChangeBatcher batcher = from(gtids(":1-10"), loaded);
    FakeLog log(batcher);
    log.gtid(11);
    log.query("XA START X'61',X'',1");
    log.map(9, "orders");
    log.rows(9, RowsEvent::Kind::kInsert, image(1, "v"));
    log.query("XA END X'61',X'',1");
    log.feed(XaPrepareEvent{false, "X'61',X'',1"});
    EXPECT_FALSE(batcher.wanted());
    log.gtid(12);
    log.query("XA COMMIT X'61',X'',1");
    ASSERT_TRUE(batcher.wanted());
    log.feed_prepared("orders", {1});
    batcher.end_prepared();
    EXPECT_EQ(ids(batcher.take(true).blocks.at(0)), (std::vector<int32_t>{1}));
}

}  // namespace
}  // namespace penstock
