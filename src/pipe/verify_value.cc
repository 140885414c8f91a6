#include "pipe/verify_value.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "destination/quoting.h"
#include "source/mysql_connection.h"

namespace penstock {

namespace {

// Longer columns are no help in ordering a table without a key, and cost the source sort memory.
constexpr uint32_t kOrderedLength = 1024;

/// Digits with an optional sign and point, in their shortest form.
std::string canonical_decimal(std::string_view text) {
    bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    while (text.size() > 1 && text[0] == '0' && text[1] != '.') text.remove_prefix(1);
    if (text.find('.') != text.npos) {
        while (text.ends_with('0')) text.remove_suffix(1);
        if (text.ends_with('.')) text.remove_suffix(1);
    }
    std::string digits(text);
    if (digits.empty() || digits[0] == '.') digits.insert(0, "0");
    return negative && digits != "0" ? "-" + digits : digits;
}

/// Two canonical decimals by their value.
std::strong_ordering compare_decimals(std::string_view a, std::string_view b) {
    bool negative = a.starts_with('-');
    if (negative != b.starts_with('-')) {
        return negative ? std::strong_ordering::less : std::strong_ordering::greater;
    }
    if (negative) {
        std::swap(a, b);
        a.remove_prefix(1);
        b.remove_prefix(1);
    }
    size_t whole_a = std::min(a.find('.'), a.size());
    size_t whole_b = std::min(b.find('.'), b.size());
    if (whole_a != whole_b) return whole_a <=> whole_b;
    return a <=> b;  // digits of equal weight, and "1" before "1.5"
}

template <typename T>
std::string canonical_float(std::string_view text) {
    T value{};
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size()) return std::string(text);
    return fmt::format("{}", value == 0 ? T{0} : value);
}

/// A FLOAT's text from the source has the digits of a double.
std::string canonical_narrowed(std::string_view text) {
    double value = 0;
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size()) return std::string(text);
    auto narrow = static_cast<float>(value);
    return fmt::format("{}", narrow == 0 ? 0.0f : narrow);
}

double number_of(std::string_view text) {
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// A time of a target that has more digits of a second than the source: without the zeros that were added.
std::string_view with_digits(std::string_view text, size_t digits) {
    const size_t point = text.find('.');
    if (point == text.npos) return text;
    while (text.size() > point + 1 + digits && text.ends_with('0')) text.remove_suffix(1);
    if (text.ends_with('.')) text.remove_suffix(1);
    return text;
}

/// "[-]H:MM:SS[.f]" with two digits of hours at least and six of fraction.
std::string canonical_time(std::string_view text) {
    bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    std::string_view fraction;
    if (size_t point = text.find('.'); point != text.npos) {
        text = with_digits(text, 6);
        fraction = text.substr(point + 1);
        text = text.substr(0, point);
    }
    std::string out(text);
    while (out.size() > 8 && out[0] == '0') out.erase(0, 1);
    out += fmt::format(".{:0<6}", fraction);
    return negative && out.find_first_not_of("0:.") != out.npos ? "-" + out : out;
}

/// Microseconds as a time; for targets without a Time64 type.
std::string time_of_micros(std::string_view text) {
    int64_t micros = 0;
    std::from_chars(text.data(), text.data() + text.size(), micros);
    auto size = static_cast<uint64_t>(micros < 0 ? -micros : micros);
    uint64_t seconds = size / 1'000'000;
    return fmt::format("{}{:02}:{:02}:{:02}.{:06}", micros < 0 ? "-" : "", seconds / 3600, seconds / 60 % 60,
                       seconds % 60, size % 1'000'000);
}

std::string canonical_address(int family, std::string_view text) {
    std::array<uint8_t, 16> bytes{};
    char printed[INET6_ADDRSTRLEN];
    std::string copy(text);
    if (inet_pton(family, copy.c_str(), bytes.data()) != 1) return copy;
    return inet_ntop(family, bytes.data(), printed, sizeof printed);
}

std::strong_ordering compare_addresses(int family, const std::string& a, const std::string& b) {
    std::array<uint8_t, 16> x{}, y{};
    inet_pton(family, a.c_str(), x.data());
    inet_pton(family, b.c_str(), y.data());
    return std::memcmp(x.data(), y.data(), x.size()) <=> 0;
}

/// HEX() of 4-byte floats, as the target prints an array.
std::string vector_of_hex(std::string_view hex) {
    std::string text = "[";
    for (size_t at = 0; at + 8 <= hex.size(); at += 8) {
        uint32_t bits = 0, big_endian = 0;
        std::from_chars(hex.data() + at, hex.data() + at + 8, big_endian, 16);
        for (int i = 0; i < 4; ++i) bits |= (big_endian >> (8 * i) & 0xff) << (24 - 8 * i);
        float value = 0;
        std::memcpy(&value, &bits, sizeof value);
        text += fmt::format("{}{}", at == 0 ? "" : ",", value);
    }
    return text + "]";
}

bool in_number(char c) {
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

bool starts_number(char c) {
    return (c >= '0' && c <= '9') || c == '-';
}

/// Every number of a text as the shortest one that is the same, and what is between them.
template <typename T>
std::string canonical_numbers(std::string_view text) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
        if (!starts_number(text[at])) {
            out += text[at++];
            continue;
        }
        size_t end = at;
        while (end < text.size() && in_number(text[end])) ++end;
        T value{};
        std::from_chars(text.data() + at, text.data() + end, value);
        out += fmt::format("{}", value);
        at = end;
    }
    return out;
}

