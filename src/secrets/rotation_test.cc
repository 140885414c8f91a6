// Which master key belongs to a catalog, and how another takes its place whatever happens on the way.
#include "secrets/rotation.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test_error.h"
#include "secrets/key_file.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

std::string key_text(char fill) {
    // base64 of 32 bytes
    return std::string(42, fill) + "A=";
}

class RotationTest : public testing::Test {
  protected:
    RotationTest() {
        clear_environment();
        char name[] = "/tmp/penstock-secrets-XXXXXX";
        directory_ = mkdtemp(name);
        file_ = directory_ + "/master.key";
        next_ = file_ + ".next";
        open();
    }
    ~RotationTest() override {
        clear_environment();
        catalog_.reset();
        fs::remove_all(directory_);
    }
    static void clear_environment() {
        unsetenv(kMasterKeyVariable);
        unsetenv(kNewMasterKeyVariable);
    }
    void open() {
        catalog_.reset();
        catalog_ =
            std::make_unique<Catalog>(directory_ + "/catalog.sqlite", CatalogOptions{.before_commit = [this] {
                                          if (before_commit_) before_commit_();
                                      }});
    }
    MasterKey load(bool make = false) { return load_master_key(*catalog_, file_, make); }

    /// Seals three passwords under the catalog's key, which is made if there is none.
    void seal_some() {
        MasterKey key = load(true);
        catalog_->create_pipe(
            {.id = "p1", .name = "shop", .sealed_password = key.seal("one", "pipe/p1/password")});
        catalog_->create_pipe(
            {.id = "p2", .name = "crm", .sealed_password = key.seal("two", "pipe/p2/password")});
        catalog_->create_pipe({.id = "p3", .name = "file"});
        catalog_->put_service(
            {.id = "s1", .name = "cloud", .sealed_password = key.seal("three", "service/s1/password")});
    }
    void expect_all_open(const MasterKey& key) {
        EXPECT_EQ(key.open(catalog_->get_pipe("p1")->sealed_password, "pipe/p1/password"), "one");
        EXPECT_EQ(key.open(catalog_->get_pipe("p2")->sealed_password, "pipe/p2/password"), "two");
        EXPECT_EQ(catalog_->get_pipe("p3")->sealed_password, "");
        EXPECT_EQ(key.open(catalog_->get_service("s1")->sealed_password, "service/s1/password"), "three");
        EXPECT_EQ(catalog_->fact(kMasterKeyFact), key.id());
    }
    MasterKey key_in(const std::string& file) {
        return MasterKey::from_text(read_key_file(file).value().get(), file);
    }

    std::string directory_, file_, next_;
    std::function<void()> before_commit_;
    std::unique_ptr<Catalog> catalog_;
};

TEST_F(RotationTest, a_new_catalog_takes_the_key_that_is_made_or_given) {
    usage_error([&] { load(false); });
    EXPECT_FALSE(catalog_->fact(kMasterKeyFact));
    std::string id = load(true).id();
    EXPECT_EQ(catalog_->fact(kMasterKeyFact), id);
    open();
    EXPECT_EQ(load().id(), id);
    // Nothing is sealed yet, so another key is as good.
    setenv(kMasterKeyVariable, key_text('B').c_str(), 1);
    EXPECT_NE(load().id(), id);
    EXPECT_EQ(catalog_->fact(kMasterKeyFact), load().id());
}

TEST_F(RotationTest, a_key_in_a_file_is_replaced) {
    seal_some();
    MasterKey before = load();
    const std::string sealed = catalog_->get_pipe("p1")->sealed_password;
    Rotation rotation = rotate_master_key(*catalog_, file_);
    EXPECT_EQ(rotation.resealed, 3u);
    EXPECT_EQ(rotation.old_key_id, before.id());
    EXPECT_EQ(rotation.file, file_);
    EXPECT_NE(rotation.new_key_id, before.id());
    EXPECT_EQ(key_in(file_).id(), rotation.new_key_id);
    EXPECT_FALSE(fs::exists(next_));
    // What the old key opens is nowhere in the data directory any more.
    for (const auto& entry : fs::directory_iterator(directory_)) {
        std::ifstream file(entry.path(), std::ios::binary);
        std::ostringstream bytes;
        bytes << file.rdbuf();
        EXPECT_EQ(bytes.str().find(sealed), std::string::npos) << entry.path();
    }
    open();
    MasterKey now = load();
    EXPECT_EQ(now.id(), rotation.new_key_id);
    expect_all_open(now);
    usage_error([&] { before.open(catalog_->get_pipe("p1")->sealed_password, "pipe/p1/password"); });
    EXPECT_NE(rotate_master_key(*catalog_, file_).new_key_id, now.id());
    expect_all_open(load());
}

