#include "cli/text_table.h"

#include <gtest/gtest.h>

#include "cli/number_text.h"

namespace penstock {
namespace {

Screen screen_of(size_t width, bool colour = false) {
    Screen screen;
    screen.terminal = true;
    screen.colour = colour;
    screen.width = width;
    screen.height = 24;
    return screen;
}

TEST(TextTable, AlignsColumns) {
    TextTable table({{.title = "NAME"}, {.title = "ROWS", .right = true}, {.title = "STATE", .state = true}});
    table.add({"shop", "7", "Running"});
    table.add({"a longer name", "1,234", "Failed"});
    EXPECT_EQ(table.render(Screen{}),
              "NAME            ROWS  STATE\n"
              "shop               7  Running\n"
              "a longer name  1,234  Failed\n");
}

TEST(TextTable, CutsOnlyColumnsThatMayShrinkAndOnlyOnATerminal) {
    TextTable table(
        {{.title = "ID"}, {.title = "REASON", .may_shrink = true}, {.title = "N", .right = true}});
    table.add({"0123456789", "the reason is long and is told in many words", "1"});
    EXPECT_EQ(table.render(screen_of(30)),
              "ID          REASON           N\n"
              "0123456789  the reason is …  1\n");
    EXPECT_NE(table.render(Screen{}).find("in many words  1"), std::string::npos);
    EXPECT_EQ(table.render(screen_of(23)),
              "ID          REASON    N\n"
              "0123456789  the rea…  1\n");
}

TEST(TextTable, StandsUprightWhereItIsTooNarrowForALine) {
    TextTable table(
        {{.title = "ID"}, {.title = "REASON", .may_shrink = true}, {.title = "N", .right = true}});
    table.add({"0123456789", "the reason is long and is told in many words", "1"});
    table.add({"2", "", "30"});
    EXPECT_EQ(table.render(screen_of(22)),
              "ID      0123456789\n"
              "REASON  the reason is…\n"
              "N       1\n"
              "\n"
              "ID      2\n"
              "N       30\n");
}

TEST(TextTable, CountsColumnsNotBytes) {
    TextTable table({{.title = "A"}, {.title = "B"}});
    table.add({"\xc3\xa9\xc3\xa9", "x"});  // two letters of two bytes
    table.add({"\xe8\xa1\xa8", "x"});      // one letter of two columns
    table.add(
        {"e\xcc\x81"
         "e",
         "x"});  // a combining mark
    table.add({"abcd", "x"});
    EXPECT_EQ(table.render(Screen{}),
              "A     B\n"
              "\xc3\xa9\xc3\xa9    x\n"
              "\xe8\xa1\xa8    x\n"
              "e\xcc\x81"
              "e    x\n"
              "abcd  x\n");
}

TEST(TextTable, ColoursStatesOnlyWhereThereAreColours) {
    TextTable table({{.title = "STATE", .state = true}, {.title = "N"}});
    table.add({"Failed", "1"});
    EXPECT_EQ(table.render(screen_of(80)), "STATE   N\nFailed  1\n");
    EXPECT_EQ(table.render(screen_of(80, true)),
              "\x1b[2mSTATE\x1b[0m   \x1b[2mN\x1b[0m\n\x1b[31mFailed\x1b[0m  1\n");
}

TEST(TextTable, ShowsNoControlCharacters) {
    TextTable table({{.title = "NAME"}});
    table.add({"a\x1b[2Jb\nc\xff"});
    EXPECT_EQ(table.render(Screen{}), "NAME\na?[2Jb?c?\n");
}

TEST(Shortened, EndsWithAnEllipsisWithinTheWidth) {
    EXPECT_EQ(shortened("abcdef", 6), "abcdef");
    EXPECT_EQ(shortened("abcdef", 5), "abcd…");
    EXPECT_EQ(shortened("abcdef", 1), "…");
    EXPECT_EQ(shortened("abcdef", 0), "");
    // A letter of two columns is not cut in half.
    EXPECT_EQ(shortened("\xe8\xa1\xa8\xe8\xa1\xa8\xe8\xa1\xa8", 4), "\xe8\xa1\xa8…");
}

TEST(NumberText, IsShort) {
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(999), "999");
    EXPECT_EQ(grouped(1000), "1,000");
    EXPECT_EQ(grouped(18446744073709551615u), "18,446,744,073,709,551,615");
    EXPECT_EQ(duration_text(0.4), "0s");
    EXPECT_EQ(duration_text(0.44, true), "0.4s");
    EXPECT_EQ(duration_text(9.94, true), "9.9s");
    EXPECT_EQ(duration_text(9.96, true), "9s");
    EXPECT_EQ(duration_text(75.9), "1m15s");
    EXPECT_EQ(duration_text(3661), "1h01m");
    EXPECT_EQ(duration_text(-3), "0s");
    EXPECT_EQ(bytes_text(0), "0 B");
    EXPECT_EQ(bytes_text(999), "999 B");
    EXPECT_EQ(bytes_text(1000), "1.0 kB");
    EXPECT_EQ(bytes_text(999'949), "999.9 kB");
    EXPECT_EQ(bytes_text(999'960), "1.0 MB");
    EXPECT_EQ(bytes_text(18446744073709551615u), "18.4 EB");
    EXPECT_EQ(progress_bar(0, 4), "[----]");
    EXPECT_EQ(progress_bar(0.5, 4), "[##--]");
    EXPECT_EQ(progress_bar(7, 4), "[####]");
    EXPECT_EQ(progress_bar(-1, 4), "[----]");
}

TEST(RateMeter, ComesNearASteadyRateAndStartsAnew) {
    RateMeter meter;
    EXPECT_EQ(meter.per_second(), 0);
    meter.add(1000, 10);
    EXPECT_EQ(meter.per_second(), 0);  // one count says nothing
    meter.add(1100, 11);
    EXPECT_DOUBLE_EQ(meter.per_second(), 100);
    meter.add(1100, 12);
    EXPECT_DOUBLE_EQ(meter.per_second(), 70);
    for (int i = 3; i < 60; ++i) meter.add(static_cast<uint64_t>(1000 + i * 100), 10 + i);
    EXPECT_NEAR(meter.per_second(), 100, 0.01);
    meter.add(6900, 69);  // the same moment: no division by zero
    EXPECT_NEAR(meter.per_second(), 100, 0.01);
    meter.add(5, 70);
    EXPECT_EQ(meter.per_second(), 0);
}

}  // namespace
}  // namespace penstock
