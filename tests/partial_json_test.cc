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
    choice.mappings = {"{sourceTable: t, targetTable: t, tableEngine: MergeTree}", "log"};
    MysqlConnection source = MysqlConnection::open(source_endpoint("MYSQL"));
    source.execute(fmt::format("DROP DATABASE IF EXISTS {}", kDatabase));
    source.execute(fmt::format("CREATE DATABASE {}", kDatabase));
    source.execute(fmt::format("USE {}", kDatabase));
    source.execute("CREATE TABLE t (id INT PRIMARY KEY, n INT, j JSON, k JSON, s VARCHAR(20), l JSON)");
    // Every difference counts, not only the newest of its row, which is built upon the server's own before
    // image: the target keeps each version, and the log the text that the server had for it.
    source.execute(
        "CREATE TABLE log (id INT, n INT, j LONGTEXT, k LONGTEXT, l LONGTEXT, PRIMARY KEY (id, n))");
    source.execute(
        "CREATE TRIGGER logged AFTER UPDATE ON t FOR EACH ROW INSERT INTO log VALUES "
        "(NEW.id, NEW.n, CAST(NEW.j AS CHAR), CAST(NEW.k AS CHAR), CAST(NEW.l AS CHAR))");
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
    ClickHouseEndpoint endpoint = clickhouse_endpoint();
    endpoint.database = kDatabase;
    ClickHouseClient target(endpoint);
    EXPECT_EQ(
        target.query("SELECT id, n, t.j, log.j, t.k, log.k, t.l, log.l FROM t FULL JOIN log USING (id, n) "
                     "WHERE _peerdb_is_deleted = 0 AND n > 0 AND NOT ((t.j, t.k, t.l) <=> (log.j, log.k, "
                     "log.l)) LIMIT 3"),
        "");
    EXPECT_EQ(target.query("SELECT count() FROM t WHERE n > 0 AND _peerdb_is_deleted = 0"),
              *source.query_value("SELECT COUNT(*) FROM log"));
    size_t partial = 0;
    for (const auto& row : source.query(fmt::format("SHOW BINLOG EVENTS IN '{}'", file)))
        partial += row.at(2) == "Update_rows_partial" ? 1 : 0;
    EXPECT_GT(partial, 100u);
}

}  // namespace
}  // namespace penstock
