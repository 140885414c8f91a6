// docs/types.md against the code: its table has every type that Penstock knows, with the ClickHouse type that
// the code gives it, and names tests that exist.

#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/table_plan.h"
#include "source/table_definition.h"
#include "support/subprocess.h"

namespace penstock {
namespace {

struct Row {
    std::string line;
    std::vector<std::string> sources, targets, tests;
    bool mariadb = false;
};

/// What stands between backticks.
std::vector<std::string> quoted_in(const std::string& cell) {
    std::vector<std::string> found;
    for (size_t at = cell.find('`'); at != std::string::npos;) {
        size_t end = cell.find('`', at + 1);
        if (end == std::string::npos) break;
        found.push_back(cell.substr(at + 1, end - at - 1));
        at = cell.find('`', end + 1);
    }
    return found;
}

std::vector<Row> rows() {
    std::vector<Row> found;
    const std::string text = test::read_file(PENSTOCK_SOURCE_DIR "/docs/types.md");
    size_t at = text.find("| source | ClickHouse | rule | test |\n");
    EXPECT_NE(at, std::string::npos);
    at = text.find('\n', text.find('\n', at) + 1) + 1;  // past the line under the titles
    while (at < text.size() && text[at] == '|') {
        size_t end = text.find('\n', at);
        Row row;
        row.line = text.substr(at, end - at);
        std::vector<std::string> cells;
        for (size_t from = 1; from < row.line.size();) {
            size_t to = row.line.find('|', from);
            if (to == std::string::npos) break;
            cells.push_back(row.line.substr(from, to - from));
            from = to + 1;
        }
        if (cells.size() == 4) {
            row.sources = quoted_in(cells[0]);
            row.targets = quoted_in(cells[1]);
            row.tests = quoted_in(cells[3]);
            row.mariadb = cells[0].find("MariaDB") != std::string::npos;
        } else {
            ADD_FAILURE() << "not four cells: " << row.line;
        }
        found.push_back(std::move(row));
        at = end + 1;
    }
    return found;
}

SourceColumn parsed(const std::string& type, bool mariadb) {
    SourceColumn column;
    column.name = "c";
    column.column_type = type;
    parse_column_type(type, !mariadb, column);
    return column;
}

TEST(TypesTable, TargetsAreTheCodes) {
    for (const Row& row : rows()) {
        ASSERT_FALSE(row.sources.empty()) << row.line;
        ASSERT_TRUE(row.targets.size() == 1 || row.targets.size() == row.sources.size()) << row.line;
        for (size_t i = 0; i < row.sources.size(); ++i) {
            SourceColumn column = parsed(row.sources[i], row.mariadb);
            ASSERT_NE(column.type, SourceType::kUnsupported) << row.sources[i];
            EXPECT_EQ(target_type_of(column, SourceSettings{}, true).ddl_name(),
                      row.targets[row.targets.size() == 1 ? 0 : i])
                << row.sources[i];
        }
    }
}

TEST(TypesTable, HasEveryTypeOfTheCode) {
    std::set<std::string> names;
    std::set<TargetKind> kinds;
    for (const Row& row : rows()) {
        for (const std::string& source : row.sources) {
            names.insert(source.substr(0, source.find_first_of("( ")));
            kinds.insert(target_type_of(parsed(source, row.mariadb), SourceSettings{}, true).kind);
        }
    }
    for (const auto& [name, type] : source_type_names())
        EXPECT_TRUE(names.contains(std::string(name))) << name;
    for (const std::string& name : names) EXPECT_TRUE(source_type_names().contains(name)) << name;
    for (int kind = 1; kind <= static_cast<int>(TargetKind::kFloat32Array); ++kind)
        EXPECT_TRUE(kinds.contains(static_cast<TargetKind>(kind)))
            << TargetType{static_cast<TargetKind>(kind)}.ddl_name();
}

TEST(TypesTable, TestsExist) {
    std::set<std::string> tests;
    const std::regex named(R"(TEST(?:_F|_P)?\((\w+), (\w+)\))");
    for (const char* folder : {"/tests", "/src"}) {
        for (const auto& file :
             std::filesystem::recursive_directory_iterator(std::string(PENSTOCK_SOURCE_DIR) + folder)) {
            if (!file.path().string().ends_with("_test.cc")) continue;
            const std::string text = test::read_file(file.path());
            for (std::sregex_iterator at(text.begin(), text.end(), named), end; at != end; ++at)
                tests.insert((*at)[1].str() + "." + (*at)[2].str());
        }
    }
    for (const Row& row : rows()) {
        EXPECT_FALSE(row.tests.empty()) << row.line;
        for (const std::string& name : row.tests) EXPECT_TRUE(tests.contains(name)) << name;
    }
}

}  // namespace
}  // namespace penstock