/// Well-known text in one spelling: servers differ in spaces and in brackets around the points of a
/// MULTIPOINT.
std::string canonical_geometry(std::string_view text) {
    std::string head;
    if (size_t end = text.find(';'); text.starts_with("SRID=") && end != text.npos) {
        head = text.substr(0, end + 1);
        text.remove_prefix(end + 1);
    }
    std::string plain;
    size_t multipoint = 0;  // brackets that are open since a MULTIPOINT, its own included
    for (size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        if (c == ' ' &&
            !(i + 1 < text.size() && starts_number(text[i + 1]) && i > 0 && in_number(text[i - 1])))
            continue;
        if (c == '(' && (multipoint > 0 || plain.ends_with("MULTIPOINT"))) {
            if (++multipoint > 1) continue;
        }
        if (c == ')' && multipoint > 0 && --multipoint > 0) continue;
        plain += c;
    }
    return head + canonical_numbers<double>(plain);
}

std::strong_ordering compare_times(std::string_view a, std::string_view b) {
    bool negative = a.starts_with('-');
    if (negative != b.starts_with('-')) {
        return negative ? std::strong_ordering::less : std::strong_ordering::greater;
    }
    if (negative) std::swap(a, b);
    if (a.size() != b.size()) return a.size() <=> b.size();  // more digits of hours
    return a <=> b;
}

}  // namespace

VerifyColumn::VerifyColumn(const TablePlan& plan, uint32_t column)
    : plan_(&plan), target_(&plan.columns[column]), source_(&plan.source.columns[target_->source]) {
    switch (source_->type) {
        case SourceType::kTinyInt:
            form_ = target_->type.kind == TargetKind::kBool ? Form::kBool : Form::kInteger;
            break;
        case SourceType::kSmallInt:
        case SourceType::kMediumInt:
        case SourceType::kInt:
        case SourceType::kBigInt:
        case SourceType::kBit:
        case SourceType::kYear:
            form_ = Form::kInteger;
            break;
        case SourceType::kDecimal:
            form_ = Form::kDecimal;
            break;
        case SourceType::kFloat:
            form_ = Form::kFloat;
            break;
        case SourceType::kDouble:
            form_ = Form::kDouble;
            break;
        case SourceType::kDate:
            form_ = Form::kDate;
            break;
        case SourceType::kDateTime:
        case SourceType::kTimestamp:
            form_ = Form::kDateTime;
            break;
        case SourceType::kTime:
            form_ = Form::kTime;
            break;
        case SourceType::kUuid:
            form_ = Form::kWord;
            break;
        case SourceType::kInet4:
            form_ = Form::kInet4;
            break;
        case SourceType::kInet6:
            form_ = Form::kInet6;
            break;
        case SourceType::kVector:
            form_ = Form::kVector;
            break;
        case SourceType::kGeometry:
            form_ = Form::kGeometry;
            break;
        default:
            form_ = Form::kBytes;
            break;
    }
}

