#include "pipe/pipe.h"

#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <stdlib.h>

#include "pipe/pipe_file.h"

namespace penstock {
namespace {

/// A catalog that holds the pipe, so no server is asked.
class OpenPipe : public testing::Test {
  protected:
    OpenPipe() {
        char name[] = "/tmp/penstock-pipe-XXXXXX";
        directory_ = mkdtemp(name);
        catalog_ = std::make_unique<Catalog>(directory_ + "/catalog.sqlite",
                                             CatalogOptions{.before_commit = [this] { ++writes_; }});
        spec_.name = "shop";
        spec_.source.host = "db.example";
        spec_.source.username = "reader";
        spec_.mappings.resize(1);
        spec_.mappings[0].source_database = spec_.target_database = "shop";
        spec_.mappings[0].source_table = spec_.mappings[0].target_table = "orders";
        catalog_->create_pipe({.id = "p1", .name = "shop", .spec_json = to_json(spec_).dump()});
        writes_ = 0;
    }
    ~OpenPipe() override {
        catalog_.reset();
        std::filesystem::remove_all(directory_);
    }
    PipeSpec stored() { return from_json(nlohmann::json::parse(catalog_->get_pipe("p1")->spec_json)); }

    std::string directory_;
    int writes_ = 0;
    std::unique_ptr<Catalog> catalog_;
    PipeSpec spec_;
};

TEST_F(OpenPipe, WritesTheDescriptionOnlyWhenItHasChanged) {
    EXPECT_EQ(open_pipe(spec_, {}, *catalog_), "p1");
    EXPECT_EQ(writes_, 0);
    spec_.source.host = "other.example";
    EXPECT_EQ(open_pipe(spec_, {}, *catalog_), "p1");
    EXPECT_EQ(writes_, 1);
    EXPECT_EQ(stored().source.host, "other.example");
    EXPECT_EQ(open_pipe(spec_, {}, *catalog_), "p1");
    EXPECT_EQ(writes_, 1);
}

}  // namespace
}  // namespace penstock
