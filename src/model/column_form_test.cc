#include "model/column_form.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

using Values = ColumnForm::Values;

ColumnFit fit(TargetType planned, std::string_view actual, SourceType source = SourceType::kUnsupported) {
    TablePlan plan;
    plan.source.columns.resize(1);
    plan.source.columns[0].type = source;
    plan.columns = {{"c", planned, 0}};
    return fit_column(plan, plan.columns[0], actual);
}

/// "-": does not fit. "=": the bytes as they are. "s8": signed, 8 bytes. "u16": unsigned, 16. "s8*3": times
/// 1000.
std::string how(TargetType planned, std::string_view actual, SourceType source = SourceType::kUnsupported) {
    const ColumnFit found = fit(planned, actual, source);
    if (!found.fits) return "-";
    EXPECT_EQ(found.form.wire_type, actual) << "LowCardinality and Nullable have a test of their own";
    EXPECT_FALSE(found.form.adds_nulls);
    if (found.form.values == Values::kAsPlanned) return "=";
    if (found.form.values == Values::kFloat) return "f" + std::to_string(found.form.width);
    std::string text = (found.form.is_signed ? "s" : "u") + std::to_string(found.form.width);
    return found.form.power == 0 ? text : text + "*" + std::to_string(found.form.power);
}

TargetType plain(TargetKind kind, uint8_t precision = 0, uint8_t scale = 0) {
    return {kind, false, precision, scale};
}

constexpr const char* kIntegers[] = {"Int8",  "Int16",  "Int32",  "Int64",  "Int128",  "Int256",
                                     "UInt8", "UInt16", "UInt32", "UInt64", "UInt128", "UInt256"};
constexpr const char* kOthers[] = {
    "Bool",
    "Float32",
    "Float64",
    "Decimal(3, 0)",
    "Decimal(76, 0)",
    "String",
    "FixedString(8)",
    "Date",
    "Date32",
    "DateTime",
    "DateTime('UTC')",
    "DateTime64(6, 'UTC')",
    "Time",
    "Time64(6)",
    "UUID",
    "IPv4",
    "IPv6",
    "Array(Float32)",
    "Array(Float64)",
    "Enum8('a' = 1)",
    "JSON",
    "Int7",
    "Int",
    "UInt",
    "Dynamic",
    "Int8(",
    "Decimal(",
    "",
};

TEST(ColumnForm, Integers) {
    struct Case {
        TargetKind planned;
        std::string to[12];  // in the order of kIntegers
    };
    for (const Case& c : std::initializer_list<Case>{
             {TargetKind::kBool, {"=", "u2", "u4", "u8", "u16", "u32", "=", "u2", "u4", "u8", "u16", "u32"}},
             {TargetKind::kInt8, {"=", "s2", "s4", "s8", "s16", "s32", "-", "-", "-", "-", "-", "-"}},
             {TargetKind::kInt16, {"-", "=", "s4", "s8", "s16", "s32", "-", "-", "-", "-", "-", "-"}},
             {TargetKind::kInt32, {"-", "-", "=", "s8", "s16", "s32", "-", "-", "-", "-", "-", "-"}},
             {TargetKind::kInt64, {"-", "-", "-", "=", "s16", "s32", "-", "-", "-", "-", "-", "-"}},
             {TargetKind::kUInt8, {"-", "u2", "u4", "u8", "u16", "u32", "=", "u2", "u4", "u8", "u16", "u32"}},
             {TargetKind::kUInt16, {"-", "-", "u4", "u8", "u16", "u32", "-", "=", "u4", "u8", "u16", "u32"}},
             {TargetKind::kUInt32, {"-", "-", "-", "u8", "u16", "u32", "-", "-", "=", "u8", "u16", "u32"}},
             {TargetKind::kUInt64, {"-", "-", "-", "-", "u16", "u32", "-", "-", "-", "=", "u16", "u32"}}}) {
        for (size_t i = 0; i < std::size(kIntegers); ++i)
            EXPECT_EQ(how(plain(c.planned), kIntegers[i]), c.to[i])
                << plain(c.planned).wire_name() << kIntegers[i];
        for (const char* other : kOthers) {
            const bool itself = plain(c.planned).wire_name() == other;
            EXPECT_EQ(how(plain(c.planned), other), itself ? "=" : "-") << other;
        }
    }
}

