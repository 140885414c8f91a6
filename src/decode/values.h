#pragma once
// From a value's parts to its bytes in a target column: the rules that both ways in share, so that the
// snapshot (text) and the binary log give the same value for the same row.
//
// Dates that ClickHouse cannot hold (Date32 and DateTime64 go from 1900-01-01 to 2299-12-31) follow the
// pipe's InvalidDatePolicy; each is counted in its column. Under kClamp:
//   0000-00-00             1970-01-01, the time of day stays
//   month or day 0         the missing part becomes 01 (2024-00-15 -> 2024-01-15)
//   2024-02-31             the month's last day (sql_mode ALLOW_INVALID_DATES stores such dates)
//   before 1900-01-01      1900-01-01 00:00:00
//   after 2299-12-31       2299-12-31 23:59:59.999...

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "decode/fixed_binary.h"
#include "model/block.h"

namespace penstock {

/// How values of one target column are made. Built once per plan and column; the plan outlives it.
struct ColumnRule {
    /// Throws Error(kFailPipe) naming the column when the target type cannot hold the source type.
    ColumnRule(const TablePlan& table_plan, const TargetColumn& target);

    const TablePlan* plan;
    const SourceColumn* source;
    TargetKind kind;
    bool nullable;
    InvalidDatePolicy invalid_dates;
    bool in_key;  ///< of a ReplacingMergeTree: a value that would be changed is an error
    uint8_t scale;
    int64_t ticks_per_second;  ///< 10^scale
    int64_t ticks_per_day;
    int64_t micros_divisor, micros_factor;  ///< ticks = micros / divisor * factor; one of them is 1

