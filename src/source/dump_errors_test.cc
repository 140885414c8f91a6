#include "source/dump_errors.h"

#include <set>
#include <utility>

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(DumpErrors, EachCauseIsKnownByItsWords) {
    const std::pair<const char*, DumpError> kCases[] = {
        {"A replica with the same server_uuid/server_id as this replica has connected to the source; the "
         "first event "
         "'binlog.000001' at 4",
         DumpError::kReplaced},
        {"A slave with the same server_uuid/server_id as this slave has connected to the master",
         DumpError::kReplaced},
        {"Could not find first log file name in binary log index file", DumpError::kFileMissing},
        {"could not find next log; the first event 'binlog.000001' at 4", DumpError::kFileMissing},
        {"Cannot replicate because the source purged required binary logs. Replicate the missing "
         "transactions from "
         "elsewhere, or provision a new replica from backup.",
         DumpError::kPurged},
        {"Could not find GTID state requested by slave in any binlog files. Probably the slave state is too "
         "old and "
         "required binlog files have been purged.",
         DumpError::kPurged},
        {"Replica has more GTIDs than the source has, using the source's SERVER_UUID. This may indicate that "
         "the end "
         "of the binary log was truncated or that the last binary log file was lost, e.g., after a power or "
         "disk "
         "failure when sync_binlog != 1. The source may or may not have rolled back transactions that were "
         "already "
         "replicated to the replica.",
         DumpError::kUnknownGtids},
        {"Error: connecting slave requested to start from GTID 0-1-7, which is not in the master's binlog. "
         "Since the "
         "master's binlog contains GTIDs with higher sequence numbers, it probably means that the slave has "
         "diverged "
         "due to executing extra erroneous transactions",
         DumpError::kUnknownGtids},
        {"The binlog on the master is missing the GTID 0-1-7 requested by the slave (even though both a "
         "prior and a "
         "subsequent sequence number does exist), and GTID strict mode is enabled.",
         DumpError::kUnknownGtids},
        {"Cannot replicate anonymous transaction when AUTO_POSITION = 1, at file ./binlog.000002, position "
         "197.",
         DumpError::kAnonymous},
        {"Cannot replicate anonymous transaction when @@GLOBAL.GTID_MODE = ON, at file ./binlog.000003, "
         "position 198.",
         DumpError::kAnonymous},
        {"Cannot replicate GTID-transaction when @@GLOBAL.GTID_MODE = OFF, at file ./binlog.000002, position "
         "197.",
         DumpError::kGtidsOff},
        {"The replication sender thread cannot start in AUTO_POSITION mode: this server has GTID_MODE = OFF "
         "instead "
         "of ON.",
         DumpError::kGtidsOff},
        {"Client requested source to start replication from impossible position; the first event '' at 9",
         DumpError::kBadPlace},
        {"Client requested master to start replication from position > file size", DumpError::kBadPlace},
        {"bogus data in log event; the first event 'binlog.000001' at 100", DumpError::kBadPlace},
        {"event read from binlog did not pass crc check", DumpError::kBadPlace},
        {"log event entry exceeded max_allowed_packet; Increase max_allowed_packet on source",
         DumpError::kTooLarge},
        {"Binary log is not open", DumpError::kNoLog},
        {"Misconfigured source - server_id was not set", DumpError::kNoServerId},
        {"Misconfigured master - server id was not set", DumpError::kNoServerId},
        {"Replica can not handle replication events with the checksum that source is configured to log",
         DumpError::kChecksums},
        {"memory allocation failed reading log event", DumpError::kServerInTrouble},
        {"something that no server has said so far", DumpError::kUnknown},
    };
    for (const auto& [message, error] : kCases) EXPECT_EQ(dump_error_of(message), error) << message;
}

TEST(DumpErrors, EachCauseHasItsOwnWayOut) {
    std::set<std::string> hints;
    for (int i = 0; i <= static_cast<int>(DumpError::kUnknown); ++i) {
        const auto error = static_cast<DumpError>(i);
        const std::string hint = hint_of_dump_error(error);
        EXPECT_FALSE(hint.empty());
        if (error == DumpError::kPurged) continue;  // as a file that is missing
        EXPECT_TRUE(hints.insert(hint).second) << hint;
    }
    EXPECT_NE(hint_of_dump_error(DumpError::kAnonymous).find("gtid_mode"), std::string::npos);
    EXPECT_EQ(hint_of_dump_error(DumpError::kAnonymous).find("the log longer"), std::string::npos);
}

}  // namespace
}  // namespace penstock