// A Decimal as float, or a String as FixedString, would bend values that the type seems to take.
TEST(ColumnForm, WhatHasNoWiderTypeIsItselfOnly) {
    for (TargetKind kind :
         {TargetKind::kFloat64, TargetKind::kString, TargetKind::kLowCardinalityString, TargetKind::kDate32,
          TargetKind::kUuid, TargetKind::kIpv4, TargetKind::kIpv6, TargetKind::kFloat32Array}) {
        const std::string own = plain(kind).wire_name();
        for (const char* other : kOthers)
            EXPECT_EQ(how(plain(kind), other), own == other ? "=" : "-") << own << other;
        for (const char* other : kIntegers) EXPECT_EQ(how(plain(kind), other), "-") << own << other;
    }
    EXPECT_EQ(how(plain(TargetKind::kFloat32), "Float32"), "=");
    EXPECT_EQ(how(plain(TargetKind::kFloat32), "Float64"), "f8");
    EXPECT_EQ(how(plain(TargetKind::kFloat32), "BFloat16"), "-");
}

TEST(ColumnForm, Decimals) {
    const TargetType d9 = plain(TargetKind::kDecimal32, 5, 2), d18 = plain(TargetKind::kDecimal64, 18, 6),
                     d38 = plain(TargetKind::kDecimal128, 38, 10),
                     d76 = plain(TargetKind::kDecimal256, 65, 30);
    EXPECT_EQ(how(d9, "Decimal(5, 2)"), "=");
    EXPECT_EQ(how(d9, "Decimal(9, 2)"), "=");
    EXPECT_EQ(how(d9, "Decimal(6, 3)"), "s4*1");
    EXPECT_EQ(how(d9, "Decimal(10, 2)"), "s8");
    EXPECT_EQ(how(d9, "Decimal(18, 15)"), "s8*13");
    EXPECT_EQ(how(d9, "Decimal(38, 35)"), "s16*33");
    EXPECT_EQ(how(d9, "Decimal(76, 73)"), "s32*71");
    EXPECT_EQ(how(d9, "Decimal(5, 3)"), "-");  // a digit less in front
    EXPECT_EQ(how(d9, "Decimal(9, 1)"), "-");  // a digit less behind
    EXPECT_EQ(how(d9, "Decimal(4, 2)"), "-");
    EXPECT_EQ(how(d9, "Decimal(18, 16)"), "-");
    EXPECT_EQ(how(d18, "Decimal(19, 7)"), "s16*1");
    EXPECT_EQ(how(d18, "Decimal(17, 6)"), "-");
    EXPECT_EQ(how(d38, "Decimal(39, 10)"), "s32");
    EXPECT_EQ(how(d38, "Decimal(38, 11)"), "-");
    EXPECT_EQ(how(d76, "Decimal(76, 30)"), "=");
    EXPECT_EQ(how(d76, "Decimal(76, 41)"), "s32*11");
    EXPECT_EQ(how(d76, "Decimal(76, 42)"), "-");
    for (const char* other : {"Float64", "String", "Int64", "Int256", "Decimal(5)", "Decimal(5, 2, 1)"})
        EXPECT_EQ(how(d9, other), "-") << other;
}

