// The catalog as a file: damaged, foreign, older and newer ones; the lock of its directory.
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test_error.h"
#include "catalog/catalog.h"
#include "catalog/data_directory_lock.h"
#include "catalog/migrations.h"
#include "catalog/sqlite.h"

namespace {
int syncs = 0;
}

// In place of libc's, for SQLite too.
extern "C" int fsync(int file) {
    ++syncs;
    return static_cast<int>(syscall(SYS_fsync, file));
}
extern "C" int fdatasync(int file) {
    ++syncs;
    return static_cast<int>(syscall(SYS_fdatasync, file));
}

namespace penstock {
namespace {

namespace fs = std::filesystem;

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

class CatalogFileTest : public testing::Test {
  protected:
    CatalogFileTest() {
        char name[] = "/tmp/penstock-catalog-XXXXXX";
        directory_ = mkdtemp(name);
        path_ = directory_ + "/catalog.sqlite";
    }
    ~CatalogFileTest() override { fs::remove_all(directory_); }

    void expect_refused(const std::string& words) {
        std::string before = read_file(path_);
        std::string line = usage_error([&] { Catalog catalog(path_); });
        EXPECT_NE(line.find(words), std::string::npos) << line;
        EXPECT_NE(line.find(path_), std::string::npos) << line;
        EXPECT_EQ(read_file(path_), before) << "a refused file was changed";
    }

