#include "model/position.h"

#include <array>
#include <functional>

#include <gtest/gtest.h>

#include "base/error.h"

namespace penstock {
namespace {

const char kA[] = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const char kB[] = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

std::string round(const std::string& text) {
    return GtidSet::parse(text).to_string();
}

std::string error_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        EXPECT_EQ(error.disposition(), Disposition::kFailPipe);
        return error.what();
    }
    return "no error";
}

TEST(GtidSetTest, PrintsCanonically) {
    EXPECT_EQ(round(""), "");
    EXPECT_EQ(round(std::string(kA) + ":1-5"), std::string(kA) + ":1-5");
    EXPECT_EQ(round(std::string(kA) + ":7:1-3:4-5:6:9"), std::string(kA) + ":1-7:9");
    EXPECT_EQ(round(" 4E11FA47-71CA-11E1-9E33-C80AA9429562 : 2 - 3 ,\n" + std::string(kA) + ":1 "),
              std::string(kA) + ":1," + kB + ":2-3");
    EXPECT_EQ(round("3e11fa4771ca11e19e33c80aa9429562:1"), std::string(kA) + ":1");
    EXPECT_EQ(round(std::string(kA) + ":1-9223372036854775806"), std::string(kA) + ":1-9223372036854775806");
}

TEST(GtidSetTest, KeepsTagsApart) {
    std::string text = std::string(kA) + ":1-5:blue:1-3:7:red:2";
    EXPECT_EQ(round(text), text);
    EXPECT_EQ(round(std::string(kA) + ":Blue:1," + kA + ":blue:2," + kA + ":4"),
              std::string(kA) + ":4:blue:1-2");
    GtidSet set = GtidSet::parse(text);
    GtidSource source = GtidSource::parse_uuid(kA);
    EXPECT_TRUE(set.contains(source, 5));
    EXPECT_FALSE(set.contains(source, 7));
    source.tag = "blue";
    EXPECT_TRUE(set.contains(source, 7));
    EXPECT_FALSE(set.contains(source, 5));
    EXPECT_EQ(source.to_string(), std::string(kA) + ":blue");
}

TEST(GtidSetTest, NamesTheBadPart) {
    auto error = [](const std::string& text) { return error_of([&] { GtidSet::parse(text); }); };
    EXPECT_NE(error("3e11fa47:1").find("'3e11fa47'"), std::string::npos);
    EXPECT_NE(error(std::string(kA) + ":1," + kB + ":5-x").find("bad GTID set '5-x'"), std::string::npos);
    EXPECT_NE(error(std::string(kA) + ":5-2").find("'5-2': the interval runs backwards"), std::string::npos);
    EXPECT_NE(error(std::string(kA) + ":0-2").find("'0-2'"), std::string::npos);
    EXPECT_NE(error(std::string(kA) + ":1-9223372036854775807").find("2^63 - 2"), std::string::npos);
    EXPECT_NE(error(std::string(kA) + ":1-99999999999999999999").find("interval"), std::string::npos);
    EXPECT_NE(error(kA).find("no interval"), std::string::npos);
    EXPECT_NE(error(std::string(kA) + ":blue").find("no interval after a tag"), std::string::npos);
    EXPECT_NE(error(std::string(kA) + ":blue:red:1").find("no interval after a tag"), std::string::npos);
    EXPECT_NE(error(std::string(kA) + ":1--2").find("'1--2'"), std::string::npos);
}

TEST(GtidSetTest, AddsMergesAndSubtracts) {
    GtidSource a = GtidSource::parse_uuid(kA);
    GtidSet set;
    for (uint64_t gno : {3u, 1u, 5u, 2u, 4u, 9u}) set.add(a, gno);
    EXPECT_EQ(set.to_string(), std::string(kA) + ":1-5:9");
    set.add(a, GtidSet::Interval{4, 8});
    EXPECT_EQ(set.to_string(), std::string(kA) + ":1-9");
    set.add(a, 4);
    EXPECT_EQ(set.to_string(), std::string(kA) + ":1-9");
    set.add(GtidSet::parse(std::string(kB) + ":7," + kA + ":12-13"));
    EXPECT_EQ(set.to_string(), std::string(kA) + ":1-9:12-13," + kB + ":7");

    GtidSet less = set.minus(GtidSet::parse(std::string(kA) + ":1:3-4:8-12"));
    EXPECT_EQ(less.to_string(), std::string(kA) + ":2:5-7:13," + kB + ":7");
    EXPECT_TRUE(set.minus(set).empty());
    EXPECT_TRUE(set.contains(less));
    EXPECT_FALSE(less.contains(set));
    EXPECT_TRUE(set.contains(GtidSet()));
    EXPECT_FALSE(GtidSet().contains(set));
}

