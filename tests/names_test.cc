// How servers compare names, held against what model/name_fold.h says; and what depends on it in a pipe.

#include <map>

#include <fmt/format.h>

#include "model/name_fold.h"
#include "support/log_judgement.h"
#include "support/own_server.h"

namespace penstock {
namespace {

using namespace test;

class Names : public StatementTest {
  protected:
    void SetUp() override {
        StatementTest::SetUp();
        rules_ = info_.names();
    }
    void run(const std::vector<std::string>& statements) {
        for (const std::string& sql : statements) connection_->execute(sql);
    }
    /// False when the server refuses it with that error, which must be its only reason.
    bool accepts(const std::string& sql, const std::string& refusal) {
        try {
            connection_->execute(sql);
            return true;
        } catch (const Error& e) {
            EXPECT_NE(std::string(e.what()).find(refusal), std::string::npos) << e.what();
            return false;
        }
    }
    /// Two characters share a fold exactly when the server gives them one value of `expression`, over `c`.
    void expect_groups(NameFold fold, const std::string& expression) {
        SCOPED_TRACE(expression);
        run({mariadb() ? "SET SESSION max_recursive_iterations = 70000"
                       : "SET SESSION cte_max_recursion_depth = 70000"});
        std::map<std::string, std::string> by_value, by_fold;
        size_t asked = 0;
        for (const auto& row : connection_->query(
                 "WITH RECURSIVE n (p) AS (SELECT 1 UNION ALL SELECT p + 1 FROM n WHERE p < 65535) SELECT c, "
                 "HEX(" +
                 expression +
                 ") FROM (SELECT CONVERT(CONVERT(UNHEX(LPAD(HEX(p), 8, '0')) USING utf32) USING utf8mb3) AS "
                 "c "
                 "FROM n WHERE p NOT BETWEEN 0xd800 AND 0xdfff) AS characters")) {
            ++asked;
            const std::string &c = *row[0], &value = *row[1], folded = fold_name(c, fold);
            EXPECT_EQ(by_value.emplace(value, folded).first->second, folded) << c;
            EXPECT_EQ(by_fold.emplace(folded, value).first->second, value) << c;
        }
        EXPECT_EQ(asked, 65535u - 2048u);
    }

    static constexpr std::pair<const char*, const char*> kPairs[] = {
        {"a", "A"},   {"É", "é"},  {"é", "e"},      {"ß", "s"},   {"ß", "ss"},  {"ẞ", "ß"},   {"Σ", "σ"},
        {"ς", "σ"},   {"İ", "i"},  {"ı", "I"},      {"K", "k"},   {"Ǆ", "ǆ"},   {"Ⴀ", "ⴀ"},   {"Ა", "ა"},
        {"Ꭰ", "ꭰ"}, {"Я", "я"},  {"ё", "е"},      {"ａ", "Ａ"}, {"ａ", "a"},  {"ÿ", "Ÿ"},   {"ÿ", "y"},
        {"Æ", "æ"},   {"Æ", "ae"}, {"ø", "o"},      {"Ł", "l"},   {"가", "각"}, {"日", "本"}, {"ア", "あ"},
        {"Ɓ", "ɓ"},   {"Ⱥ", "ⱥ"},  {"a\u0301", "á"}};

