#include "catalog/catalog.h"

#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test_error.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

Position gtids(const std::string& range) {
    return Position::parse("mysql-gtid:3e11fa47-71ca-11e1-9e33-c80aa9429562:" + range);
}

class CatalogTest : public testing::Test {
  protected:
    CatalogTest() {
        char name[] = "/tmp/penstock-catalog-XXXXXX";
        directory_ = mkdtemp(name);
        path_ = directory_ + "/catalog.sqlite";
        open();
        catalog_->create_pipe({.id = kPipe, .name = "shop", .spec_json = "{}", .state = "Provisioning"});
        catalog_->put_tables(kPipe, {{.table_index = 0, .target_table = "items"},
                                     {.table_index = 1, .target_table = "orders"}});
    }
    ~CatalogTest() override {
        catalog_.reset();
        fs::remove_all(directory_);
    }
    void open() {
        catalog_.reset();
        catalog_ = std::make_unique<Catalog>(path_, CatalogOptions{.now = [this] { return now_; }});
    }

    static constexpr const char* kPipe = "0d9b8f0e-6a1c-4b7e-8f00-000000000001";
    std::string directory_, path_;
    int64_t now_ = 1'700'000'000'123;
    std::unique_ptr<Catalog> catalog_;
};

TEST_F(CatalogTest, pipes_are_found_changed_and_deleted) {
    open();
    auto pipe = catalog_->find_pipe("shop");
    ASSERT_TRUE(pipe);
    EXPECT_EQ(pipe->id, kPipe);
    EXPECT_EQ(pipe->state, "Provisioning");
    EXPECT_EQ(pipe->created_at, now_);
    EXPECT_FALSE(catalog_->find_pipe("other"));

    now_ += 10;
    catalog_->update_spec(kPipe, R"({"name":"shop"})");
    catalog_->put_source_identity(kPipe, "uuid-of-server");
    catalog_->create_pipe({.id = make_uuid(), .name = "a\"b'c ; ü", .spec_json = "{}", .state = "Setup"});
    open();
    pipe = catalog_->get_pipe(kPipe);
    ASSERT_TRUE(pipe);
    EXPECT_EQ(pipe->spec_json, R"({"name":"shop"})");
    EXPECT_EQ(pipe->created_at, now_ - 10);
    EXPECT_EQ(pipe->updated_at, now_);
    EXPECT_EQ(catalog_->source_identity(kPipe), "uuid-of-server");
    ASSERT_EQ(catalog_->list_pipes().size(), 2u);
    EXPECT_EQ(catalog_->list_pipes()[0].name, "a\"b'c ; ü");

    catalog_->put_partitions(kPipe, 0, {{.index = 0}});
    catalog_->put_checkpoint(kPipe, {gtids("1-5"), 1, 1});
    catalog_->delete_pipe(kPipe);
    EXPECT_FALSE(catalog_->find_pipe("shop"));
    EXPECT_TRUE(catalog_->tables(kPipe).empty());
    EXPECT_TRUE(catalog_->partitions(kPipe, 0).empty());
    EXPECT_FALSE(catalog_->checkpoint(kPipe));
    EXPECT_EQ(catalog_->list_pipes().size(), 1u);
}

TEST_F(CatalogTest, a_name_or_id_in_use_is_refused) {
    auto create = [&](const std::string& id, const std::string& name) {
        return error_line([&] { catalog_->create_pipe({.id = id, .name = name}); }, Disposition::kUsage);
    };
    EXPECT_EQ(create(make_uuid(), "shop"), "create the pipe: a pipe named \"shop\" exists already");
    EXPECT_NE(create(kPipe, "other").find("is in use"), std::string::npos);
    EXPECT_EQ(catalog_->list_pipes().size(), 1u);
}

