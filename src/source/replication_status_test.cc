#include "source/replication_status.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

using Row = std::map<std::string, std::string>;

TEST(ReplicationStatus, EveryServersColumnsAreRead) {
    const Row mysql = {{"Channel_Name", "east"},
                       {"Replica_IO_Running", "Yes"},
                       {"Replica_SQL_Running", "No"},
                       {"Last_SQL_Error", "duplicate"},
                       {"Last_IO_Error", "other"}};
    const Row mariadb = {{"Connection_name", ""},
                         {"Slave_IO_Running", "Connecting"},
                         {"Slave_SQL_Running", "Yes"},
                         {"Last_IO_Error", "refused"},
                         {"Seconds_Behind_Master", "70"}};
    const auto channels = replication_channels({mysql, mariadb});
    ASSERT_EQ(channels.size(), 2u);
    EXPECT_EQ(channels[0], (ReplicationChannel{"east", "Yes", "No", "duplicate", std::nullopt}));
    EXPECT_EQ(channels[1], (ReplicationChannel{"", "Connecting", "Yes", "refused", 70}));
    EXPECT_EQ(replication_lag(channels), 70u);
    const std::string trouble = replication_trouble(channels);
    EXPECT_NE(trouble.find(
                  "channel east, receiving Yes, applying No (duplicate); receiving Connecting, applying Yes "
                  "(refused)"),
              std::string::npos)
        << trouble;
}

TEST(ReplicationStatus, WhatRunsIsNoTrouble) {
    const auto channels = replication_channels({{{"Replica_IO_Running", "Yes"},
                                                 {"Replica_SQL_Running", "Yes"},
                                                 {"Seconds_Behind_Source", "0"},
                                                 {"Last_SQL_Error", ""},
                                                 {"Last_IO_Error", ""}}});
    EXPECT_EQ(replication_trouble(channels), "");
    EXPECT_EQ(replication_lag(channels), 0u);
    EXPECT_EQ(replication_trouble({}), "");
    EXPECT_FALSE(replication_lag({}));
}

TEST(ReplicationStatus, GroupReplicationsChannelsMayRest) {
    EXPECT_TRUE(replication_channels({{{"Channel_Name", "group_replication_recovery"},
                                       {"Replica_IO_Running", "No"},
                                       {"Replica_SQL_Running", "No"}}})
                    .empty());
}

}  // namespace
}  // namespace penstock
