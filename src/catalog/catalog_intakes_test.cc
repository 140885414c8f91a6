// Tables on their way into a pipe, and the merge that puts them there.
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>

#include <gtest/gtest.h>

#include "base/test_error.h"
#include "catalog/catalog.h"
#include "catalog/sqlite.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

Position gtids(const std::string& range) {
    return Position::parse("mysql-gtid:3e11fa47-71ca-11e1-9e33-c80aa9429562:" + range);
}

/// What identifies a table after it has moved.
struct Moved {
    uint32_t index;
    std::string target, mapping, schema, predicate;
    uint64_t rows, inserted;
    bool operator==(const Moved&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Moved& m) {
    return out << m.index << " " << m.target << " " << m.mapping << " " << m.schema << " " << m.predicate
               << " " << m.rows << " " << m.inserted;
}

/// A pipe of three tables a, b, c at transaction 50, and an intake of x, y at 60.
class IntakeTest : public testing::Test {
  protected:
    IntakeTest() {
        char name[] = "/tmp/penstock-catalog-XXXXXX";
        directory_ = mkdtemp(name);
        path_ = directory_ + "/catalog.sqlite";
        open();
        catalog_->create_pipe({.id = kPipe, .name = "shop", .spec_json = "{}", .state = "Running"});
        fill(kPipe, {"a", "b", "c"}, 0);
        catalog_->put_start_position(kPipe, gtids("1-10"));
        catalog_->raise_snapshot_high(kPipe, gtids("1-20"));
        catalog_->put_source_identity(kPipe, "server-1");
        catalog_->put_checkpoint(kPipe, {gtids("1-50"), 500, 5});
    }
    ~IntakeTest() override {
        catalog_.reset();
        fs::remove_all(directory_);
    }
    void open() {
        catalog_.reset();
        catalog_ = std::make_unique<Catalog>(path_, CatalogOptions{.before_commit = [this] {
                                                 if (crash_) throw std::runtime_error("crash");
                                             }});
    }

