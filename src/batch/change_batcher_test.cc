#include "batch/change_batcher.h"

#include <deque>

#include <gtest/gtest.h>

namespace penstock {
namespace {

constexpr uint8_t kTypeLong = 3;      // enum_field_types MYSQL_TYPE_LONG
constexpr uint8_t kTypeVarchar = 15;  // MYSQL_TYPE_VARCHAR

TablePlan make_plan(uint32_t id, const std::string& table) {
    TablePlan plan;
    plan.id = id;
    plan.source.database = "shop";
    plan.source.name = table;
    SourceColumn key;
    key.name = "id";
    key.column_type = "int";
    key.type = SourceType::kInt;
    SourceColumn value;
    value.name = "v";
    value.column_type = "varchar(20)";
    value.type = SourceType::kVarChar;
    value.length = 20;
    value.charset = "utf8mb4";
    plan.source.columns = {key, value};
    plan.source.key = {0};
    plan.source.key_is_primary = true;
    plan.target_table = table;
    plan.columns = {{"id", TargetType{TargetKind::kInt32}, 0}, {"v", TargetType{TargetKind::kString}, 1}};
    plan.sorting_key = {0};
    return plan;
}

std::string image(int32_t id, const std::string& v) {
    std::string bytes(1, '\0');  // no NULLs
    bytes.append(reinterpret_cast<const char*>(&id), 4);
    bytes.push_back(static_cast<char>(v.size()));
    return bytes + v;
}

/// Feeds a batcher as a MySQL server with GTIDs would. Bytes live as long as the source.
class FakeLog {
  public:
    explicit FakeLog(ChangeBatcher& batcher) : batcher_(batcher) {
        uuid_.uuid[15] = 7;
        feed(RotateEvent{"binlog.000001", 4, true}, EventHeader::kArtificial);
    }
    void feed(Event event, uint16_t flags = 0) {
        EventHeader header;
        header.timestamp = 1'700'000'000;
        header.size = 100;
        header.flags = flags;
        if (flags != EventHeader::kArtificial) header.log_pos = static_cast<uint32_t>(offset_ += 100);
        batcher_.feed(event, header);
    }
    void gtid(uint64_t gno) { feed(GtidEvent{false, uuid_, gno, 0}); }
    void query(std::string_view text) { feed(QueryEvent{"shop", text}); }
    void map(uint64_t id, std::string_view table) {
        TableMapEvent event;
        event.table_id = id;
        event.database = "shop";
        event.table = table;
        event.columns = {{kTypeLong, 0, false, false, {}}, {kTypeVarchar, 80, false, false, {}}};
        event.first_unknown = event.columns.size();
        feed(event);
    }
    void rows(uint64_t id, RowsEvent::Kind kind, std::string bytes) {
        kept_.push_back(std::move(bytes));
        RowsEvent event;
        event.kind = kind;
        event.table_id = id;
        event.column_count = 2;
        event.before_columns = event.after_columns = ByteSpan(kBothColumns, 1);
        event.rows = as_bytes(kept_.back());
        feed(event);
    }
    void insert(uint64_t gno, std::string_view table, std::vector<int32_t> ids) {
        gtid(gno);
        query("BEGIN");
        map(9, table);
        std::string bytes;
        for (int32_t id : ids) bytes += image(id, "value");
        rows(9, RowsEvent::Kind::kInsert, bytes);
        feed(XidEvent{gno});
    }

