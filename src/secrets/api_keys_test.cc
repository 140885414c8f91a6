// API keys: what is stored, who gets in, what a check costs.
#include "secrets/api_keys.h"

#include <atomic>
#include <barrier>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/test_error.h"
#include "secrets/password_hash.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

class ApiKeysTest : public testing::Test {
  protected:
    ApiKeysTest() {
        char name[] = "/tmp/penstock-secrets-XXXXXX";
        directory_ = mkdtemp(name);
        catalog_ = std::make_unique<Catalog>(directory_ + "/catalog.sqlite",
                                             CatalogOptions{.now = [this] { return now_.load(); }});
        keys_ = std::make_unique<ApiKeys>(*catalog_);
    }
    ~ApiKeysTest() override {
        keys_.reset();
        catalog_.reset();
        fs::remove_all(directory_);
    }
    /// How many argon2 computations `work` takes.
    template <typename Work>
    uint64_t cost_of(Work&& work) {
        uint64_t before = PasswordHash::computations();
        work();
        return PasswordHash::computations() - before;
    }

    std::string directory_;
    std::atomic<int64_t> now_ = 1'700'000'000'000;
    std::unique_ptr<Catalog> catalog_;
    std::unique_ptr<ApiKeys> keys_;
};

TEST_F(ApiKeysTest, a_new_key_opens_and_its_secret_is_stored_nowhere) {
    NewApiKey made = keys_->create("ci", KeyRole::kReader, now_ + 1000);
    EXPECT_EQ(made.key.id.size(), 20u);
    EXPECT_EQ(made.secret.size(), 40u);
    for (char c : made.key.id + made.secret) EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c))) << c;
    EXPECT_EQ(made.key.name, "ci");
    EXPECT_EQ(made.key.role, KeyRole::kReader);
    EXPECT_EQ(made.key.created_at, now_);
    EXPECT_EQ(made.key.expires_at, now_ + 1000);
    EXPECT_EQ(keys_->verify(made.key.id, made.secret), KeyRole::kReader);

    EXPECT_EQ(catalog_->get_api_key(made.key.id)->secret_hash.rfind("$argon2id$v=19$m=65536,t=2,p=1$", 0),
              0u);
    for (const auto& entry : fs::directory_iterator(directory_)) {
        std::ifstream file(entry.path(), std::ios::binary);
        std::ostringstream bytes;
        bytes << file.rdbuf();
        EXPECT_EQ(bytes.str().find(made.secret), std::string::npos) << entry.path();
    }

    NewApiKey other = keys_->create("ci", KeyRole::kAdmin, 0);
    EXPECT_NE(other.key.id, made.key.id);
    EXPECT_NE(other.secret, made.secret);
    EXPECT_EQ(keys_->verify(other.key.id, other.secret), KeyRole::kAdmin);
    EXPECT_FALSE(keys_->verify(other.key.id, made.secret));
    EXPECT_FALSE(keys_->verify(made.key.id, other.secret));
    auto list = keys_->list();
    ASSERT_EQ(list.size(), 2u);
    std::set<std::string> ids = {list[0].id, list[1].id};
    EXPECT_EQ(ids, (std::set<std::string>{made.key.id, other.key.id}));
}

TEST_F(ApiKeysTest, what_is_not_the_secret_does_not_open) {
    NewApiKey made = keys_->create("a", KeyRole::kAdmin, 0);
    const std::string& right = made.secret;
    for (bool remembered : {false, true}) {
        EXPECT_TRUE(!remembered || keys_->verify(made.key.id, right));
        for (const std::string& wrong : {std::string(), right.substr(1), right.substr(0, 39), right + "a",
                                         right + std::string(1, '\0'), std::string(5000, 'x')}) {
            EXPECT_FALSE(keys_->verify(made.key.id, wrong)) << remembered << " " << wrong.size();
        }
    }
    EXPECT_FALSE(keys_->verify("", right));
    EXPECT_FALSE(keys_->verify(made.key.id.substr(1), right));
    EXPECT_FALSE(keys_->verify(std::string("'\0\xff", 3), right));
}

