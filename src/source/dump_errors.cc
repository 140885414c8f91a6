#include "source/dump_errors.h"

#include <algorithm>
#include <cctype>

namespace penstock {
namespace {

struct Text {
    std::string_view part;  ///< of the message, in lower case
    DumpError error;
};

// The first that is found counts.
constexpr Text kTexts[] = {
    {"with the same server_uuid", DumpError::kReplaced},
    {"with the same server_id", DumpError::kReplaced},
    {"anonymous transaction", DumpError::kAnonymous},
    {"max_allowed_packet", DumpError::kTooLarge},
    {"gtid-transaction when", DumpError::kGtidsOff},
    {"auto_position mode", DumpError::kGtidsOff},
    {"more gtids than the", DumpError::kUnknownGtids},
    {"not in the master's binlog", DumpError::kUnknownGtids},
    {"binlog on the master is missing the gtid", DumpError::kUnknownGtids},
    {"purged", DumpError::kPurged},
    {"could not find first log file name", DumpError::kFileMissing},
    {"could not find next log", DumpError::kFileMissing},
    {"could not open log file", DumpError::kFileMissing},
    {"impossible position", DumpError::kBadPlace},
    {"> file size", DumpError::kBadPlace},
    {"bogus data", DumpError::kBadPlace},
    {"crc check", DumpError::kBadPlace},
    {"checksum failed", DumpError::kBadPlace},
    {"truncated in the middle of event", DumpError::kBadPlace},
    {"is encrypted", DumpError::kBadPlace},
    {"binary log is not open", DumpError::kNoLog},
    {"server id was not set", DumpError::kNoServerId},
    {"server_id was not set", DumpError::kNoServerId},
    {"with the checksum", DumpError::kChecksums},
    {"memory allocation failed", DumpError::kServerInTrouble},
    {"i/o error", DumpError::kServerInTrouble},
};

}  // namespace

DumpError dump_error_of(std::string_view message) {
    std::string lower(message);
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const auto* found = std::find_if(std::begin(kTexts), std::end(kTexts), [&](const Text& text) {
        return lower.find(text.part) != std::string::npos;
    });
    return found == std::end(kTexts) ? DumpError::kUnknown : found->error;
}

bool passes_by_itself(DumpError error) {
    return error == DumpError::kReplaced || error == DumpError::kServerInTrouble;
}

std::string hint_of_dump_error(DumpError error) {
    switch (error) {
        case DumpError::kReplaced:
            return "Give each pipe a server id of its own, or leave the setting out";
        case DumpError::kFileMissing:
        case DumpError::kPurged:
            return "The log before this point is gone from the source: resync the pipe, and keep the log "
                   "longer "
                   "(binlog_expire_logs_seconds, expire_logs_days or the provider's retention setting)";
        case DumpError::kUnknownGtids:
            return "The source lacks transactions that this pipe has read: it was reset or restored, or it "
                   "went "
                   "another way than the server before it. Resync the pipe";
        case DumpError::kAnonymous:
            return "gtid_mode was taken off ON at the source, and what was written meanwhile has no GTID, "
                   "which the "
                   "server does not send while it is ON: resync the pipe. One with replicationMechanism "
                   "FILE_POS "
                   "goes on while gtid_mode is ON_PERMISSIVE";
        case DumpError::kGtidsOff:
            return "Set gtid_mode to ON at the source (OFF_PERMISSIVE, ON_PERMISSIVE, then ON), or make the "
                   "pipe "
                   "with replicationMechanism FILE_POS";
        case DumpError::kBadPlace:
            return "The source's log is not the one that this pipe has read, or it is damaged: look at the "
                   "server's error log, and resync the pipe";
        case DumpError::kTooLarge:
            return "An event is larger than the source sends (1 GB at most, and an UPDATE holds its row "
                   "twice): "
                   "SET GLOBAL max_allowed_packet = 1073741824 there and start the pipe; where that does not "
                   "help, resync it";
        case DumpError::kNoLog:
            return "The source writes no log: set log_bin in the server's configuration, restart it and "
                   "resync "
                   "the pipe";
        case DumpError::kNoServerId:
            return "SET GLOBAL server_id = 1 at the source: without an id the server sends its log to nobody";
        case DumpError::kChecksums:
            return "SET GLOBAL binlog_checksum = CRC32 at the source, then start the pipe";
        case DumpError::kServerInTrouble:
            return "Look at the source's error log: its memory or its disk fails";
        case DumpError::kUnknown:
            break;
    }
    return "The source does not send its log from here: look at the server's error log; where the place is "
           "gone, "
           "resync the pipe";
}

}  // namespace penstock