    NameRules rules_;
};

TEST_P(Names, EveryCharacterFoldsAsTheServerFoldsIt) {
    expect_groups(NameFold::kLowerCase, "LOWER(c COLLATE utf8mb3_general_ci)");
    expect_groups(NameFold::kGeneralCi, "WEIGHT_STRING(c COLLATE utf8mb3_general_ci)");
    if (rules_.columns == NameFold::kUnicode14)
        expect_groups(NameFold::kUnicode14, "WEIGHT_STRING(c COLLATE utf8mb3_general1400_as_ci)");
}

TEST_P(Names, OfColumnsAndSavepointsAreOneWhereTheyAreForTheServer) {
    for (const auto& [a, b] : kPairs) {
        const bool two_columns =
            accepts(fmt::format("CREATE TABLE t (`{}` INT, `{}` INT)", a, b), "Duplicate column name");
        EXPECT_EQ(same_name(a, b, rules_.columns), !two_columns) << a << ' ' << b;
        if (two_columns) run({"DROP TABLE t"});
        run({"BEGIN", fmt::format("SAVEPOINT `{}`", a)});
        EXPECT_EQ(same_name(a, b, rules_.savepoints),
                  accepts(fmt::format("RELEASE SAVEPOINT `{}`", b), "does not exist"))
            << a << ' ' << b;
        run({"ROLLBACK"});
    }
}

// With lower_case_table_names the names of tables compare by letters in lower case.
TEST_P(Names, OfTablesAreOneWhereTheyAreForTheServer) {
    const SourceEndpoint shared = endpoint_;
    OwnServer own(GetParam(), {"--lower-case-table-names=1"});
    auto connect = [&](const SourceEndpoint& endpoint) {
        endpoint_ = endpoint;
        connection_ = std::make_unique<MysqlConnection>(MysqlConnection::open(endpoint));
        info_ = read_server_info(*connection_);
        rules_ = info_.names();
    };
    connect(own.endpoint());
    run({"CREATE DATABASE " + database_ + " CHARACTER SET utf8mb4", "USE " + database_});
    for (const auto& [a, b] : kPairs) {
        run({fmt::format("CREATE TABLE `{}` (id INT PRIMARY KEY)", a)});
        EXPECT_EQ(same_name(a, b, rules_.tables), accepts(fmt::format("TRUNCATE `{}`", b), "doesn't exist"))
            << a << ' ' << b;
        run({fmt::format("DROP TABLE `{}`", a)});
    }

    run({"CREATE TABLE `accenté` (id INT PRIMARY KEY)", "CREATE TABLE accente (id INT PRIMARY KEY)",
         "INSERT INTO `accenté` VALUES (1)", "INSERT INTO accente VALUES (1)"});
    const Chunk chunk = changes_after(
        {"ACCENTÉ", "accente"},
        {"INSERT INTO `Accenté` VALUES (2)", "TRUNCATE `ACCENTÉ`", "INSERT INTO Accente VALUES (2)"});
    ASSERT_EQ(chunk.stops.size(), 1u);
    EXPECT_EQ(chunk.stops[0].table, 0u);
    EXPECT_NE(chunk.stops[0].reason.find("emptied the table"), std::string::npos) << chunk.stops[0].reason;
    EXPECT_EQ(chunk.counts[0].inserted, 1u);
    EXPECT_EQ(chunk.counts[1].inserted, 1u);
    connect(shared);
}

// Servers write ROLLBACK TO where a table without transactions was changed since.
TEST_P(Names, OfSavepointsTakeBackTheRowsThatTheServerTookBack) {
    if (!mariadb()) GTEST_SKIP() << "enforce_gtid_consistency lets no transaction of MySQL mix tables so";
    run({"CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE my (id INT PRIMARY KEY) ENGINE = MyISAM"});
    int id = 0;
    for (const auto& [a, b] : kPairs) {
        SCOPED_TRACE(std::string(a) + ' ' + b);
        run({"DELETE FROM t"});
        // The second savepoint takes the place of the first, or stands beside it.
        const Chunk chunk = changes_after(
            {"t"},
            {"BEGIN", fmt::format("INSERT INTO t VALUES ({})", ++id), fmt::format("SAVEPOINT `{}`", a),
             fmt::format("INSERT INTO t VALUES ({})", ++id), fmt::format("SAVEPOINT `{}`", b),
             fmt::format("INSERT INTO my VALUES ({})", id), fmt::format("INSERT INTO t VALUES ({})", ++id),
             fmt::format("ROLLBACK TO `{}`", a), "COMMIT"});
        EXPECT_TRUE(chunk.stops.empty());
        EXPECT_EQ(std::to_string(chunk.counts[0].inserted),
                  *connection_->query_value("SELECT COUNT(*) FROM t"));
    }
}

INSTANTIATE_TEST_SUITE_P(Servers, Names, testing::Values("MYSQL", "MARIADB", "MARIADB11"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace penstock
