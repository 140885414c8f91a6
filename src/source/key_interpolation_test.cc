#include "source/key_interpolation.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include <gtest/gtest.h>

#include "source/mysql_connection.h"

namespace penstock {
namespace {

using Texts = std::vector<std::string>;

SourceColumn column_of(SourceType type, const std::string& charset = "") {
    SourceColumn column;
    column.name = "k";
    column.type = type;
    column.charset = charset;
    return column;
}

/// Guesses with the characters in the order of their codes.
Texts guesses(const SourceColumn& column, const Texts& sample, uint64_t pieces) {
    KeyInterpolation interpolation(column, sample);
    std::vector<uint64_t> ranks(interpolation.characters().size());
    std::iota(ranks.begin(), ranks.end(), uint64_t{0});
    return interpolation.guesses(pieces, ranks);
}

/// The same for strings, given and returned as they are.
Texts string_guesses(const SourceColumn& column, Texts sample, uint64_t pieces) {
    for (std::string& key : sample) key = hex_digits(key);
    Texts strings;
    for (const std::string& literal : guesses(column, sample, pieces)) {
        std::string& text = strings.emplace_back();
        const size_t begin = literal.find("x'") + 2;
        for (size_t i = begin; i + 1 < literal.size(); i += 2)
            text += static_cast<char>(std::stoi(literal.substr(i, 2), nullptr, 16));
    }
    return strings;
}

TEST(KeyInterpolation, NumbersAtEqualDistances) {
    const SourceColumn integer = column_of(SourceType::kBigInt);
    EXPECT_EQ(guesses(integer, {"0", "100"}, 4), (Texts{"25", "50", "75"}));
    EXPECT_EQ(guesses(integer, {"-9223372036854775808", "18446744073709551615"}, 2),
              (Texts{"4611686018427387904"}));
    EXPECT_EQ(guesses(integer, {"-3", "1"}, 4), (Texts{"-2", "-1", "0"}));
    EXPECT_EQ(guesses(integer, {"6", "7"}, 50), (Texts{"7"}));
    EXPECT_EQ(guesses(integer, {"7", "7"}, 50), (Texts{}));
    SourceColumn decimal = column_of(SourceType::kDecimal);
    decimal.precision = 10;
    decimal.scale = 3;
    EXPECT_EQ(guesses(decimal, {"-1.500", "0.500"}, 4), (Texts{"-1.000", "-0.500", "0.000"}));
    decimal.precision = 65;
    EXPECT_EQ(guesses(decimal, {"-1.500", "0.500"}, 4), (Texts{}));
}

TEST(KeyInterpolation, TimesThatExist) {
    EXPECT_EQ(guesses(column_of(SourceType::kDate), {"2024-01-01", "2024-01-05"}, 4),
              (Texts{"'2024-01-02'", "'2024-01-03'", "'2024-01-04'"}));
    EXPECT_EQ(guesses(column_of(SourceType::kDateTime),
                      {"2024-02-29 10:00:00.000000", "2024-02-29 10:00:10.000000"}, 2),
              (Texts{"'2024-02-29 10:00:05'"}));
    const Texts days = guesses(column_of(SourceType::kDate), {"0000-00-00", "9999-12-31"}, 5000);
    EXPECT_GT(days.size(), 4500u);
    for (const std::string& date : days) {
        const std::chrono::year_month_day day{std::chrono::year(std::stoi(date.substr(1, 4))),
                                              std::chrono::month(std::stoi(date.substr(6, 2))),
                                              std::chrono::day(std::stoi(date.substr(9, 2)))};
        EXPECT_TRUE(day.ok()) << date;
    }
}

TEST(KeyInterpolation, StringsInTheDigitsOfTheSample) {
    const SourceColumn ascii = column_of(SourceType::kChar, "ascii");
    const Texts sample{"id-00000017", "id-99999999", "id-00123456", "id-00000789"};
    Texts found = string_guesses(ascii, sample, 5);
    ASSERT_EQ(found.size(), 4u);
    for (size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(found[i].substr(0, 4), "id-" + std::to_string(2 * i + 2));
        EXPECT_EQ(found[i].find_first_not_of("0123456789", 3), std::string::npos) << found[i];
    }
    // One letter of the alphabet for all that are equal: 'B' and 'b' here.
    KeyInterpolation any_case(ascii, {hex_digits("a"), hex_digits("C"), hex_digits("B"), hex_digits("b")});
    EXPECT_EQ(any_case.characters(), (Texts{"_ascii x'42'", "_ascii x'43'", "_ascii x'61'", "_ascii x'62'"}));
    EXPECT_EQ(any_case.guesses(2, {3, 7, 1, 3}).size(), 1u);
    EXPECT_EQ(any_case.guesses(2, {1, 0, 7, 1}), (Texts{}));  // the last lies before the first
    EXPECT_EQ(string_guesses(ascii, {"a", "a"}, 9), (Texts{}));
    EXPECT_EQ(string_guesses(ascii, {"", "ab", "a"}, 2).size(), 1u);
}

TEST(KeyInterpolation, CharactersAreNotCut) {
    const Texts sample{"x\xC3\xA9", "x\xF0\x9F\x98\x80z", "x\xE4\xB8\xAD"};
    const SourceColumn utf8 = column_of(SourceType::kVarChar, "utf8mb4");
    const Texts hex{hex_digits(sample[0]), hex_digits(sample[1]), hex_digits(sample[2])};
    EXPECT_EQ(KeyInterpolation(utf8, hex).characters(),
              (Texts{"_utf8mb4 x'7A'", "_utf8mb4 x'C3A9'", "_utf8mb4 x'E4B8AD'", "_utf8mb4 x'F09F9880'"}));
    for (const std::string& guess : string_guesses(utf8, sample, 30)) {
        std::string rest = guess.substr(1);
        for (const char* character : {"z", "\xC3\xA9", "\xE4\xB8\xAD", "\xF0\x9F\x98\x80"}) {
            for (size_t at; (at = rest.find(character)) != std::string::npos;)
                rest.erase(at, std::string(character).size());
        }
        EXPECT_EQ(rest, "");
    }
    EXPECT_EQ(string_guesses(column_of(SourceType::kVarChar, "sjis"), {"a", "z"}, 4), (Texts{}));
    EXPECT_EQ(string_guesses(column_of(SourceType::kVarChar, "utf16"), {"a", "z"}, 4), (Texts{}));
}

TEST(KeyInterpolation, BytesInTheirOrder) {
    const SourceColumn binary = column_of(SourceType::kBinary);
    const Texts sample{std::string("\0\0a", 3), std::string("\0\xFFz", 3), std::string("\0\x80\0", 3)};
    KeyInterpolation interpolation(binary,
                                   {hex_digits(sample[0]), hex_digits(sample[1]), hex_digits(sample[2])});
    EXPECT_TRUE(interpolation.characters().empty());
    const Texts found = string_guesses(binary, sample, 4);
    EXPECT_EQ(found.size(), 3u);
    EXPECT_TRUE(std::is_sorted(found.begin(), found.end()));
    for (const std::string& guess : found) {
        EXPECT_GT(guess, sample[0]);
        EXPECT_LE(guess, sample[1]);
    }
}

TEST(KeyInterpolation, OtherTypesHaveNoGuesses) {
    EXPECT_EQ(guesses(column_of(SourceType::kDouble), {"0.5", "9.5"}, 4), (Texts{}));
    EXPECT_EQ(guesses(column_of(SourceType::kEnum, "latin1"), {"1", "9"}, 4), (Texts{}));
    EXPECT_EQ(guesses(column_of(SourceType::kUuid), {"00", "99"}, 4), (Texts{}));
}

}  // namespace
}  // namespace penstock