TEST_F(CatalogTest, transitions_move_the_state_and_are_kept_in_order) {
    catalog_->record_transition(kPipe, "Provisioning", "Setup", "checks passed", "Setup");
    now_ += 5;
    catalog_->record_transition(kPipe, "Setup", "Failed", "no such table");
    open();
    auto pipe = catalog_->find_pipe("shop");
    EXPECT_EQ(pipe->state, "Failed");
    EXPECT_EQ(pipe->state_reason, "no such table");
    EXPECT_EQ(pipe->resume_state, "Setup");
    auto list = catalog_->transitions(kPipe);
    ASSERT_EQ(list.size(), 3u);
    EXPECT_EQ(list[0].number, 1u);
    EXPECT_EQ(list[0].from, "");
    EXPECT_EQ(list[0].to, "Provisioning");
    EXPECT_EQ(list[1].number, 2u);
    EXPECT_EQ(list[2].from, "Setup");
    EXPECT_EQ(list[2].to, "Failed");
    EXPECT_EQ(list[2].reason, "no such table");
    EXPECT_EQ(list[2].time, now_);

    std::string line = error_line([&] { catalog_->record_transition(kPipe, "Running", "Pausing", "stop"); });
    EXPECT_NE(line.find("the pipe is Failed, not Running"), std::string::npos) << line;
    EXPECT_EQ(catalog_->transitions(kPipe).size(), 3u);
}

TEST_F(CatalogTest, the_newest_transitions_are_kept_and_come_in_pages) {
    for (uint64_t i = 0; i < Catalog::kKeptTransitions; ++i)
        catalog_->record_transition(kPipe, "Provisioning", "Provisioning", std::to_string(i));
    const auto numbers = [&](uint64_t limit, uint64_t before) {
        std::vector<uint64_t> found;
        for (const Transition& transition : catalog_->transitions(kPipe, limit, before))
            found.push_back(transition.number);
        return found;
    };
    const std::vector<Transition> all = catalog_->transitions(kPipe);
    ASSERT_EQ(all.size(), Catalog::kKeptTransitions);
    EXPECT_EQ(all.front().number, 2u) << "the creation has gone";
    EXPECT_EQ(all.back().number, Catalog::kKeptTransitions + 1);
    EXPECT_EQ(numbers(2, UINT64_MAX), (std::vector<uint64_t>{1000, 1001}));
    EXPECT_EQ(numbers(2, 1000), (std::vector<uint64_t>{998, 999}));
    EXPECT_EQ(numbers(5, 4), (std::vector<uint64_t>{2, 3}));
    EXPECT_TRUE(numbers(5, 2).empty());
}

TEST_F(CatalogTest, schemas_come_back_as_recorded) {
    TableSchema schema;
    schema.database = "shop";
    schema.name = "items";
    schema.storage_engine = "InnoDB";
    schema.columns.resize(3);
    SourceColumn& price = schema.columns[0];
    price.name = "größe";
    price.column_type = "decimal(65,30) unsigned";
    price.type = SourceType::kDecimal;
    price.is_unsigned = price.nullable = price.generated = true;
    price.precision = 65;
    price.scale = 30;
    SourceColumn& kind = schema.columns[1];
    kind.name = "e";
    kind.type = SourceType::kEnum;
    kind.length = 4'294'967'295;
    kind.fsp = 6;
    kind.charset = "latin1";
    kind.labels = {"a", "'"};
    schema.columns[2].name = "b";
    schema.columns[2].is_tinyint1 = true;
    schema.key = {1, 0};
    schema.key_is_primary = true;
    catalog_->put_schema(kPipe, 1, gtids("1-5"), schema);
    TableSchema later = schema;
    later.columns.pop_back();
    catalog_->put_schema(kPipe, 1, gtids("1-9"), schema);
    catalog_->put_schema(kPipe, 1, gtids("1-9"), later);  // the log read again after a crash
    open();
    auto list = catalog_->schemas(kPipe);
    ASSERT_EQ(list.size(), 2u);
    EXPECT_EQ(list[0].table_index, 1u);
    EXPECT_EQ(list[0].position, gtids("1-5"));
    EXPECT_EQ(list[0].schema, schema);
    EXPECT_EQ(list[1].schema, later);

    schema.columns[1].labels[0] = "\xff";
    EXPECT_NE(error_line([&] { catalog_->put_schema(kPipe, 1, gtids("1-10"), schema); }).find("UTF-8"),
              std::string::npos);
}

