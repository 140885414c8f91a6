// Services, scaling, API keys, facts and the sealing of stored secrets.
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>

#include <gtest/gtest.h>

#include "base/test_error.h"
#include "catalog/catalog.h"
#include "catalog/sqlite.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

class CatalogServiceTest : public testing::Test {
  protected:
    CatalogServiceTest() {
        char name[] = "/tmp/penstock-catalog-XXXXXX";
        directory_ = mkdtemp(name);
        path_ = directory_ + "/catalog.sqlite";
        open();
    }
    ~CatalogServiceTest() override {
        catalog_.reset();
        fs::remove_all(directory_);
    }
    void open() {
        catalog_.reset();
        catalog_ =
            std::make_unique<Catalog>(path_, CatalogOptions{.now = [this] { return now_; },
                                                            .before_commit =
                                                                [this] {
                                                                    if (crash_)
                                                                        throw std::runtime_error("crash");
                                                                }});
    }
    /// What the catalog's files hold, free space and log included.
    std::string bytes() const {
        std::ostringstream all;
        for (const auto& entry : fs::directory_iterator(directory_)) {
            std::ifstream file(entry.path(), std::ios::binary);
            if (file.peek() != std::ifstream::traits_type::eof()) all << file.rdbuf();
        }
        return all.str();
    }

    std::string directory_, path_;
    int64_t now_ = 1'700'000'000'000;
    bool crash_ = false;
    std::unique_ptr<Catalog> catalog_;
};

