// The master key: where it comes from, and what it seals.
#include "secrets/master_key.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sodium.h>
#include <sys/stat.h>

#include "base/test_error.h"
#include "secrets/key_file.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

// 32 bytes of zeros, and of 0x01.
constexpr const char* kZeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
constexpr const char* kOnes = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

class MasterKeyTest : public testing::Test {
  protected:
    MasterKeyTest() {
        unsetenv(kMasterKeyVariable);
        char name[] = "/tmp/penstock-secrets-XXXXXX";
        directory_ = mkdtemp(name);
        file_ = directory_ + "/master.key";
    }
    ~MasterKeyTest() override {
        unsetenv(kMasterKeyVariable);
        fs::remove_all(directory_);
    }
    void write(const std::string& text, mode_t mode = 0600) {
        std::ofstream(file_) << text;
        chmod(file_.c_str(), mode);
    }
    void expect_refused(const std::string& words) {
        std::string line = usage_error([&] { MasterKey::load(file_, true); });
        EXPECT_NE(line.find(words), std::string::npos) << line;
        EXPECT_NE(line.find(file_), std::string::npos) << line;
        EXPECT_EQ(line.find(kOnes), std::string::npos) << line;
    }

    std::string directory_, file_;
};

TEST_F(MasterKeyTest, a_missing_file_is_made_once_and_private) {
    std::string line = usage_error([&] { MasterKey::load(file_, false); });
    EXPECT_NE(line.find("does not exist"), std::string::npos) << line;
    EXPECT_NE(line.find(kMasterKeyVariable), std::string::npos) << line;
    EXPECT_FALSE(fs::exists(file_));

    MasterKey made = MasterKey::load(file_, true);
    struct stat info {};
    ASSERT_EQ(stat(file_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600u);
    std::string sealed = made.seal("pass", "pipe/1/password");
    MasterKey again = MasterKey::load(file_, true);
    EXPECT_EQ(again.id(), made.id());
    EXPECT_EQ(again.origin(), file_);
    EXPECT_EQ(again.open(sealed, "pipe/1/password"), "pass");
    EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 1);
}

TEST_F(MasterKeyTest, threads_that_make_it_at_once_agree) {
    std::vector<std::string> ids(8);
    {
        std::vector<std::jthread> threads;
        for (std::string& id : ids) {
            threads.emplace_back([&] { id = MasterKey::load(file_, true).id(); });
        }
    }
    for (const std::string& id : ids) EXPECT_EQ(id, MasterKey::load(file_, false).id());
    EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 1);
}

TEST_F(MasterKeyTest, the_environment_comes_before_the_file) {
    write(kOnes);
    setenv(kMasterKeyVariable, kZeros, 1);
    MasterKey key = MasterKey::load(file_, true);
    EXPECT_EQ(key.id(), MasterKey::from_text(kZeros, "").id());
    EXPECT_EQ(key.origin(), "$PENSTOCK_MASTER_KEY");
    setenv(kMasterKeyVariable, "", 1);
    EXPECT_EQ(MasterKey::load(file_, true).id(), MasterKey::from_text(kOnes, "").id());
    setenv(kMasterKeyVariable, "c2hvcnQ=", 1);
    std::string line = usage_error([&] { MasterKey::load(file_, true); });
    EXPECT_EQ(line,
              "master key $PENSTOCK_MASTER_KEY: it is not 32 bytes as base64. One is made by: head -c 32 "
              "/dev/urandom | base64");
}

TEST_F(MasterKeyTest, white_space_around_the_key_does_not_matter) {
    write(std::string("\n ") + kOnes + " \r\n\n");
    EXPECT_EQ(MasterKey::load(file_, false).id(), MasterKey::from_text(kOnes, "").id());
}

