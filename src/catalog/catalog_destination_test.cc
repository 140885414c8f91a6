// What a pipe knows of its destination, and checkpoints that are moved to where that is.
#include <filesystem>
#include <memory>

#include <gtest/gtest.h>

#include "catalog/catalog.h"

namespace penstock {
namespace {

Position gtids(const std::string& range) {
    return Position::parse("mysql-gtid:3e11fa47-71ca-11e1-9e33-c80aa9429562:" + range);
}

constexpr const char* kPipe = "pipe";

/// A pipe of two tables that began at transaction 10 with version 100.
class CatalogDestination : public testing::Test {
  protected:
    CatalogDestination() {
        char name[] = "/tmp/penstock-catalog-XXXXXX";
        directory_ = mkdtemp(name);
        catalog_ = std::make_unique<Catalog>(directory_ + "/catalog.sqlite");
        catalog_->create_pipe({.id = kPipe, .name = "shop", .spec_json = "{}", .state = "Running"});
        catalog_->put_start_position(kPipe, gtids("1-10"));
        catalog_->add_tables(
            kPipe,
            {{.table_index = 0, .target_table = "a", .load_state = LoadState::kLoaded, .target_uuid = "u"},
             {.table_index = 1, .target_table = "b", .load_state = LoadState::kLoaded}},
            {});
        catalog_->put_checkpoint(kPipe, {gtids("1-10"), 100, 1});
    }
    ~CatalogDestination() override {
        catalog_.reset();
        std::filesystem::remove_all(directory_);
    }

    /// Ten versions more, finished at that second.
    void commit(int64_t second) {
        const Checkpoint before = catalog_->checkpoint(kPipe).value();
        BatchStats stats;
        stats.first_version = before.next_version;
        stats.finished_at = second * 1000;
        stats.marks = {{0, "", static_cast<int64_t>(before.next_batch)}};
        const std::string range = "1-" + std::to_string(10 + before.next_batch);
        catalog_->commit_batch(kPipe, {gtids(range), before.next_version + 10, before.next_batch + 1}, stats);
    }
    std::string place() {
        const Checkpoint at = catalog_->checkpoint(kPipe).value();
        return at.position.to_string().substr(at.position.to_string().rfind(':') + 1) + " " +
               std::to_string(at.next_version) + " " + std::to_string(at.next_batch);
    }