TEST_F(CatalogServiceTest, services_are_stored_replaced_and_deleted) {
    EXPECT_TRUE(catalog_->services().empty());
    catalog_->put_service({.id = "s1", .name = "second", .settings_json = R"({"url":"http://a"})"});
    now_ += 10;
    catalog_->put_service({.id = "s2", .name = "first", .settings_json = "{}", .sealed_password = "sealed"});
    now_ += 10;
    catalog_->put_service({.id = "s1", .name = "third", .settings_json = "{2}", .sealed_password = "x"});
    open();
    auto list = catalog_->services();
    ASSERT_EQ(list.size(), 2u);
    EXPECT_EQ(list[0].id, "s2");
    EXPECT_EQ(list[0].sealed_password, "sealed");
    EXPECT_EQ(list[1].id, "s1");
    EXPECT_EQ(list[1].name, "third");
    EXPECT_EQ(list[1].settings_json, "{2}");
    EXPECT_EQ(list[1].sealed_password, "x");
    EXPECT_EQ(list[1].created_at, now_ - 20);
    EXPECT_EQ(list[1].updated_at, now_);
    EXPECT_EQ(catalog_->get_service("s2")->name, "first");
    EXPECT_FALSE(catalog_->get_service("s3"));

    std::string line =
        error_line([&] { catalog_->put_service({.id = "s3", .name = "first"}); }, Disposition::kUsage);
    EXPECT_EQ(line, "store the service: a service named \"first\" exists already");
    error_line([&] { catalog_->put_service({.id = "s1", .name = "first"}); }, Disposition::kUsage);
    EXPECT_EQ(catalog_->get_service("s1")->name, "third");
    EXPECT_EQ(catalog_->services().size(), 2u);

    catalog_->put_cdc_scaling("s1", {2000, 8});
    catalog_->delete_service("s1");
    EXPECT_FALSE(catalog_->get_service("s1"));
    EXPECT_FALSE(catalog_->cdc_scaling("s1"));
    EXPECT_NE(
        error_line([&] { catalog_->delete_service("s1"); }, Disposition::kFailPipe).find("no such service"),
        std::string::npos);
}

TEST_F(CatalogServiceTest, a_service_with_pipes_stays) {
    catalog_->put_service({.id = "s1", .name = "one"});
    EXPECT_EQ(catalog_->count_pipes("s1"), 0u);
    catalog_->create_pipe({.id = "p1", .name = "shop", .service_id = "s1"});
    catalog_->create_pipe({.id = "p2", .name = "crm", .service_id = "s1"});
    catalog_->create_pipe({.id = "p3", .name = "other", .service_id = "s2"});
    catalog_->create_pipe({.id = "p4", .name = "alone"});
    catalog_->create_intake("p1", {.id = "i1"}, "");
    EXPECT_EQ(catalog_->count_pipes("s1"), 2u);
    EXPECT_EQ(catalog_->count_pipes(""), 1u);
    std::string line = error_line([&] { catalog_->delete_service("s1"); }, Disposition::kUsage);
    EXPECT_NE(line.find("the pipe \"crm\" belongs to it"), std::string::npos) << line;
    catalog_->delete_pipe("p1");
    catalog_->delete_pipe("p2");
    catalog_->delete_service("s1");
    EXPECT_TRUE(catalog_->services().empty());
}

TEST_F(CatalogServiceTest, scaling_is_kept_by_service) {
    EXPECT_FALSE(catalog_->cdc_scaling("s1"));
    catalog_->put_cdc_scaling("s1", {1000, 4});
    catalog_->put_cdc_scaling("s2", {4000, 16});
    catalog_->put_cdc_scaling("s1", {2000, 8});
    open();
    EXPECT_EQ(catalog_->cdc_scaling("s1"), (CdcScaling{2000, 8}));
    EXPECT_EQ(catalog_->cdc_scaling("s2"), (CdcScaling{4000, 16}));
}

TEST_F(CatalogServiceTest, api_keys_are_stored_and_revoked_once) {
    catalog_->add_api_key({.id = "k2", .name = "ci", .secret_hash = "$argon2id$", .role = "reader"});
    now_ += 5;
    catalog_->add_api_key({.id = "k1", .name = "ci", .role = "admin", .expires_at = now_ + 100});
    error_line([&] { catalog_->add_api_key({.id = "k1", .name = "again"}); }, Disposition::kFailPipe);
    now_ += 5;
    catalog_->revoke_api_key("k2");
    now_ += 5;
    catalog_->revoke_api_key("k2");
    open();
    auto list = catalog_->api_keys();
    ASSERT_EQ(list.size(), 2u);
    EXPECT_EQ(list[0].id, "k2");
    EXPECT_EQ(list[0].name, "ci");
    EXPECT_EQ(list[0].secret_hash, "$argon2id$");
    EXPECT_EQ(list[0].role, "reader");
    EXPECT_EQ(list[0].created_at, now_ - 15);
    EXPECT_EQ(list[0].expires_at, 0);
    EXPECT_EQ(list[0].revoked_at, now_ - 5);
    EXPECT_EQ(list[1].id, "k1");
    EXPECT_EQ(list[1].expires_at, now_ - 10 + 100);
    EXPECT_EQ(list[1].revoked_at, 0);
    EXPECT_EQ(catalog_->get_api_key("k1")->role, "admin");
    EXPECT_FALSE(catalog_->get_api_key("k3"));
    EXPECT_NE(
        error_line([&] { catalog_->revoke_api_key("k3"); }, Disposition::kFailPipe).find("no such API key"),
        std::string::npos);
}

TEST_F(CatalogServiceTest, a_fact_is_stored_once_or_replaced) {
    EXPECT_FALSE(catalog_->fact("organization"));
    EXPECT_EQ(catalog_->put_fact_if_absent("organization", "first"), "first");
    EXPECT_EQ(catalog_->put_fact_if_absent("organization", "second"), "first");
    catalog_->put_fact("other", "1");
    catalog_->put_fact("other", "");
    open();
    EXPECT_EQ(catalog_->fact("organization"), "first");
    EXPECT_EQ(catalog_->fact("other"), "");
}

class ResealTest : public CatalogServiceTest {
  protected:
    ResealTest() {
        catalog_->put_service({.id = "s1", .name = "one", .sealed_password = "old-s1"});
        catalog_->put_service({.id = "s2", .name = "open"});
        catalog_->create_pipe({.id = "p1", .name = "shop", .sealed_password = "old-p1"});
        catalog_->create_pipe({.id = "p2", .name = "crm", .sealed_password = "old-p2"});
        catalog_->create_pipe({.id = "p3", .name = "file"});
    }
    std::map<std::string, std::string> sealed() const {
        std::map<std::string, std::string> all;
        for (const PipeRecord& pipe : catalog_->list_pipes()) all[pipe.id] = pipe.sealed_password;
        for (const ServiceRecord& service : catalog_->services()) all[service.id] = service.sealed_password;
        return all;
    }
    const std::map<std::string, std::string> before_ = {
        {"p1", "old-p1"}, {"p2", "old-p2"}, {"p3", ""}, {"s1", "old-s1"}, {"s2", ""}};
};

TEST_F(ResealTest, every_sealed_text_is_replaced_and_the_fact_is_stored) {
    std::map<std::string, std::string> seen;
    EXPECT_EQ(catalog_->count_sealed(), 3u);
    uint64_t count = catalog_->reseal(
        [&](const std::string& context, const std::string& text) {
            seen[context] = text;
            return "new-" + text;
        },
        "key", "k2");
    EXPECT_EQ(count, 3u);
    EXPECT_EQ(seen, (std::map<std::string, std::string>{{"pipe/p1/password", "old-p1"},
                                                        {"pipe/p2/password", "old-p2"},
                                                        {"service/s1/password", "old-s1"}}));
    open();
    EXPECT_EQ(sealed(),
              (std::map<std::string, std::string>{
                  {"p1", "new-old-p1"}, {"p2", "new-old-p2"}, {"p3", ""}, {"s1", "new-old-s1"}, {"s2", ""}}));
    EXPECT_EQ(catalog_->fact("key"), "k2");
}

TEST_F(ResealTest, a_failure_anywhere_changes_nothing) {
    int calls = 0;
    auto fail_at_last = [&](const std::string&, const std::string&) -> std::string {
        if (++calls == 3) throw Error(Disposition::kUsage, "open", "damaged");
        return "new";
    };
    error_line([&] { catalog_->reseal(fail_at_last, "key", "k2"); }, Disposition::kUsage);
    EXPECT_EQ(calls, 3);
    EXPECT_EQ(sealed(), before_);
    EXPECT_FALSE(catalog_->fact("key"));

    crash_ = true;
    EXPECT_THROW(catalog_->reseal([](auto&, auto&) { return "new"; }, "key", "k2"), std::runtime_error);
    crash_ = false;
    EXPECT_EQ(sealed(), before_);
    EXPECT_FALSE(catalog_->fact("key"));
}

TEST_F(ResealTest, what_was_replaced_is_nowhere_in_the_files_once_erased) {
    catalog_->change_pipe("p1", {.sealed_password = "secret-in-the-log"});
    catalog_->change_pipe("p1", {.sealed_password = "secret-now"});
    catalog_.reset();
    {
        Database file(path_, Disposition::kUsage);  // as a SQLite does that does not overwrite what it frees
        file.execute("PRAGMA secure_delete = OFF");
        file.execute("INSERT INTO facts VALUES ('x', 'secret-in-free-space' || hex(zeroblob(20000)))");
        file.execute("DELETE FROM facts WHERE name = 'x'");
    }
    open();
    catalog_->change_pipe("p2", {.sealed_password = "secret-in-the-log"});
    catalog_->change_pipe("p2", {.sealed_password = "secret-now"});
    ASSERT_NE(bytes().find("secret-in-the-log"), std::string::npos);
    ASSERT_NE(bytes().find("secret-in-free-space"), std::string::npos);
    catalog_->erase_remains();
    EXPECT_EQ(bytes().find("secret-in-the-log"), std::string::npos);
    EXPECT_EQ(bytes().find("secret-in-free-space"), std::string::npos);
    EXPECT_NE(bytes().find("secret-now"), std::string::npos);
    open();
    EXPECT_EQ(catalog_->get_pipe("p1")->sealed_password, "secret-now");
    EXPECT_EQ(catalog_->list_pipes().size(), 3u);
}

}  // namespace
}  // namespace penstock
