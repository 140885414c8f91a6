// Every character set that the servers ship, as SHOW CHARACTER SET lists them: in columns, in ENUM and SET
// labels, in names, and in the statements of clients that speak it. What the snapshot's path gives (the
// server converts) and what the log's path gives (Penstock converts) must be the same bytes.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "decode/charset.h"
#include "decode/statement.h"
#include "support/column_kinds.h"
#include "support/live_table.h"

namespace penstock {
namespace {

using namespace test;

constexpr uint32_t kRowOfCodePoints = 256;

class CharsetsTest : public LiveTableTest {
  protected:
    void SetUp() override {
        LiveTableTest::SetUp();
        for (const auto& row : connection_->query("SHOW CHARACTER SET")) {
            if (row[0] != "binary") charsets_.push_back(row[0].value());
        }
        ASSERT_GE(charsets_.size(), 39u);
    }

    /// A table `t` with a column of each set, named after it.
    void create_table(const std::vector<std::string>& charsets, const std::string& type) {
        std::string ddl = "CREATE TABLE t (id int PRIMARY KEY";
        for (const std::string& charset : charsets)
            ddl += ", " + charset + "_ " + type + " character set " + charset;
        connection_->execute(ddl + ")");
    }
    /// Numbers from 0 to 2^bits - 1 in a table `n`.
    void create_numbers(int bits) {
        connection_->execute("CREATE TABLE n (n int PRIMARY KEY)");
        connection_->execute("INSERT INTO n VALUES (0)");
        for (int bit = 0; bit < bits; ++bit)
            connection_->execute("INSERT INTO n SELECT n + " + std::to_string(1 << bit) + " FROM n");
    }
    Position here() { return current_position(*connection_, info_, ReplicationMechanism::kFilePos); }

    /// `text` in the set's own bytes, or empty when the set lacks one of its characters.
    std::string in_charset(const std::string& text, const std::string& charset) {
        auto row = connection_->query("SELECT CONVERT(CONVERT(" + quote_string(text) + " USING " + charset +
                                      ") USING utf8mb4), HEX(CONVERT(" + quote_string(text) + " USING " +
                                      charset + "))")[0];
        if (row[0] != text) return {};
        std::string bytes;
        for (size_t i = 0; i + 1 < row[1]->size(); i += 2)
            bytes += static_cast<char>(std::stoi(row[1]->substr(i, 2), nullptr, 16));
        return bytes;
    }

