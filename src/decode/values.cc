#include "decode/values.h"

#include <algorithm>

#include "base/error.h"
#include "decode/geometry.h"

namespace penstock {

namespace {

struct IntShape {
    uint32_t bytes;
    bool is_unsigned;
};

// The integers that a source column can give; bytes 0 when it gives none.
IntShape int_shape(const SourceColumn& column) {
    switch (column.type) {
        case SourceType::kTinyInt:
            return {1, column.is_unsigned};
        case SourceType::kSmallInt:
            return {2, column.is_unsigned};
        case SourceType::kMediumInt:
        case SourceType::kInt:
            return {4, column.is_unsigned};
        case SourceType::kBigInt:
            return {8, column.is_unsigned};
        case SourceType::kYear:  // 0 to 2155: fits both ways
            return {1, true};
        case SourceType::kBit:
            return {(std::max(column.length, 1u) + 7) / 8, true};
        default:
            return {0, false};
    }
}

bool int_fits(const SourceColumn& column, TargetKind kind) {
    IntShape from = int_shape(column);
    if (column.type == SourceType::kYear) from.bytes = kind == TargetKind::kUInt16 ? 2 : 1;
    IntShape to{};
    switch (kind) {
        case TargetKind::kBool:
            return column.type == SourceType::kTinyInt || column.type == SourceType::kBit;
        case TargetKind::kInt8:
        case TargetKind::kUInt8:
            to.bytes = 1;
            break;
        case TargetKind::kInt16:
        case TargetKind::kUInt16:
            to.bytes = 2;
            break;
        case TargetKind::kInt32:
        case TargetKind::kUInt32:
            to.bytes = 4;
            break;
        case TargetKind::kInt64:
        case TargetKind::kUInt64:
            to.bytes = 8;
            break;
        default:
            return false;
    }
    to.is_unsigned = kind >= TargetKind::kUInt8;
    if (column.type == SourceType::kYear && to.bytes < 2) return false;
    if (from.is_unsigned == to.is_unsigned) return to.bytes >= from.bytes;
    return from.is_unsigned && to.bytes > from.bytes;
}

bool holds(const SourceColumn& column, const TargetType& type) {
    switch (column.type) {
        case SourceType::kTinyInt:
        case SourceType::kSmallInt:
        case SourceType::kMediumInt:
        case SourceType::kInt:
        case SourceType::kBigInt:
        case SourceType::kYear:
        case SourceType::kBit:
            return int_fits(column, type.kind);
        case SourceType::kDecimal:
            return type.kind >= TargetKind::kDecimal32 && type.kind <= TargetKind::kDecimal256 &&
                   type.scale == column.scale && type.precision >= column.precision &&
                   (type.width() > 4 || column.precision <= 9) &&
                   (type.width() > 8 || column.precision <= 18) &&
                   (type.width() > 16 || column.precision <= 38);
        case SourceType::kFloat:
            return type.kind == TargetKind::kFloat32 || type.kind == TargetKind::kFloat64;
        case SourceType::kDouble:
            return type.kind == TargetKind::kFloat64;
        case SourceType::kDate:
            return type.kind == TargetKind::kDate32;
        case SourceType::kDateTime:
        case SourceType::kTimestamp:
            return type.kind == TargetKind::kDateTime64 && type.scale >= column.fsp && type.scale <= 9;
        case SourceType::kTime:
            return (type.kind == TargetKind::kTime64 || type.kind == TargetKind::kDateTime64) &&
                   type.scale >= column.fsp && type.scale <= 9;
        case SourceType::kChar:
        case SourceType::kVarChar:
        case SourceType::kText:
        case SourceType::kBinary:
        case SourceType::kVarBinary:
        case SourceType::kBlob:
        case SourceType::kEnum:
        case SourceType::kSet:
        case SourceType::kJson:
        case SourceType::kGeometry:
            return type.kind == TargetKind::kString || type.kind == TargetKind::kLowCardinalityString;
        case SourceType::kVector:
            return type.kind == TargetKind::kFloat32Array && !type.nullable;
        case SourceType::kUuid:
            return type.kind == TargetKind::kUuid;
        case SourceType::kInet4:
            return type.kind == TargetKind::kIpv4;
        case SourceType::kInet6:
            return type.kind == TargetKind::kIpv6;
        case SourceType::kUnsupported:
            return false;
    }
    return false;
}

int64_t power_of_ten(uint32_t exponent) {
    int64_t value = 1;
    while (exponent-- > 0) value *= 10;
    return value;
}

std::string padded(uint32_t value, size_t digits) {
    std::string text = std::to_string(value);
    return text.size() < digits ? std::string(digits - text.size(), '0') + text : text;
}

}  // namespace

ColumnRule::ColumnRule(const TablePlan& table_plan, const TargetColumn& target)
    : plan(&table_plan),
      source(&table_plan.source.columns.at(target.source)),
      kind(target.type.kind),
      nullable(target.type.nullable),
      invalid_dates(target.in_key ? InvalidDatePolicy::kError : table_plan.invalid_dates),
      in_key(target.in_key),
      scale(target.type.scale),
      ticks_per_second(power_of_ten(std::min<uint32_t>(scale, 9))),
      ticks_per_day(86'400 * ticks_per_second),
      micros_divisor(power_of_ten(scale < 6 ? 6u - scale : 0)),
      micros_factor(power_of_ten(scale > 6 ? std::min<uint32_t>(scale, 9) - 6u : 0)) {
    if (source->type == SourceType::kUnsupported) {
        fail("type " + source->column_type + " is not supported", "Exclude the column from the mapping");
    }
    if (!holds(*source, target.type)) {
        fail("target type " + target.type.ddl_name() + " cannot hold " + source->column_type,
             "Resync the pipe so that its target is created anew");
    }
}

void ColumnRule::fail(const std::string& message, const char* hint) const {
    throw Error(Disposition::kFailPipe, "decode", message + ", in column " + source->name, hint)
        .at_table(plan->source.qualified_name());
}

bool repair_date(const ColumnRule& rule, BlockColumn& out, DateTimeParts& parts) {
    if (rule.invalid_dates == InvalidDatePolicy::kError) {
        std::string text = padded(parts.year, 4) + '-' + padded(parts.month, 2) + '-' + padded(parts.day, 2);
        if (rule.source->type != SourceType::kDate) {
            text +=
                ' ' + padded(parts.hour, 2) + ':' + padded(parts.minute, 2) + ':' + padded(parts.second, 2);
            if (parts.micros != 0) text += '.' + padded(parts.micros, 6);
        }
        rule.fail("ClickHouse cannot hold the date '" + text + "'",
                  rule.in_key
                      ? "Correct the row at the source, or choose another sorting key; then resync the table"
                      : "Set settings.invalidDates to clamp or null, or correct the row at the source; "
                        "then resync the table");
    }
    out.count_adjusted();
    if (rule.invalid_dates == InvalidDatePolicy::kNull && rule.nullable) return false;
    if (parts.year == 0 && parts.month == 0 && parts.day == 0) {
        parts.year = 1970;
    } else if (parts.year < 1900) {
        parts = DateTimeParts{1900, 1, 1};
    } else if (parts.year > 2299) {
        parts = DateTimeParts{2299, 12, 31, 23, 59, 59, 999'999};
        // The column keeps no more digits than its source has.
        parts.micros -= parts.micros % static_cast<uint32_t>(power_of_ten(6u - rule.source->fsp));
    }
    parts.month = std::clamp(parts.month, 1u, 12u);
    parts.day = std::clamp(parts.day, 1u, days_in_month(parts.year, parts.month));
    return true;
}

void append_vector(const ColumnRule& rule, BlockColumn& out, ByteSpan bytes) {
    if (bytes.empty() || bytes.size() % sizeof(float) != 0) {
        rule.fail("a value of " + std::to_string(bytes.size()) + " bytes came for " +
                  rule.source->column_type);
    }
    out.append_floats(bytes);
}

void append_geometry(const ColumnRule& rule, BlockColumn& out, ByteSpan bytes, std::string& scratch) {
    scratch.clear();
    try {
        append_wkt(bytes, rule.plan->geometry == GeometryText::kEwkt, scratch);
    } catch (const Error& error) {
        rule.fail("damaged geometry: " + error.message());
    }
    out.append_string(scratch);
}

void append_fixed(const ColumnRule& rule, BlockColumn& out, const FixedBinary& value) {
    switch (rule.kind) {
        case TargetKind::kUuid:
            return out.append_raw(uuid_target(value).data());
        case TargetKind::kIpv4:
            return out.append(ipv4_target(value));
        default:
            return out.append_raw(value.bytes.data());
    }
}

void append_binary(const ColumnRule& rule, BlockColumn& out, std::string_view bytes) {
    size_t size = rule.source->length;
    if (bytes.size() == size) return out.append_string(bytes);
    if (bytes.size() > size) {
        rule.fail("a value of " + std::to_string(bytes.size()) + " bytes came for " +
                  rule.source->column_type);
    }
    std::array<char, 255> padded_bytes{};  // BINARY is at most 255 bytes long
    if (size > padded_bytes.size()) rule.fail("BINARY of more than 255 bytes");
    std::copy(bytes.begin(), bytes.end(), padded_bytes.begin());
    out.append_string({padded_bytes.data(), size});
}

}  // namespace penstock
