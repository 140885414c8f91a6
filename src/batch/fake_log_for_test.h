#pragma once
// A log for tests of the batcher: two tables of two columns each, and events about them.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "batch/change_batcher.h"

namespace penstock {

inline constexpr uint8_t kTypeLong = 3;      // enum_field_types MYSQL_TYPE_LONG
inline constexpr uint8_t kTypeVarchar = 15;  // MYSQL_TYPE_VARCHAR

inline TablePlan make_plan(uint32_t id, const std::string& table) {
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

inline std::string image(int32_t id, const std::string& v) {
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
    /// The next file, as a server that closes one begins it.
    void rotate(const std::string& file) {
        feed(RotateEvent{keep(file), 4, false});
        feed(RotateEvent{keep(file), 4, true}, EventHeader::kArtificial);
        offset_ = 4;
        feed(FormatDescriptionEvent{"9.7.1", true});
    }
    void feed(const Event& event, uint16_t flags = 0) {
        EventHeader header;
        header.timestamp = 1'700'000'000;
        header.size = 100;
        header.flags = flags;
        header.digest = 1 + digests_++;
        if (flags != EventHeader::kArtificial) header.log_pos = static_cast<uint32_t>(offset_ += 100);
        batcher_.feed(event, header);
    }
    void gtid(uint64_t gno) { feed(GtidEvent{false, uuid_, gno, 0, !may_be_undone}); }
    bool may_be_undone = false;  ///< of the groups that begin from here on
    void query(std::string_view text) { feed(QueryEvent{"shop", text}); }
    void begin(uint64_t gno) {
        gtid(gno);
        query("BEGIN");
    }
    void map(uint64_t id, std::string_view table) { feed(map_event(id, table)); }
    /// Columns INT and VARCHAR(80 bytes), both NOT NULL.
    TableMapEvent map_event(uint64_t id, std::string_view table) {
        std::string& bytes = kept_.emplace_back(std::string("\4shop\0", 6));
        bytes += static_cast<char>(table.size());
        bytes += std::string(table) + std::string("\0\2", 2);
        bytes += {kTypeLong, kTypeVarchar, 2, 80, 0, 0};
        return {id, as_bytes(bytes)};
    }
    void rows(uint64_t id, RowsEvent::Kind kind, std::string bytes) {
        feed(rows_event(id, kind, std::move(bytes)));
    }
    RowsEvent rows_event(uint64_t id, RowsEvent::Kind kind, std::string bytes) {
        kept_.push_back(std::move(bytes));
        RowsEvent event;
        event.kind = kind;
        event.table_id = id;
        event.column_count = 2;
        event.statement_end = true;
        event.before_columns = event.after_columns = ByteSpan(kBothColumns, 1);
        event.rows = as_bytes(kept_.back());
        return event;
    }
    /// What is read again when an XA COMMIT wants it: a table map and a row each.
    void feed_prepared(std::string_view table, const std::vector<int32_t>& ids) {
        batcher_.feed_prepared(map_event(77, table));
        for (int32_t id : ids)
            batcher_.feed_prepared(rows_event(77, RowsEvent::Kind::kInsert, image(id, "x")));
    }
    void next_digest(uint64_t digest) { digests_ = digest; }  ///< another content from here on
    void forget() { kept_.clear(); }                          ///< the bytes of the events so far
    std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }
    void insert(uint64_t gno, std::string_view table, const std::vector<int32_t>& ids) {
        begin(gno);
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
    uint64_t digests_ = 0;
    std::deque<std::string> kept_;
};

inline constexpr const char* kUuid = "00000000-0000-0000-0000-000000000007";

class ChangeBatcherTest : public testing::Test {
  protected:
    ChangeBatcher make(std::optional<Replay> replay = {}, size_t block_bytes = 1 << 20,
                       Position loaded = {}) {
        StreamPoint start{Position(GtidSet::parse(std::string(kUuid) + ":1-10")), 101, 5};
        return ChangeBatcher({{&orders_, loaded}, {&items_, {}}}, start, block_bytes, replay, NameRules());
    }
    /// What Block::memory() counts for the columns themselves.
    static size_t columns_memory(const TablePlan& plan) { return plan.columns.size() * Block::kColumnMemory; }
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

}  // namespace penstock