TEST_F(ApiKeysTest, only_the_first_check_of_a_right_secret_costs) {
    NewApiKey made;
    EXPECT_EQ(cost_of([&] { made = keys_->create("a", KeyRole::kAdmin, 0); }), 1u);
    EXPECT_EQ(cost_of([&] { EXPECT_TRUE(keys_->verify(made.key.id, made.secret)); }), 1u);
    EXPECT_EQ(cost_of([&] { EXPECT_TRUE(keys_->verify(made.key.id, made.secret)); }), 0u);
    EXPECT_EQ(cost_of([&] { EXPECT_FALSE(keys_->verify(made.key.id, "wrong")); }), 1u);
    EXPECT_EQ(cost_of([&] { EXPECT_FALSE(keys_->verify(made.key.id, "wrong")); }), 1u);
    EXPECT_EQ(cost_of([&] { EXPECT_FALSE(keys_->verify("NoSuchKeyAtAll012345", "wrong")); }), 1u);
    EXPECT_EQ(cost_of([&] { EXPECT_TRUE(keys_->verify(made.key.id, made.secret)); }), 0u);

    // Another process, or another hash in the key's row, starts from nothing.
    ApiKeys others(*catalog_);
    EXPECT_EQ(cost_of([&] { EXPECT_TRUE(others.verify(made.key.id, made.secret)); }), 1u);
}

TEST_F(ApiKeysTest, requests_that_arrive_together_pay_once_or_at_most_for_each_turn) {
    NewApiKey made = keys_->create("a", KeyRole::kAdmin, 0);
    constexpr int kThreads = 10;
    std::barrier together(kThreads);
    std::atomic<int> in = 0;
    uint64_t cost = cost_of([&] {
        std::vector<std::jthread> threads;
        for (int i = 0; i < kThreads; ++i) {
            threads.emplace_back([&] {
                together.arrive_and_wait();
                if (keys_->verify(made.key.id, made.secret)) ++in;
            });
        }
    });
    EXPECT_EQ(in, kThreads);
    EXPECT_GE(cost, 1u);
    EXPECT_LE(cost, kConcurrentHashes);
}

TEST_F(ApiKeysTest, a_revoked_key_is_refused_at_once) {
    keys_->create("another", KeyRole::kAdmin, 0);
    now_ += 7;  // keys are listed by their age
    NewApiKey made = keys_->create("a", KeyRole::kAdmin, 0);
    ASSERT_TRUE(keys_->verify(made.key.id, made.secret));
    now_ += 7;
    EXPECT_TRUE(keys_->revoke(made.key.id));
    EXPECT_EQ(cost_of([&] { EXPECT_FALSE(keys_->verify(made.key.id, made.secret)); }), 0u);
    const int64_t revoked_at = now_;
    now_ += 7;
    EXPECT_TRUE(keys_->revoke(made.key.id));
    EXPECT_EQ(keys_->list().at(1).revoked_at, revoked_at);
    EXPECT_EQ(usage_error([&] { keys_->revoke("nobody"); }), "revoke the API key: there is no key nobody");
}

TEST_F(ApiKeysTest, of_all_admins_that_are_revoked_at_once_one_stays) {
    for (int round = 0; round < 20; ++round) {
        std::vector<std::string> ids;
        for (const ApiKey& key : keys_->list())
            if (key.revoked_at == 0) ids.push_back(key.id);
        while (ids.size() < 4) ids.push_back(keys_->create("a", KeyRole::kAdmin, 0).key.id);
        std::atomic<int> revoked{0};
        {
            std::vector<std::jthread> threads;
            for (const std::string& id : ids) {
                threads.emplace_back([&] { revoked += keys_->revoke(id) ? 1 : 0; });
            }
        }
        EXPECT_EQ(revoked, 3);
    }
    keys_->create("reader", KeyRole::kReader, 0);
    keys_->create("expires", KeyRole::kAdmin, now_ + 5);
    now_ += 5;
    for (const ApiKey& key : keys_->list()) {
        const bool last = key.role == KeyRole::kAdmin && key.revoked_at == 0 && key.expires_at == 0;
        EXPECT_EQ(keys_->revoke(key.id), !last) << key.name;
    }
}

