// The two ways in against each other on the real servers of ./dev test: for the same rows, the snapshot's
// text path and the binary log's path must give the same bytes in every column.

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/column_kinds.h"
#include "support/live_table.h"

namespace penstock {
namespace {

using namespace test;

class LiveValuesTest : public LiveTableTest {};

TEST_P(LiveValuesTest, TextAndBinaryLogAgreeOnEveryType) {
    std::vector<ColumnKind> columns = column_kinds(info_);
    uint64_t seed = std::random_device{}();
    if (const char* fixed = std::getenv("PENSTOCK_TEST_SEED")) seed = std::stoull(fixed);
    SCOPED_TRACE("PENSTOCK_TEST_SEED=" + std::to_string(seed));
    Random random(seed);

    std::string ddl = "CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT";
    size_t edges = 0;
    for (size_t i = 0; i < columns.size(); ++i) {
        ddl += ", c" + std::to_string(i) + " " + columns[i].type;
        edges = std::max(edges, columns[i].edges.size());
    }
    ddl +=
        ", invisible_one int " + std::string(info_.mariadb() ? "INVISIBLE DEFAULT 7" : "DEFAULT 7 INVISIBLE");
    ddl += ", stored_one bigint GENERATED ALWAYS AS (invisible_one * 3) STORED) ROW_FORMAT=DYNAMIC";
    connection_->execute(ddl);
    TablePlan plan = plan_of("t");
    ASSERT_EQ(plan.columns.size(), columns.size() + (info_.logs_generated_columns() ? 3 : 2));

    auto literal = [&](const ColumnKind& column, size_t row) -> std::string {
        if (row < column.edges.size()) return column.edges[row];
        if (row == edges || below(random, 8) == 0) return "NULL";
        return column.literal(random);
    };
    Position start = current_position(*connection_, info_, ReplicationMechanism::kFilePos);
    const size_t rows = edges + 120;
    for (size_t row = 0; row < rows; ++row) {
        std::string sql = "INSERT INTO t SET invisible_one = " + std::to_string(row);
        for (size_t i = 0; i < columns.size(); ++i)
            sql += ", c" + std::to_string(i) + " = " + literal(columns[i], row);
        connection_->execute(sql);
    }
    Block text = snapshot(plan), log(plan);
    read_log(plan, start, rows, nullptr, &log);
    expect_equal(plan, text, log);

    // The same rows again as before images of updates, then as deleted rows; the after images as a new
    // snapshot.
    start = current_position(*connection_, info_, ReplicationMechanism::kFilePos);
    std::string sql = "UPDATE t SET invisible_one = invisible_one + 1";
    for (size_t i = 0; i < columns.size(); ++i)
        sql += ", c" + std::to_string(i) + " = " + literal(columns[i], 10000);
    connection_->execute(sql + " ORDER BY id");
    Block updated = snapshot(plan), before(plan), after(plan);
    read_log(plan, start, rows, &before, &after);
    expect_equal(plan, text, before);
    expect_equal(plan, updated, after);

    start = current_position(*connection_, info_, ReplicationMechanism::kFilePos);
    connection_->execute("DELETE FROM t ORDER BY id");
    Block deleted(plan);
    read_log(plan, start, rows, &deleted, nullptr);
    expect_equal(plan, updated, deleted);
}

// The digits in front of the point are stored in whole groups of nine where they come of a calculation.
TEST_P(LiveValuesTest, DecimalsInJsonAgreeInEverySize) {
    if (info_.mariadb()) GTEST_SKIP() << "its JSON is text";
    connection_->execute("CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, j JSON)");
    const TablePlan plan = plan_of("t");
    const Position start = current_position(*connection_, info_, ReplicationMechanism::kFilePos);
    std::string sql = "INSERT INTO t (j) VALUES ";
    uint64_t rows = 0;
    auto add = [&](const std::string& value) {
        sql += (rows++ == 0 ? "(JSON_ARRAY(" : ", (JSON_ARRAY(") + value + "))";
    };
    for (int precision = 1; precision <= 65; ++precision) {
        for (int scale = 0; scale <= std::min(30, precision); ++scale) {
            const std::string type =
                " AS DECIMAL(" + std::to_string(precision) + ", " + std::to_string(scale) + "))";
            std::string digits;
            for (int i = 0; i < precision; ++i) digits += static_cast<char>('1' + i % 9);
            digits.insert(static_cast<size_t>(precision - scale), ".");
            add("CAST('" + digits + "'" + type);
            add("CAST('-" + digits + "'" + type);
            add("CAST('0'" + type);
            add("CAST('" + digits + "'" + type + " / 3 - 7, -1.5 * CAST('0.1'" + type);
        }
    }
    connection_->execute(sql);
    Block text = snapshot(plan), log(plan);
    read_log(plan, start, rows, nullptr, &log);
    expect_equal(plan, text, log);
}

INSTANTIATE_TEST_SUITE_P(Servers, LiveValuesTest, testing::Values("MYSQL", "MARIADB", "MARIADB11"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace penstock