/// Bytes that this process has written to files.
uint64_t written_bytes() {
    std::ifstream facts("/proc/self/io");
    for (std::string name; facts >> name;) {
        uint64_t value = 0;
        facts >> value;
        if (name == "wchar:") return value;
    }
    return 0;
}

TEST_F(CatalogTest, what_changes_often_does_not_write_a_long_description_again) {
    catalog_->update_spec(kPipe, std::string(4 << 20, 'x'));
    const uint64_t before = written_bytes();
    for (int i = 1; i <= 20; ++i) {
        catalog_->raise_snapshot_high(kPipe, gtids("1-" + std::to_string(i)));
        catalog_->put_start_position(kPipe, gtids("1-" + std::to_string(i)));
    }
    EXPECT_LT(written_bytes() - before, 16u << 20);  // once, when the write-ahead log is written back
}

TEST_F(CatalogTest, partitions_are_loaded_once_each) {
    std::vector<PartitionRecord> parts = {{.index = 0, .predicate = "id < 10", .estimated_rows = 9},
                                          {.index = 1, .predicate = "id >= 10", .estimated_rows = 20}};
    catalog_->put_checkpoint(kPipe, {gtids("1-2"), 77, 5});
    catalog_->put_partitions(kPipe, 1, parts, gtids("1-3"));
    parts[0].version = 77;
    parts[1].version = 78;
    EXPECT_EQ(catalog_->partitions(kPipe, 1), parts);
    EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-2"), 79, 5}));
    EXPECT_TRUE(catalog_->partitions(kPipe, 0).empty());
    EXPECT_EQ(catalog_->start_partition(kPipe, 1, 0), 1u);
    open();
    EXPECT_EQ(catalog_->start_partition(kPipe, 1, 0), 2u);
    catalog_->finish_partition(kPipe, 1, 0, 8, {{1, "b", 2}, {1, "a", 1}});
    EXPECT_NE(error_line([&] { catalog_->finish_partition(kPipe, 1, 0, 8); }).find("still to be done"),
              std::string::npos);
    error_line([&] { catalog_->start_partition(kPipe, 1, 0); });
    error_line([&] { catalog_->start_partition(kPipe, 1, 5); });
    EXPECT_NE(error_line([&] { catalog_->finish_load(kPipe, 1); }).find("still has 1 partitions"),
              std::string::npos);

    catalog_->finish_partition(kPipe, 1, 1, 9, {{1, "b", 5}});
    EXPECT_EQ(catalog_->load_summaries(kPipe), (std::vector<LoadSummary>{{1, 2, 2, 29}}));
    EXPECT_EQ(catalog_->tables(kPipe).at(1).rows_loaded, 17u);
    catalog_->reopen_partitions(kPipe, 1, {0});
    EXPECT_EQ(catalog_->tables(kPipe).at(1).rows_loaded, 9u);
    EXPECT_EQ(catalog_->load_summaries(kPipe), (std::vector<LoadSummary>{{1, 2, 1, 29}}));
    EXPECT_NE(error_line([&] {
                  catalog_->reopen_partitions(kPipe, 1, {1, 0});
              }).find("that is done"),
              std::string::npos);
    catalog_->finish_partition(kPipe, 1, 0, 8);
    catalog_->finish_load(kPipe, 1);
    open();
    auto table = catalog_->tables(kPipe).at(1);
    EXPECT_EQ(table.target_table, "orders");
    EXPECT_EQ(table.load_state, LoadState::kLoaded);
    EXPECT_EQ(table.exact_position, gtids("1-3"));
    EXPECT_EQ(table.snapshot_version, 77u);
    EXPECT_EQ(table.rows_loaded, 17u);
    EXPECT_EQ(table.counts.adjusted, 8u);
    EXPECT_EQ(table.adjusted_columns, (std::vector<AdjustedColumn>{{1, "a", 1}, {1, "b", 7}}));
    EXPECT_TRUE(catalog_->tables(kPipe).at(0).adjusted_columns.empty());
    auto stored = catalog_->partitions(kPipe, 1);
    ASSERT_EQ(stored.size(), 2u);
    EXPECT_EQ(stored[0].attempts, 2u);
    EXPECT_EQ(stored[0].rows, 8u);
    EXPECT_EQ(stored[0].state, PartitionState::kDone);

    catalog_->put_partitions(kPipe, 1, parts);
    EXPECT_EQ(catalog_->partitions(kPipe, 1).at(0).version, 79u);
    EXPECT_EQ(catalog_->checkpoint(kPipe)->next_version, 81u);
    EXPECT_EQ(catalog_->load_summaries(kPipe), (std::vector<LoadSummary>{{1, 2, 0, 29}}));
    table = catalog_->tables(kPipe).at(1);
    EXPECT_EQ(table.load_state, LoadState::kLoading);
    EXPECT_EQ(table.rows_loaded, 0u);
    EXPECT_TRUE(table.exact_position.none());
    catalog_->reset_load(kPipe, 1);
    table = catalog_->tables(kPipe).at(1);
    EXPECT_EQ(table.load_state, LoadState::kPending);
    EXPECT_TRUE(catalog_->partitions(kPipe, 1).empty());
    EXPECT_EQ(table.counts.adjusted, 0u);  // all of it was of the load
    EXPECT_TRUE(table.adjusted_columns.empty());
    EXPECT_NE(error_line([&] { catalog_->put_partitions(kPipe, 9, parts); }).find("no such table"),
              std::string::npos);
}