    std::vector<std::string> charsets_;
};

// Words of many scripts; no set has them all.
const std::vector<std::string> kWords = {"plain",
                                         "\xc4\x97\xc5\xa1",
                                         "na\xc3\xafve",
                                         "\xc5\xbe\xc3\xadzn\xc3\xad",
                                         "\xd0\x96\xd1\x83\xd0\xba",
                                         "\xce\xb1\xce\xbb\xcf\x86\xce\xb1",
                                         "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
                                         "\xd8\xb9\xd8\xb1\xd8\xa8",
                                         "\xe0\xb9\x84\xe0\xb8\x97\xe0\xb8\xa2",
                                         "\xd5\x80\xd5\xa1\xd5\xb5",
                                         "\xe1\x83\xa5\xe1\x83\x90\xe1\x83\xa0",
                                         "\xe8\xa1\xa8\xe7\xa4\xba",
                                         "\xe3\x81\x8b\xe3\x81\xaa\xe3\x82\xbd",
                                         "\xed\x95\x9c\xea\xb5\xad",
                                         "\xe2\x82\xac"};

// Every code of one and two bytes (four for utf32), where the server stores it.
TEST_P(CharsetsTest, EveryCodeIsTheServersCharacter) {
    create_table(charsets_, "varchar(2)");
    TablePlan plan = plan_of("t");
    create_numbers(16);
    std::string names, values;
    for (const std::string& charset : charsets_) {
        names += ", " + charset + "_";
        const char* digits = charset == "utf32"                                  ? "8"
                             : charset == "ucs2" || charset.starts_with("utf16") ? "4"
                                                                                 : "2";
        values += ", convert(unhex(if(n < 256, lpad(hex(n), " + std::string(digits) +
                  ", '0'), lpad(hex(n), " + (charset == "utf32" ? "8" : "4") + ", '0'))) using " + charset +
                  ")";
    }
    Position start = here();
    connection_->execute("INSERT INTO t (id" + names + ") SELECT n" + values + " FROM n ORDER BY n");
    Block text = snapshot(plan), log(plan);
    read_log(plan, start, 65536, nullptr, &log);
    expect_equal(plan, text, log);
}

// 0x8f and two bytes: the third plane of EUC-JP.
TEST_P(CharsetsTest, CodesOfThreeBytesAreTheServersCharacters) {
    create_table({"ujis", "eucjpms"}, "varchar(2)");
    TablePlan plan = plan_of("t");
    create_numbers(14);
    Position start = here();
    std::string code = "unhex(concat('8F', hex(161 + n div 94), hex(161 + n % 94)))";
    connection_->execute("INSERT INTO t SELECT n, convert(" + code + " using ujis), convert(" + code +
                         " using eucjpms) FROM n WHERE n < 94 * 94 ORDER BY n");
    Block text = snapshot(plan), log(plan);
    read_log(plan, start, 94 * 94, nullptr, &log);
    expect_equal(plan, text, log);
}

// Every code point that a set can store: the basic plane in every set, the others where there are more.
TEST_P(CharsetsTest, EveryCodePointSurvives) {
    connection_->execute("CREATE TABLE u (id int PRIMARY KEY, c text CHARACTER SET utf32)");
    for (uint32_t first = 0; first < 0x110000; first += 16 * kRowOfCodePoints) {
        std::string sql;
        for (uint32_t row = first; row < first + 16 * kRowOfCodePoints; row += kRowOfCodePoints) {
            if (row >= 0xd800 && row < 0xe000) continue;  // halves of surrogate pairs are no characters
            std::string bytes;
            for (uint32_t c = row; c < row + kRowOfCodePoints; ++c) {
                for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(c >> shift);
            }
            sql += (sql.empty() ? "(" : ", (") + std::to_string(row / kRowOfCodePoints) + ", " +
                   hex_literal(bytes, "_utf32 ") + ")";
        }
        if (!sql.empty()) connection_->execute("INSERT INTO u VALUES " + sql);
    }
    auto copy = [&](const std::vector<std::string>& charsets, const std::string& where, bool all_there) {
        connection_->execute("DROP TABLE IF EXISTS t");
        create_table(charsets, "text");
        TablePlan plan = plan_of("t");
        std::string values;
        for (size_t i = 0; i < charsets.size(); ++i) values += ", c";
        uint64_t rows =
            std::stoull(connection_->query_value("SELECT count(*) FROM u WHERE " + where).value());
        Position start = here();
        connection_->execute("INSERT INTO t SELECT id" + values + " FROM u WHERE " + where + " ORDER BY id");
        Block text = snapshot(plan), log(plan);
        read_log(plan, start, rows, nullptr, &log);
        expect_equal(plan, text, log);
        if (!all_there) return;
        for (size_t i = 2; i < log.columns.size(); ++i) {  // the first after the key is utf8mb4
            EXPECT_TRUE(as_text(log.columns[i].values()) == as_text(log.columns[1].values()))
                << charsets[i - 1];
        }
    };
    copy(charsets_, "id < 256", false);
    std::vector<std::string> whole = {"utf8mb4", "utf16", "utf16le", "utf32"};
    copy(whole, "true", true);
    if (!info_.mariadb()) copy({"gb18030"}, "id >= 256", false);
}

TEST_P(CharsetsTest, LabelsOfEverySet) {
    std::string ddl = "CREATE TABLE t (id int PRIMARY KEY", numbers;
    size_t most = 0;
    for (const std::string& charset : charsets_) {
        std::string labels;
        size_t count = 0;
        for (const std::string& word : kWords) {
            if (in_charset(word, charset).empty()) continue;
            labels += (labels.empty() ? "'" : ", '") + word + "'";
            ++count;
        }
        EXPECT_GE(count, charset == "ascii" || charset == "swe7" ? 1u : 2u) << charset;
        most = std::max(most, count);
        ddl += ", " + charset + "_e enum(" + labels + ") character set " + charset + ", " + charset +
               "_s set(" + labels + ") character set " + charset;
        numbers += ", {} % " + std::to_string(count + 1) + ", {} % " + std::to_string(1 << count);
    }
    EXPECT_EQ(most, kWords.size());
    connection_->execute(ddl + ")");
    TablePlan plan = plan_of("t");
    Position start = here();
    constexpr int kRows = 40;
    for (int row = 0; row < kRows; ++row) {
        std::string values = numbers, number = std::to_string(row < 16 ? row : row * 409);
        for (size_t at = 0; (at = values.find("{}", at)) != std::string::npos;) values.replace(at, 2, number);
        connection_->execute("INSERT INTO t VALUES (" + std::to_string(row) + values + ")");
    }
    Block text = snapshot(plan), log(plan);
    read_log(plan, start, kRows, nullptr, &log);
    expect_equal(plan, text, log);
}

// Names are UTF-8 in the log's table maps, whatever the client speaks; statements are as the client sent
// them.
TEST_P(CharsetsTest, NamesInEveryClientsCharacters) {
    size_t clients = 0;
    for (const std::string& charset : charsets_) {
        try {
            connection_->execute("SET character_set_client = " + charset);
        } catch (const Error&) {
            EXPECT_TRUE(charset == "ucs2" || charset.starts_with("utf16") || charset == "utf32") << charset;
            continue;
        }
        connection_->execute("SET NAMES utf8mb4");
        ++clients;
        std::string name = charset, columns, values;
        for (const std::string& word : kWords) {
            if (in_charset(word, charset).empty()) continue;
            if (name.size() + word.size() < 60) name += " " + word;  // a name has 64 characters at most
            columns += ", " + quote_identifier("c " + word) + " varchar(20) CHARACTER SET " + charset;
            values += ", " + quote_string(word);
        }
        const std::string quoted = quote_table(database_, name);
        connection_->execute("CREATE TABLE " + quoted + " (id int PRIMARY KEY" + columns + ")");
        TablePlan plan = plan_of(name);
        EXPECT_EQ(plan.source.columns[1].name, "c plain");
        Position start = here();
        connection_->execute("INSERT INTO " + quoted + " VALUES (1" + values + ")");
        Block text = snapshot(plan), log(plan);
        read_log(plan, start, 1, nullptr, &log);
        expect_equal(plan, text, log);

        start = here();
        const std::string truncate = "TRUNCATE TABLE `" + in_charset(name, charset) + "`";
        connection_->execute("SET character_set_client = " + charset);
        connection_->execute(truncate);
        connection_->execute("SET NAMES utf8mb4");
        BinlogStream stream = BinlogStream::open(endpoint_, info_, start);
        EventParser parser;
        std::string truncated;
        for (int events = 0; truncated.empty() && events < 10'000; ++events) {
            parser.parse_all(stream.next(), [&](const Event& event) {
                const auto* query = std::get_if<QueryEvent>(&event);
                if (query == nullptr || query->database != database_) return;
                LogStatement statement = read_statement(*query);
                if (statement.kind == LogStatement::Kind::kTruncate) truncated = statement.tables.at(0).table;
            });
        }
        EXPECT_EQ(truncated, name);
    }
    EXPECT_GE(clients, 35u);
}

// The numbers that charset_of_collation knows are the server's.
TEST_P(CharsetsTest, CollationNumbersAreTheServers) {
    for (const auto& row :
         connection_->query("SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATIONS "
                            "WHERE CHARACTER_SET_NAME IS NOT NULL")) {
        const std::string& charset = row[1].value();
        bool bytes_are_utf8 = is_utf8(charset) || charset == "ucs2" || charset.starts_with("utf");
        EXPECT_EQ(charset_of_collation(static_cast<uint16_t>(std::stoul(row[0].value()))),
                  bytes_are_utf8 ? "" : charset)
            << row[0].value();
        const std::string column = charset == "utf8" ? "utf8mb3" : charset;
        EXPECT_EQ(column_charset_of_collation(static_cast<uint16_t>(std::stoul(row[0].value()))), column)
            << row[0].value();
    }
    if (!info_.mariadb()) return;
    for (const auto& row :  // a collation of several sets has a number for each
         connection_->query(
             "SELECT ID, CHARACTER_SET_NAME FROM "
             "information_schema.COLLATION_CHARACTER_SET_APPLICABILITY WHERE ID IS NOT NULL")) {
        EXPECT_EQ(column_charset_of_collation(static_cast<uint16_t>(std::stoul(row[0].value()))),
                  row[1].value())
            << row[0].value();
    }
}

INSTANTIATE_TEST_SUITE_P(Servers, CharsetsTest, testing::Values("MYSQL", "MARIADB", "MARIADB11"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace penstock
