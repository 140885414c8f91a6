#include "pipe/verify_value.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

/// A plan of one column `c`.
struct OneColumn {
    TablePlan plan;

    explicit OneColumn(SourceType type, bool nullable = false,
                       InvalidDatePolicy policy = InvalidDatePolicy::kClamp) {
        SourceColumn column;
        column.name = "c";
        column.type = type;
        column.precision = 20;
        column.scale = 5;
        column.nullable = nullable;
        plan.source.columns = {column};
        plan.invalid_dates = policy;
        finish();
    }
    OneColumn& set(void (*change)(SourceColumn&)) {
        change(plan.source.columns[0]);
        finish();
        return *this;
    }
    void finish(bool has_time64 = true, bool allow_nullable = true) {
        SourceSettings settings;
        settings.allow_nullable_columns = allow_nullable;
        plan.columns = {{"c", target_type_of(plan.source.columns[0], settings, has_time64), 0}};
    }
    std::string source(std::optional<std::string_view> text) const {
        return VerifyColumn(plan, 0).from_source(text).value_or("NULL");
    }
    std::string target(std::optional<std::string_view> text) const {
        return VerifyColumn(plan, 0).from_target(text).value_or("NULL");
    }
    int compare(const char* a, const char* b) const {
        auto order = VerifyColumn(plan, 0).compare(a, b);
        return order < 0 ? -1 : order > 0 ? 1 : 0;
    }
};

TEST(VerifyValue, Integers) {
    OneColumn c(SourceType::kBigInt);
    EXPECT_EQ(c.source("-9223372036854775808"), "-9223372036854775808");
    EXPECT_EQ(c.source("000123"), "123");  // ZEROFILL
    EXPECT_EQ(c.source("0"), "0");
    EXPECT_EQ(OneColumn(SourceType::kYear).source("0000"), "0");
    EXPECT_EQ(c.compare("9", "10"), -1);
    EXPECT_EQ(c.compare("-9", "-10"), 1);
    EXPECT_EQ(c.compare("-1", "0"), -1);
    EXPECT_EQ(c.compare("18446744073709551615", "9223372036854775807"), 1);
    EXPECT_EQ(c.compare("7", "7"), 0);
}

// As targets have them that were altered to hold more.
TEST(VerifyValue, WiderTargets) {
    OneColumn boolean(SourceType::kTinyInt);
    boolean.plan.columns[0].type.kind = TargetKind::kBool;
    EXPECT_EQ(boolean.target("1"), "true");
    EXPECT_EQ(boolean.target("0"), "false");
    EXPECT_EQ(boolean.target("2"), "2");
    EXPECT_EQ(OneColumn(SourceType::kDecimal).target("1.50000000"), "1.5");
    EXPECT_EQ(OneColumn(SourceType::kFloat).target("0.10000000149011612"), "0.1");
    OneColumn moment(SourceType::kDateTime);
    EXPECT_EQ(moment.target("2024-01-31 01:02:03.000000000"), "2024-01-31 01:02:03");
    EXPECT_EQ(moment.target("2024-01-31 01:02:03.000000001"), "2024-01-31 01:02:03.000000001");
    moment.set([](SourceColumn& c) { c.fsp = 3; });
    EXPECT_EQ(moment.target("2024-01-31 01:02:03.120000000"), "2024-01-31 01:02:03.120");
    EXPECT_EQ(moment.target("2024-01-31 01:02:03.000"), "2024-01-31 01:02:03.000");
    EXPECT_EQ(OneColumn(SourceType::kTime).target("-25:00:00.000001000"), "-25:00:00.000001");
    EXPECT_EQ(OneColumn(SourceType::kTime).target("-25:00:00.000000001"), "-25:00:00.000000001");
}

TEST(VerifyValue, TinyintAsBool) {
    OneColumn c(SourceType::kTinyInt);
    c.set([](SourceColumn& column) { column.is_tinyint1 = true; });
    EXPECT_EQ(c.source("0"), "false");
    EXPECT_EQ(c.source("1"), "true");
    EXPECT_EQ(c.source("-7"), "true");
    EXPECT_EQ(c.target("true"), "true");
}