TEST_F(CatalogTest, versions_of_a_load_are_above_all_that_were_given_out_and_below_what_comes) {
    const std::vector<PartitionRecord> parts(3);
    catalog_->put_partitions(kPipe, 0, {parts[0]});  // without a log nothing else has versions
    EXPECT_EQ(catalog_->partitions(kPipe, 0).at(0).version, 0u);
    catalog_->put_checkpoint(kPipe, {gtids("1-2"), 10, 1});
    catalog_->raise_next_version(kPipe, 40);
    catalog_->raise_next_version(kPipe, 20);  // never back
    EXPECT_EQ(catalog_->checkpoint(kPipe)->next_version, 40u);
    catalog_->create_intake(kPipe, {.id = "intake"}, "");
    catalog_->put_checkpoint("intake", {gtids("1-2"), 100, 1});
    catalog_->drop_intake("intake");
    catalog_->put_partitions(kPipe, 0, {{.index = 4}, {.index = 7}});
    EXPECT_EQ(catalog_->partitions(kPipe, 0).at(1).version, 101u);
    EXPECT_EQ(catalog_->tables(kPipe).at(0).snapshot_version, 100u);
    EXPECT_EQ(catalog_->checkpoint(kPipe)->next_version, 102u);
    catalog_->put_intent(kPipe,
                         {.batch = 1, .from = gtids("1-2"), .first_version = 102, .last_version = 110});
    for (const std::string& line : {error_line([&] { catalog_->put_partitions(kPipe, 0, parts); }),
                                    error_line([&] { catalog_->raise_next_version(kPipe, 500); })}) {
        EXPECT_NE(line.find("a batch is still open"), std::string::npos) << line;
    }
}

