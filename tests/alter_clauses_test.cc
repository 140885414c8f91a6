// The table of clauses (src/decode/alter_clauses.txt) against real servers: each example is run, and what its
// line claims is held against the tables before and after, then against what the program makes of the log.

#include "decode/alter_clauses.h"

#include <regex>
#include <set>
#include <sstream>

#include "support/log_judgement.h"

namespace penstock {
namespace {

using namespace test;

class AlterClauses : public StatementTest {
  protected:
    struct State {
        std::vector<SourceColumn> columns;
        std::set<std::string> indexes;
        std::string primary, rows;
        bool there = false;
    };

    /// The tables that `example` names, and what these need; MySQL takes its time for each. Gives those that
    /// a pipe may map.
    std::vector<std::string> make_tables(const std::string& example) {
        const std::vector<std::pair<const char*, std::vector<const char*>>> tables = {
            {"parent|child",
             {"CREATE TABLE parent (id INT PRIMARY KEY)", "INSERT INTO parent VALUES (10), (20)"}},
            {"t",
             {"CREATE TABLE t (id INT NOT NULL, v INT NOT NULL, w VARCHAR(20) DEFAULT 'x', d INT, PRIMARY "
              "KEY "
              "(id), UNIQUE KEY u (v), KEY k (w), CONSTRAINT ck CHECK (v < 1000))",
              "INSERT INTO t VALUES (1, 10, 'first', 100), (2, 20, 'second', NULL)"}},
            {"child",
             {"CREATE TABLE child (id INT PRIMARY KEY, p INT, KEY fp (p), CONSTRAINT fk FOREIGN KEY (p) "
              "REFERENCES parent (id))",
              "INSERT INTO child VALUES (1, 10)"}},
            {"keyless",
             {"CREATE TABLE keyless (id INT NOT NULL, v INT, UNIQUE KEY (id))",
              "INSERT INTO keyless VALUES (1, 1), (2, 2)"}},
            {"p",
             {"CREATE TABLE p (id INT PRIMARY KEY, v INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS "
              "THAN "
              "(10), PARTITION p1 VALUES LESS THAN (20), PARTITION p2 VALUES LESS THAN (30))",
              "INSERT INTO p VALUES (1, 1), (11, 2), (21, 3)"}},
            {"h",
             {"CREATE TABLE h (id INT PRIMARY KEY, v INT) PARTITION BY HASH (id) PARTITIONS 3",
              "INSERT INTO h VALUES (1, 1), (2, 2), (3, 3)"}},
            {"e", {"CREATE TABLE e (id INT PRIMARY KEY, v INT)", "INSERT INTO e VALUES (2, 7), (3, 8)"}},
            {"e30", {"CREATE TABLE e30 (id INT PRIMARY KEY, v INT)", "INSERT INTO e30 VALUES (33, 7)"}},
            {"merged",
             {"CREATE TABLE m1 (id INT PRIMARY KEY) ENGINE = MyISAM",
              "CREATE TABLE m2 (id INT PRIMARY KEY) ENGINE = MyISAM", "INSERT INTO m1 VALUES (1)",
              "INSERT INTO m2 VALUES (2)",
              "CREATE TABLE merged (id INT PRIMARY KEY) ENGINE = MERGE UNION = (m1)"}}};
        connection_->execute("DROP DATABASE IF EXISTS " + database_);
        connection_->execute("CREATE DATABASE " + database_ + " CHARACTER SET utf8mb4");
        connection_->execute("USE " + database_);
        std::vector<std::string> made;
        for (const auto& [name, statements] : tables) {
            if (!std::regex_search(example, std::regex("\\b(" + std::string(name) + ")\\b"))) continue;
            for (const char* sql : statements) connection_->execute(sql);
            if (std::string(name) != "parent|child") made.emplace_back(name);
        }
        return made;
    }