    void fill(const std::string& id, const std::vector<std::string>& names, uint64_t base) {
        std::vector<TableRecord> records;
        for (uint32_t i = 0; i < names.size(); ++i) {
            records.push_back({.table_index = i,
                               .target_table = names[i],
                               .mapping_json = "map-" + names[i],
                               .target_uuid = "uuid-" + names[i]});
        }
        catalog_->put_tables(id, records);
        for (uint32_t i = 0; i < names.size(); ++i) {
            TableSchema schema;
            schema.name = "source-" + names[i];
            catalog_->put_schema(id, i, gtids("1-10"), schema);
            catalog_->put_partitions(id, i, {{.index = 0, .predicate = "id of " + names[i]}});
            catalog_->finish_partition(id, i, 0, base + i + 1);
            catalog_->finish_load(id, i);
        }
        BatchStats stats;
        for (uint32_t i = 0; i < names.size(); ++i) {
            stats.tables.push_back({i, RowCounts{.inserted = base + i + 100}});
        }
        catalog_->commit_batch(id, {gtids("1-11"), 1, 2}, stats);
    }
    void make_intake(IntakePurpose purpose = IntakePurpose::kAdd) {
        catalog_->create_intake(kPipe, {.id = kIntake, .purpose = purpose, .mappings_json = "[1]"},
                                "[\"a\"]");
        fill(kIntake, {"x", "y"}, 1000);
        catalog_->put_start_position(kIntake, gtids("1-30"));
        catalog_->raise_snapshot_high(kIntake, gtids("1-40"));
        catalog_->raise_seen_log(kIntake, {"server-2", "binlog.000004", 0xe, 900, 900, 0});
        catalog_->put_source_identity(kIntake, "server-2");
        catalog_->put_checkpoint(kIntake, {gtids("1-60"), 700, 3});
    }
    static Moved pipe_table(uint32_t now, uint32_t before) {
        const std::string name(1, static_cast<char>('a' + before));
        return {now, name, "map-" + name, "source-" + name, "id of " + name, before + 1, before + 100};
    }
    static Moved intake_table(uint32_t now, uint32_t before, const std::string& target) {
        const std::string name(1, static_cast<char>('x' + before));
        return {now,
                target,
                "map-" + target,
                "source-" + name,
                "id of " + name,
                1000 + before + 1,
                1000 + before + 100};
    }
    static MergedTable from_pipe(uint32_t index) {
        const std::string name(1, static_cast<char>('a' + index));
        return {
            .from_intake = false, .table_index = index, .target_table = name, .mapping_json = "map-" + name};
    }
    static MergedTable from_intake(uint32_t index, const std::string& target) {
        return {.from_intake = true,
                .table_index = index,
                .target_table = target,
                .mapping_json = "map-" + target};
    }
    std::vector<Moved> tables(const std::string& id = kPipe) {
        std::vector<Moved> list;
        auto schemas = catalog_->schemas(id);
        for (const TableRecord& table : catalog_->tables(id)) {
            Moved moved{table.table_index, table.target_table,   table.mapping_json, "", "",
                        table.rows_loaded, table.counts.inserted};
            for (const SchemaRecord& schema : schemas) {
                if (schema.table_index == table.table_index) moved.schema += schema.schema.name;
            }
            for (const PartitionRecord& part : catalog_->partitions(id, table.table_index)) {
                moved.predicate += part.predicate;
            }
            EXPECT_EQ(table.load_state, LoadState::kLoaded);
            list.push_back(moved);
        }
        return list;
    }
    std::vector<Moved> original() { return {pipe_table(0, 0), pipe_table(1, 1), pipe_table(2, 2)}; }
    /// Foreign keys hold and nothing belongs to a pipe that is gone.
    void expect_sound() {
        Database file(path_, Disposition::kUsage);
        EXPECT_EQ(file.query_integer("SELECT count(*) FROM pragma_foreign_key_check"), 0);
        EXPECT_EQ(file.query_integer("SELECT count(*) FROM tables WHERE table_index > 100"), 0);
    }