TEST(ColumnForm, DateTimes) {
    const TargetType seconds = plain(TargetKind::kDateTime64, 0, 0),
                     micros = plain(TargetKind::kDateTime64, 0, 6);
    for (SourceType source : {SourceType::kDateTime, SourceType::kTimestamp}) {
        EXPECT_EQ(how(seconds, "DateTime64(0, 'UTC')", source), "=");
        EXPECT_EQ(how(seconds, "DateTime64(8, 'UTC')", source), "s8*8");
        EXPECT_EQ(how(micros, "DateTime64(7, 'UTC')", source), "s8*1");
        EXPECT_EQ(how(micros, "DateTime64(5, 'UTC')", source), "-");
        for (const char* other : {"DateTime", "DateTime('UTC')", "Date32", "Int64", "String", "Time64(6)"})
            EXPECT_EQ(how(seconds, other, source), "-") << other;
    }
    // 9 digits end in 2262: before that of a DATETIME, long after that of a TIMESTAMP.
    EXPECT_EQ(how(micros, "DateTime64(9, 'UTC')", SourceType::kTimestamp), "s8*3");
    EXPECT_EQ(how(micros, "DateTime64(9, 'UTC')", SourceType::kDateTime), "-");
    EXPECT_EQ(fit(micros, "DateTime64(9, 'UTC')", SourceType::kDateTime).reason,
              "9 digits of a second end in the year 2262");
    // An instant is one everywhere; digits are those of UTC.
    for (const char* zone : {"DateTime64(6)", "DateTime64(6, 'Asia/Tokyo')"}) {
        EXPECT_EQ(how(micros, zone, SourceType::kTimestamp), "=") << zone;
        EXPECT_EQ(how(micros, zone, SourceType::kDateTime), "-") << zone;
        EXPECT_EQ(fit(micros, zone, SourceType::kDateTime).reason, "a DATETIME keeps its digits in UTC only");
    }
}

TEST(ColumnForm, Times) {
    const TargetType time = plain(TargetKind::kTime64, 0, 6), instead = plain(TargetKind::kDateTime64, 0, 6);
    EXPECT_EQ(how(time, "Time64(6)", SourceType::kTime), "=");
    EXPECT_EQ(how(time, "Time64(9)", SourceType::kTime), "s8*3");
    EXPECT_EQ(how(time, "Time64(5)", SourceType::kTime), "-");
    EXPECT_EQ(how(time, "Time", SourceType::kTime), "-");
    EXPECT_EQ(how(time, "DateTime64(6, 'UTC')", SourceType::kTime), "-");
    EXPECT_EQ(how(instead, "DateTime64(9, 'UTC')", SourceType::kTime), "s8*3");
}

TEST(ColumnForm, NullableAndLowCardinality) {
    TargetType type = plain(TargetKind::kInt32);
    for (const char* actual : {"Nullable(Int64)", "LowCardinality(Nullable(Int64))"}) {
        const ColumnFit found = fit(type, actual);
        EXPECT_TRUE(found.fits && found.form.adds_nulls) << actual;
        EXPECT_EQ(found.form.wire_type, "Nullable(Int64)");
        EXPECT_EQ(found.form.width, 8);
    }
    EXPECT_EQ(fit(type, "LowCardinality(Int64)").form.wire_type, "Int64");
    EXPECT_FALSE(fit(type, "Nullable(Int16)").fits);

    type.nullable = true;
    EXPECT_TRUE(fit(type, "Nullable(Int64)").fits);
    EXPECT_FALSE(fit(type, "Nullable(Int64)").form.adds_nulls);
    for (const char* actual : {"Int32", "Int64", "LowCardinality(Int32)"}) {
        EXPECT_FALSE(fit(type, actual).fits) << actual;
        EXPECT_EQ(fit(type, actual).reason, "it takes no NULL") << actual;
    }
    for (TargetKind kind : {TargetKind::kString, TargetKind::kLowCardinalityString}) {
        for (const char* actual : {"String", "LowCardinality(String)"})
            EXPECT_EQ(fit(plain(kind), actual).form.wire_type, "String") << actual;
    }
}

}  // namespace
}  // namespace penstock