TEST_F(MasterKeyTest, a_file_that_is_no_key_is_refused_and_stays) {
    for (const char* text :
         {"", "\n", "AQEBAQ==", "not base64!", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"}) {
        write(text);
        expect_refused("not 32 bytes as base64");
    }
    write(std::string(kOnes) + "\n" + kOnes);
    expect_refused("not 32 bytes as base64");
    write(std::string(10'000, 'A'));
    expect_refused("longer than 4096 bytes");
    EXPECT_EQ(fs::file_size(file_), 10'000u);
    fs::remove(file_);
    fs::create_directory(file_);
    expect_refused("not a regular file");
}

TEST_F(MasterKeyTest, a_file_open_to_others_is_refused) {
    for (mode_t mode : {0640u, 0604u, 0620u, 0644u, 0610u}) {
        write(kOnes, mode);
        expect_refused("others than its owner may use it");
        fs::remove(file_);
    }
    write(kOnes, 0400);
    MasterKey::load(file_, false);
}

TEST_F(MasterKeyTest, a_directory_that_is_not_there_is_named) {
    file_ = directory_ + "/nowhere/master.key";
    expect_refused("cannot write it: No such file");
}

TEST(Seal, opens_to_the_same_bytes_whatever_they_are) {
    MasterKey key = MasterKey::from_text(kOnes, "test");
    for (const std::string& secret :
         {std::string(), std::string("p"), std::string("\0\xff\n'", 4), std::string(100'000, 'x')}) {
        EXPECT_EQ(key.open(key.seal(secret, "service/1/password"), "service/1/password"), secret);
    }
}

TEST(Seal, is_another_text_each_time_and_holds_nothing_readable) {
    MasterKey key = MasterKey::from_text(kOnes, "test");
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) {
        std::string sealed = key.seal("the secret", "c");
        EXPECT_TRUE(seen.insert(sealed).second);
        EXPECT_EQ(sealed.size(), (1 + 4 + 24 + 10 + 16 + 2) / 3 * 4u);
    }
}

TEST(Seal, opens_only_unchanged_and_in_its_place) {
    MasterKey key = MasterKey::from_text(kOnes, "FILE");
    const std::string sealed = key.seal("the secret", "pipe/1/password");
    auto refused = [&](const std::string& text, const std::string& context = "pipe/1/password") {
        std::string line = usage_error([&] { key.open(text, context); });
        EXPECT_EQ(line.find("the secret"), std::string::npos);
        EXPECT_NE(line.find("open the sealed " + context), std::string::npos) << line;
        return line;
    };
    EXPECT_NE(refused(sealed, "pipe/2/password").find("for another place"), std::string::npos);
    EXPECT_NE(refused(sealed, "pipe/1/passwor").find("for another place"), std::string::npos);
    for (const std::string& text :
         {std::string(), std::string("x"), sealed.substr(0, 40), sealed + "AAAA", sealed + "!"}) {
        EXPECT_NE(refused(text).find("damaged"), std::string::npos) << text;
    }
    // Each byte counts: form, key id, nonce, ciphertext, tag.
    std::vector<uint8_t> bytes(sealed.size());
    size_t size = 0;
    ASSERT_EQ(sodium_base642bin(bytes.data(), bytes.size(), sealed.data(), sealed.size(), nullptr, &size,
                                nullptr, sodium_base64_VARIANT_ORIGINAL),
              0);
    for (size_t i = 0; i < size; ++i) {
        bytes[i] ^= 1;
        std::string text(sodium_base64_ENCODED_LEN(size, sodium_base64_VARIANT_ORIGINAL), '\0');
        sodium_bin2base64(text.data(), text.size(), bytes.data(), size, sodium_base64_VARIANT_ORIGINAL);
        text.pop_back();
        std::string line = refused(text);
        const char* words = i == 0 ? "newer Penstock" : i < 5 ? "sealed under the master key" : "damaged";
        EXPECT_NE(line.find(words), std::string::npos) << i << " " << line;
        bytes[i] ^= 1;
    }
}

TEST(Seal, a_wrong_key_is_said_to_be_wrong) {
    MasterKey old_key = MasterKey::from_text(kOnes, "OLD");
    MasterKey new_key = MasterKey::from_text(kZeros, "FILE");
    EXPECT_EQ(old_key.id().size(), 8u);
    EXPECT_NE(old_key.id(), new_key.id());
    std::string sealed = old_key.seal("s", "pipe/1/password");
    EXPECT_EQ(usage_error([&] { new_key.open(sealed, "pipe/1/password"); }),
              "open the sealed pipe/1/password: it is sealed under the master key " + old_key.id() +
                  ", but FILE holds " + new_key.id() + ". Use the master key that it was sealed under");
}

TEST(Seal, a_key_that_was_moved_works_and_the_old_place_is_wiped) {
    MasterKey first = MasterKey::from_text(kOnes, "FILE");
    std::string sealed = first.seal("s", "c");
    MasterKey second = std::move(first);
    EXPECT_EQ(second.open(sealed, "c"), "s");
    EXPECT_EQ(second.origin(), "FILE");
    usage_error([&] { first.open(second.seal("s", "c"), "c"); });  // NOLINT(bugprone-use-after-move)
}

TEST(GeneratedKey, is_random_and_is_read_back) {
    std::string text = MasterKey::generate_text();
    EXPECT_EQ(text.size(), 44u);
    EXPECT_NE(text, MasterKey::generate_text());
    EXPECT_EQ(MasterKey::from_text(text, "").id(), MasterKey::from_text(text, "").id());
}

TEST_F(MasterKeyTest, a_key_file_is_written_whole_and_replaced_only_when_asked) {
    EXPECT_FALSE(read_key_file(file_));
    EXPECT_TRUE(write_key_file(file_, "one", false));
    EXPECT_FALSE(write_key_file(file_, "two", false));
    EXPECT_EQ(read_key_file(file_)->get(), "one");
    EXPECT_TRUE(write_key_file(file_, "three", true));
    EXPECT_EQ(read_key_file(file_)->get(), "three");
    write_key_file(file_ + ".next", "four", true);
    replace_key_file(file_ + ".next", file_);
    EXPECT_EQ(read_key_file(file_)->get(), "four");
    EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 1);
    usage_error([&] { replace_key_file(file_ + ".next", file_); });
}

}  // namespace
}  // namespace penstock