std::string VerifyColumn::source_expression() const {
    std::string name = quote_identifier(source_->name);
    switch (source_->type) {
        case SourceType::kFloat:
        case SourceType::kDouble:
            return name + " + 0E0";  // all digits, whatever FLOAT(m,d) would show
        case SourceType::kBit:
            return name + " + 0";
        case SourceType::kVector:
            return "HEX(" + name + ")";
        case SourceType::kGeometry: {
            // Read anew without its SRID: with one, MySQL 8 may swap the coordinates of what it prints.
            std::string wkt = "ST_AsText(ST_GeomFromWKB(SUBSTRING(" + name + ", 5)))";
            if (plan_->geometry == GeometryText::kWkt) return wkt;
            return "CONCAT('SRID=', ST_SRID(" + name + "), ';', " + wkt + ")";
        }
        default:
            return name;
    }
}

std::string VerifyColumn::target_expression() const {
    std::string name = quote_target_identifier(target_->name);
    if (form_ == Form::kTime && target_->type.kind == TargetKind::kDateTime64) {
        name = "toUnixTimestamp64Micro(" + name + ")";
    }
    if (form_ == Form::kDateTime) name = "toTimeZone(" + name + ", 'UTC')";
    return "CAST(" + name + " AS Nullable(String))";
}

std::string VerifyColumn::zero() const {
    switch (form_) {
        case Form::kBool:
            return "false";
        case Form::kBytes:
            return "";
        case Form::kDate:
            return "1970-01-01";
        case Form::kDateTime: {
            std::string zero = "1970-01-01 00:00:00";
            return source_->fsp == 0 ? zero : zero + "." + std::string(source_->fsp, '0');
        }
        case Form::kTime:
            return "00:00:00.000000";
        case Form::kWord:
            return "00000000-0000-0000-0000-000000000000";
        case Form::kInet4:
            return "0.0.0.0";
        case Form::kInet6:
            return "::";
        case Form::kVector:
            return "[]";
        case Form::kGeometry:
            return "";
        default:
            return "0";
    }
}

