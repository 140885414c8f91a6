#include "source/key_space.h"

#include <algorithm>
#include <random>

#include "source/test_server.h"

namespace penstock {
namespace {

class KeySpaceTest : public ServerTest {
  protected:
    uint64_t count(const std::string& table, const std::string& where) {
        return std::stoull(*connection_->query_value("SELECT COUNT(*) FROM " + table + " WHERE " + where));
    }
    std::mt19937_64 random_{20261126};
};

/// Whatever is guessed, in whatever order: the keys found ascend, so that ranges between them hold each row
/// once.
TEST_P(KeySpaceTest, KeysNearAnyGuessesAscend) {
    std::vector<std::string> types;
    for (const std::string collation :
         {"utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_bin", "utf8mb4_czech_ci", "latin1_swedish_ci",
          "latin1_german2_ci", "ucs2_general_ci", "sjis_japanese_ci", "utf16_bin"}) {
        types.push_back("VARCHAR(40) COLLATE " + collation);
        types.push_back("CHAR(40) COLLATE " + collation);
    }
    types.push_back(std::string("VARCHAR(40) COLLATE ") +
                    (mariadb() ? "utf8mb4_nopad_bin" : "utf8mb4_0900_ai_ci"));
    types.insert(types.end(), {"VARBINARY(40)", "BINARY(12)"});
    const char* letters[] = {"a",  "A", "b", "ch", "h", "z", "Z",        "e",        "E",  "s",
                             "ss", "_", "0", "9",  " ", "-", "\xC3\xB6", "\xC3\x9F", "oe", "x\\0"};
    int number = 0;
    for (const std::string& type : types) {
        SCOPED_TRACE(type);
        const std::string table = "t" + std::to_string(number++);
        sql("CREATE TABLE " + table + " (rid INT, k " + type + " NOT NULL PRIMARY KEY)");
        std::string values;
        std::vector<std::string> texts;
        for (int i = 0; i < 600; ++i) {
            std::string text;
            for (uint64_t n = random_() % 5 + 1; n > 0; --n) text += letters[random_() % std::size(letters)];
            values += (i == 0 ? "('" : ", ('") + text + "')";
        }
        sql("INSERT IGNORE INTO " + table + " (k) VALUES " + values);

        const TableSchema schema = schema_of(table);
        KeySpace space(*connection_, schema, {&schema.columns[1]});
        ASSERT_TRUE(space.use_index());
        const uint64_t rows = count(table, "TRUE");
        const KeyBound first = space.bound(space.first_keys({}, 1).at(0)),
                       last = space.bound(space.last_keys({}, 1).at(0));
        std::vector<std::string> guesses;
        for (const auto& key : space.first_keys({}, rows)) guesses.push_back(space.bound(key)[0]);
        std::shuffle(guesses.begin(), guesses.end(), random_);
        guesses.resize(40);
        const auto cuts = space.keys_near(first, last, 0, guesses);
        EXPECT_GE(cuts.size(), 30u);

        uint64_t found = count(table, before(space.key(), cuts.front())) +
                         count(table, at_or_after(space.key(), cuts.back()));
        for (size_t i = 0; i + 1 < cuts.size(); ++i) {
            const uint64_t part =
                count(table, at_or_after(space.key(), cuts[i]) + " AND " + before(space.key(), cuts[i + 1]));
            EXPECT_GT(part, 0u);
            found += part;
        }
        EXPECT_EQ(found, rows);
    }
}

TEST_P(KeySpaceTest, GuessesOutsideFindNothing) {
    sql("CREATE TABLE t (a INT, k VARCHAR(20), PRIMARY KEY (a, k))");
    sql("INSERT INTO t VALUES (1, 'm'), (2, 'b'), (2, 'd'), (2, 'f'), (2, 'h'), (3, 'e')");
    const TableSchema schema = schema_of("t");
    KeySpace space(*connection_, schema, {&schema.columns[0], &schema.columns[1]});
    ASSERT_TRUE(space.use_index());
    const KeyBound b = space.bound({"2", hex_digits("b")}), d = space.bound({"2", hex_digits("d")}),
                   f = space.bound({"2", hex_digits("f")});
    const std::string a = "_utf8mb4 x'61'", c = "_utf8mb4 x'63'", e = "_utf8mb4 x'65'", g = "_utf8mb4 x'67'";
    EXPECT_EQ(space.keys_near(b, f, 1, {g}), (std::vector<KeyBound>{}));
    EXPECT_EQ(space.keys_near(b, f, 1, {e, c, c, a, g}), (std::vector<KeyBound>{d, f}));
    EXPECT_EQ(space.keys_near(b, f, 1, {}), (std::vector<KeyBound>{}));
    EXPECT_EQ(space.keys_near(space.bound({"1", hex_digits("m")}), space.bound({"3", hex_digits("e")}), 0,
                              {"3", "2"}),
              (std::vector<KeyBound>{b, space.bound({"3", hex_digits("e")})}));
}

TEST_P(KeySpaceTest, RanksFollowTheCollation) {
    sql("CREATE TABLE t (k VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY, n DECIMAL(20,2), d "
        "DATETIME(6), "
        "b BINARY(4), u BIGINT UNSIGNED)");
    const TableSchema schema = schema_of("t");
    std::vector<const SourceColumn*> columns;
    for (const SourceColumn& column : schema.columns) columns.push_back(&column);
    KeySpace space(*connection_, schema, columns);
    using Ranks = std::vector<uint64_t>;
    EXPECT_EQ(space.ranks(0, {"_utf8mb4 x'62'", "_utf8mb4 x'41'", "_utf8mb4 x'61'", "_utf8mb4 x'C3A1'",
                              "_utf8mb4 x'5F'"}),
              (Ranks{3, 0, 0, 0, 4}));
    EXPECT_EQ(space.ranks(1, {"10.00", "9.50", "-3.25", "-10.00"}), (Ranks{3, 2, 1, 0}));
    EXPECT_EQ(space.ranks(2, {"'2024-01-01 00:00:00.000001'", "'1000-01-01 00:00:00.000000'"}),
              (Ranks{1, 0}));
    EXPECT_EQ(space.ranks(3, {"x'01000000'", "x'00FF0000'", "x'01'"}), (Ranks{2, 0, 1}));
    EXPECT_EQ(space.ranks(4, {"18446744073709551615", "9", "10"}), (Ranks{2, 0, 1}));
    EXPECT_EQ(space.ranks(4, {}), (Ranks{}));
}

INSTANTIATE_TEST_SUITE_P(Servers, KeySpaceTest, testing::Values("MYSQL", "MARIADB"));

}  // namespace
}  // namespace penstock
