#include "cli/watch_view.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

using json = ApiClient::json;

Screen screen_of(size_t width, size_t height) {
    Screen screen;
    screen.terminal = true;
    screen.width = width;
    screen.height = height;
    return screen;
}

json loading(uint64_t orders) {
    json progress = json::parse(
        R"({"state": "Snapshot", "reason": "setup is done", "trouble": null, "rowsEstimated": 2000,
        "tablesLoaded": 1, "tablesTotal": 3, "inserted": 0, "updated": 0, "deleted": 0, "adjusted": 0, "batches": 0,
        "lagSeconds": null, "position": null})");
    progress["rowsLoaded"] = orders + 500;
    return progress;
}

json tables(uint64_t orders) {
    json list = json::parse(R"([
        {"targetTable": "items", "state": "Snapshot", "resyncing": false, "rowsLoaded": 500, "rowsEstimated": 480,
         "partitionsLoaded": 2, "partitionsTotal": 2},
        {"targetTable": "parts", "state": "Setup", "resyncing": false, "rowsLoaded": 0, "rowsEstimated": 500,
         "partitionsLoaded": 0, "partitionsTotal": 0},
        {"targetTable": "orders", "state": "Snapshot", "resyncing": false, "rowsEstimated": 1000,
         "partitionsLoaded": 1, "partitionsTotal": 4}])");
    list[2]["rowsLoaded"] = orders;
    return list;
}

TEST(WatchView, ShowsALoadWithABarForEachTable) {
    WatchView view("shop");
    view.add(loading(250), tables(250), 0);
    view.add(loading(350), tables(350), 1);
    EXPECT_EQ(
        view.lines(screen_of(100, 24)),
        (std::vector<std::string>{"shop  Snapshot  [#############-----------------]  42%  11s left",
                                  "  850 of about 2,000 rows  1 of 3 tables  100 rows/s",
                                  "  orders  [#######-------------]  35%  350 rows  1/4 partitions  6s left",
                                  "  parts   [--------------------]   0%  0 rows  waiting",
                                  "  items   [####################] 100%  500 rows  loaded"}));
    EXPECT_EQ(view.summary(), "shop Snapshot  42%  850 of about 2,000 rows  1 of 3 tables");
}

TEST(WatchView, FitsTheTerminal) {
    WatchView view("shop");
    view.add(loading(250), tables(250), 0);
    const std::vector<std::string> lines = view.lines(screen_of(40, 5));
    ASSERT_EQ(lines.size(), 4u);
    for (const std::string& line : lines) EXPECT_LE(display_width(line), 39u) << line;
    EXPECT_EQ(lines[0], "shop  Snapshot  [###########----------…");
    EXPECT_EQ(lines[3], "  and 2 more tables");
}

TEST(WatchView, ShowsChangesLagAndTrouble) {
    const json running =
        json::parse(R"({"state": "Running", "reason": "", "trouble": null, "inserted": 1200, "updated": 30,
        "deleted": 4, "adjusted": 0, "batches": 9, "lagSeconds": 0.42, "position": "uuid:1-9"})");
    WatchView view("shop");
    view.add(running, json::array(), 0);
    EXPECT_EQ(view.lines(screen_of(100, 24)),
              (std::vector<std::string>{"shop  Running  lag 0.4s  0 changes/s",
                                        "  inserted 1,200  updated 30  deleted 4  in 9 batches",
                                        "  position uuid:1-9"}));
    EXPECT_EQ(view.summary(), "shop Running  inserted 1,200  updated 30  deleted 4  in 9 batches  lag 0.4s");

    json degraded = running;
    degraded["state"] = "Degraded";
    degraded["trouble"] = "connect: refused\x1b[2J";
    degraded["adjusted"] = 2;
    view.add(degraded, json::array(), 1);
    EXPECT_EQ(view.lines(screen_of(100, 24))[1],
              "  inserted 1,200  updated 30  deleted 4  in 9 batches  2 values adjusted");
    EXPECT_EQ(view.lines(screen_of(100, 24)).back(), "  trouble: connect: refused?[2J");
}

TEST(WatchView, ShowsWhyAPipeFailedAndTablesThatAreLoadedBesideIt) {
    WatchView view("shop");
    view.add(json::parse(R"({"state": "Failed", "reason": "read the log: gone"})"), json::array(), 0);
    EXPECT_EQ(view.lines(screen_of(80, 24)),
              (std::vector<std::string>{"shop  Failed", "  read the log: gone"}));
    EXPECT_EQ(view.summary(), "shop Failed  read the log: gone");

    view.add(json::parse(R"({"state": "Running", "reason": ""})"),
             json::parse(R"([{"targetTable": "a", "state": "Running", "resyncing": true, "rowsLoaded": 5,
                              "rowsEstimated": 10, "partitionsLoaded": 0, "partitionsTotal": 2},
                             {"targetTable": "b", "state": "Running", "resyncing": false, "rowsLoaded": 7}])"),
             1);
    EXPECT_EQ(view.lines(screen_of(80, 24)).back(),
              "  a  [##########----------]  50%  5 rows  0/2 partitions");
    EXPECT_EQ(view.summary(),
              "shop Running  inserted 0  updated 0  deleted 0  in 0 batches  a resync 5 rows");
}

TEST(WatchView, SaysAtOnceWhatIsNewsAndCountsLater) {
    WatchView view("shop");
    view.add(loading(250), tables(250), 0);
    const std::string first = view.milestone();
    view.add(loading(260), tables(260), 1);
    EXPECT_EQ(view.milestone(), first);  // the same tenth
    view.add(loading(400), tables(400), 2);
    EXPECT_NE(view.milestone(), first);
    view.add(loading(250), tables(250), 3);
    EXPECT_EQ(view.milestone(), first);
    view.set_connection_trouble("the API does not answer");
    EXPECT_NE(view.milestone(), first);
    EXPECT_EQ(view.lines(screen_of(80, 24))[2], "  the API does not answer");
    view.add(loading(250), tables(250), 4);  // an answer ends the trouble
    EXPECT_EQ(view.milestone(), first);
}

TEST(WatchView, ColoursTheStateAlone) {
    Screen screen = screen_of(80, 24);
    screen.colour = true;
    WatchView view("Running");  // a name that is a state's
    view.add(json::parse(R"({"state": "Failed", "reason": ""})"), json::array(), 0);
    EXPECT_EQ(view.lines(screen)[0], "Running  \x1b[31mFailed\x1b[0m");
}

TEST(TableIsLoading, KnowsEveryStateOfATable) {
    auto table = [](const char* state, bool resyncing) {
        return json{{"state", state}, {"resyncing", resyncing}};
    };
    for (const char* state : {"Setup", "Snapshot", "Resync"})
        EXPECT_TRUE(table_is_loading(table(state, false)));
    for (const char* state : {"Running", "Paused", "Completed", "Failed"}) {
        EXPECT_FALSE(table_is_loading(table(state, false))) << state;
        EXPECT_TRUE(table_is_loading(table(state, true))) << state;
    }
}

}  // namespace
}  // namespace penstock
