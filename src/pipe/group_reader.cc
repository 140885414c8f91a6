#include "pipe/group_reader.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "source/binlog_stream.h"
#include "source/mysql_connection.h"

namespace penstock {
namespace {

constexpr const char* kWhat = "read a prepared XA transaction";

/// The log from a place on, on its own connection, until `take` returns false.
void follow(SourceEndpoint source, const ServerInfo& info, const FilePosition& from,
            const std::stop_token& stop,
            const std::function<bool(const Event&, const EventHeader&, const FilePosition&)>& take) {
    source.server_id.reset();  // the pipe's own stream is using it
    BinlogStream stream = BinlogStream::open(source, info, Position(from));
    std::stop_callback interrupt(stop, [&] { stream.interrupt(); });
    EventParser parser;
    bool more = true;
    while (more) {
        if (stop.stop_requested()) throw Error(Disposition::kRetry, kWhat, "interrupted");
        parser.parse_all(stream.next(), [&](const Event& event) {
            if (more) more = take(event, parser.header(), stream.log_position());
        });
    }
}

bool begins_group(const Event& event) {
    return std::holds_alternative<GtidEvent>(event) || std::holds_alternative<MariadbGtidEvent>(event);
}

/// Where the last group that prepares `xid` begins in a file, before `end` (0: in the whole file).
std::optional<FilePosition> find_in_file(const SourceEndpoint& source, const ServerInfo& info,
                                         const std::string& xid, const std::string& file, uint64_t end,
                                         const std::stop_token& stop) {
    std::optional<FilePosition> found;
    FilePosition group;
    follow(source, info, {file, 4}, stop,
           [&](const Event& event, const EventHeader& header, const FilePosition& after) {
               if (after.file != file) return false;  // its end
               if (begins_group(event)) group = {file, after.offset - header.size};
               const auto* prepare = std::get_if<XaPrepareEvent>(&event);
               if (prepare != nullptr && !prepare->one_phase && prepare->xid == xid) found = group;
               return end == 0 || after.offset < end;
           });
    return found;
}

FilePosition find(const SourceEndpoint& source, const ServerInfo& info, const std::string& xid,
                  const FilePosition& before, const std::stop_token& stop) {
    spdlog::info("searching the log for the rows of XA transaction {}", xid);
    std::vector<std::string> files;
    MysqlConnection connection = MysqlConnection::open(source);
    for (const auto& row : connection.query("SHOW BINARY LOGS")) files.push_back(row.at(0).value_or(""));
    bool reached = false;
    for (size_t i = files.size(); i-- > 0;) {
        const bool last = files[i] == before.file;
        reached = reached || last;
        if (!reached) continue;
        if (auto found = find_in_file(source, info, xid, files[i], last ? before.offset : 0, stop))
            return *found;
    }
    throw Error(Disposition::kFailPipe, kWhat, "it is not in the logs that the source still has",
                "Resync the pipe");
}

[[noreturn]] void fail_for_something_else(const char* what) {
    throw Error(Disposition::kFailPipe, what, "the source's log has something else in its place",
                "Resync the pipe");
}

}  // namespace

FilePosition find_prepared_transaction(const SourceEndpoint& source, const ServerInfo& info,
                                       const PreparedTransaction& wanted, const FilePosition& before,
                                       const std::stop_token& stop) {
    return wanted.start.file.empty() ? find(source, info, wanted.xid, before, stop) : wanted.start;
}

void read_prepared_transaction(const SourceEndpoint& source, const ServerInfo& info,
                               const PreparedTransaction& wanted, const FilePosition& start,
                               const std::stop_token& stop, const std::function<void(const Event&)>& take) {
    bool begun = false, wrong = false;
    follow(source, info, start, stop, [&](const Event& event, const EventHeader&, const FilePosition&) {
        if (const auto* prepare = std::get_if<XaPrepareEvent>(&event)) {
            wrong = prepare->xid != wanted.xid;
            return false;
        }
        if (begins_group(event)) {
            if (begun) wrong = true;
            begun = true;
        }
        if (wrong) return false;
        take(event);
        return true;
    });
    if (wrong) fail_for_something_else(kWhat);
}

UndoneRows read_undone_rows(const SourceEndpoint& source, const ServerInfo& info, const FilePosition& start,
                            uint64_t head, const std::stop_token& stop) {
    UndoneRows undone(info.names().savepoints);
    bool begun = false, wrong = false;
    follow(source, info, start, stop,
           [&](const Event& event, const EventHeader& header, const FilePosition&) {
               if (begins_group(event) && !std::exchange(begun, true))
                   wrong = head != 0 && header.digest != head;
               return !wrong && undone.feed(event);
           });
    if (wrong) fail_for_something_else("read what a transaction takes back");
    return undone;
}

}  // namespace penstock