// The interval list against a plain bitmap.
TEST(GtidSetTest, AgreesWithABitmap) {
    GtidSource a = GtidSource::parse_uuid(kA);
    uint64_t seed = 42;
    auto next = [&](uint64_t below) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        return (seed >> 33) % below;
    };
    for (int round_number = 0; round_number < 200; ++round_number) {
        std::array<bool, 42> in_x{}, in_y{};
        GtidSet x, y;
        for (int i = 0; i < 12; ++i) {
            uint64_t first = 1 + next(38), last = first + next(3);
            x.add(a, GtidSet::Interval{first, last});
            for (uint64_t g = first; g <= last; ++g) in_x[g] = true;
            uint64_t one = 1 + next(40);
            y.add(a, one);
            in_y[one] = true;
        }
        GtidSet difference = x.minus(y);
        bool covers = true;
        for (uint64_t g = 1; g < in_x.size(); ++g) {
            ASSERT_EQ(x.contains(a, g), in_x[g]);
            ASSERT_EQ(difference.contains(a, g), in_x[g] && !in_y[g]);
            covers = covers && (!in_y[g] || in_x[g]);
        }
        ASSERT_EQ(x.contains(y), covers);
        ASSERT_EQ(GtidSet::parse(x.to_string()), x);
        const auto& list = x.intervals().at(a);
        for (size_t i = 1; i < list.size(); ++i) ASSERT_GT(list[i].first, list[i - 1].last + 1);
    }
}

TEST(MariadbGtidPosTest, ParsesPrintsAndCompares) {
    EXPECT_EQ(MariadbGtidPos::parse("").to_string(), "");
    MariadbGtidPos pos = MariadbGtidPos::parse("2-5-7, 0-1-18446744073709551615");
    EXPECT_EQ(pos.to_string(), "0-1-18446744073709551615,2-5-7");
    EXPECT_TRUE(pos.contains(MariadbGtid{2, 9, 7}));
    EXPECT_FALSE(pos.contains(MariadbGtid{2, 5, 8}));
    EXPECT_FALSE(pos.contains(MariadbGtid{1, 5, 1}));
    pos.advance(MariadbGtid{2, 6, 8});
    EXPECT_EQ(pos.to_string(), "0-1-18446744073709551615,2-6-8");
    EXPECT_TRUE(pos.contains(MariadbGtidPos::parse("2-5-7")));
    EXPECT_FALSE(pos.contains(MariadbGtidPos::parse("2-5-7,4-1-1")));
}

TEST(MariadbGtidPosTest, NamesTheBadPart) {
    auto error = [](const char* text) { return error_of([&] { MariadbGtidPos::parse(text); }); };
    EXPECT_NE(error("0-1-5,0-1").find("'0-1'"), std::string::npos);
    EXPECT_NE(error("0-1-5,0-2-6").find("'0-2-6': the domain is there twice"), std::string::npos);
    EXPECT_NE(error("4294967296-1-5").find("'4294967296-1-5'"), std::string::npos);
    EXPECT_NE(error("0-1-5,").find("no error"), std::string::npos);
    EXPECT_NE(error("0-1-5-6").find("'0-1-5-6'"), std::string::npos);
}

TEST(FilePositionTest, OrdersByNumberThenOffset) {
    auto file = [](const char* name, uint64_t offset) { return FilePosition{name, offset}; };
    EXPECT_TRUE(file("b.1000000", 4).at_or_after(file("b.999999", 9000)));
    EXPECT_FALSE(file("b.999999", 9000).at_or_after(file("b.1000000", 4)));
    EXPECT_TRUE(file("b.000002", 10'000'000'000).at_or_after(file("b.000002", 9'999'999'999)));
    EXPECT_FALSE(file("b.000002", 5).at_or_after(file("b.000002", 6)));
}