    std::string directory_;
    std::unique_ptr<Catalog> catalog_;
};

TEST_F(CatalogDestination, TurnsGrowWithTheCheckpointAndTheTables) {
    DestinationRecord before = catalog_->destination_record(kPipe);
    EXPECT_EQ(before.ledger_id, kPipe);
    commit(1);
    DestinationRecord now = catalog_->destination_record(kPipe);
    EXPECT_GT(now.turn, before.turn);
    EXPECT_EQ(now.tables_turn, before.tables_turn) << "a batch changes no version of another";
    EXPECT_EQ(catalog_->tables(kPipe)[0].last_block, 1);
    EXPECT_EQ(catalog_->tables(kPipe)[0].target_uuid, "u") << "an empty one leaves what is stored";

    catalog_->stop_tables(kPipe, {{.table_index = 1, .reason = "altered", .from_version = 110}});
    DestinationRecord stopped = catalog_->destination_record(kPipe);
    EXPECT_GT(stopped.turn, now.turn);
    EXPECT_EQ(stopped.tables_turn, stopped.turn);
    catalog_->put_source_identity(kPipe, "another");
    EXPECT_GT(catalog_->destination_record(kPipe).tables_turn, stopped.tables_turn);
}

TEST_F(CatalogDestination, GoesBackToTheEndOfABatch) {
    for (const int64_t second : {1, 2, 100, 200}) commit(second);
    EXPECT_EQ(place(), "1-14 140 5");
    // Version 125 is missing: the third batch, 120 to 129, is the first that is read again.
    ASSERT_TRUE(catalog_->rewind(kPipe, {125, 0, true, {{1}}, "salt", {{1, "", 3}}, 4096}));
    EXPECT_EQ(place(), "1-12 120 5") << "numbers of batches are not given twice";
    EXPECT_EQ(catalog_->batches(kPipe).size(), 2u);
    const Repair repair = catalog_->destination_record(kPipe).repair;
    EXPECT_EQ(repair.until, 139u);
    EXPECT_EQ(repair.salt, "salt");
    EXPECT_EQ(catalog_->tables(kPipe)[0].incomplete_from, 0u);
    EXPECT_EQ(catalog_->tables(kPipe)[1].incomplete_from, 1u);
    EXPECT_EQ(catalog_->tables(kPipe)[1].last_block, 3);

    catalog_->put_checkpoint(kPipe, {gtids("1-13"), 139, 6});
    EXPECT_EQ(catalog_->destination_record(kPipe).repair.until, 139u);
    catalog_->put_checkpoint(kPipe, {gtids("1-14"), 140, 6});
    EXPECT_EQ(catalog_->destination_record(kPipe).repair.until, 0u);
    EXPECT_EQ(catalog_->tables(kPipe)[1].incomplete_from, 0u);
}

TEST_F(CatalogDestination, GoesBackFurtherThanWhatIsMissing) {
    for (const int64_t second : {1, 2, 100, 200}) commit(second);
    ASSERT_TRUE(catalog_->rewind(kPipe, {131, 99'000, true, {}, "", {}, 4096}));
    EXPECT_EQ(place(), "1-11 110 5") << "99 s before the end of the third batch";
}

TEST_F(CatalogDestination, GoesBackNoFurtherThanWhatIsSafe) {
    for (const int64_t second : {1, 2, 100, 200}) commit(second);
    catalog_->put_safe_version(kPipe, 119);
    EXPECT_EQ(catalog_->destination_record(kPipe).safe_version, 119u);
    ASSERT_TRUE(catalog_->rewind(kPipe, {140, 250'000, false, {}, "", {}, 4096}));
    EXPECT_EQ(place(), "1-12 120 5") << "the newest end of a batch that is safe";
    EXPECT_EQ(catalog_->destination_record(kPipe).safe_version, 119u);

    catalog_->put_safe_version(kPipe, 119);
    ASSERT_TRUE(catalog_->rewind(kPipe, {115, 0, true, {}, "", {}, 4096}));
    EXPECT_EQ(place(), "1-11 110 6");
    EXPECT_EQ(catalog_->destination_record(kPipe).safe_version, 0u) << "what was safe is gone";
}

TEST_F(CatalogDestination, NothingOfNewTablesIsSafe) {
    catalog_->put_safe_version(kPipe, 99);
    catalog_->stop_tables(kPipe, {{.table_index = 1, .reason = "altered", .from_version = 100}});
    EXPECT_EQ(catalog_->destination_record(kPipe).safe_version, 99u);
    catalog_->add_tables(kPipe, {{.table_index = 2, .target_table = "c", .load_state = LoadState::kLoaded}},
                         {});
    EXPECT_EQ(catalog_->destination_record(kPipe).safe_version, 0u);
}

TEST_F(CatalogDestination, GoesBackAsFarAsIsKept) {
    commit(1);
    catalog_->stop_tables(kPipe, {{.table_index = 1, .reason = "altered", .from_version = 110}});
    commit(2);
    commit(3);
    EXPECT_FALSE(catalog_->rewind(kPipe, {130, 120'000, true, {}, "", {}, 4096}));
    ASSERT_TRUE(catalog_->rewind(kPipe, {130, 120'000, true, {}, "", {}, 4096, true}));
    EXPECT_EQ(place(), "1-12 120 4");
}

TEST_F(CatalogDestination, KeepsWhereATableBeganToBeIncomplete) {
    catalog_->begin_repair(kPipe, {.until = 150}, {{0, 1}, {1, 120}});
    catalog_->begin_repair(kPipe, {.until = 150}, {{0, 130}, {1, 110}});
    EXPECT_EQ(catalog_->tables(kPipe)[0].incomplete_from, 1u);
    EXPECT_EQ(catalog_->tables(kPipe)[1].incomplete_from, 110u);
}

TEST_F(CatalogDestination, GoesBackToTheStart) {
    commit(1);
    commit(2);
    ASSERT_TRUE(catalog_->rewind(kPipe, {100, 120'000, true, {}, "", {}, 4096}));
    EXPECT_EQ(place(), "1-10 100 3");
    commit(300);
    commit(301);
    ASSERT_TRUE(catalog_->rewind(kPipe, {100, 120'000, true, {}, "", {}, 4096}))
        << "again, though the numbers of batches went on";
    EXPECT_EQ(place(), "1-10 100 5");
}

TEST_F(CatalogDestination, DoesNotGoBackLessThanIsSafe) {
    commit(1);
    commit(60);
    EXPECT_FALSE(catalog_->rewind(kPipe, {110, 120'000, false, {}, "", {}, 4096}))
        << "loads may lack rows too";
    EXPECT_EQ(place(), "1-12 120 3");
    catalog_->stop_tables(kPipe, {{.table_index = 1, .reason = "altered", .from_version = 120}});
    commit(61);
    commit(100);
    EXPECT_FALSE(catalog_->rewind(kPipe, {135, 120'000, true, {}, "", {}, 4096})) << "only 39 s are kept";
    commit(300);
    commit(400);
    ASSERT_TRUE(catalog_->rewind(kPipe, {150, 120'000, true, {}, "", {}, 4096}));
    EXPECT_EQ(place(), "1-14 140 7");
}

TEST_F(CatalogDestination, DoesNotGoBackToTheStartWhenBatchesSinceAreForgotten) {
    for (int64_t i = 0; i <= static_cast<int64_t>(Catalog::kKeptBatches); ++i) commit(i);
    EXPECT_FALSE(catalog_->rewind(kPipe, {100, 120'000, true, {}, "", {}, 4096}));
    ASSERT_TRUE(catalog_->rewind(kPipe, {9'000, 0, true, {}, "", {}, 4096}));
    EXPECT_EQ(place(), "1-900 9000 1002");
    EXPECT_FALSE(catalog_->rewind(kPipe, {100, 120'000, true, {}, "", {}, 4096}));
}

TEST_F(CatalogDestination, DoesNotGoBackOverWhatVersionsDependOn) {
    commit(1);
    commit(2);
    catalog_->stop_tables(kPipe, {{.table_index = 1, .reason = "altered", .from_version = 120}});
    EXPECT_FALSE(catalog_->rewind(kPipe, {110, 0, true, {}, "", {}, 4096}));
    EXPECT_EQ(place(), "1-12 120 3");
    commit(3);
    EXPECT_FALSE(catalog_->rewind(kPipe, {125, 0, true, {}, "", {}, 4096}))
        << "the end of batch 2 came before the stop";
    commit(4);
    ASSERT_TRUE(catalog_->rewind(kPipe, {130, 0, true, {}, "", {}, 4096}));
    EXPECT_EQ(place(), "1-13 130 5");
}

TEST_F(CatalogDestination, GoesBackFromAnOpenBatch) {
    commit(1);
    catalog_->put_intent(kPipe,
                         {.batch = 2, .from = gtids("1-11"), .first_version = 110, .last_version = 155});
    ASSERT_TRUE(catalog_->rewind(kPipe, {105, 0, true, {}, "", {}, 4096}));
    EXPECT_EQ(place(), "1-10 100 3");
    EXPECT_EQ(catalog_->intent(kPipe)->first_version, 100u) << "all that is read again is the open batch";
    EXPECT_EQ(catalog_->intent(kPipe)->last_version, 155u);
    EXPECT_EQ(catalog_->intent(kPipe)->batch, 3u);
    EXPECT_FALSE(catalog_->intent(kPipe)->closed);
    EXPECT_EQ(catalog_->destination_record(kPipe).repair.until, 155u);
}

TEST_F(CatalogDestination, TakesOverTheDestinationsPlace) {
    commit(1);
    catalog_->put_intent(kPipe,
                         {.batch = 2, .from = gtids("1-11"), .first_version = 110, .last_version = 115});
    catalog_->adopt_checkpoint(kPipe, {gtids("1-30"), 300, 9}, 77);
    EXPECT_EQ(place(), "1-30 300 9");
    EXPECT_FALSE(catalog_->intent(kPipe));
    EXPECT_GE(catalog_->destination_record(kPipe).turn, 77u);
    // Nothing is known of the batches between.
    commit(2);
    EXPECT_FALSE(catalog_->rewind(kPipe, {305, 0, true, {}, "", {}, 4096}));
}

}  // namespace
}  // namespace penstock
