#include "source/server_info.h"

#include "source/test_server.h"
#include "source/visible_position.h"

namespace penstock {
namespace {

class ServerInfoTest : public ServerTest {};

TEST_P(ServerInfoTest, KnowsTheServer) {
    EXPECT_EQ(info_.mariadb(), mariadb());
    EXPECT_EQ(info_.version_text, *connection_->query_value("SELECT @@version"));
    EXPECT_TRUE(mariadb() ? info_.at_least(10, 0) && !info_.at_least(99, 0) : info_.at_least(8, 0))
        << info_.version;
    EXPECT_TRUE(info_.log_bin);
    EXPECT_EQ(info_.binlog_format, "ROW");
    EXPECT_EQ(std::to_string(info_.server_id), *connection_->query_value("SELECT @@server_id"));
    EXPECT_TRUE(info_.has_row_metadata());
    EXPECT_EQ(info_.binlog_row_image, "FULL");
    EXPECT_TRUE(info_.retention_seconds.has_value());
    if (mariadb()) {
        EXPECT_EQ(info_.identity(),
                  std::to_string(info_.server_id) + "-" + std::to_string(info_.gtid_domain_id));
    } else {
        EXPECT_EQ(info_.identity().size(), 36u);
        EXPECT_EQ(info_.gtid_mode, "ON");
    }
}

TEST_P(ServerInfoTest, PositionsMoveWithCommits) {
    sql("CREATE TABLE t (a INT PRIMARY KEY)");
    for (auto mechanism : {ReplicationMechanism::kGtid, ReplicationMechanism::kFilePos}) {
        Position before = current_position(*connection_, info_, mechanism);
        sql("INSERT INTO t VALUES (" + std::to_string(static_cast<int>(mechanism)) + ")");
        Position after = current_position(*connection_, info_, mechanism);
        EXPECT_TRUE(after.reached(before)) << before.to_string() << " " << after.to_string();
        EXPECT_FALSE(before.reached(after)) << before.to_string() << " " << after.to_string();
        EXPECT_EQ(Position::parse(after.to_string()), after);
        EXPECT_NO_THROW(check_position_available(*connection_, info_, before, true));
    }
}

TEST_P(ServerInfoTest, NoLogNoPosition) {
    ServerInfo off = info_;
    off.log_bin = false;
    EXPECT_TRUE(current_position(*connection_, off, ReplicationMechanism::kGtid).none());
}

TEST_P(ServerInfoTest, GtidModeOffIsSaid) {
    if (mariadb()) return;  // MariaDB has no such mode
    ServerInfo off = info_;
    off.gtid_mode = "OFF";
    EXPECT_EQ(
        error_of([&] { current_position(*connection_, off, ReplicationMechanism::kGtid); }).disposition(),
        Disposition::kFailPipe);
}

TEST_P(ServerInfoTest, AFileThatIsGoneIsNamed) {
    Error e = error_of([&] {
        check_position_available(*connection_, info_, Position(FilePosition{"gone.000001", 4}), true);
    });
    EXPECT_EQ(e.disposition(), Disposition::kFailPipe);
    EXPECT_NE(std::string(e.what()).find("gone.000001"), std::string::npos) << e.what();
    auto here = *current_position(*connection_, info_, ReplicationMechanism::kFilePos).file();
    here.offset += uint64_t{1} << 33;
    Error beyond = error_of([&] { check_position_available(*connection_, info_, Position(here), true); });
    EXPECT_EQ(beyond.disposition(), Disposition::kFailPipe) << beyond.what();
}

TEST_P(ServerInfoTest, APositionAheadOfTheServerIsRefused) {
    Position ahead =
        mariadb() ? Position(MariadbGtidPos::parse(std::to_string(info_.gtid_domain_id) + "-1-99999999999"))
                  : Position(GtidSet::parse(info_.server_uuid + ":1-99999999999"));
    Error e = error_of([&] { check_position_available(*connection_, info_, ahead, true); });
    EXPECT_EQ(e.disposition(), Disposition::kFailPipe);
    EXPECT_NE(std::string(e.what()).find("99999999999"), std::string::npos) << e.what();
}

TEST_P(ServerInfoTest, AnotherServerThatLagsBehindIsWaitedFor) {
    const Position ahead = mariadb() ? Position(MariadbGtidPos::parse("0-77-5"))
                                     : Position(GtidSet::parse("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"));
    Error e = error_of([&] { check_position_available(*connection_, info_, ahead, false); });
    EXPECT_EQ(e.disposition(), Disposition::kRetry) << e.what();
    EXPECT_NE(e.message().find("has not yet applied transactions that this pipe has read"), std::string::npos)
        << e.what();
    EXPECT_NE(e.message().find(mariadb() ? "0-77-5" : "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"),
              std::string::npos);
}

TEST_P(ServerInfoTest, APositionOfTheOtherKindOfServerIsRefused) {
    Position foreign = mariadb() ? Position(GtidSet::parse("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"))
                                 : Position(MariadbGtidPos::parse("0-1-5"));
    Error e = error_of([&] { check_position_available(*connection_, info_, foreign, true); });
    EXPECT_EQ(e.disposition(), Disposition::kFailPipe);
    EXPECT_EQ(e.message(),
              mariadb() ? "the pipe stands at GTIDs of MySQL, and the source is " + info_.display_name()
                        : "the pipe stands at GTIDs of MariaDB, and the source is " + info_.display_name());
    EXPECT_NE(e.hint().find("resync"), std::string::npos) << e.hint();
}

INSTANTIATE_TEST_SUITE_P(Servers, ServerInfoTest, testing::Values("MYSQL", "MARIADB", "MARIADB11"));

constexpr const char* kUs = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

void check(const std::string& wanted, const std::string& purged, const std::string& executed) {
    check_gtids_available(GtidSet::parse(wanted), GtidSet::parse(purged), GtidSet::parse(executed), kUs,
                          "db:3306");
}

TEST(GtidAvailability, MissingRangesAreNamed) {
    const std::string us = kUs, them = "00000000-0000-0000-0000-000000000001";
    EXPECT_NO_THROW(check(us + ":1-10", us + ":1-10", us + ":1-20"));
    EXPECT_NO_THROW(check(us + ":1-20", us + ":1-10", us + ":1-20"));
    EXPECT_NO_THROW(check("", "", us + ":1-20"));

    Error purged = error_of([&] { check(us + ":1-10", us + ":1-15", us + ":1-20"); });
    EXPECT_EQ(purged.disposition(), Disposition::kFailPipe);
    EXPECT_NE(std::string(purged.what()).find(us + ":11-15"), std::string::npos) << purged.what();

    Error restored = error_of([&] { check(us + ":1-30", "", us + ":1-20"); });
    EXPECT_EQ(restored.disposition(), Disposition::kFailPipe);
    EXPECT_NE(std::string(restored.what()).find(us + ":21-30"), std::string::npos) << restored.what();

    EXPECT_EQ(error_of([&] {
                  check(us + ":1-20," + them + ":1-5", "", us + ":1-20," + them + ":1-3");
              }).disposition(),
              Disposition::kRetry);
}

TEST(MariadbBinlogState, HasEachServersLastOfADomain) {
    constexpr const char* kState = "0-1-100,0-2-7,5-1-3";
    const auto missing = [&](const char* wanted) {
        return gtids_not_logged(MariadbGtidPos::parse(wanted), kState);
    };
    EXPECT_TRUE(missing("").empty());
    // The domain ends at 0-2-7, and 0-1-100 is before it.
    EXPECT_TRUE(missing("0-1-100").empty());
    EXPECT_TRUE(missing("0-2-7,5-1-2").empty());
    EXPECT_EQ(missing("0-2-8"), std::vector<std::string>{"0-2-8 (it has 0-2-7)"});
    EXPECT_EQ(missing("0-3-1,7-1-1"),
              (std::vector<std::string>{"0-3-1 (it has none of that domain and server)",
                                        "7-1-1 (it has none of that domain and server)"}));
    EXPECT_EQ(gtids_not_logged(MariadbGtidPos::parse("0-1-1"), "").size(), 1u);
}

TEST(OwnedGtids, AreReadWithoutTheirOwners) {
    EXPECT_TRUE(parse_owned_gtids("").empty());
    const std::string uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    EXPECT_EQ(parse_owned_gtids(uuid + ":5#12:9#130").to_string(), uuid + ":5:9");
    EXPECT_EQ(parse_owned_gtids(uuid + ":5#12,\n" + uuid + ":blue:7#1").to_string(), uuid + ":5:blue:7");
}

}  // namespace
}  // namespace penstock