TEST(VerifyValue, MariadbsOwnTypes) {
    OneColumn uuid(SourceType::kUuid);
    EXPECT_EQ(uuid.source("123e4567-e89b-12d3-a456-426655440000"), "123e4567-e89b-12d3-a456-426655440000");
    OneColumn four(SourceType::kInet4);
    EXPECT_EQ(four.compare("9.0.0.1", "10.0.0.0"), -1);
    OneColumn six(SourceType::kInet6);
    EXPECT_EQ(six.source("2001:DB8:0:0::1"), "2001:db8::1");
    EXPECT_EQ(six.target("::ffff:192.0.2.1"), six.source("::ffff:c000:201"));
    EXPECT_EQ(six.compare("::ffff", "1::"), -1);
}

TEST(VerifyValue, Vectors) {
    OneColumn c(SourceType::kVector);
    EXPECT_EQ(c.source("0000803F000020C0CDCCCC3D"), "[1,-2.5,0.1]");
    EXPECT_EQ(c.source("00000080"), "[-0]");
    EXPECT_EQ(c.target("[1,-2.5,0.1]"), "[1,-2.5,0.1]");
    EXPECT_EQ(c.target("[1e30,-0]"), c.source("CAF2497100000080"));
}

TEST(VerifyValue, Geometries) {
    OneColumn c(SourceType::kGeometry);
    EXPECT_EQ(c.source("POINT(0.1 1e20)"), c.target("POINT(0.1 1e+20)"));
    EXPECT_NE(c.source("POINT(0.1 2)"), c.target("POINT(0.1 3)"));
    EXPECT_NE(c.source("LINESTRING(1 2,3 4)"), c.target("LINESTRING(1 2,3 4,1 2)"));
    EXPECT_EQ(c.source("MULTIPOINT(0 0,1 2)"), c.target("MULTIPOINT((0 0),(1 2))"));
    EXPECT_EQ(c.source("GEOMETRYCOLLECTION(MULTIPOINT(0 0,1 2),POINT(1 2),POLYGON((0 0,1 1)))"),
              c.target("GEOMETRYCOLLECTION(MULTIPOINT((0 0),(1 2)),POINT(1 2),POLYGON((0 0,1 1)))"));
    EXPECT_NE(c.source("POLYGON((0 0,1 1),(2 2,3 3))"), c.target("POLYGON((0 0,1 1,2 2,3 3))"));
    EXPECT_EQ(c.source("geometrycollection empty"), c.target("GEOMETRYCOLLECTION EMPTY"));
    EXPECT_NE(c.source("SRID=1;POINT(0 0)"), c.target("SRID=0;POINT(0 0)"));
}

TEST(VerifyValue, Decimals) {
    OneColumn c(SourceType::kDecimal);
    EXPECT_EQ(c.source("000012.50000"), "12.5");
    EXPECT_EQ(c.source("-0.50000"), "-0.5");
    EXPECT_EQ(c.source("0.00000"), "0");
    EXPECT_EQ(c.source("-0.00000"), "0");
    EXPECT_EQ(c.source("100.00000"), "100");
    EXPECT_EQ(c.target("12.5"), "12.5");
    EXPECT_EQ(c.compare("1", "1.5"), -1);
    EXPECT_EQ(c.compare("-1", "-1.5"), 1);
    EXPECT_EQ(c.compare("10.01", "9.99"), 1);
    EXPECT_EQ(c.compare("0.09", "0.1"), -1);
}

TEST(VerifyValue, Floats) {
    OneColumn single(SourceType::kFloat);
    EXPECT_EQ(single.source("0.10000000149011612"), single.target("0.1"));
    EXPECT_NE(single.source("0.10000000894069672"), single.target("0.1"));
    EXPECT_EQ(single.source("-0"), single.target("0"));
    EXPECT_EQ(single.source("3.4028234663852886e38"), single.target("3.4028235e38"));
    EXPECT_EQ(single.source("1.401298464324817e-45"), single.target("1e-45"));
    OneColumn twice(SourceType::kDouble);
    EXPECT_EQ(twice.source("0.1"), twice.target("0.1"));
    EXPECT_NE(twice.source("0.1"), twice.target("0.10000000000000002"));
    EXPECT_EQ(twice.source("1e22"), twice.target("10000000000000000000000"));
    EXPECT_EQ(twice.source("1.7976931348623157e308"), twice.target("1.7976931348623157e308"));
}