    static constexpr const char* kPipe = "0d9b8f0e-6a1c-4b7e-8f00-000000000001";
    static constexpr const char* kIntake = "0d9b8f0e-6a1c-4b7e-8f00-000000000002";
    std::string directory_, path_;
    bool crash_ = false;
    std::unique_ptr<Catalog> catalog_;
};

TEST_F(IntakeTest, a_wish_that_came_meanwhile_is_not_taken_for_the_one_before) {
    catalog_->change_pipe(kPipe, {.resync_wanted = "[\"a\",\"b\"]"});
    make_intake(IntakePurpose::kResync);  // made for a alone
    EXPECT_EQ(catalog_->get_pipe(kPipe)->resync_wanted, "[\"a\",\"b\"]");
    EXPECT_FALSE(catalog_->exchange_resync_wanted(kPipe, "", "true"));
    EXPECT_EQ(catalog_->get_pipe(kPipe)->resync_wanted, "[\"a\",\"b\"]");
    EXPECT_TRUE(catalog_->exchange_resync_wanted(kPipe, "[\"a\",\"b\"]", "true"));
    EXPECT_EQ(catalog_->get_pipe(kPipe)->resync_wanted, "true");
    EXPECT_TRUE(catalog_->exchange_resync_wanted(kPipe, "true", ""));
    EXPECT_EQ(catalog_->get_pipe(kPipe)->resync_wanted, "");
}

TEST_F(IntakeTest, an_intake_is_kept_apart_from_the_pipes) {
    catalog_->change_pipe(kPipe, {.resync_wanted = "[\"a\"]"});
    EXPECT_FALSE(catalog_->intake_of(kPipe));
    make_intake(IntakePurpose::kResync);
    open();
    auto intake = catalog_->intake_of(kPipe);
    ASSERT_TRUE(intake);
    EXPECT_EQ(intake->id, kIntake);
    EXPECT_EQ(intake->purpose, IntakePurpose::kResync);
    EXPECT_EQ(intake->mappings_json, "[1]");
    EXPECT_FALSE(intake->merging);
    EXPECT_EQ(catalog_->list_pipes().size(), 1u);
    EXPECT_FALSE(catalog_->get_pipe(kIntake));
    EXPECT_EQ(catalog_->get_pipe(kPipe)->resync_wanted, "");
    EXPECT_EQ(tables(), original());
    EXPECT_EQ(catalog_->tables(kIntake).size(), 2u);

    catalog_->set_merging(kIntake);
    EXPECT_TRUE(catalog_->intake_of(kPipe)->merging);
    for (const std::string& line : {
             error_line([&] { catalog_->create_intake(kPipe, {.id = "second"}, ""); }),
             error_line([&] { catalog_->create_intake(kIntake, {.id = "second"}, ""); }),
         }) {
        EXPECT_NE(line.find("has an intake already, or is one"), std::string::npos) << line;
    }
    for (const std::string& line : {
             error_line([&] { catalog_->create_intake("nobody", {.id = "second"}, ""); }),
             error_line([&] { catalog_->set_merging(kPipe); }),
             error_line([&] { catalog_->drop_intake(kPipe); }),
             error_line([&] { catalog_->drop_intake("nobody"); }),
             error_line([&] { catalog_->merge_tables("nobody", "", {}); }),
             error_line([&] { catalog_->merge_tables(kPipe, "nobody", {}); }),
             error_line([&] { catalog_->merge_tables(kPipe, kPipe, {}); }),
         }) {
        EXPECT_NE(line.find("no such"), std::string::npos) << line;
    }
    EXPECT_EQ(tables(), original());

    catalog_->delete_pipe(kPipe);
    EXPECT_FALSE(catalog_->intake_of(kPipe));
    EXPECT_TRUE(catalog_->tables(kIntake).empty());
    EXPECT_FALSE(catalog_->checkpoint(kIntake));
    expect_sound();
}

TEST_F(IntakeTest, added_tables_join_with_all_that_belongs_to_them) {
    make_intake();
    catalog_->merge_tables(
        kPipe, kIntake, {from_pipe(0), from_pipe(1), from_pipe(2), from_intake(0, "x"), from_intake(1, "y")});
    open();
    std::vector<Moved> expected = original();
    expected.push_back(intake_table(3, 0, "x"));
    expected.push_back(intake_table(4, 1, "y"));
    EXPECT_EQ(tables(), expected);
    EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-50"), 700, 5}));
    auto records = catalog_->tables(kPipe);
    for (uint32_t i = 0; i < 5; ++i) {
        EXPECT_EQ(records[i].exact_position, i < 3 ? Position() : gtids("1-60")) << i;
        EXPECT_EQ(records[i].joined_position, i < 3 ? Position() : gtids("1-60")) << i;
        EXPECT_EQ(records[i].target_uuid, "uuid-" + records[i].target_table) << i;
    }
    EXPECT_EQ(catalog_->start_position(kPipe), gtids("1-10"));
    EXPECT_EQ(catalog_->source_identity(kPipe), "server-1");
    EXPECT_FALSE(catalog_->intake_of(kPipe));
    EXPECT_FALSE(catalog_->checkpoint(kIntake));
    EXPECT_EQ(catalog_->batches(kPipe).size(), 1u);
    catalog_->commit_batch(kPipe, {gtids("1-61"), 701, 6}, {.tables = {{4, {1, 0, 0, 0}}}});
    expect_sound();
}

TEST_F(IntakeTest, a_resync_of_some_tables_takes_their_place_in_any_order) {
    make_intake(IntakePurpose::kResync);
    catalog_->merge_tables(kPipe, kIntake, {from_intake(1, "c"), from_pipe(1), from_intake(0, "a")});
    EXPECT_EQ(tables(),
              (std::vector<Moved>{intake_table(0, 1, "c"), pipe_table(1, 1), intake_table(2, 0, "a")}));
    EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-50"), 700, 5}));
    expect_sound();
}

TEST_F(IntakeTest, tables_are_removed_and_put_in_another_order_without_an_intake) {
    catalog_->merge_tables(kPipe, "", {from_pipe(2), from_pipe(0)});
    EXPECT_EQ(tables(), (std::vector<Moved>{pipe_table(0, 2), pipe_table(1, 0)}));
    EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-50"), 500, 5}));
    EXPECT_EQ(catalog_->schemas(kPipe).size(), 2u);
    catalog_->merge_tables(kPipe, "", {{false, 1, "a", "map-a"}, {false, 0, "c", "map-c"}});
    EXPECT_EQ(tables(), (std::vector<Moved>{pipe_table(0, 0), pipe_table(1, 2)}));
    catalog_->merge_tables(kPipe, "", {});
    EXPECT_TRUE(tables().empty());
    EXPECT_TRUE(catalog_->schemas(kPipe).empty());
    EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-50"), 500, 5}));
    expect_sound();
}

TEST_F(IntakeTest, where_no_table_stays_the_pipe_goes_on_from_the_intake) {
    make_intake(IntakePurpose::kResync);
    // The pipe was ahead of the intake, with a batch open: both are of no use any more, but the versions
    // count.
    catalog_->put_checkpoint(kPipe, {gtids("1-90"), 900, 9});
    catalog_->put_intent(kPipe, {.batch = 9, .first_version = 900, .last_version = 949, .closed = true});
    catalog_->merge_tables(kPipe, kIntake, {from_intake(1, "b"), from_intake(0, "a")});
    open();
    EXPECT_EQ(tables(), (std::vector<Moved>{intake_table(0, 1, "b"), intake_table(1, 0, "a")}));
    EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-60"), 950, 10}));
    EXPECT_FALSE(catalog_->intent(kPipe));
    EXPECT_TRUE(catalog_->tables(kPipe)[0].joined_position.none());
    EXPECT_EQ(catalog_->start_position(kPipe), gtids("1-30"));
    EXPECT_EQ(catalog_->snapshot_high_position(kPipe), gtids("1-40"));
    EXPECT_EQ(catalog_->seen_log(kPipe).size(), 1u);
    EXPECT_EQ(catalog_->source_identity(kPipe), "server-2");
    EXPECT_FALSE(catalog_->intake_of(kPipe));
    expect_sound();
}

TEST_F(IntakeTest, a_pipe_that_follows_no_log_has_no_checkpoint_to_merge) {
    catalog_->create_pipe({.id = "snapshot", .name = "snapshot"});
    catalog_->put_tables("snapshot", {{.table_index = 0, .target_table = "a"}});
    catalog_->create_intake("snapshot", {.id = "again", .purpose = IntakePurpose::kResync}, "");
    catalog_->put_tables("again", {{.table_index = 0, .target_table = "a_resync", .rows_loaded = 9}});
    catalog_->merge_tables("snapshot", "again", {from_intake(0, "a")});
    EXPECT_EQ(catalog_->tables("snapshot").at(0).rows_loaded, 9u);
    EXPECT_FALSE(catalog_->checkpoint("snapshot"));
    expect_sound();
}

TEST_F(IntakeTest, what_would_lose_changes_or_versions_is_refused) {
    make_intake();
    const std::vector<MergedTable> wanted = {from_pipe(0), from_intake(0, "x")};
    auto refused = [&](const std::vector<MergedTable>& merged) {
        std::string line = error_line([&] { catalog_->merge_tables(kPipe, kIntake, merged); });
        EXPECT_EQ(tables(), original());
        EXPECT_EQ(catalog_->tables(kIntake).size(), 2u);
        expect_sound();
        return line;
    };
    EXPECT_NE(refused({from_pipe(0), from_pipe(0)}).find("no such table"), std::string::npos);
    EXPECT_NE(refused({from_pipe(0), from_intake(7, "x")}).find("no such table"), std::string::npos);

    catalog_->put_intent(kIntake, {.batch = 3, .first_version = 700, .last_version = 709});
    EXPECT_NE(refused(wanted).find("a batch is still open"), std::string::npos);
    EXPECT_NE(refused({from_intake(0, "x")}).find("a batch is still open"), std::string::npos);
    catalog_->commit_batch(kIntake, {gtids("1-60"), 710, 4}, {});
    catalog_->put_intent(kPipe, {.batch = 5, .first_version = 500, .last_version = 509});
    EXPECT_NE(refused(wanted).find("a batch is still open"), std::string::npos);
    catalog_->commit_batch(kPipe, {gtids("1-61"), 510, 6}, {});
    EXPECT_NE(refused(wanted).find("is behind the pipe"), std::string::npos);

    catalog_->put_checkpoint(kIntake, {gtids("1-61"), 710, 4});
    catalog_->merge_tables(kPipe, kIntake, wanted);
    EXPECT_EQ(tables(), (std::vector<Moved>{pipe_table(0, 0), intake_table(1, 0, "x")}));
    EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-61"), 710, 6}));

    catalog_->create_intake(kPipe, {.id = "empty"}, "");
    catalog_->put_tables("empty", {{.table_index = 0, .target_table = "z"}});
    for (const auto& merged :
         {std::vector{from_pipe(0), from_intake(0, "z")}, std::vector{from_intake(0, "z")}}) {
        std::string line = error_line([&] { catalog_->merge_tables(kPipe, "empty", merged); });
        EXPECT_NE(line.find("the intake has no checkpoint"), std::string::npos) << line;
    }
    EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-61"), 710, 6}));
}

TEST_F(IntakeTest, a_table_stays_stopped_until_another_takes_its_place) {
    catalog_->stop_tables(kPipe,
                          {{.table_index = 1, .reason = "why", .position = "f:4", .from_version = 480},
                           {.table_index = 2, .reason = "too", .position = "f:5", .from_version = 481}});
    catalog_->stop_tables(kPipe, {{.table_index = 1, .reason = "later", .from_version = 490}});
    open();
    auto records = catalog_->tables(kPipe);
    EXPECT_FALSE(records[0].stopped());
    EXPECT_EQ(records[1].stop_reason, "why");  // the first reason counts
    EXPECT_EQ(records[1].stop_position, "f:4");
    EXPECT_EQ(records[1].stopped_from, 480u);
    EXPECT_GT(records[1].stopped_at, 0);
    EXPECT_NE(error_line([&] {
                  catalog_->stop_tables(kPipe, {{.table_index = 9, .reason = "no"}});
              }).find("no such table"),
              std::string::npos);

    make_intake(IntakePurpose::kResync);
    catalog_->merge_tables(kPipe, kIntake, {from_pipe(0), from_intake(0, "b"), from_pipe(2)});
    records = catalog_->tables(kPipe);
    EXPECT_FALSE(records[1].stopped());
    EXPECT_EQ(records[2].stop_reason, "too");
}

TEST_F(IntakeTest, what_could_not_be_loaded_anew_stays_and_is_stopped) {
    catalog_->stop_tables(kPipe,
                          {{.table_index = 1, .reason = "why", .position = "f:4", .from_version = 480}});
    make_intake(IntakePurpose::kResync);
    catalog_->stop_tables(kIntake, {{.table_index = 0, .reason = "x"}, {.table_index = 1, .reason = "y"}});
    catalog_->put_checkpoint(kPipe, {gtids("1-70"), 500, 5});
    MergedTable flowing = from_pipe(0), stopped = from_pipe(1);
    flowing.stop_reason = "x";
    stopped.stop_reason = "y";
    // The intake is behind the pipe, which matters to none of its tables.
    catalog_->merge_tables(kPipe, kIntake, {from_pipe(2), flowing, stopped});
    EXPECT_EQ(tables(), (std::vector<Moved>{pipe_table(0, 2), pipe_table(1, 0), pipe_table(2, 1)}));
    const auto records = catalog_->tables(kPipe);
    EXPECT_FALSE(records[0].stopped());
    EXPECT_EQ(records[1].stop_reason, "x");
    EXPECT_EQ(records[1].stopped_from, 700u);  // what the pipe had given out is applied
    EXPECT_GT(records[1].stopped_at, 0);
    EXPECT_EQ(records[2].stop_reason, "y");
    EXPECT_EQ(records[2].stop_position, "");
    EXPECT_EQ(records[2].stopped_from, 480u);
    EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-70"), 700, 5}));
    expect_sound();
}

TEST_F(IntakeTest, stopped_tables_do_not_hold_the_pipe_at_its_place) {
    // Only what is stopped stays: the pipe goes on from the intake's checkpoint, which is not even after the
    // pipe's, and the batch that was open there is given up.
    catalog_->stop_tables(kPipe, {{.table_index = 1, .reason = "why"}, {.table_index = 2, .reason = "too"}});
    catalog_->put_intent(kPipe, {.batch = 5, .first_version = 500, .last_version = 999});
    make_intake(IntakePurpose::kResync);
    catalog_->put_checkpoint(kPipe, {gtids("1-70"), 500, 5});
    catalog_->merge_tables(kPipe, kIntake, {from_intake(0, "a"), from_pipe(1), from_pipe(2)});
    EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-60"), 1000, 6}));
    EXPECT_FALSE(catalog_->intent(kPipe));
    EXPECT_TRUE(catalog_->tables(kPipe)[0].joined_position.none());
    EXPECT_EQ(catalog_->tables(kPipe)[1].stop_reason, "why");
    EXPECT_EQ(catalog_->source_identity(kPipe), "server-2");
}

TEST_F(IntakeTest, the_versions_of_a_dropped_intake_are_not_given_out_again) {
    make_intake();
    catalog_->put_intent(kIntake, {.batch = 3, .first_version = 700, .last_version = 749});
    catalog_->drop_intake(kIntake);
    EXPECT_FALSE(catalog_->intake_of(kPipe));
    EXPECT_TRUE(catalog_->tables(kIntake).empty());
    EXPECT_EQ(tables(), original());
    EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-50"), 750, 5}));
    catalog_->put_checkpoint(kPipe, {gtids("1-55"), 760, 5});
    EXPECT_EQ(catalog_->checkpoint(kPipe)->next_version, 760u);
    expect_sound();
}

TEST_F(IntakeTest, dropping_an_intake_leaves_an_open_batch_and_a_flow_as_they_are) {
    const Intent intent{
        .batch = 5, .from = gtids("1-50"), .first_version = 500, .last_version = 519, .closed = true};
    make_intake();
    catalog_->put_intent(kPipe, intent);
    catalog_->drop_intake(kIntake);
    // The replay has to see the versions that its blocks may have been inserted with.
    EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-50"), 500, 5}));
    EXPECT_EQ(catalog_->intent(kPipe), intent);
    catalog_->commit_batch(kPipe, {gtids("1-52"), 520, 6}, {});
    // A flow that counts on from what it began with.
    catalog_->commit_batch(kPipe, {gtids("1-53"), 521, 7}, {});
    EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-53"), 700, 7}));
}

TEST_F(IntakeTest, a_crash_before_the_commit_changes_nothing) {
    make_intake();
    auto crashes = [&](const std::function<void()>& work) {
        crash_ = true;
        EXPECT_THROW(work(), std::runtime_error);
        crash_ = false;
        open();
        EXPECT_EQ(tables(), original());
        EXPECT_EQ(catalog_->tables(kIntake).size(), 2u);
        EXPECT_EQ(catalog_->schemas(kIntake).size(), 2u);
        EXPECT_EQ(catalog_->checkpoint(kPipe), (Checkpoint{gtids("1-50"), 500, 5}));
        EXPECT_EQ(catalog_->checkpoint(kIntake), (Checkpoint{gtids("1-60"), 700, 3}));
        EXPECT_FALSE(catalog_->intake_of(kPipe)->merging);
        expect_sound();
    };
    crashes([&] { catalog_->merge_tables(kPipe, kIntake, {from_pipe(2), from_intake(0, "x")}); });
    crashes([&] { catalog_->merge_tables(kPipe, kIntake, {from_intake(0, "x")}); });
    crashes([&] { catalog_->merge_tables(kPipe, "", {from_pipe(1)}); });
    crashes([&] { catalog_->drop_intake(kIntake); });
    crashes([&] { catalog_->set_merging(kIntake); });
    catalog_->drop_intake(kIntake);
    crash_ = true;
    EXPECT_THROW(make_intake(), std::runtime_error);
    crash_ = false;
    EXPECT_FALSE(catalog_->intake_of(kPipe));
}

TEST_F(IntakeTest, tables_are_added_beside_those_that_are_there) {
    TableSchema schema;
    schema.name = "source-d";
    catalog_->add_tables(kPipe,
                         {{.table_index = 3,
                           .target_table = "d",
                           .mapping_json = "m",
                           .load_state = LoadState::kLoaded,
                           .joined_position = gtids("1-50")}},
                         {{.table_index = 3, .position = gtids("1-50"), .schema = schema}});
    open();
    auto list = catalog_->tables(kPipe);
    ASSERT_EQ(list.size(), 4u);
    EXPECT_EQ(list[3].target_table, "d");
    EXPECT_EQ(list[3].mapping_json, "m");
    EXPECT_EQ(list[3].joined_position, gtids("1-50"));
    ASSERT_EQ(catalog_->schemas(kPipe).size(), 4u);
    EXPECT_EQ(catalog_->schemas(kPipe)[3].schema, schema);
    EXPECT_EQ(catalog_->schemas(kPipe)[3].position, gtids("1-50"));
    error_line([&] { catalog_->add_tables(kPipe, {{.table_index = 4}, {.table_index = 0}}, {}); });
    error_line([&] { catalog_->add_tables(kPipe, {{.table_index = 4}}, {{.table_index = 5}}); });
    EXPECT_EQ(catalog_->tables(kPipe).size(), 4u);
}

TEST_F(IntakeTest, a_change_of_a_pipe_is_stored_with_its_transition_or_alone) {
    catalog_->create_pipe({.id = "other", .name = "crm"});
    catalog_->record_transition(
        kPipe, "Running", "Modifying", "asked", "",
        {.name = "store", .spec_json = "{3}", .sealed_password = "sealed", .resync_wanted = "*"});
    auto pipe = catalog_->get_pipe(kPipe);
    EXPECT_EQ(pipe->name, "store");
    EXPECT_EQ(pipe->spec_json, "{3}");
    EXPECT_EQ(pipe->sealed_password, "sealed");
    EXPECT_EQ(pipe->resync_wanted, "*");
    EXPECT_EQ(pipe->state, "Modifying");

    error_line([&] { catalog_->record_transition(kPipe, "Modifying", "Running", "", "", {.name = "crm"}); },
               Disposition::kUsage);
    EXPECT_EQ(catalog_->get_pipe(kPipe)->state, "Modifying");
    EXPECT_EQ(catalog_->transitions(kPipe).size(), 2u);
    std::string line = error_line([&] { catalog_->change_pipe(kPipe, {.name = "crm", .spec_json = "{4}"}); },
                                  Disposition::kUsage);
    EXPECT_EQ(line, "rename the pipe: a pipe named \"crm\" exists already");

    catalog_->change_pipe(kPipe, {.name = "store", .resync_wanted = ""});
    pipe = catalog_->get_pipe(kPipe);
    EXPECT_EQ(pipe->spec_json, "{3}");
    EXPECT_EQ(pipe->sealed_password, "sealed");
    EXPECT_EQ(pipe->resync_wanted, "");
    EXPECT_NE(error_line([&] { catalog_->change_pipe("nobody", {.spec_json = "{}"}); }).find("no such pipe"),
              std::string::npos);
}

}  // namespace
}  // namespace penstock
