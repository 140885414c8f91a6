// Statements that real servers logged: what changes rows or keys of a mapped table must not pass, however it
// is written.

#include <set>

#include "support/log_judgement.h"

namespace penstock {
namespace {

using namespace test;

class Statements : public StatementTest {
  protected:
    enum Where { kBoth, kMysql, kMariadb };
    struct Case {
        Where where;
        std::vector<std::string> statements;
        std::set<std::string> stopped;  ///< of t, b and "b\s"
    };
    bool is_here(Where where) const { return where == kBoth || (where == kMariadb) == mariadb(); }

    /// A database of its own for each case: t and b have a primary key and another that would do.
    void make_tables() {
        for (const std::string& database : {database_, other_}) {
            connection_->execute("DROP DATABASE IF EXISTS " + database);
            connection_->execute("CREATE DATABASE " + database + " CHARACTER SET utf8mb4");
        }
        connection_->execute("USE " + database_);
        for (const char* table : {"t", "b", "`b\\s`"}) {
            connection_->execute(std::string("CREATE TABLE ") + table +
                                 " (id INT PRIMARY KEY, v INT NOT NULL, UNIQUE KEY u (v))");
            connection_->execute(std::string("INSERT INTO ") + table + " VALUES (1, 10), (2, 20)");
        }
        connection_->execute("CREATE TABLE " + other_ + ".u (id INT PRIMARY KEY AUTO_INCREMENT, v INT)");
        connection_->execute("INSERT INTO " + other_ + ".u VALUES (1, 1)");
    }

    void try_cases(const std::vector<Case>& cases) {
        for (const Case& c : cases) {
            if (!is_here(c.where)) continue;
            SCOPED_TRACE(c.statements.back());
            make_tables();
            std::set<std::string> stopped;
            for (const auto& [table, reason] : stops_after({"t", "b", "b\\s"}, c.statements)) {
                stopped.insert(table);
                EXPECT_NE(reason.find("resync the table"), std::string::npos) << reason;
            }
            EXPECT_EQ(stopped, c.stopped);
        }
        connection_->execute("DROP DATABASE IF EXISTS " + other_);
        connection_->execute("CREATE DATABASE IF NOT EXISTS " + database_);
    }