TEST_F(ApiKeysTest, a_key_that_another_process_revokes_is_refused_at_once) {
    keys_->create("another", KeyRole::kAdmin, 0);
    NewApiKey made = keys_->create("a", KeyRole::kAdmin, 0);
    ASSERT_TRUE(keys_->verify(made.key.id, made.secret));
    Catalog other(directory_ + "/catalog.sqlite");
    ApiKeys(other).revoke(made.key.id);
    EXPECT_FALSE(keys_->verify(made.key.id, made.secret));
}

TEST_F(ApiKeysTest, a_key_expires_at_its_time) {
    NewApiKey made = keys_->create("a", KeyRole::kAdmin, now_ + 100);
    now_ += 99;
    EXPECT_TRUE(keys_->verify(made.key.id, made.secret));
    now_ += 1;
    EXPECT_EQ(cost_of([&] { EXPECT_FALSE(keys_->verify(made.key.id, made.secret)); }), 0u);
    EXPECT_EQ(usage_error([&] { keys_->create("b", KeyRole::kAdmin, now_); }),
              "create the API key: its time of expiry has passed already. Give a later one, or none");
    usage_error([&] { keys_->create("b", KeyRole::kAdmin, -1); });
    EXPECT_EQ(keys_->list().size(), 1u);
}

TEST_F(ApiKeysTest, a_role_from_the_future_lets_nobody_in) {
    NewApiKey made = keys_->create("a", KeyRole::kReader, 0);
    ApiKeyRecord record = *catalog_->get_api_key(made.key.id);
    record.id = "k2";
    record.role = "auditor";
    catalog_->add_api_key(record);
    EXPECT_THROW(keys_->verify("k2", made.secret), Error);
    EXPECT_EQ(parse_key_role("admin"), KeyRole::kAdmin);
    EXPECT_EQ(parse_key_role(to_string(KeyRole::kReader)), KeyRole::kReader);
    EXPECT_FALSE(parse_key_role("Admin"));
}

int64_t resident_peak_kb() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.rfind("VmHWM:", 0) == 0) return std::stoll(line.substr(6));
    }
    return 0;
}

TEST_F(ApiKeysTest, a_flood_of_wrong_keys_takes_the_memory_of_two) {
    NewApiKey made = keys_->create("a", KeyRole::kAdmin, 0);
    constexpr int kThreads = 12;
    std::barrier together(kThreads);
    const int64_t before = resident_peak_kb();
    uint64_t cost = cost_of([&] {
        std::vector<std::jthread> threads;
        for (int i = 0; i < kThreads; ++i) {
            threads.emplace_back([&, i] {
                together.arrive_and_wait();
                EXPECT_FALSE(keys_->verify(i % 2 == 0 ? made.key.id : "nobody", "wrong" + std::to_string(i)));
            });
        }
    });
    EXPECT_EQ(cost, kThreads);
    // One computation has been within the peak already.
    EXPECT_LT(resident_peak_kb() - before, (kConcurrentHashes - 1) * 65'536 + 40'000);
}

TEST(PasswordHashTest, no_more_than_two_hold_a_turn) {
    std::atomic<int> inside = 0, most = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&] {
                for (int round = 0; round < 50; ++round) {
                    PasswordHash turn;
                    int now = ++inside;
                    int seen = most;
                    while (now > seen && !most.compare_exchange_weak(seen, now)) {
                    }
                    std::this_thread::yield();
                    --inside;
                }
            });
        }
    }
    EXPECT_LE(most, static_cast<int>(kConcurrentHashes));
    PasswordHash one;
    PasswordHash two;  // two do not wait for each other
}

}  // namespace
}  // namespace penstock