TEST_F(CatalogTest, a_load_table_is_known_until_the_load_ends) {
    catalog_->put_load_table(kPipe, 1, "orders_load_1");
    catalog_->put_load_table(kPipe, 1, "orders_load_1", "u-2");
    catalog_->put_target_uuid(kPipe, 1, "u-1");
    open();
    TableRecord table = catalog_->tables(kPipe).at(1);
    EXPECT_EQ(table.load_table, "orders_load_1");
    EXPECT_TRUE(table.is_target("u-1"));
    EXPECT_TRUE(table.is_target("u-2"));
    EXPECT_FALSE(table.is_target("u-3"));
    catalog_->put_target_uuid(kPipe, 1, "u-2");
    catalog_->finish_load(kPipe, 1);
    table = catalog_->tables(kPipe).at(1);
    EXPECT_EQ(table.load_table + table.load_uuid, "");
    EXPECT_EQ(table.target_uuid, "u-2");
    catalog_->put_load_table(kPipe, 1, "orders_load_2", "u-4");
    catalog_->reset_load(kPipe, 1);
    EXPECT_EQ(catalog_->tables(kPipe).at(1).load_table, "");
    EXPECT_EQ(catalog_->first_version(kPipe), 0u);
    catalog_->put_first_version(kPipe, uint64_t{1} << 62);
    EXPECT_EQ(catalog_->first_version(kPipe), uint64_t{1} << 62);
}

TEST_F(CatalogTest, a_failure_in_the_middle_of_a_write_leaves_nothing) {
    std::vector<PartitionRecord> good = {{.index = 0, .predicate = "a"}};
    catalog_->put_checkpoint(kPipe, {gtids("1-2"), 1, 1});
    catalog_->put_partitions(kPipe, 0, good);
    good[0].version = 1;
    std::vector<PartitionRecord> twice = {{.index = 5}, {.index = 6}, {.index = 5}};
    error_line([&] { catalog_->put_partitions(kPipe, 0, twice); });
    EXPECT_EQ(catalog_->partitions(kPipe, 0), good);
    EXPECT_EQ(catalog_->checkpoint(kPipe)->next_version, 2u);
    EXPECT_EQ(catalog_->tables(kPipe).at(0).snapshot_version, 1u);

    catalog_->put_checkpoint(kPipe, {gtids("1-5"), 10, 3});
    BatchStats stats{.tables = {{0, {1, 1, 1, 1}}, {9, {1, 1, 1, 1}}}};  // there is no table 9
    error_line([&] { catalog_->commit_batch(kPipe, {gtids("1-6"), 11, 4}, stats); });
    EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-5"), 10, 3}));
    EXPECT_TRUE(catalog_->batches(kPipe).empty());
    EXPECT_EQ(catalog_->tables(kPipe).at(0).counts, RowCounts());
}

TEST_F(CatalogTest, names_that_are_not_there_are_errors) {
    for (const std::string& line : {
             error_line([&] { catalog_->put_checkpoint("nobody", {}); }),
             error_line([&] { catalog_->put_intent("nobody", {}); }),
             error_line([&] { catalog_->put_tables("nobody", {{.table_index = 0}}); }),
             error_line([&] { catalog_->put_schema(kPipe, 7, {}, {}); }),
             error_line([&] { catalog_->put_start_position("nobody", {}); }),
             error_line([&] { catalog_->raise_snapshot_high("nobody", {}); }),
             error_line([&] { catalog_->raise_seen_log("nobody", {}); }),
             error_line([&] { catalog_->record_transition("nobody", "a", "b", ""); }),
             error_line([&] { catalog_->delete_pipe("nobody"); }),
             error_line([&] { catalog_->finish_load(kPipe, 7); }),
         }) {
        EXPECT_NE(line.find("no such"), std::string::npos) << line;
    }
}