    const std::string other_ = "penstock_other_" + std::to_string(getpid());
};

// A primary key is an index called PRIMARY, in any letters that the server takes for these.
TEST_P(Statements, ThatDropThePrimaryKeyByItsNameStopTheTable) {
    auto cases = [&](Where where, const std::vector<std::string>& drops) {
        std::vector<Case> all;
        for (const std::string& drop : drops) all.push_back({where, {drop}, {"t"}});
        return all;
    };
    for (const auto& list :
         {cases(kBoth, {"DROP INDEX `PRIMARY` ON t", "drop index `primary` on t",
                        "ALTER TABLE t DROP INDEX `PRIMARY`", "ALTER TABLE t DROP KEY `Primary`",
                        "ALTER TABLE t DROP CONSTRAINT `PRIMARY`",
                        "ALTER TABLE t COMMENT = 'x', DROP INDEX `PRIMARY`",
                        "ALTER TABLE t DROP INDEX `PRIMARY`, ADD PRIMARY KEY (v)"}),
          cases(kMariadb,
                {"DROP INDEX IF EXISTS `PRIMARY` ON t", "ALTER TABLE t DROP INDEX IF EXISTS `PRIMARY`",
                 "ALTER TABLE t DROP KEY IF EXISTS `primary`",
                 "ALTER TABLE t DROP CONSTRAINT IF EXISTS `PRIMARY`"})})
        try_cases(list);
    if (info_.has_unicode14_names) try_cases(cases(kMariadb, {"ALTER TABLE t DROP INDEX `prımary`"}));
    if (mariadb() && !info_.has_unicode14_names)
        try_cases(cases(kMariadb, {"ALTER TABLE t DROP INDEX `prİmary`"}));
    try_cases({{kBoth, {"DROP INDEX u ON t"}, {}}, {kBoth, {"ALTER TABLE t DROP INDEX u"}, {}}});
}

// The modes of the session, its character set and the flavour decide what a text says.
TEST_P(Statements, AreReadAsTheServerReadThem) {
    try_cases({
        {kBoth,
         {"SET sql_mode = 'NO_BACKSLASH_ESCAPES'", "ALTER TABLE t COMMENT = 'dir\\', RENAME TO x"},
         {"t"}},
        {kBoth, {"SET sql_mode = 'NO_BACKSLASH_ESCAPES'", "ALTER TABLE t COMMENT = 'dir\\'"}, {}},
        {kBoth, {"ALTER TABLE t COMMENT = 'it\\'s, RENAME TO x'"}, {}},
        {kBoth, {"ALTER TABLE t COMMENT = \"it\\\"s, RENAME TO x\""}, {}},
        {kBoth, {"SET sql_mode = 'ANSI_QUOTES'", "TRUNCATE \"b\\s\""}, {"b\\s"}},
        {kBoth, {"SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", "TRUNCATE TABLE \"b\\s\""}, {"b\\s"}},
        {kBoth, {"TRUNCATE `b\\s`"}, {"b\\s"}},
        {kMysql, {"TRUNCATE /*M! elsewhere. */ t"}, {"t"}},
        {kMysql, {"ALTER TABLE t COMMENT = 'x' /*M!100100 , DROP PRIMARY KEY */"}, {}},
        {kMariadb, {"ALTER TABLE t COMMENT = 'x' /*M!100100 , DROP PRIMARY KEY */"}, {"t"}},
        {kBoth, {"ALTER TABLE t COMMENT = 'x' /*!50000 , RENAME TO x */"}, {"t"}},
        {kBoth, {"ALTER TABLE t COMMENT = 'x' /*!999999 , RENAME TO x */"}, {}},
        {kMariadb, {"ALTER TABLE t COMMENT = 'x' /*!80000 , RENAME TO x */"}, {}},
        {kMysql, {"ALTER TABLE t COMMENT = 'x' /*!080000 , RENAME TO x */"}, {"t"}},
        {kBoth, {"ALTER TABLE t COMMENT = 'x' --\x01 , RENAME TO x\n"}, {}},
        {kMariadb, {"TRUNCATE .t"}, {"t"}},
        {kMariadb, {"ALTER TABLE .t DROP PRIMARY KEY"}, {"t"}},
        {kMariadb, {"RENAME TABLE . t TO x"}, {"t"}},
        {kMariadb, {"DROP TABLE .t"}, {"t"}},
        {kMariadb, {"SET sql_mode = 'MSSQL'", "TRUNCATE [t]"}, {"t"}},
        {kMariadb, {"SET sql_mode = 'MSSQL'", "ALTER TABLE [t] COMMENT = 'x', RENAME [x]"}, {"t"}},
        {kMariadb, {"SET sql_mode = 'ORACLE'", "TRUNCATE \"t\""}, {"t"}},
        {kBoth, {"SET character_set_client = latin1", "TRUNCATE\xa0t"}, {"t"}},
        {kBoth, {"SET character_set_client = latin1", "ALTER TABLE\xa0t COMMENT = '\xa0'"}, {}},
        // The event has the mode that such a statement sets; the text was read with the session's.
        {kMariadb,
         {"SET STATEMENT sql_mode = 'NO_BACKSLASH_ESCAPES' FOR ALTER TABLE t COMMENT = 'a\\', COMMENT = ', "
          "RENAME TO x"},
         {"t", "b", "b\\s"}},
        {kMariadb, {"SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR ALTER TABLE t COMMENT = 'a'"}, {}},
        {kMariadb, {"SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR TRUNCATE t"}, {"t"}},
        {kMariadb, {"SET STATEMENT max_statement_time = 9 FOR TRUNCATE t"}, {"t"}},
    });
}

TEST_P(Statements, ThatReplaceMoreThanTheyNameStopTheTable) {
    try_cases({
        {kMariadb, {"CREATE OR REPLACE DATABASE " + database_}, {"t", "b", "b\\s"}},
        {kMariadb, {"CREATE OR REPLACE TABLE t (a INT)"}, {"t"}},
        {kMariadb, {"CREATE OR REPLACE INDEX u ON t (v)"}, {}},
        {kBoth, {"ALTER TABLE t ENGINE = BLACKHOLE"}, {"t"}},
        {kBoth, {"ALTER TABLE t ENGINE = InnoDB"}, {}},
    });
    // Where the primary key is missing the index may be what tells the rows apart.
    for (const char* drop : {"CREATE OR REPLACE INDEX u ON t (v)", "DROP INDEX u ON t"}) {
        if (!mariadb() && std::string(drop).starts_with("CREATE")) continue;
        make_tables();
        connection_->execute("ALTER TABLE t DROP PRIMARY KEY");
        EXPECT_EQ(stops_after({"t", "b"}, {drop}).count("t"), 1u) << drop;
    }
    // REPAIR drops what it cannot read.
    make_tables();
    connection_->execute("ALTER TABLE t ENGINE = MyISAM");
    EXPECT_EQ(stops_after({"t", "b"}, {"REPAIR TABLE t, b"}).size(), 1u);
}

// Changes that are logged as statements reach tables that the text does not name.
TEST_P(Statements, ThatChangeRowsStopWhatTheyMayHaveReached) {
    auto set_up = [&] {
        make_tables();
        for (const std::string& sql :
             {"CREATE FUNCTION " + other_ +
                  ".f() RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO " + database_ +
                  ".t VALUES (77, 77); RETURN 1; END",
              "CREATE TRIGGER " + other_ + ".reaches AFTER INSERT ON " + other_ +
                  ".u FOR EACH ROW INSERT INTO " + database_ + ".t VALUES (NEW.v, NEW.v)",
              "CREATE VIEW " + other_ + ".seen AS SELECT * FROM " + database_ + ".t",
              "CREATE PROCEDURE " + other_ + ".p() INSERT INTO " + database_ + ".t VALUES (78, 78)",
              "CREATE TABLE " + other_ + ".quiet (id INT)"})
            connection_->execute(sql);
    };
    for (const std::string format : {"STATEMENT", "MIXED"}) {
        for (const std::string& sql :
             {"SELECT " + other_ + ".f()", "DO " + other_ + ".f()", "SET @a = " + other_ + ".f()",
              "INSERT INTO " + other_ + ".u (v) VALUES (5)", "UPDATE " + other_ + ".seen SET v = v + 1000",
              "DELETE FROM " + other_ + ".seen", "CALL " + other_ + ".p()",
              std::string("INSERT INTO t VALUES (9, 9)")}) {
            set_up();
            SCOPED_TRACE(format + ": " + sql);
            const Stops stops = stops_after(
                {"t", "b"}, {"USE " + other_, "SET SESSION binlog_format = " + format,
                             sql.starts_with("INSERT INTO t ") ? "USE " + database_ : "DO 1", sql});
            // In MIXED the server logs rows where a statement is not certain to do the same again.
            EXPECT_EQ(stops.size(), format == "MIXED" && stops.empty() ? 0u : 2u);
            for (const auto& [table, reason] : stops)
                EXPECT_NE(reason.find("as a statement, not as rows"), std::string::npos) << reason;
        }
        // MySQL says which databases; MariaDB does not, and functions and triggers are not in the log.
        set_up();
        const Stops stops = stops_after({"t", "b"}, {"SET SESSION binlog_format = " + format,
                                                     "INSERT INTO " + other_ + ".quiet VALUES (1)"});
        EXPECT_EQ(stops.size(), mariadb() ? 2u : 0u) << format;
    }
    set_up();
    if (mariadb()) {
        EXPECT_EQ(
            stops_after({"t", "b"}, {"SET SESSION binlog_format = STATEMENT",
                                     "CREATE TABLE " + other_ + ".made AS SELECT " + other_ + ".f() AS x"})
                .count("t"),
            1u);
    }
    // What changes no rows passes in any format.
    set_up();
    std::vector<std::string> quiet = {
        "SET SESSION binlog_format = STATEMENT",
        "ANALYZE TABLE t",
        "OPTIMIZE TABLE t",
        "CHECK TABLE t",
        "FLUSH TABLES",
        "FLUSH TABLE t",
        "CREATE VIEW vv AS SELECT * FROM t",
        "DROP VIEW vv",
        "CREATE TABLE like_t LIKE t",
        "CREATE TABLE parts (id INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS "
        "THAN (5), PARTITION p1 VALUES LESS THAN MAXVALUE)",
        "DROP TABLE like_t, parts",
        "CREATE USER IF NOT EXISTS penstock_nobody@localhost",
        "GRANT SELECT ON *.* TO penstock_nobody@localhost",
        "REVOKE SELECT ON *.* FROM penstock_nobody@localhost",
        "DROP USER penstock_nobody@localhost",
        "CREATE FUNCTION g() RETURNS INT DETERMINISTIC RETURN 1",
        "DROP FUNCTION g",
        "BEGIN",
        "COMMIT"};
    if (mariadb()) quiet.insert(quiet.begin() + 1, {"CREATE TEMPORARY TABLE tmp (a INT)", "DROP TABLE tmp"});
    EXPECT_EQ(stops_after({"t", "b"}, quiet), Stops());
    connection_->execute("DROP DATABASE " + other_);
}

INSTANTIATE_TEST_SUITE_P(Servers, Statements, testing::Values("MYSQL", "MARIADB", "MARIADB11"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace penstock