TEST_F(RotationTest, a_key_in_the_environment_is_replaced_by_the_new_one_there) {
    setenv(kMasterKeyVariable, key_text('B').c_str(), 1);
    seal_some();
    EXPECT_FALSE(fs::exists(file_));
    std::string line = usage_error([&] { rotate_master_key(*catalog_, file_); });
    EXPECT_NE(line.find("$PENSTOCK_NEW_MASTER_KEY is not set"), std::string::npos) << line;
    setenv(kNewMasterKeyVariable, key_text('B').c_str(), 1);
    line = usage_error([&] { rotate_master_key(*catalog_, file_); });
    EXPECT_NE(line.find("($PENSTOCK_NEW_MASTER_KEY) is the one in use"), std::string::npos) << line;
    setenv(kNewMasterKeyVariable, "short", 1);
    line = usage_error([&] { rotate_master_key(*catalog_, file_); });
    EXPECT_NE(line.find("$PENSTOCK_NEW_MASTER_KEY: it is not 32 bytes"), std::string::npos) << line;
    expect_all_open(load());

    setenv(kNewMasterKeyVariable, key_text('C').c_str(), 1);
    Rotation rotation = rotate_master_key(*catalog_, file_);
    EXPECT_EQ(rotation.resealed, 3u);
    EXPECT_EQ(rotation.file, "");
    EXPECT_FALSE(fs::exists(file_));
    EXPECT_FALSE(fs::exists(next_));
    line = usage_error([&] { load(true); });
    EXPECT_EQ(
        line,
        "master key $PENSTOCK_MASTER_KEY: it holds the key " + rotation.old_key_id +
            ", but the catalog's secrets are sealed under the key " + rotation.new_key_id +
            ". The rotation to $PENSTOCK_NEW_MASTER_KEY is done: set PENSTOCK_MASTER_KEY to that value");
    unsetenv(kNewMasterKeyVariable);
    line = usage_error([&] { load(true); });
    EXPECT_NE(line.find("Set PENSTOCK_MASTER_KEY to that key"), std::string::npos) << line;
    setenv(kMasterKeyVariable, key_text('C').c_str(), 1);
    expect_all_open(load());
}

TEST_F(RotationTest, a_new_key_in_the_environment_does_not_replace_one_in_a_file) {
    seal_some();
    setenv(kNewMasterKeyVariable, key_text('C').c_str(), 1);
    std::string line = usage_error([&] { rotate_master_key(*catalog_, file_); });
    EXPECT_NE(line.find("is set, but the key is in " + file_), std::string::npos) << line;
    expect_all_open(load());
}

TEST_F(RotationTest, the_same_key_may_move_between_file_and_environment) {
    seal_some();
    setenv(kMasterKeyVariable, read_key_file(file_)->get().c_str(), 1);
    fs::remove(file_);
    expect_all_open(load());
}

TEST_F(RotationTest, a_wrong_or_missing_key_is_named_and_none_is_made) {
    seal_some();
    const std::string id = load().id();
    fs::rename(file_, file_ + ".away");
    std::string line = usage_error([&] { load(true); });
    EXPECT_EQ(line, "master key " + file_ +
                        ": the file does not exist, but the catalog's secrets are sealed under "
                        "the key " +
                        id +
                        ". Put the file with that key in its place, or set PENSTOCK_MASTER_KEY to that key");
    EXPECT_FALSE(fs::exists(file_));
    write_key_file(file_, key_text('B'), false);
    line = usage_error([&] { load(true); });
    EXPECT_NE(line.find(file_ + ": it holds the key " + key_in(file_).id()), std::string::npos) << line;
    EXPECT_NE(line.find(id), std::string::npos) << line;
    usage_error([&] { rotate_master_key(*catalog_, file_); });
    fs::rename(file_ + ".away", file_);
    expect_all_open(load());
}

TEST_F(RotationTest, at_the_commit_both_keys_are_on_disk) {
    seal_some();
    const std::string before = load().id();
    int commits = 0;
    before_commit_ = [&] {
        ++commits;
        EXPECT_EQ(key_in(file_).id(), before);
        EXPECT_NE(key_in(next_).id(), before);
    };
    rotate_master_key(*catalog_, file_);
    EXPECT_EQ(commits, 1);
}

TEST_F(RotationTest, a_process_that_dies_before_the_commit_leaves_the_old_key_in_force) {
    seal_some();
    const std::string before = load().id();
    catalog_.reset();
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        before_commit_ = [] { _exit(42); };
        open();
        rotate_master_key(*catalog_, file_);
        _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), 42);
    ASSERT_TRUE(fs::exists(next_));
    open();
    EXPECT_EQ(load().id(), before);
    expect_all_open(load());
    // The next try is not confused by what the first one left.
    const std::string abandoned = key_in(next_).id();
    Rotation rotation = rotate_master_key(*catalog_, file_);
    EXPECT_NE(rotation.new_key_id, abandoned);
    expect_all_open(load());
    EXPECT_FALSE(fs::exists(next_));
}

TEST_F(RotationTest, after_a_crash_behind_the_commit_the_new_key_is_found) {
    seal_some();
    MasterKey before = load();
    write_key_file(next_, key_text('C'), true);
    EXPECT_EQ(rotate_master_key(*catalog_, before, key_in(next_)), 3u);
    // Here the process dies: the catalog is sealed under the key of FILE.next.
    open();
    ASSERT_EQ(key_in(file_).id(), before.id());
    MasterKey now = load();
    EXPECT_EQ(now.id(), MasterKey::from_text(key_text('C'), "").id());
    EXPECT_EQ(now.origin(), file_);
    expect_all_open(now);
    EXPECT_EQ(key_in(file_).id(), now.id());
    EXPECT_FALSE(fs::exists(next_));
}

TEST_F(RotationTest, one_secret_that_does_not_open_stops_it_all) {
    seal_some();
    MasterKey key = load();
    catalog_->change_pipe("p2", {.sealed_password = key.seal("x", "pipe/p1/password")});
    std::string line = usage_error([&] { rotate_master_key(*catalog_, file_); });
    EXPECT_NE(line.find("open the sealed pipe/p2/password"), std::string::npos) << line;
    EXPECT_EQ(load().id(), key.id());
    EXPECT_EQ(key.open(catalog_->get_pipe("p1")->sealed_password, "pipe/p1/password"), "one");
    EXPECT_EQ(key.open(catalog_->get_service("s1")->sealed_password, "service/s1/password"), "three");
}

}  // namespace
}  // namespace penstock