TEST_F(CatalogTest, positions_are_kept_and_the_snapshot_high_only_rises) {
    EXPECT_TRUE(catalog_->start_position(kPipe).none());
    EXPECT_TRUE(catalog_->snapshot_high_position(kPipe).none());
    catalog_->put_start_position(kPipe, Position::parse("file:binlog.000001:5000000000"));
    catalog_->raise_snapshot_high(kPipe, gtids("1-10"));
    catalog_->raise_snapshot_high(kPipe, gtids("1-7"));
    catalog_->raise_snapshot_high(kPipe, gtids("12"));
    open();
    EXPECT_EQ(catalog_->start_position(kPipe).to_string(), "file:binlog.000001:5000000000");
    EXPECT_EQ(catalog_->snapshot_high_position(kPipe), gtids("1-10:12"));
    error_line([&] { catalog_->raise_snapshot_high(kPipe, Position::parse("file:binlog.000001:4")); });
    catalog_->clear_snapshot_high(kPipe);
    catalog_->raise_snapshot_high(kPipe, Position::parse("mariadb-gtid:0-1-100,1-1-7"));
    catalog_->raise_snapshot_high(kPipe, Position::parse("mariadb-gtid:0-2-90,1-3-8,5-1-1"));
    EXPECT_EQ(catalog_->snapshot_high_position(kPipe).to_string(), "mariadb-gtid:0-1-100,1-3-8,5-1-1");
    catalog_->clear_snapshot_high(kPipe);
    catalog_->raise_snapshot_high(kPipe, Position::parse("file:binlog.000009:500"));
    catalog_->raise_snapshot_high(kPipe, Position::parse("file:binlog.000010:4"));
    catalog_->raise_snapshot_high(kPipe, Position::parse("file:binlog.000009:600"));
    EXPECT_EQ(catalog_->snapshot_high_position(kPipe).to_string(), "file:binlog.000010:4");
}

TEST_F(CatalogTest, what_a_load_has_seen_of_the_log_is_one_place_a_file) {
    EXPECT_TRUE(catalog_->seen_log(kPipe).empty());
    const LogAnchor first{"server-1", "binlog.000001", 0xa, 500, 500, 0};
    const LogAnchor second{"server-1", "binlog.000002", 0xb, 300, 300, 0};
    const LogAnchor elsewhere{"server-2", "binlog.000001", 0xc, 100, 100, 0};
    LogAnchor farther = first;
    farther.end = 700;
    for (const LogAnchor& seen : {first, second, farther, first, elsewhere})
        catalog_->raise_seen_log(kPipe, seen);
    open();
    EXPECT_EQ(catalog_->seen_log(kPipe), (std::vector<LogAnchor>{farther, second, elsewhere}));
    LogAnchor other = second;
    other.head = 0xd;
    EXPECT_NE(error_line([&] { catalog_->raise_seen_log(kPipe, other); }).find("put back"),
              std::string::npos);
    catalog_->clear_seen_log(kPipe);
    EXPECT_TRUE(catalog_->seen_log(kPipe).empty());
    catalog_->raise_seen_log(kPipe, first);
    catalog_->clear_snapshot_high(kPipe);
    EXPECT_TRUE(catalog_->seen_log(kPipe).empty()) << "another load begins";
}

