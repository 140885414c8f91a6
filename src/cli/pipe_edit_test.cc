#include "cli/pipe_edit.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

namespace penstock {
namespace {

using json = ApiClient::json;

const json kPipe = json::parse(R"({"id": "1", "name": "shop", "state": "Running", "source": {"mysql": {
    "host": "db", "port": 3307, "tableMappings": [
        {"sourceSchemaName": "shop", "sourceTable": "orders", "targetTable": "orders", "tableEngine": "MergeTree"},
        {"sourceSchemaName": "shop", "sourceTable": "items", "targetTable": "shop_items"}]}}})");

/// What the options of a command line ask for.
json patch_of(std::vector<std::string> arguments) {
    CLI::App app("test", "edit");
    EditOptions edit;
    std::string pipe;
    add_edit_options(app, edit);
    app.add_option("PIPE", pipe)->required();
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    app.parse(arguments);
    EXPECT_EQ(pipe, "shop");
    return to_patch(edit, kPipe);
}

std::string refusal_of(const std::vector<std::string>& arguments) {
    try {
        patch_of(arguments);
    } catch (const Error& e) {
        EXPECT_EQ(e.disposition(), Disposition::kUsage);
        return e.what();
    }
    return "none";
}

class MappingFile {
  public:
    explicit MappingFile(const std::string& text)
        : path_(std::filesystem::temp_directory_path() / ("penstock-mapping-" + std::to_string(getpid()))) {
        std::ofstream(path_) << text;
    }
    ~MappingFile() { std::filesystem::remove(path_); }
    std::string path() const { return path_; }

  private:
    std::filesystem::path path_;
};

TEST(PipeEdit, AlwaysSendsHostAndPort) {
    EXPECT_EQ(
        patch_of({"shop", "--sync-interval", "5"}),
        json::parse(
            R"({"source": {"mysql": {"settings": {"syncIntervalSeconds": 5}, "host": "db", "port": 3307}}})"));
    EXPECT_EQ(patch_of({"shop", "--port", "3310"}),
              json::parse(R"({"source": {"mysql": {"host": "db", "port": 3310}}})"));
    EXPECT_EQ(patch_of({"shop", "--host", "db2", "--pull-batch-size=7", "--compression", "false"}),
              json::parse(R"({"source": {"mysql": {"settings": {"pullBatchSize": 7, "useCompression": false},
                                                   "host": "db2", "port": 3307}}})"));
}

TEST(PipeEdit, SendsANameAlone) {
    EXPECT_EQ(patch_of({"--name", "store", "shop"}), json::parse(R"({"name": "store"})"));
}

TEST(PipeEdit, AddsAndRemovesTables) {
    // A repeated option takes one value each time: the pipe behind it is the pipe.
    EXPECT_EQ(patch_of({"--add-table", "shop.a:a1", "--add-table", "shop.b:b1", "--remove-table",
                        "shop_items", "shop"}),
              json::parse(R"({"source": {"mysql": {
                  "tableMappingsToAdd": [
                      {"sourceSchemaName": "shop", "sourceTable": "a", "targetTable": "a1"},
                      {"sourceSchemaName": "shop", "sourceTable": "b", "targetTable": "b1"}],
                  "tableMappingsToRemove": [
                      {"sourceSchemaName": "shop", "sourceTable": "items", "targetTable": "shop_items"}],
                  "host": "db", "port": 3307}}})"));
    EXPECT_EQ(refusal_of({"shop", "--remove-table", "items"}),
              "--remove-table: the pipe has no target table 'items'. It has: orders, shop_items");
}

TEST(PipeEdit, TakesOnlyTableOptionsThatAreClear) {
    EXPECT_EQ(parse_table_option("a.b:c.d"),
              json::parse(R"({"sourceSchemaName": "a", "sourceTable": "b", "targetTable": "c.d"})"));
    for (const char* text : {"", "a", "a.b", "a:b", ".b:c", "a.:c", "a.b:", "a.b.c:d", "a.b:c:d", "a:b.c"}) {
        EXPECT_THROW(parse_table_option(text), Error) << text;
    }
}

TEST(PipeEdit, ReadsMappingsFromFiles) {
    const MappingFile one(
        "sourceSchemaName: shop\nsourceTable: a.b\ntargetTable: ab\nexcludedColumns: [secret]\n");
    EXPECT_EQ(
        patch_of({"shop", "--add-mapping", one.path()})["source"]["mysql"]["tableMappingsToAdd"],
        json::parse(R"([{"excludedColumns": ["secret"], "sourceSchemaName": "shop", "sourceTable": "a.b",
                               "targetTable": "ab"}])"));
    const MappingFile two("[{sourceTable: a}, {sourceTable: b}]\n");
    EXPECT_EQ(patch_of({"shop", "--add-mapping", two.path()})["source"]["mysql"]["tableMappingsToAdd"].size(),
              2u);
    const MappingFile none("just text\n");
    EXPECT_NE(refusal_of({"shop", "--add-mapping", none.path()}).find("holds no table mapping"),
              std::string::npos);
    EXPECT_NE(refusal_of({"shop", "--add-mapping", "/nonexistent"}).find("/nonexistent: cannot open"),
              std::string::npos);
}

TEST(PipeEdit, TakesThePasswordFromTheEnvironment) {
    setenv("PENSTOCK_TEST_NEW_PASSWORD", "s3cret", 1);
    EXPECT_EQ(patch_of({"shop", "--username", "repl", "--password-env", "PENSTOCK_TEST_NEW_PASSWORD"}),
              json::parse(R"({"source": {"mysql": {"credentials": {"username": "repl", "password": "s3cret"},
                                                   "host": "db", "port": 3307}}})"));
    unsetenv("PENSTOCK_TEST_NEW_PASSWORD");
    EXPECT_EQ(
        refusal_of({"shop", "--username", "repl", "--password-env", "PENSTOCK_TEST_NEW_PASSWORD"}),
        "--password-env: the environment has no variable PENSTOCK_TEST_NEW_PASSWORD. Give the name of the "
        "variable that holds the password");
}

TEST(PipeEdit, RefusesToChangeNothing) {
    EXPECT_EQ(refusal_of({"shop"}), "edit: no change is asked for. penstock pipe edit --help lists them");
}

}  // namespace
}  // namespace penstock
