// What a client of the API is told of checks that found something, and what it may repeat.

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "service/test_pipe_manager.h"

namespace penstock {
namespace {

using nlohmann::json;

class PipeWarningsTest : public PipeManagerTest {};

TEST_P(PipeWarningsTest, WhatItsChecksWarnOfIsAnsweredAndStays) {
    if (mariadb()) sql("GRANT SLAVE MONITOR ON *.* TO '" + user_.username + "'@'%'");
    const json quiet = body("quiet", json::array({mapping("orders", "quiet")}));
    EXPECT_EQ(manager_->create(service_, quiet)["warnings"], json::array());

    json sent = body("shop", json::array({mapping("orders", "orders")}));
    json& mysql = sent["source"]["mysql"];
    mysql["type"] = mariadb() ? "mysql" : "mariadb";
    mysql["tableMappings"][0]["partitionKey"] = "size";
    mysql["settings"]["snapshotNumRowsPerPartition"] = 1000;
    const json made = manager_->create(service_, sent);
    const std::string id = made["id"];
    ASSERT_EQ(made["warnings"].size(), 2u) << made;
    const std::string flavour = made["warnings"][0], key = made["warnings"][1];
    EXPECT_TRUE(flavour.starts_with("flavour: found " + info_.display_name() + ", needed a " +
                                    (mariadb() ? "MySQL" : "MariaDB") + " server"))
        << flavour;
    EXPECT_EQ(
        key, "partition key of " + database_ +
                 ".orders: found partitionKey names column size, which no index begins with, needed an index "
                 "that begins with it: without one the table is read in one pass, not in parts");
    ASSERT_TRUE(wait_for_state(id, "Running"));
    EXPECT_EQ(manager_->events(service_, id)[1]["reason"],
              "source and destination are reached and ready; warning: " + flavour + "; warning: " + key);
    EXPECT_EQ(manager_->partitions(service_, id, "orders")[0]["predicate"], "");
    EXPECT_FALSE(manager_->get(service_, id).contains("warnings"));
    int warned = 0;
    for (const json& item : manager_->check(service_, sent)) warned += item["state"] == "warning";
    EXPECT_EQ(warned, 2);

    // Tables that are added, and another account.
    sql("CREATE TABLE old (id INT PRIMARY KEY) ENGINE = MyISAM");
    const json added =
        manager_->patch(service_, id, source_patch({{"tableMappingsToAdd", {mapping("old", "old")}}}));
    ASSERT_EQ(added["warnings"].size(), 2u) << added;
    EXPECT_EQ(added["warnings"][0], flavour);
    EXPECT_TRUE(
        added["warnings"][1].get<std::string>().starts_with("engine of " + database_ + ".old: found MyISAM"));
    EXPECT_TRUE(has_event(service_, id,
                          "edited through the API: source.mysql.tableMappings; warning: " + flavour +
                              "; warning: " + added["warnings"][1].get<std::string>()));
    ASSERT_TRUE(wait_for_state(id, "Running"));
    // All of it once, though the source and the added table are both looked at.
    sql("CREATE TABLE more (id INT PRIMARY KEY)");
    const json both = manager_->patch(
        service_, id, source_patch({{"serverId", 77}, {"tableMappingsToAdd", {mapping("more", "more")}}}));
    EXPECT_EQ(both["warnings"].size(), 3u) << both["warnings"];
    ASSERT_TRUE(wait_for_state(id, "Running"));
}

TEST_P(PipeWarningsTest, APipeIsRepeatedAsItIsShown) {
    json sent = body("shop", json::array({mapping("orders", "orders")}));
    sent["source"]["mysql"]["settings"]["replicationMode"] = "snapshot";
    const std::string id = create(sent);
    ASSERT_TRUE(wait_for_state(id, "Completed"));
    const json shown = manager_->get(service_, id);
    const size_t events = manager_->events(service_, id).size();
    json sent_again = sent;
    sent_again["source"]["mysql"]["tableMappingsToAdd"] = json::array();
    for (const json& repeated : {shown, sent, sent_again}) {
        EXPECT_EQ(manager_->patch(service_, id, repeated), shown);
    }
    json other = shown;
    other["state"] = "Running";
    other["source"]["mysql"]["settings"]["deleteOnMerge"] = true;
    RequestError error = refused([&] { manager_->patch(service_, id, other); });
    EXPECT_EQ(error.refusal(), Refusal::kBadRequest);
    EXPECT_EQ(
        error.message(),
        "source.mysql.settings.deleteOnMerge: cannot change from false to true; state: cannot change from "
        "\"Completed\" to \"Running\"");
    EXPECT_EQ(manager_->events(service_, id).size(), events);
}

INSTANTIATE_TEST_SUITE_P(Servers, PipeWarningsTest, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace penstock