TEST_F(CatalogTest, a_batch_is_intended_then_committed) {
    EXPECT_FALSE(catalog_->checkpoint(kPipe));
    EXPECT_FALSE(catalog_->intent(kPipe));
    constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();
    catalog_->put_checkpoint(kPipe, {gtids("1-5"), 100, 7});
    Intent intent{.batch = 7,
                  .from = gtids("1-5"),
                  .first_version = 100,
                  .last_version = kHuge,
                  .block_bytes = 1 << 20,
                  .closed = false};
    catalog_->put_intent(kPipe, intent);
    open();
    EXPECT_EQ(catalog_->intent(kPipe), intent);
    intent.last_version = 149;
    intent.closed = true;
    catalog_->put_intent(kPipe, intent);
    EXPECT_EQ(catalog_->intent(kPipe), intent);

    BatchStats stats{.started_at = 5,
                     .finished_at = 9,
                     .blocks = 2,
                     .bytes = 4096,
                     .tables = {{0, {10, 20, 5, 1}}, {1, {15, 0, 0, 0}}}};
    std::string line = error_line([&] { catalog_->commit_batch(kPipe, {gtids("1-9"), 150, 9}, stats); });
    EXPECT_NE(line.find("batch 8 is not the intended batch 7"), std::string::npos) << line;
    const LogAnchor anchor{"server", "binlog.000003", 1, 200, 300, 2};
    catalog_->commit_batch(kPipe, {gtids("1-9"), 150, 8, anchor}, stats);
    EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-9"), 150, 8, anchor}));
    catalog_->commit_batch(kPipe, {gtids("1-10"), 151, 9}, {.tables = {{0, {1, 0, 0, 0}}}});
    open();
    EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-10"), 151, 9}));
    EXPECT_FALSE(catalog_->intent(kPipe));
    auto batches = catalog_->batches(kPipe);
    ASSERT_EQ(batches.size(), 2u);
    EXPECT_EQ(batches[0].batch, 8u);
    EXPECT_EQ(batches[1].batch, 7u);
    EXPECT_EQ(batches[1].to, gtids("1-9"));
    EXPECT_EQ(batches[1].next_version, 150u);
    EXPECT_EQ(batches[1].anchor, anchor);
    EXPECT_TRUE(batches[0].anchor.none());
    EXPECT_EQ(batches[1].started_at, 5);
    EXPECT_EQ(batches[1].finished_at, 9);
    EXPECT_EQ(batches[1].blocks, 2u);
    EXPECT_EQ(batches[1].bytes, 4096u);
    EXPECT_EQ(batches[1].counts, (RowCounts{25, 20, 5, 1}));
    EXPECT_EQ(catalog_->tables(kPipe).at(0).counts, (RowCounts{11, 20, 5, 1}));
    EXPECT_EQ(catalog_->tables(kPipe).at(1).counts, (RowCounts{15, 0, 0, 0}));
    EXPECT_EQ(catalog_->batches(kPipe, 1).size(), 1u);
}

TEST_F(CatalogTest, the_checkpoint_never_goes_back) {
    catalog_->put_checkpoint(kPipe, {gtids("1-5"), 100, 7});
    catalog_->put_checkpoint(kPipe, {gtids("1-6"), 100, 7});  // a transaction that touches no mapped table
    error_line([&] { catalog_->put_checkpoint(kPipe, {gtids("1-7"), 99, 7}); });
    error_line([&] { catalog_->put_checkpoint(kPipe, {gtids("1-7"), 100, 6}); });
    error_line([&] { catalog_->commit_batch(kPipe, {gtids("1-7"), 99, 8}, {}); });
    EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-6"), 100, 7}));
}

TEST_F(CatalogTest, only_the_newest_batches_are_kept) {
    constexpr uint64_t kMore = 5;
    const auto commit = [&](uint64_t i, int64_t finished_at) {
        catalog_->commit_batch(kPipe, {gtids("1-5"), i, i},
                               {.finished_at = finished_at, .tables = {{0, {1, 0, 0, 0}}}});
    };
    for (uint64_t i = 1; i <= Catalog::kKeptBatches + kMore; ++i) commit(i, 1000);
    EXPECT_EQ(catalog_->batches(kPipe, 1'000'000).size(), Catalog::kKeptBatches + kMore)
        << "all of five minutes";
    commit(Catalog::kKeptBatches + kMore + 1, 1001 + Catalog::kKeptBatchesMs);
    auto batches = catalog_->batches(kPipe, 1'000'000);
    ASSERT_EQ(batches.size(), Catalog::kKeptBatches);
    EXPECT_EQ(batches.front().batch, Catalog::kKeptBatches + kMore);
    EXPECT_EQ(batches.back().batch, kMore + 1);
    EXPECT_EQ(catalog_->tables(kPipe).at(0).counts.inserted, Catalog::kKeptBatches + kMore + 1);
}

