#include "source/key_interpolation.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <optional>
#include <set>
#include <string_view>

#include "source/key_literal.h"

namespace penstock {
namespace {

__extension__ using Wide = __int128;  // holds every BIGINT, and a DECIMAL of 38 digits

constexpr size_t kDigits = 16;          // characters behind the common ones that are looked at
constexpr size_t kAlphabet = 256;       // characters of others than the first and the last key
constexpr Wide kScale = Wide{1} << 96;  // fractions of strings are below; leaves room for 2^30 pieces

// A byte of these can be a part of a character, or a character alone.
constexpr std::array<std::string_view, 13> kMultiByte{"big5",   "cp932",   "eucjpms", "euckr", "gb18030",
                                                      "gb2312", "gbk",     "sjis",    "ucs2",  "ujis",
                                                      "utf16",  "utf16le", "utf32"};

bool is_string(const SourceColumn& column) {
    switch (column.type) {
        case SourceType::kChar:
        case SourceType::kVarChar:
        case SourceType::kText:
        case SourceType::kBinary:
        case SourceType::kVarBinary:
        case SourceType::kBlob:
            return std::find(kMultiByte.begin(), kMultiByte.end(), column.charset) == kMultiByte.end();
        default:
            return false;
    }
}

Wide to_wide(const std::string& text) {
    Wide value = 0;
    for (char c : text) {
        if (c >= '0' && c <= '9') value = value * 10 + (c - '0');
    }
    return text.starts_with('-') ? -value : value;
}

std::string to_text(Wide value, size_t scale) {
    std::string digits;
    for (Wide v = value < 0 ? -value : value; v > 0 || digits.size() <= scale; v /= 10)
        digits += static_cast<char>('0' + static_cast<int>(v % 10));
    if (scale > 0) digits.insert(scale, 1, '.');
    if (value < 0) digits += '-';
    return {digits.rbegin(), digits.rend()};
}

/// Seconds (days of a DATE) of a calendar in which each month has 32 days from 0 on and each year 13 months,
/// so that zeros have a place too.
Wide time_to_wide(const SourceColumn& column, const std::string& text) {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
    std::sscanf(text.c_str(), "%d-%d-%d %d:%d:%d", &year, &month, &day, &hour, &minute, &second);
    const Wide days = (Wide{year} * 13 + month) * 32 + day;
    return column.type == SourceType::kDate ? days : ((days * 24 + hour) * 60 + minute) * 60 + second;
}

std::string time_to_text(const SourceColumn& column, Wide value) {
    const auto seconds = static_cast<int>(value % 86'400);
    const auto days = static_cast<int>(column.type == SourceType::kDate ? value : value / 86'400);
    const int year = days / (13 * 32), month = std::max(days / 32 % 13, 1);
    const auto last = std::chrono::year{year} / month / std::chrono::last;
    const int day = std::clamp(days % 32, 1, static_cast<int>(static_cast<unsigned>(last.day())));
    std::array<char, 64> text{};
    const int end = std::snprintf(text.data(), text.size(), "%04d-%02d-%02d", year, month, day);
    if (column.type != SourceType::kDate) {
        std::snprintf(text.data() + end, text.size() - static_cast<size_t>(end), " %02d:%02d:%02d",
                      seconds / 3600, seconds / 60 % 60, seconds % 60);
    }
    return text.data();
}

std::optional<Wide> number_of(const SourceColumn& column, const std::string& text) {
    switch (column.type) {
        case SourceType::kDecimal:
            if (column.precision > 30) return std::nullopt;  // times the number of pieces it must fit
            [[fallthrough]];
        case SourceType::kTinyInt:
        case SourceType::kSmallInt:
        case SourceType::kMediumInt:
        case SourceType::kInt:
        case SourceType::kBigInt:
            return to_wide(text);
        case SourceType::kDate:
        case SourceType::kDateTime:
        case SourceType::kTimestamp:
            return time_to_wide(column, text);
        default:
            return std::nullopt;
    }
}

std::string number_text(const SourceColumn& column, Wide value) {
    switch (column.type) {
        case SourceType::kDate:
        case SourceType::kDateTime:
        case SourceType::kTimestamp:
            return time_to_text(column, value);
        default:
            return to_text(value, column.type == SourceType::kDecimal ? column.scale : 0);
    }
}

/// Values at equal distances behind the first and up to the last.
std::vector<Wide> between(Wide first, Wide last, uint64_t pieces) {
    std::vector<Wide> values;
    for (uint64_t i = 1; i < pieces && first < last; ++i) {
        const Wide value = first + ((last - first) * i + pieces - 1) / pieces;
        if (value > (values.empty() ? first : values.back())) values.push_back(value);
    }
    return values;
}

/// The characters of a string in hexadecimal, from digit `begin` on.
std::vector<std::string> split(const SourceColumn& column, const std::string& hex, size_t begin,
                               size_t limit) {
    const bool utf8 = column.charset.str().starts_with("utf8");
    std::vector<std::string> characters;
    while (begin < hex.size() && characters.size() < limit) {
        size_t bytes = 1;
        if (utf8 && hex[begin] >= 'C') bytes = hex[begin] == 'F' ? 4 : hex[begin] == 'E' ? 3 : 2;
        characters.push_back(hex.substr(begin, 2 * bytes));
        begin += 2 * bytes;
    }
    return characters;
}

}  // namespace

KeyInterpolation::KeyInterpolation(const SourceColumn& column, const std::vector<std::string>& sample)
    : column_(column), first_(sample.at(0)), last_(sample.at(1)) {
    if (!is_string(column) || first_ == last_) return;
    const Characters first = split(column, first_, 0, SIZE_MAX), last = split(column, last_, 0, SIZE_MAX);
    for (size_t i = 0; i < first.size() && i < last.size() && first[i] == last[i]; ++i) prefix_ += first[i];
    std::set<std::string> seen;
    for (const std::string& key : sample) {
        const Characters rest = split(column, key, prefix_.size(), kDigits);
        if (&key == &sample[0]) first_rest_ = rest;
        if (&key == &sample[1]) last_rest_ = rest;
        if (&key > &sample[1] && (!key.starts_with(prefix_) || seen.size() >= kAlphabet)) continue;
        seen.insert(rest.begin(), rest.end());
    }
    alphabet_.assign(seen.begin(), seen.end());
    if (column.charset.empty()) return;
    for (const std::string& character : alphabet_) characters_.push_back(key_literal(column, character));
}

std::vector<std::string> KeyInterpolation::guesses(uint64_t pieces,
                                                   const std::vector<uint64_t>& ranks) const {
    if (!alphabet_.empty()) {
        if (!characters_.empty()) return string_guesses(pieces, ranks);
        std::vector<uint64_t> bytes(alphabet_.size());  // are in order already
        std::iota(bytes.begin(), bytes.end(), uint64_t{0});
        return string_guesses(pieces, bytes);
    }
    const std::optional<Wide> first = number_of(column_, first_), last = number_of(column_, last_);
    std::vector<std::string> literals;
    if (!first || !last) return literals;
    for (Wide value : between(*first, *last, pieces))
        literals.push_back(key_literal(column_, number_text(column_, value)));
    return literals;
}

bool KeyInterpolation::guesses_ascend() const {
    return column_.type == SourceType::kDecimal ||
           (column_.type >= SourceType::kTinyInt && column_.type <= SourceType::kBigInt);
}

std::vector<std::string> KeyInterpolation::string_guesses(uint64_t pieces,
                                                          const std::vector<uint64_t>& ranks) const {
    // The digits: 0 is the end of the string, then one for each rank, which any of its characters stands for.
    const std::set<uint64_t> distinct(ranks.begin(), ranks.end());
    const Wide base = static_cast<Wide>(distinct.size()) + 1;
    Characters by_digit(distinct.size() + 1);
    auto digit_of = [&](const std::string& character) {
        const auto at = std::lower_bound(alphabet_.begin(), alphabet_.end(), character) - alphabet_.begin();
        return std::distance(distinct.begin(), distinct.find(ranks.at(static_cast<size_t>(at)))) + 1;
    };
    for (const std::string& character : alphabet_)
        by_digit[static_cast<size_t>(digit_of(character))] = character;

    std::vector<Wide> worth;  // of one in each digit
    for (Wide power = 1; worth.size() < kDigits && power < kScale / base; power *= base)
        worth.push_back(power);
    std::reverse(worth.begin(), worth.end());
    auto value_of = [&](const Characters& rest) {
        Wide value = 0;
        for (size_t i = 0; i < rest.size() && i < worth.size(); ++i) value += digit_of(rest[i]) * worth[i];
        return value;
    };

    std::vector<std::string> literals;
    for (Wide value : between(value_of(first_rest_), value_of(last_rest_), pieces)) {
        std::string text = prefix_;
        for (size_t i = 0; i < worth.size() && value / worth[i] > 0; ++i) {
            text += by_digit[static_cast<size_t>(value / worth[i])];
            value %= worth[i];
        }
        literals.push_back(key_literal(column_, text));
    }
    return literals;
}

}  // namespace penstock