TEST(PositionTest, RoundTrips) {
    for (std::string text :
         {std::string(), std::string("mysql-gtid:") + kA + ":1-5:blue:1", std::string("mysql-gtid:"),
          std::string("mariadb-gtid:0-1-100,2-5-7"), std::string("file:binlog.000042:12884901888")}) {
        EXPECT_EQ(Position::parse(text).to_string(), text);
    }
    EXPECT_TRUE(Position::parse("").none());
    EXPECT_EQ(Position::parse("file:a:b.000001:4").file()->file, "a:b.000001");
    EXPECT_EQ(Position::parse("file:binlog.000042:12884901888").file()->offset, 12884901888u);
    EXPECT_NE(error_of([] { Position::parse("file:x"); }).find("'x'"), std::string::npos);
    EXPECT_NE(error_of([] { Position::parse("file:x:-1"); }).find("expected NAME:OFFSET"), std::string::npos);
    EXPECT_NE(error_of([] { Position::parse("gtid:5"); }).find("'gtid:5'"), std::string::npos);
}

TEST(PositionTest, ReachedComparesOneKindOnly) {
    Position early = Position::parse(std::string("mysql-gtid:") + kA + ":1-5");
    Position late = Position::parse(std::string("mysql-gtid:") + kA + ":1-6");
    EXPECT_TRUE(late.reached(early));
    EXPECT_FALSE(early.reached(late));
    EXPECT_TRUE(early.reached(Position()));
    EXPECT_FALSE(Position().reached(early));
    EXPECT_NE(error_of([&] { late.reached(Position::parse("file:b.000001:4")); }).find("cannot compare"),
              std::string::npos);
}

TEST(PositionTest, APlaceIsPartOfTheText) {
    for (std::string text : {std::string("mysql-gtid:") + kA + ":1-5@" + kA + "/binlog.000042:12884901888",
                             std::string("mariadb-gtid:0-1-100,2-5-7@1-0/a:b.000001:4"),
                             std::string("mariadb-gtid:@1-0/binlog.000001:330")}) {
        EXPECT_EQ(Position::parse(text).to_string(), text);
    }
    EXPECT_EQ(Position::parse("mariadb-gtid:0-1-2@1-0/b.000003:40").place()->at,
              (FilePosition{"b.000003", 40}));
    EXPECT_EQ(Position::parse("mariadb-gtid:0-1-2").place(), nullptr);
    for (const char* text : {"mariadb-gtid:0-1-2@", "mariadb-gtid:0-1-2@1-0", "mariadb-gtid:0-1-2@/b.1:4",
                             "mariadb-gtid:0-1-2@1-0/b.000001", "mariadb-gtid:0-1-2@1-0/b.000001:x"}) {
        EXPECT_NE(error_of([&] { Position::parse(text); }), "") << text;
    }
}

TEST(PositionTest, OnOneServerTheLogsOrderDecides) {
    // The later one of the log has the lower number.
    const Position early = Position::parse("mariadb-gtid:0-1-100@1-0/b.000002:500");
    const Position late = Position::parse("mariadb-gtid:0-2-7@1-0/b.000010:4");
    EXPECT_TRUE(late.reached(early));
    EXPECT_FALSE(early.reached(late));
    // Of another server, or without a place, the numbers are all that is known.
    const Position elsewhere = Position::parse("mariadb-gtid:0-1-100@2-0/b.000002:500");
    EXPECT_FALSE(late.reached(elsewhere));
    EXPECT_TRUE(elsewhere.reached(late));
    EXPECT_FALSE(late.reached(Position::parse("mariadb-gtid:0-1-100")));
    // MySQL: a commit can be seen before it is in gtid_executed, but not before it is in the log.
    const Position seen = Position::parse(std::string("mysql-gtid:") + kA + ":1-5@s/b.000002:500");
    EXPECT_FALSE(Position::parse(std::string("mysql-gtid:") + kA + ":1-5@s/b.000002:400").reached(seen));
    EXPECT_TRUE(Position::parse(std::string("mysql-gtid:") + kA + ":1-5@s/b.000002:500").reached(seen));
}

TEST(GtidSetTest, FindsANumberAmongManyIntervals) {
    const GtidSet set = GtidSet::parse(std::string(kA) + ":3-5:8:10-20");
    const GtidSource source = GtidSource::parse_uuid(kA);
    std::string found;
    for (uint64_t gno = 1; gno <= 21; ++gno) {
        if (set.contains(source, gno)) found += std::to_string(gno) + " ";
    }
    EXPECT_EQ(found, "3 4 5 8 10 11 12 13 14 15 16 17 18 19 20 ");
}

}  // namespace
}  // namespace penstock
