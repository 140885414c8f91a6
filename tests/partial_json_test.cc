// binlog_row_value_options=PARTIAL_JSON: documents that the log holds as differences only.

#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "source/mysql_connection.h"
#include "support/pipe_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;

constexpr const char* kDatabase = "partial_json";

std::string any_value(std::mt19937& random) {
    switch (random() % 8) {
        case 0:
            return std::to_string(static_cast<int32_t>(random()));
        case 1:
            return fmt::format("'{}'", std::string(random() % 300, 'x'));
        case 2:
            return "NULL";
        case 3:
            return fmt::format("{}.25e0", random() % 1000);
        case 4:
            return "CAST('[1, {\"k\": \"v\"}, []]' AS JSON)";
        case 5:
            return "CAST(TIMESTAMP'2024-02-29 12:34:56.5' AS JSON)";
        case 6:
            return "CAST(-12.340 AS DECIMAL(10, 3))";
        default:
            return "CAST('{\"a\": {\"b\": [1, 2, 3]}}' AS JSON)";
    }
}

std::string any_path(std::mt19937& random) {
    static constexpr const char* kLegs[] = {
        ".a",     ".b",    ".list", ".\"with space\"", ".\"q\\\\\"uote\"", ".\"\u00e9\"", "[0]", "[1]", "[3]",
        "[last]", ".deep", ".x"};
    std::string path = "$";
    for (auto i = 1 + random() % 3; i > 0; --i) path += kLegs[random() % std::size(kLegs)];
    return path;
}

TEST(PartialJson, DocumentsAreWhatTheServerSays) {
    const unsigned seed = std::random_device{}();
    std::mt19937 random(seed);
    SCOPED_TRACE(fmt::format("seed {}", seed));
    PipeChoice choice;
    choice.database = kDatabase;
    choice.mappings = {"t"};
    MysqlConnection source = MysqlConnection::open(source_endpoint("MYSQL"));
    source.execute(fmt::format("DROP DATABASE IF EXISTS {}", kDatabase));
    source.execute(fmt::format("CREATE DATABASE {}", kDatabase));
    source.execute(fmt::format("USE {}", kDatabase));
    source.execute("CREATE TABLE t (id INT PRIMARY KEY, n INT, j JSON, k JSON, s VARCHAR(20), l JSON)");
    const std::string filler(2000, 'f');  // differences are logged only where they are smaller
    for (int id = 0; id < 20; ++id) {
        const std::string document = fmt::format(
            "{{\"a\": 1, \"b\": {{\"x\": [1, 2, 3], \"deep\": {{\"list\": [[], {{}}]}}}}, \"list\": [0, "
            "\"one\", [2]], \"filler\": \"{}\"}}",
            filler);
        source.execute(
            fmt::format("INSERT INTO t VALUES ({0}, 0, '{1}', '{1}', 's', '[{1}, 7]')", id, document));
    }
    PipeProcess pipe(choice);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    const std::string file = *source.query("SHOW BINARY LOG STATUS").at(0).at(0);
    source.execute("SET SESSION binlog_row_value_options = 'PARTIAL_JSON'");
    static constexpr const char* kColumns[] = {"j", "k", "l"};
    for (int i = 0; i < 400; ++i) {
        std::string set;
        for (const char* column : kColumns) {
            if (random() % 2 != 0) continue;
            std::string expression = column;
            for (unsigned n = 1 + random() % 2; n > 0; --n) {
                switch (random() % 3) {
                    case 0:
                        expression = fmt::format("JSON_SET({}, '{}', {})", expression, any_path(random),
                                                 any_value(random));
                        break;
                    case 1:
                        expression = fmt::format("JSON_REPLACE({}, '{}', {})", expression, any_path(random),
                                                 any_value(random));
                        break;
                    default:
                        expression = fmt::format("JSON_REMOVE({}, '{}')", expression, any_path(random));
                }
            }
            set += fmt::format(", {} = {}", column, expression);
        }
        if (random() % 10 == 0) set += fmt::format(", id = id + {}", 100 + i * 100);
        source.execute(fmt::format("UPDATE t SET n = n + 1{} WHERE id % 20 < {}", set, random() % 20));
    }
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
    size_t partial = 0;
    for (const auto& row : source.query(fmt::format("SHOW BINLOG EVENTS IN '{}'", file)))
        partial += row.at(2) == "Update_rows_partial" ? 1 : 0;
    EXPECT_GT(partial, 100u);
}

}  // namespace
}  // namespace penstock