TEST_F(CatalogTest, a_process_that_dies_before_the_commit_changed_nothing) {
    catalog_->put_checkpoint(kPipe, {gtids("1-5"), 100, 7});
    Intent intent{
        .batch = 7, .from = gtids("1-5"), .first_version = 100, .last_version = 149, .closed = true};
    catalog_->put_intent(kPipe, intent);
    catalog_.reset();
    Checkpoint after{gtids("1-9"), 150, 8};
    BatchStats stats{.tables = {{0, {50, 0, 0, 0}}}};
    for (bool dies : {true, false}) {
        pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            CatalogOptions options;
            if (dies) options.before_commit = [] { _exit(42); };
            Catalog catalog(path_, options);
            catalog.commit_batch(kPipe, after, stats);
            _exit(0);  // without closing the file, as kill -9 would
        }
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFEXITED(status));
        ASSERT_EQ(WEXITSTATUS(status), dies ? 42 : 0);
        open();
        if (dies) {
            EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-5"), 100, 7}));
            EXPECT_EQ(catalog_->intent(kPipe), intent);
            EXPECT_TRUE(catalog_->batches(kPipe).empty());
            EXPECT_EQ(catalog_->tables(kPipe).at(0).counts.inserted, 0u);
        } else {
            EXPECT_EQ(catalog_->checkpoint(kPipe), after);
            EXPECT_FALSE(catalog_->intent(kPipe));
            EXPECT_EQ(catalog_->tables(kPipe).at(0).counts.inserted, 50u);
        }
        catalog_.reset();
    }
}

TEST_F(CatalogTest, threads_share_one_catalog) {
    std::vector<PartitionRecord> parts;
    for (uint32_t i = 0; i < 100; ++i) parts.push_back({.index = i});
    catalog_->put_partitions(kPipe, 0, parts);
    std::thread loader([&] {
        for (uint32_t i = 0; i < 100; ++i) {
            catalog_->start_partition(kPipe, 0, i);
            catalog_->finish_partition(kPipe, 0, i, 10);
        }
    });
    for (uint64_t i = 1; i <= 100; ++i) {
        catalog_->commit_batch(kPipe, {gtids("1-5"), i, i}, {.tables = {{0, {1, 0, 0, 0}}}});
        EXPECT_EQ(catalog_->tables(kPipe).at(0).counts.inserted, i);
    }
    loader.join();
    catalog_->finish_load(kPipe, 0);
    EXPECT_EQ(catalog_->tables(kPipe).at(0).rows_loaded, 1000u);
    EXPECT_EQ(catalog_->checkpoint(kPipe)->next_batch, 100u);
}

TEST_F(CatalogTest, another_process_may_read_at_the_same_time) {
    Catalog reader(path_);
    catalog_->put_checkpoint(kPipe, {gtids("1-5"), 100, 7});
    EXPECT_EQ(reader.checkpoint(kPipe)->next_version, 100u);
}

TEST_F(CatalogTest, the_file_is_private) {
    for (const auto& entry : fs::directory_iterator(directory_)) {
        struct stat info {};
        ASSERT_EQ(stat(entry.path().c_str(), &info), 0);
        EXPECT_EQ(info.st_mode & 0777, 0600u) << entry.path();
    }
}

TEST(Uuid, is_version_4_and_random) {
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) {
        std::string uuid = make_uuid();
        ASSERT_EQ(uuid.size(), 36u);
        for (size_t at : {8u, 13u, 18u, 23u}) EXPECT_EQ(uuid[at], '-') << uuid;
        EXPECT_EQ(uuid[14], '4') << uuid;
        EXPECT_NE(std::string("89ab").find(uuid[19]), std::string::npos) << uuid;
        EXPECT_TRUE(seen.insert(uuid).second);
    }
}

}  // namespace
}  // namespace penstock
