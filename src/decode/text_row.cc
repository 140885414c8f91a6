#include "decode/text_row.h"

#include <algorithm>
#include <charconv>

#include "decode/values.h"

namespace penstock {

namespace {

enum class Op : uint8_t {
    kSigned,
    kUnsigned,
    kFloat,
    kDecimal,
    kText,
    kChar,
    kBinary,
    kDate,
    kDateTime,
    kTime,
    kVector,
    kGeometry,
    kUuid,
    kInet4,
    kInet6,
};

Op op_of(const SourceColumn& column) {
    switch (column.type) {
        case SourceType::kTinyInt:
        case SourceType::kSmallInt:
        case SourceType::kMediumInt:
        case SourceType::kInt:
        case SourceType::kBigInt:
            return column.is_unsigned ? Op::kUnsigned : Op::kSigned;
        case SourceType::kBit:
        case SourceType::kYear:
            return Op::kUnsigned;
        case SourceType::kFloat:
        case SourceType::kDouble:
            return Op::kFloat;
        case SourceType::kDecimal:
            return Op::kDecimal;
        case SourceType::kChar:
            return Op::kChar;
        case SourceType::kBinary:
            return Op::kBinary;
        case SourceType::kDate:
            return Op::kDate;
        case SourceType::kDateTime:
        case SourceType::kTimestamp:
            return Op::kDateTime;
        case SourceType::kTime:
            return Op::kTime;
        case SourceType::kVector:
            return Op::kVector;
        case SourceType::kGeometry:
            return Op::kGeometry;
        case SourceType::kUuid:
            return Op::kUuid;
        case SourceType::kInet4:
            return Op::kInet4;
        case SourceType::kInet6:
            return Op::kInet6;
        default:
            return Op::kText;
    }
}

// Width of the integers that a column gives; 64 where it gives none.
uint32_t integer_bits(const SourceColumn& column) {
    switch (column.type) {
        case SourceType::kTinyInt:
            return 8;
        case SourceType::kSmallInt:
        case SourceType::kYear:
            return 16;
        case SourceType::kMediumInt:
            return 24;
        case SourceType::kInt:
            return 32;
        case SourceType::kBit:
            return std::clamp(column.length, 1u, 64u);
        default:
            return 64;
    }
}

[[noreturn]] void bad_text(const ColumnRule& rule, std::string_view text) {
    rule.fail("the source sent '" + std::string(text.substr(0, 64)) + "' for " + rule.source->column_type,
              "The table was altered at the source; resync the pipe");
}

template <typename T>
T parse_number(const ColumnRule& rule, std::string_view text) {
    T value{};
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size()) bad_text(rule, text);
    return value;
}

// Reads exactly `count` digits at the front; `ok` becomes false when they are not there.
uint32_t take_digits(std::string_view& text, size_t count, bool& ok) {
    uint32_t value = 0;
    if (text.size() < count) {
        ok = false;
        return 0;
    }
    for (size_t i = 0; i < count; ++i) {
        auto digit = static_cast<uint32_t>(text[i] - '0');
        if (digit > 9) ok = false;
        value = value * 10 + digit;
    }
    text.remove_prefix(count);
    return value;
}

void take_char(std::string_view& text, char expected, bool& ok) {
    if (text.empty() || text.front() != expected) {
        ok = false;
        return;
    }
    text.remove_prefix(1);
}

// What is left of a time of day: nothing, or a point and 1 to 6 digits.
uint32_t take_micros(std::string_view& text, bool& ok) {
    if (text.empty()) return 0;
    take_char(text, '.', ok);
    size_t digits = text.size();
    if (digits < 1 || digits > 6) {
        ok = false;
        return 0;
    }
    return take_digits(text, digits, ok) * kPowersOfTen[6 - digits];
}

DateTimeParts take_date(std::string_view& text, bool& ok) {
    DateTimeParts parts;
    parts.year = take_digits(text, 4, ok);
    take_char(text, '-', ok);
    parts.month = take_digits(text, 2, ok);
    take_char(text, '-', ok);
    parts.day = take_digits(text, 2, ok);
    return parts;
}

void append_date_text(const ColumnRule& rule, BlockColumn& out, std::string_view text) {
    bool ok = true;
    std::string_view rest = text;
    DateTimeParts parts = take_date(rest, ok);
    if (!ok || !rest.empty()) bad_text(rule, text);
    append_date(rule, out, parts.year, parts.month, parts.day);
}

void append_datetime_text(const ColumnRule& rule, BlockColumn& out, std::string_view text) {
    bool ok = true;
    std::string_view rest = text;
    DateTimeParts parts = take_date(rest, ok);
    take_char(rest, ' ', ok);
    parts.hour = take_digits(rest, 2, ok);
    take_char(rest, ':', ok);
    parts.minute = take_digits(rest, 2, ok);
    take_char(rest, ':', ok);
    parts.second = take_digits(rest, 2, ok);
    if (ok) parts.micros = take_micros(rest, ok);
    if (!ok || !rest.empty()) bad_text(rule, text);
    append_datetime(rule, out, parts);
}

// [-]HH:MM:SS[.ffffff], hours of two or three digits
void append_time_text(const ColumnRule& rule, BlockColumn& out, std::string_view text) {
    bool ok = true;
    std::string_view rest = text;
    bool negative = !rest.empty() && rest.front() == '-';
    if (negative) rest.remove_prefix(1);
    uint32_t seconds = take_digits(rest, rest.find(':') == 3 ? 3 : 2, ok) * 3600;
    take_char(rest, ':', ok);
    seconds += take_digits(rest, 2, ok) * 60;
    take_char(rest, ':', ok);
    seconds += take_digits(rest, 2, ok);
    uint32_t micros = ok ? take_micros(rest, ok) : 0;
    if (!ok || !rest.empty()) bad_text(rule, text);
    append_time(rule, out, negative, seconds, micros);
}

template <typename Parse>
void append_fixed_text(const ColumnRule& rule, BlockColumn& out, std::string_view text, Parse&& parse) {
    FixedBinary value;
    if (!parse(text, value)) bad_text(rule, text);
    append_fixed(rule, out, value);
}

// [-]digits[.digits]; fewer digits after the point than the scale are filled up with zeros
void append_decimal_text(const ColumnRule& rule, BlockColumn& out, std::string_view text) {
    bool negative = !text.empty() && text.front() == '-';
    uint64_t narrow = 0;
    WideDecimal wide;
    bool is_wide = rule.source->precision > 18;
    const uint32_t precision = std::max<uint32_t>(rule.source->precision, 1);
    uint32_t group = 0, in_group = 0, digits = 0, after_point = 0;
    bool point = false;
    auto flush = [&] {
        if (in_group == 0) return;
        if (is_wide) {
            wide.push(kPowersOfTen[in_group], group);
        } else {
            narrow = narrow * kPowersOfTen[in_group] + group;
        }
        group = in_group = 0;
    };
    auto take = [&](uint32_t digit) {
        group = group * 10 + digit;
        if (++in_group == 9) flush();
    };
    for (char c : text.substr(negative ? 1 : 0)) {
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        auto digit = static_cast<uint32_t>(c - '0');
        if (digit > 9) bad_text(rule, text);
        after_point += point ? 1 : 0;
        if (digits > 0 || digit > 0 || point) ++digits;  // zeros in front (ZEROFILL) do not count
        if (digits > precision) bad_text(rule, text);    // before they outgrow the number
        take(digit);
    }
    if (text.size() == (negative ? 1u : 0u) || after_point > rule.source->scale ||
        digits + rule.source->scale - after_point > precision) {
        bad_text(rule, text);
    }
    for (; after_point < rule.source->scale; ++after_point) take(0);
    flush();
    if (is_wide) return append_decimal(out, negative, wide);
    append_decimal(rule, out, negative, narrow);
}

}  // namespace