  private:
    static constexpr uint8_t kBothColumns[1] = {0x03};
    ChangeBatcher& batcher_;
    GtidSource uuid_;
    uint64_t offset_ = 4;
    std::deque<std::string> kept_;
};

constexpr const char* kUuid = "00000000-0000-0000-0000-000000000007";

class ChangeBatcherTest : public testing::Test {
  protected:
    ChangeBatcher make(std::optional<Replay> replay = {}, size_t block_bytes = 1 << 20,
                       Position loaded = {}) {
        StreamPoint start{Position(GtidSet::parse(std::string(kUuid) + ":1-10")), 101, 5};
        return ChangeBatcher({{&orders_, loaded}, {&items_, {}}}, start, block_bytes, replay, false);
    }
    static std::vector<uint64_t> versions(const Block& block) {
        std::vector<uint64_t> out;
        for (uint64_t i = 0; i < block.rows; ++i) out.push_back(load_le<8>(block.version.data() + 8 * i));
        return out;
    }
    static std::vector<int> deleted(const Block& block) {
        return {block.is_deleted.data(), block.is_deleted.data() + block.rows};
    }
    static std::vector<int32_t> ids(const Block& block) {
        std::vector<int32_t> out;
        for (uint64_t i = 0; i < block.rows; ++i) {
            out.push_back(static_cast<int32_t>(load_le<4>(block.columns[0].values().data() + 4 * i)));
        }
        return out;
    }

    TablePlan orders_ = make_plan(0, "orders");
    TablePlan items_ = make_plan(1, "items");
};

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

TEST_F(ChangeBatcherTest, AKeyChangeRetiresTheOldKeyAtALowerVersion) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    log.gtid(11);
    log.query("BEGIN");
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
    log.gtid(11);
    log.query("BEGIN");
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
    ChangeBatcher batcher({{&orders_, {}}, {&copy, {}}}, start, 1 << 20, {}, false);
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
    for (const char* text :
         {"TRUNCATE TABLE orders", "DROP TABLE `orders`", "RENAME TABLE orders TO x",
          "RENAME TABLE x TO orders", "DROP DATABASE shop", "INSERT INTO orders VALUES (1)",
          "UPDATE a_view SET v = 1", "ALTER TABLE orders ADD COLUMN c INT",
          "ALTER TABLE other EXCHANGE PARTITION p WITH TABLE orders"}) {
        ChangeBatcher batcher = make();
        FakeLog log(batcher);
        log.gtid(11);
        try {
            log.query(text);
            ADD_FAILURE() << text << " passed";
        } catch (const Error& e) {
            EXPECT_EQ(e.disposition(), Disposition::kFailPipe);
            EXPECT_EQ(e.table().rfind("shop.", 0), 0u) << e.what();
            EXPECT_EQ(e.position(), "binlog.000001:204") << text;
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
    log.feed(QueryEvent{"elsewhere", "DELETE FROM orders"});
    EXPECT_EQ(batcher.position().to_string(), "mysql-gtid:" + std::string(kUuid) + ":1-13");
    log.gtid(14);
    EXPECT_THROW(log.feed(QueryEvent{"elsewhere", "DELETE FROM `shop`.orders"}), Error);
}

TEST_F(ChangeBatcherTest, PartialUpdatesStopOnlyThePipesThatMapTheirTable) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    log.gtid(11);
    log.query("BEGIN");
    log.map(8, "unmapped");
    log.rows(8, RowsEvent::Kind::kPartialUpdate, image(1, "a"));
    log.map(9, "orders");
    EXPECT_THROW(log.rows(9, RowsEvent::Kind::kPartialUpdate, image(1, "a")), Error);
}

TEST_F(ChangeBatcherTest, RowsThatCannotBePlacedStopThePipe) {
    ChangeBatcher batcher = make();
    FakeLog log(batcher);
    log.gtid(11);
    log.query("BEGIN");
    EXPECT_THROW(log.rows(77, RowsEvent::Kind::kInsert, image(1, "a")), Error);

    ChangeBatcher prepared = make();
    FakeLog xa(prepared);
    xa.gtid(11);
    xa.query("XA START X'61',X'',1");
    xa.map(9, "orders");
    xa.rows(9, RowsEvent::Kind::kInsert, image(1, "a"));
    xa.query("XA END X'61',X'',1");
    EXPECT_THROW(xa.feed(XaPrepareEvent{false, "X'61',X'',1"}), Error);
}

TEST(ChangeBatcherFilePosition, OffsetsPassFourGigabytes) {
    TablePlan orders = make_plan(0, "orders");
    StreamPoint start{Position(FilePosition{"binlog.000009", 0xfffffff0}), 1, 1};
    ChangeBatcher batcher({{&orders, {}}}, start, 1 << 20, {}, false);
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
