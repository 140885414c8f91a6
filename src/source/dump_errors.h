#pragma once
// What error 1236 means. Servers give every reason why they do not send their log, or stop sending it, this
// one number; only the text tells them apart.
// Texts: MySQL source, sql/rpl_binlog_sender.cc and share/messages_to_clients.txt; MariaDB source,
// sql/sql_repl.cc (both in the words of several versions: "slave" and "replica", "master" and "source").

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock {

enum class DumpError : uint8_t {
    kReplaced,      ///< another replica of the same id came: ours, left over, or a second pipe
    kFileMissing,   ///< the file is not in the log's index
    kPurged,        ///< transactions that are wanted are in no file any more
    kUnknownGtids,  ///< the position has GTIDs that this server's log lacks
    kAnonymous,     ///< a transaction without a GTID, while gtid_mode is ON: not sent by file either
    kGtidsOff,      ///< gtid_mode is off, or a transaction with a GTID in a server that has none
    kBadPlace,      ///< the offset is beyond the file, or no event begins there, or what is there is damaged
    kTooLarge,      ///< an event is larger than the server sends
    kNoLog,         ///< the server writes no log
    kNoServerId,    ///< the server has the id 0
    kChecksums,     ///< the server thinks that we cannot read checksums
    kServerInTrouble,  ///< out of memory, or its disk does not read
    kUnknown,
};

DumpError dump_error_of(std::string_view message);

/// It passes by itself.
bool passes_by_itself(DumpError error);

/// The way out, as a sentence.
std::string hint_of_dump_error(DumpError error);

}  // namespace penstock