TEST(VerifyValue, Dates) {
    OneColumn c(SourceType::kDate);
    EXPECT_EQ(c.source("2024-02-29"), "2024-02-29");
    EXPECT_EQ(c.source("0000-00-00"), "1970-01-01");
    EXPECT_EQ(c.source("2024-00-15"), "2024-01-15");
    EXPECT_EQ(c.source("2023-02-31"), "2023-02-28");
    EXPECT_EQ(c.source("2023-02-00"), "2023-02-01");
    EXPECT_EQ(c.source("1899-12-31"), "1900-01-01");
    EXPECT_EQ(c.source("9999-12-31"), "2299-12-31");
    EXPECT_EQ(OneColumn(SourceType::kDate, true, InvalidDatePolicy::kNull).source("0000-00-00"), "NULL");
    EXPECT_EQ(OneColumn(SourceType::kDate, false, InvalidDatePolicy::kNull).source("0000-00-00"),
              "1970-01-01");
    EXPECT_EQ(OneColumn(SourceType::kDate, true, InvalidDatePolicy::kError).source("0000-00-00"),
              "0000-00-00");
}

TEST(VerifyValue, DateTimes) {
    OneColumn c(SourceType::kDateTime);
    c.set([](SourceColumn& column) { column.fsp = 3; });
    EXPECT_EQ(c.source("2024-02-29 12:00:00.123"), "2024-02-29 12:00:00.123");
    EXPECT_EQ(c.source("0000-00-00 00:00:00.000"), "1970-01-01 00:00:00.000");
    EXPECT_EQ(c.source("1000-01-01 12:30:00.500"), "1900-01-01 00:00:00.000");
    EXPECT_EQ(c.source("9999-12-31 12:30:00.500"), "2299-12-31 23:59:59.999");
    EXPECT_EQ(c.source("2024-01-00 12:30:00.500"), "2024-01-01 12:30:00.500");
}

TEST(VerifyValue, Times) {
    OneColumn c(SourceType::kTime);
    EXPECT_EQ(c.source("-838:59:59"), c.target("-838:59:59.000000"));
    EXPECT_EQ(c.source("00:00:00.5"), c.target("00:00:00.500000"));
    EXPECT_EQ(c.source("-00:00:00"), "00:00:00.000000");
    EXPECT_EQ(c.compare("-838:59:59.000000", "-00:00:01.000000"), -1);
    EXPECT_EQ(c.compare("99:59:59.000000", "100:00:00.000000"), -1);
    c.finish(false);  // a server without Time64: microseconds from 1970
    EXPECT_EQ(c.target("-3020399000000"), "-838:59:59.000000");
    EXPECT_EQ(c.target("-1"), "-00:00:00.000001");
    EXPECT_EQ(c.target("86399999999"), "23:59:59.999999");
}

TEST(VerifyValue, TextIsItself) {
    for (SourceType type : {SourceType::kVarChar, SourceType::kBlob, SourceType::kJson, SourceType::kEnum}) {
        EXPECT_EQ(OneColumn(type).source("a "), "a ");
        EXPECT_EQ(OneColumn(type).target("a "), "a ");
    }
    EXPECT_EQ(OneColumn(SourceType::kVarChar).compare("B", "a"), -1) << "bytes, not letters";
    EXPECT_EQ(OneColumn(SourceType::kVarChar).compare("\xc3\xa9", "z"), 1);
}

TEST(VerifyValue, Nulls) {
    EXPECT_EQ(OneColumn(SourceType::kInt, true).source(std::nullopt), "NULL");
    EXPECT_EQ(OneColumn(SourceType::kInt, true).target(std::nullopt), "NULL");
    struct Row {
        SourceType type;
        const char* zero;
    };
    for (const Row& row :
         {Row{SourceType::kInt, "0"}, Row{SourceType::kVarChar, ""}, Row{SourceType::kDate, "1970-01-01"},
          Row{SourceType::kDateTime, "1970-01-01 00:00:00"}, Row{SourceType::kDecimal, "0"},
          Row{SourceType::kDouble, "0"}, Row{SourceType::kTime, "00:00:00.000000"}}) {
        OneColumn c(row.type, true);
        c.finish(true, false);
        EXPECT_EQ(c.source(std::nullopt), row.zero);
    }
    VerifyColumn column(OneColumn(SourceType::kInt, true).plan, 0);
    EXPECT_EQ(column.compare(std::nullopt, std::nullopt), std::strong_ordering::equal);
}

}  // namespace
}  // namespace penstock