struct TextRowDecoder::Step {
    ColumnRule rule;
    Op op;
    // Of integers: a column that was made wider while the snapshot ran must not be cut silently.
    int64_t min = 0;
    uint64_t max = 0;
};

std::string select_expression(const SourceColumn& column) {
    std::string name = "`";
    for (char c : column.name.str()) name.append(c == '`' ? 2 : 1, c);
    name += '`';
    switch (column.type) {
        case SourceType::kFloat:
        case SourceType::kDouble:
            return name + " + 0E0";
        case SourceType::kBit:
            return name + " + 0";
        case SourceType::kUnsupported:
            throw Error(Disposition::kFailPipe, "snapshot",
                        "type " + column.column_type + " of column " + column.name + " is not supported",
                        "Exclude the column from the mapping");
        default:
            return name;
    }
}

TextRowDecoder::TextRowDecoder(const TablePlan& plan) : scratch_(std::make_unique<std::string>()) {
    steps_.reserve(plan.columns.size());
    for (const TargetColumn& target : plan.columns) {
        ColumnRule rule(plan, target);
        Step step{rule, op_of(*rule.source)};
        uint32_t bits = integer_bits(*rule.source);
        step.max = ~uint64_t{0} >> (64 - bits + (step.op == Op::kSigned ? 1 : 0));
        step.min = -static_cast<int64_t>(step.max) - 1;
        steps_.push_back(step);
    }
}