    State state_of(const std::string& table) {
        State state;
        try {
            state.columns = read_table_schema(*connection_, info_, database_, table).columns;
            for (const auto& row : connection_->query(
                     "SELECT INDEX_NAME, GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX) FROM "
                     "information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME "
                     "= '" +
                     table + "' GROUP BY INDEX_NAME")) {
                state.indexes.insert(*row[0]);
                if (*row[0] == "PRIMARY") state.primary = row[1].value_or("");
            }
            for (const auto& row : connection_->query("SELECT * FROM " + table + " ORDER BY 1")) {
                for (const auto& value : row) state.rows += value.value_or("NULL") + ' ';
                state.rows += '\n';
            }
            state.there = true;
        } catch (const Error&) {  // renamed, or without its tablespace
            state.rows = "none";
        }
        return state;
    }
};

TEST_P(AlterClauses, DoWhatTheTableOfClausesSays) {
    size_t tried = 0;
    for (const AlterClauseLine& line : alter_clause_lines()) {
        if (line.where != "both" && line.where != (mariadb() ? "mariadb" : "mysql")) continue;
        SCOPED_TRACE(line.clause + ": " + line.example);
        const std::vector<std::string> tables = make_tables(line.example);
        std::vector<std::string> statements;
        std::istringstream text(line.example);
        for (std::string part; std::getline(text, part, ';');) statements.push_back(part);
        std::map<std::string, State> before;
        for (const std::string& table : tables) before[table] = state_of(table);
        Stops stops;
        ASSERT_NO_THROW(stops = stops_after(tables, statements));
        bool rows = false, columns = false, primary = false, index = false;
        for (const std::string& table : tables) {
            const State was = before[table], now = state_of(table);
            rows = rows || now.rows != was.rows;
            if (!now.there) continue;
            columns = columns || now.columns != was.columns;
            primary = primary || now.primary != was.primary;
            index = index || now.indexes.size() < was.indexes.size();
        }
        const AlterEffect& effect = line.effect;
        EXPECT_EQ(rows, effect.changes_rows);
        EXPECT_EQ(columns, effect.columns != AlterEffect::Columns::kSame);
        EXPECT_EQ(primary, effect.key == AlterEffect::Key::kPrimary);
        if (!primary && !rows) {
            EXPECT_EQ(index, effect.key == AlterEffect::Key::kIndex);
        }
        EXPECT_EQ(!stops.empty(), rows || columns || primary) << (stops.empty() ? "" : stops.begin()->second);
        ++tried;
    }
    EXPECT_GT(tried, 50u);
    connection_->execute("CREATE DATABASE IF NOT EXISTS " + database_);
}

// A definition that is repeated, a column that is there already or is not there any more.
TEST_P(AlterClauses, ThatComeToNothingStopNothing) {
    struct Case {
        const char* statement;
        bool stops;
        bool mariadb_alone = false;
    };
    for (const Case& c :
         {Case{"ALTER TABLE t MODIFY v INT NOT NULL COMMENT 'x' DEFAULT 7", false},
          Case{"ALTER TABLE t MODIFY COLUMN v INTEGER(11) NOT NULL", false},
          Case{"ALTER TABLE t CHANGE d d INT NULL DEFAULT 8 COMMENT 'y', ADD INDEX (d)", false},
          Case{"ALTER TABLE t MODIFY w VARCHAR(20) CHARACTER SET utf8mb4 DEFAULT 'z' COMMENT 'x'", false},
          Case{"ALTER TABLE t MODIFY w VARCHAR(20) COLLATE utf8mb4_bin", false},
          Case{"ALTER TABLE t MODIFY v BIGINT NOT NULL", true}, Case{"ALTER TABLE t MODIFY v INT", true},
          Case{"ALTER TABLE t MODIFY v INT UNSIGNED NOT NULL", true},
          Case{"ALTER TABLE t MODIFY d INT FIRST", true}, Case{"ALTER TABLE t CHANGE d dd INT", true},
          Case{"ALTER TABLE t MODIFY w VARCHAR(20) CHARACTER SET latin1", true},
          Case{"ALTER TABLE t MODIFY w VARCHAR(19) CHARACTER SET utf8mb4", true},
          Case{"ALTER TABLE t ADD COLUMN IF NOT EXISTS D BIGINT", false, true},
          Case{"ALTER TABLE t ADD COLUMN IF NOT EXISTS dd BIGINT", true, true},
          Case{"ALTER TABLE t DROP COLUMN IF EXISTS gone", false, true},
          Case{"ALTER TABLE t DROP IF EXISTS d", true, true},
          Case{"ALTER TABLE t MODIFY IF EXISTS gone INT", false, true},
          Case{"ALTER TABLE t RENAME COLUMN IF EXISTS gone TO d2", false, true}}) {
        if (c.mariadb_alone && !mariadb()) continue;
        make_tables("t");
        const State was = state_of("t");
        const Stops stops = stops_after({"t"}, {c.statement});
        const State now = state_of("t");
        EXPECT_EQ(was.columns != now.columns, c.stops) << c.statement;
        EXPECT_EQ(stops.size(), c.stops ? 1u : 0u) << c.statement;
    }
}

INSTANTIATE_TEST_SUITE_P(Servers, AlterClauses, testing::Values("MYSQL", "MARIADB", "MARIADB11"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace penstock