    std::string directory_, path_;
};

TEST_F(CatalogFileTest, text_in_its_place_is_refused) {
    std::ofstream(path_) << std::string(5000, 'x');
    expect_refused("damaged or not a Penstock catalog");
}

TEST_F(CatalogFileTest, a_damaged_page_is_found_when_the_file_is_opened) {
    {
        Catalog catalog(path_);
        catalog.create_pipe({.id = make_uuid(), .name = "shop", .spec_json = std::string(20'000, 'a')});
    }
    {
        std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(4096 + 1);  // in the b-tree header of the second page
        file << std::string(300, '\x7f');
    }
    expect_refused("damaged");
}

TEST_F(CatalogFileTest, another_programs_database_is_refused) {
    {
        Database other(path_, Disposition::kUsage);
        other.execute("CREATE TABLE t (a)");
    }
    expect_refused("not a Penstock catalog");
}

TEST_F(CatalogFileTest, a_file_of_a_newer_penstock_is_refused) {
    { Catalog catalog(path_); }
    {
        Database file(path_, Disposition::kUsage);
        file.execute("PRAGMA user_version = 999");
    }
    expect_refused("written by a newer Penstock (catalog version 999, this one knows up to ");
}

TEST_F(CatalogFileTest, a_missing_directory_is_named) {
    path_ = directory_ + "/nowhere/catalog.sqlite";
    std::string line = usage_error([&] { Catalog catalog(path_); });
    EXPECT_NE(line.find("No such file"), std::string::npos) << line;
}

// The file is kept as SQL, made by `sqlite3 catalog.sqlite .dump` and the two pragmas; it is never edited.
TEST_F(CatalogFileTest, a_version_1_file_is_read_with_all_that_it_holds) {
    std::string sql = read_file(PENSTOCK_TEST_DATA "/catalog_version_1.sql");
    ASSERT_FALSE(sql.empty());
    {
        Database file(path_, Disposition::kUsage);
        file.execute(sql.c_str());
        ASSERT_EQ(file.query_integer("PRAGMA user_version"), 1);
    }
    Catalog catalog(path_);
    auto pipe = catalog.find_pipe("shop");
    ASSERT_TRUE(pipe);
    EXPECT_EQ(pipe->state, "Running");
    EXPECT_EQ(pipe->resume_state, "Running");
    EXPECT_EQ(catalog.transitions(pipe->id).size(), 2u);
    auto tables = catalog.tables(pipe->id);
    ASSERT_EQ(tables.size(), 1u);
    EXPECT_EQ(tables[0].load_state, LoadState::kLoaded);
    EXPECT_EQ(tables[0].rows_loaded, 42u);
    EXPECT_EQ(tables[0].counts, (RowCounts{3, 2, 1, 0}));
    auto schemas = catalog.schemas(pipe->id);
    ASSERT_EQ(schemas.size(), 1u);
    EXPECT_EQ(schemas[0].schema.columns.at(0).type, SourceType::kBigInt);
    EXPECT_EQ(catalog.partitions(pipe->id, 0).at(0).rows, 42u);
    EXPECT_EQ(catalog.start_position(pipe->id).to_string(), "mariadb-gtid:0-1-5");
    EXPECT_EQ(catalog.snapshot_high_position(pipe->id).to_string(), "mariadb-gtid:0-1-9");
    EXPECT_EQ(catalog.checkpoint(pipe->id)->position.to_string(), "mariadb-gtid:0-1-12");
    EXPECT_EQ(catalog.checkpoint(pipe->id)->next_version, 50u);
    EXPECT_EQ(catalog.intent(pipe->id)->batch, 2u);
    EXPECT_EQ(catalog.batches(pipe->id).at(0).counts, (RowCounts{3, 2, 1, 0}));
    catalog.commit_batch(pipe->id, {catalog.checkpoint(pipe->id)->position, 51, 3}, {});
}

TEST_F(CatalogFileTest, a_file_of_the_version_1_migration_goes_forward_with_its_rows) {
    {
        Database file(path_, Disposition::kUsage);
        prepare_catalog(file, catalog_migrations().first(1));
        file.execute(
            "INSERT INTO pipes VALUES ('p1', 'shop', '{}', 'Running', 'r', 'Running', 'server', "
            "'file:b.000001:4',"
            " 'file:b.000002:4', 7, 8), ('p2', 'crm', '{2}', 'Paused', '', '', '', '', '', 9, 10);"
            "INSERT INTO tables VALUES ('p1', 0, 'items', 3, '', 10, 42, 3, 2, 1, 0),"
            " ('p1', 1, 'orders', 2, 'file:b.000001:9', 11, 5, 0, 0, 0, 4);"
            "INSERT INTO partitions VALUES ('p1', 1, 0, 'a', 5, 2, 5, 1), ('p1', 1, 1, 'b', 5, 1, 0, 0);"
            "INSERT INTO checkpoints VALUES ('p1', 'file:b.000002:99', 50, 2);");
        ASSERT_EQ(file.query_integer("PRAGMA user_version"), 1);
    }
    {
        Catalog catalog(path_);
        auto pipes = catalog.list_pipes();
        ASSERT_EQ(pipes.size(), 2u);
        EXPECT_EQ(pipes[0].name, "crm");
        EXPECT_EQ(pipes[0].spec_json + pipes[1].spec_json, "{2}{}");
        EXPECT_EQ(pipes[1].id, "p1");
        EXPECT_EQ(pipes[1].state_reason, "r");
        EXPECT_EQ(pipes[1].updated_at, 8);
        EXPECT_EQ(pipes[1].service_id + pipes[1].sealed_password + pipes[1].resync_wanted, "");
        auto tables = catalog.tables("p1");
        ASSERT_EQ(tables.size(), 2u);
        EXPECT_EQ(tables[0].counts, (RowCounts{3, 2, 1, 0}));
        EXPECT_EQ(tables[0].mapping_json + tables[0].target_uuid + tables[0].stop_reason, "");
        EXPECT_TRUE(tables[0].joined_position.none());
        EXPECT_EQ(tables[1].exact_position.to_string(), "file:b.000001:9");
        EXPECT_EQ(tables[1].load_state, LoadState::kLoading);
        EXPECT_EQ(tables[1].load_table + tables[1].load_uuid, "");
        const auto parts = catalog.partitions("p1", 1);  // the load goes on as it was begun
        EXPECT_EQ(parts.at(0).version, 11u);
        EXPECT_EQ(parts.at(1).version, 11u);
        EXPECT_EQ(catalog.first_version("p1"), 0u);
        EXPECT_EQ(catalog.checkpoint("p1")->next_version, 50u);
        EXPECT_FALSE(catalog.intake_of("p1"));
        catalog.create_intake("p1", {.id = "i1"}, "");
        catalog.put_service({.id = "s1", .name = "one"});
        EXPECT_EQ(catalog.put_fact_if_absent("a", "b"), "b");
    }
    Database file(path_, Disposition::kUsage);
    EXPECT_EQ(file.query_integer("PRAGMA user_version"), static_cast<int64_t>(catalog_migrations().size()));
    EXPECT_EQ(file.query_integer("SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

TEST_F(CatalogFileTest, an_intake_under_way_keeps_its_first_version) {
    {
        Database file(path_, Disposition::kUsage);
        prepare_catalog(file, catalog_migrations().first(4));
        file.execute(
            "INSERT INTO pipes (id, name, state, state_reason, resume_state, parent_id, created_at, "
            "updated_at)"
            " VALUES ('p', 'p', '', '', '', NULL, 0, 0), ('q', 'q', '', '', '', NULL, 0, 0),"
            " ('loading', 'i', '', '', '', 'p', 0, 0), ('planned', 'j', '', '', '', 'q', 0, 0);"
            "INSERT INTO tables (pipe_id, table_index, target_table, load_state, exact_position,"
            " snapshot_version, rows_loaded, inserted, updated, deleted, adjusted) VALUES"
            " ('loading', 0, 'a', 3, '', 20, 0, 0, 0, 0, 0), ('loading', 1, 'b', 1, '', 0, 0, 0, 0, 0, 0),"
            " ('planned', 0, 'a', 1, '', 0, 0, 0, 0, 0, 0);"
            "INSERT INTO checkpoints VALUES ('loading', 'file:b.000002:99', 50, 2),"
            " ('planned', 'file:b.000002:99', 31, 2);");
    }
    Catalog catalog(path_);
    EXPECT_EQ(catalog.first_version("loading"), 21u);
    EXPECT_EQ(catalog.first_version("planned"), 31u);
    EXPECT_EQ(catalog.first_version("p"), 0u);
}

TEST_F(CatalogFileTest, migrations_run_in_order_and_once) {
    const char* const steps[] = {"CREATE TABLE a (n)", "INSERT INTO a VALUES (2)",
                                 "INSERT INTO a VALUES (3)"};
    Database file(path_, Disposition::kUsage);
    prepare_catalog(file, std::span(steps, 1));
    EXPECT_EQ(file.query_integer("PRAGMA user_version"), 1);
    prepare_catalog(file, steps);
    prepare_catalog(file, steps);
    EXPECT_EQ(file.query_integer("PRAGMA user_version"), 3);
    EXPECT_EQ(file.query_text("SELECT group_concat(n) FROM a"), "2,3");
    EXPECT_EQ(file.query_text("PRAGMA journal_mode"), "wal");
    EXPECT_EQ(file.query_integer("PRAGMA synchronous"), 2);
    EXPECT_EQ(file.query_integer("PRAGMA foreign_keys"), 1);
}

TEST_F(CatalogFileTest, only_transactions_that_may_be_lost_are_not_synced) {
    Database file(path_, Disposition::kUsage);
    prepare_catalog(file, catalog_migrations());
    const std::vector<std::pair<Synced, int64_t>> levels = {
        {Synced::kAtOnce, 2}, {Synced::kLater, 1}, {Synced::kLater, 1}, {Synced::kAtOnce, 2}};
    for (auto [synced, level] : levels) {
        Transaction transaction(file, synced);
        EXPECT_EQ(file.query_integer("PRAGMA synchronous"), level);
        transaction.commit();
    }
}

TEST_F(CatalogFileTest, progress_of_a_load_is_synced_with_what_comes_after_it) {
    Catalog catalog(path_);
    catalog.create_pipe({.id = "p", .name = "shop", .spec_json = "{}", .state = "Snapshot"});
    catalog.put_tables("p", {{.target_table = "items"}});
    const Position position = Position::parse("mariadb-gtid:0-1-5");
    auto syncs_of = [](auto write) {
        syncs = 0;
        write();
        return syncs;
    };
    EXPECT_EQ(syncs_of([&] { catalog.put_partitions("p", 0, {{.index = 0}}); }), 1);
    EXPECT_EQ(syncs_of([&] {
                  catalog.raise_snapshot_high("p", position);
                  catalog.start_partition("p", 0, 0);
                  catalog.finish_partition("p", 0, 0, 3);
                  catalog.finish_load("p", 0);
              }),
              0);
    EXPECT_EQ(syncs_of([&] { catalog.record_transition("p", "Snapshot", "Running", "", ""); }), 1);
    EXPECT_EQ(syncs_of([&] { catalog.raise_snapshot_high("p", position); }), 0);
    EXPECT_EQ(syncs_of([&] { catalog.put_intent("p", {.batch = 1}); }), 1);
    EXPECT_EQ(syncs_of([&] { catalog.raise_snapshot_high("p", position); }), 0);
    EXPECT_EQ(syncs_of([&] { catalog.commit_batch("p", {position, 2, 2}, {}); }), 1);
    EXPECT_EQ(syncs_of([&] { catalog.put_checkpoint("p", {position, 3, 3}); }), 1);
}

TEST_F(CatalogFileTest, a_migration_that_fails_leaves_the_version_before_it) {
    const char* const steps[] = {"CREATE TABLE a (n)", "CREATE TABLE b (n); INSERT INTO nowhere VALUES (1)"};
    Database file(path_, Disposition::kUsage);
    EXPECT_NE(usage_error([&] { prepare_catalog(file, steps); }).find("migrate"), std::string::npos);
    EXPECT_EQ(file.query_integer("PRAGMA user_version"), 1);
    EXPECT_EQ(file.query_integer("SELECT count(*) FROM sqlite_schema WHERE name = 'b'"), 0);
}

TEST_F(CatalogFileTest, the_directory_has_one_owner) {
    std::string data = directory_ + "/new/data";
    auto lock = std::make_optional<DataDirectoryLock>(data);
    EXPECT_EQ(fs::status(data).permissions(), fs::perms::owner_all);
    std::string line = usage_error([&] { DataDirectoryLock second(data, std::chrono::milliseconds(0)); });
    EXPECT_NE(
        line.find("another penstock runs on this data directory (pid " + std::to_string(getpid()) + ")"),
        std::string::npos)
        << line;
    lock.reset();
    DataDirectoryLock again(data);
}

TEST_F(CatalogFileTest, the_lock_goes_with_its_process) {
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        DataDirectoryLock lock(directory_);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        pause();
        _exit(1);
    }
    char byte = 0;
    ASSERT_EQ(read(ready[0], &byte, 1), 1);
    std::string line = usage_error([&] { DataDirectoryLock lock(directory_, std::chrono::milliseconds(0)); });
    EXPECT_NE(line.find("(pid " + std::to_string(child) + ")"), std::string::npos) << line;
    kill(child, SIGKILL);
    DataDirectoryLock lock(directory_);  // waits for it to be gone
    waitpid(child, nullptr, 0);
    close(ready[0]);
    close(ready[1]);
}

TEST_F(CatalogFileTest, a_directory_that_cannot_be_made_is_named) {
    std::ofstream(path_) << "a file";
    EXPECT_NE(usage_error([&] { DataDirectoryLock lock(path_ + "/data"); }).find("cannot create it"),
              std::string::npos);
}

}  // namespace
}  // namespace penstock