TextRowDecoder::TextRowDecoder(TextRowDecoder&&) noexcept = default;
TextRowDecoder& TextRowDecoder::operator=(TextRowDecoder&&) noexcept = default;
TextRowDecoder::~TextRowDecoder() = default;

void TextRowDecoder::append(const char* const* values, const unsigned long* lengths, Block& block) const {
    for (size_t i = 0; i < steps_.size(); ++i) {
        const ColumnRule& rule = steps_[i].rule;
        BlockColumn& out = block.columns[i];
        if (values[i] == nullptr) {
            out.append_null();
            continue;
        }
        std::string_view text(values[i], lengths[i]);
        switch (steps_[i].op) {
            case Op::kSigned: {
                auto value = parse_number<int64_t>(rule, text);
                if (value < steps_[i].min || value > static_cast<int64_t>(steps_[i].max))
                    bad_text(rule, text);
                append_int(rule, out, static_cast<uint64_t>(value));
                break;
            }
            case Op::kUnsigned: {
                auto value = parse_number<uint64_t>(rule, text);
                if (value > steps_[i].max) bad_text(rule, text);
                append_int(rule, out, value);
                break;
            }
            case Op::kFloat:
                append_float(rule, out, parse_number<double>(rule, text));
                break;
            case Op::kDecimal:
                append_decimal_text(rule, out, text);
                break;
            case Op::kText:
                out.append_string(text);
                break;
            case Op::kChar:
                out.append_string(without_pad(text));
                break;
            case Op::kBinary:
                append_binary(rule, out, text);
                break;
            case Op::kDate:
                append_date_text(rule, out, text);
                break;
            case Op::kDateTime:
                append_datetime_text(rule, out, text);
                break;
            case Op::kTime:
                append_time_text(rule, out, text);
                break;
            case Op::kVector:
                append_vector(rule, out, as_bytes(text));
                break;
            case Op::kGeometry:
                append_geometry(rule, out, as_bytes(text), *scratch_);
                break;
            case Op::kUuid:
                append_fixed_text(rule, out, text, parse_uuid_text);
                break;
            case Op::kInet4:
                append_fixed_text(rule, out, text, parse_inet4_text);
                break;
            case Op::kInet6:
                append_fixed_text(rule, out, text, parse_inet6_text);
                break;
        }
    }
}

}  // namespace penstock