    /// Throws Error(kFailPipe): "OPERATION: message, in column C (table T)".
    [[noreturn]] void fail(const std::string& message, const char* hint = "") const;
};

/// A civil date and time as MySQL stores it: parts may be 0 or past the calendar.
struct DateTimeParts {
    uint32_t year = 0, month = 0, day = 0;
    uint32_t hour = 0, minute = 0, second = 0, micros = 0;
};

/// Days from 1970-01-01 of a date of the Gregorian calendar, year >= 0.
constexpr int32_t days_from_civil(uint32_t year, uint32_t month, uint32_t day) {
    // Years begin in March, so that the leap day is a year's last.
    int32_t y = static_cast<int32_t>(year) - (month <= 2 ? 1 : 0);
    int32_t era = (y >= 0 ? y : y - 399) / 400;
    int32_t year_of_era = y - era * 400;
    auto m = static_cast<int32_t>(month > 2 ? month - 3 : month + 9);
    int32_t day_of_year = (153 * m + 2) / 5 + static_cast<int32_t>(day) - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/// Applies the policy. True: `parts` are now a date that fits. False: the value becomes NULL.
bool repair_date(const ColumnRule& rule, BlockColumn& out, DateTimeParts& parts);

constexpr uint32_t days_in_month(uint32_t year, uint32_t month) {
    if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

inline bool date_fits(const DateTimeParts& p) {
    return p.year >= 1900 && p.year <= 2299 && p.month - 1u < 12u &&
           p.day - 1u < days_in_month(p.year, p.month);
}

inline int64_t micros_to_ticks(const ColumnRule& rule, uint32_t micros) {
    return micros / rule.micros_divisor * rule.micros_factor;
}

inline void append_date(const ColumnRule& rule, BlockColumn& out, uint32_t year, uint32_t month,
                        uint32_t day) {
    DateTimeParts parts{year, month, day};
    if (!date_fits(parts) && !repair_date(rule, out, parts)) return out.append_null();
    out.append<int32_t>(days_from_civil(parts.year, parts.month, parts.day));
}

inline void append_datetime(const ColumnRule& rule, BlockColumn& out, DateTimeParts parts) {
    if (!date_fits(parts) && !repair_date(rule, out, parts)) return out.append_null();
    int64_t seconds = parts.hour * 3600 + parts.minute * 60 + parts.second;
    out.append<int64_t>(days_from_civil(parts.year, parts.month, parts.day) * rule.ticks_per_day +
                        seconds * rule.ticks_per_second + micros_to_ticks(rule, parts.micros));
}

/// A TIMESTAMP: seconds since 1970 UTC. 0 is how the server stores '0000-00-00 00:00:00'.
inline void append_timestamp(const ColumnRule& rule, BlockColumn& out, uint32_t seconds, uint32_t micros) {
    if (seconds == 0 && micros == 0) return append_datetime(rule, out, DateTimeParts{});
    out.append<int64_t>(seconds * rule.ticks_per_second + micros_to_ticks(rule, micros));
}

inline void append_time(const ColumnRule& rule, BlockColumn& out, bool negative, uint32_t seconds,
                        uint32_t micros) {
    int64_t ticks = seconds * rule.ticks_per_second + micros_to_ticks(rule, micros);
    out.append<int64_t>(negative ? -ticks : ticks);
}

/// An integer as 64 bits of two's complement; the rule's constructor has checked that the target is wide
/// enough.
inline void append_int(const ColumnRule& rule, BlockColumn& out, uint64_t value) {
    switch (rule.kind) {
        case TargetKind::kBool:
            if (value > 1) out.count_adjusted();
            return out.append<uint8_t>(value != 0);
        case TargetKind::kInt8:
        case TargetKind::kUInt8:
            return out.append(static_cast<uint8_t>(value));
        case TargetKind::kInt16:
        case TargetKind::kUInt16:
            return out.append(static_cast<uint16_t>(value));
        case TargetKind::kInt32:
        case TargetKind::kUInt32:
            return out.append(static_cast<uint32_t>(value));
        default:
            return out.append(value);
    }
}

/// Negative zero becomes zero: SQL does not tell them apart, and MariaDB prints 0 for both.
inline void append_float(const ColumnRule& rule, BlockColumn& out, double value) {
    value += 0.0;
    if (rule.kind == TargetKind::kFloat32) return out.append(static_cast<float>(value) + 0.0f);
    out.append(value);
}

/// A decimal's digits without its point, growing from the left. Holds 65 digits (216 bits) and the sign.
class WideDecimal {
  public:
    /// value = value * factor + digits, with factor up to 10^9.
    void push(uint32_t factor, uint32_t digits) {
        uint64_t carry = digits;
        for (int i = 0; i < used_; ++i) {
            uint64_t t = static_cast<uint64_t>(words_[i]) * factor + carry;
            words_[i] = static_cast<uint32_t>(t);
            carry = t >> 32;
        }
        if (carry != 0) words_[used_++] = static_cast<uint32_t>(carry);
    }
    void negate() {
        uint64_t carry = 1;
        for (uint32_t& word : words_) {
            carry += static_cast<uint32_t>(~word);
            word = static_cast<uint32_t>(carry);
            carry >>= 32;
        }
    }
    const void* bytes() const { return words_.data(); }

  private:
    std::array<uint32_t, 9> words_{};  // little-endian; the ninth takes a carry that the bound rules out
    int used_ = 0;
};

constexpr std::array<uint32_t, 10> kPowersOfTen = {1,      10,      100,      1000,      10000,
                                                   100000, 1000000, 10000000, 100000000, 1000000000};

/// Appends a decimal of at most 18 digits.
inline void append_decimal(const ColumnRule& rule, BlockColumn& out, bool negative, uint64_t digits) {
    uint64_t value = negative ? 0 - digits : digits;
    if (rule.kind == TargetKind::kDecimal32) return out.append(static_cast<uint32_t>(value));
    if (rule.kind == TargetKind::kDecimal64) return out.append(value);
    std::array<uint64_t, 4> wide;
    wide.fill(negative && digits != 0 ? ~uint64_t{0} : 0);
    wide[0] = value;
    out.append_raw(wide.data());
}
inline void append_decimal(BlockColumn& out, bool negative, WideDecimal& digits) {
    if (negative) digits.negate();
    out.append_raw(digits.bytes());
}

/// Text without the trailing spaces that CHAR does not keep.
inline std::string_view without_pad(std::string_view text) {
    size_t size = text.size();
    while (size > 0 && text[size - 1] == ' ') --size;
    return text.substr(0, size);
}

/// A VECTOR's floats, little-endian. Throws for no bytes and for parts of a float.
void append_vector(const ColumnRule& rule, BlockColumn& out, ByteSpan bytes);

/// A geometry as the server stores it, as the plan's GeometryText.
void append_geometry(const ColumnRule& rule, BlockColumn& out, ByteSpan bytes, std::string& scratch);

/// A UUID, INET4 or INET6 whose bytes are in printed order.
void append_fixed(const ColumnRule& rule, BlockColumn& out, const FixedBinary& value);

/// BINARY(n): `bytes` and zero bytes up to n.
void append_binary(const ColumnRule& rule, BlockColumn& out, std::string_view bytes);

}  // namespace penstock