CanonicalValue VerifyColumn::date(std::string_view text) const {
    unsigned year = 0, month = 0, day = 0;
    std::string copy(text);
    if (copy.size() < 10 || std::sscanf(copy.c_str(), "%4u-%2u-%2u", &year, &month, &day) != 3) return copy;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    constexpr std::array<unsigned, 13> kDays = {31, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned last = month == 2 && leap ? 29 : kDays[month <= 12 ? month : 0];
    bool valid = month >= 1 && month <= 12 && day >= 1 && day <= last && year >= 1900 && year <= 2299;
    if (valid || plan_->invalid_dates == InvalidDatePolicy::kError) return copy;
    if (plan_->invalid_dates == InvalidDatePolicy::kNull && target_->type.nullable) return std::nullopt;
    std::string rest = copy.substr(10);  // " 12:34:56.789" or nothing
    if (year == 0 && month == 0 && day == 0) return "1970-01-01" + rest;
    if (year < 1900) return "1900-01-01" + zero().substr(10);
    if (year > 2299) {
        if (form_ == Form::kDate) return "2299-12-31";
        return "2299-12-31 23:59:59" + (source_->fsp == 0 ? "" : "." + std::string(source_->fsp, '9'));
    }
    if (month == 0) month = 1;
    if (day == 0) day = 1;
    last = month == 2 && leap ? 29 : kDays[month];
    return fmt::format("{:04}-{:02}-{:02}{}", year, month, std::min(day, last), rest);
}

CanonicalValue VerifyColumn::from_source(std::optional<std::string_view> text) const {
    if (!text) return target_->type.nullable ? CanonicalValue() : CanonicalValue(zero());
    switch (form_) {
        case Form::kBool:
            return canonical_decimal(*text) == "0" ? "false" : "true";
        case Form::kInteger:
        case Form::kDecimal:
            return canonical_decimal(*text);
        case Form::kFloat:
            return canonical_narrowed(*text);
        case Form::kDouble:
            return canonical_float<double>(*text);
        case Form::kDate:
        case Form::kDateTime:
            return date(*text);
        case Form::kTime:
            return canonical_time(*text);
        case Form::kInet4:
            return canonical_address(AF_INET, *text);
        case Form::kInet6:
            return canonical_address(AF_INET6, *text);
        case Form::kVector:
            return vector_of_hex(*text);
        case Form::kGeometry:
            return canonical_geometry(*text);
        case Form::kWord:
        case Form::kBytes:
            return std::string(*text);
    }
    return std::nullopt;
}

CanonicalValue VerifyColumn::from_target(std::optional<std::string_view> text) const {
    if (!text) return std::nullopt;
    switch (form_) {
        case Form::kBool:
            return *text == "1" ? "true" : *text == "0" ? "false" : std::string(*text);
        case Form::kDateTime:
            return std::string(with_digits(*text, source_->fsp));
        case Form::kInteger:
        case Form::kDecimal:
            return canonical_decimal(*text);
        case Form::kFloat:
            return canonical_float<float>(*text);
        case Form::kDouble:
            return canonical_float<double>(*text);
        case Form::kTime:
            return target_->type.kind == TargetKind::kTime64 ? canonical_time(*text) : time_of_micros(*text);
        case Form::kInet4:
            return canonical_address(AF_INET, *text);
        case Form::kInet6:
            return canonical_address(AF_INET6, *text);
        case Form::kVector:
            return canonical_numbers<float>(*text);
        case Form::kGeometry:
            return canonical_geometry(*text);
        default:
            return std::string(*text);
    }
}

std::string VerifyColumn::source_order() const {
    std::string name = quote_identifier(source_->name);
    bool null_is_zero = source_->nullable && !target_->type.nullable;
    auto filled = [&](std::string sql, const char* zero) {
        return null_is_zero ? fmt::format("IFNULL({}, {})", sql, zero) : sql;
    };
    switch (form_) {
        case Form::kBool:
            return filled(name + " <> 0", "0");
        case Form::kInteger:
            return filled(source_->type == SourceType::kBit ? name + " + 0" : name, "0");
        case Form::kDecimal:
            return filled(name, "0");
        case Form::kWord:  // the servers' own orders differ: MariaDB's begins with the node
            return "CAST(" + name + " AS CHAR)";
        case Form::kBytes:
            break;
        default:
            return name;
    }
    bool text = !source_->charset.empty();  // its own collation may take 'a' and 'A' for one
    return filled(text ? fmt::format("CAST(CONVERT({} USING utf8mb4) AS BINARY)", name) : name, "''");
}

std::string VerifyColumn::target_order() const {
    std::string name = quote_target_identifier(target_->name);
    if (form_ == Form::kWord) name = "toString(" + name + ")";
    // A LowCardinality(String) orders by its text too. MySQL has NULL first.
    return target_->type.nullable ? name + " ASC NULLS FIRST" : name;
}

std::strong_ordering VerifyColumn::compare(const CanonicalValue& a, const CanonicalValue& b) const {
    if (!a || !b) return a.has_value() <=> b.has_value();
    switch (form_) {
        case Form::kInteger:
        case Form::kDecimal:
            return compare_decimals(*a, *b);
        case Form::kFloat:
        case Form::kDouble:
            return std::strong_order(number_of(*a), number_of(*b));
        case Form::kTime:
            return compare_times(*a, *b);
        case Form::kInet4:
            return compare_addresses(AF_INET, *a, *b);
        case Form::kInet6:
            return compare_addresses(AF_INET6, *a, *b);
        default:
            return *a <=> *b;
    }
}

bool VerifyColumn::can_order() const {
    switch (form_) {
        case Form::kInteger:
        case Form::kBool:
        case Form::kDecimal:
        case Form::kTime:
        case Form::kWord:
        case Form::kInet4:
        case Form::kInet6:
            return true;
        case Form::kBytes:
            if (source_->length > kOrderedLength) return false;
            return source_->type == SourceType::kChar || source_->type == SourceType::kVarChar ||
                   source_->type == SourceType::kBinary || source_->type == SourceType::kVarBinary ||
                   source_->type == SourceType::kEnum || source_->type == SourceType::kSet;
        default:
            return false;
    }
}

bool VerifyColumn::is_integer() const {
    return form_ == Form::kInteger && source_->type != SourceType::kBit &&
           source_->type != SourceType::kYear && (target_->type.nullable || !source_->nullable);
}

}  // namespace penstock
