#include "source/log_resume.h"

#include <algorithm>
#include <utility>

#include "base/crc32.h"
#include "source/dump_errors.h"

namespace penstock {
namespace {

constexpr size_t kHeaderSize = 19, kChecksumSize = 4;
constexpr uint8_t kRotate = 4, kFormatDescription = 15, kHeartbeat = 27, kHeartbeatV2 = 41;
constexpr uint16_t kArtificial = 0x20;
using Packet = std::vector<uint8_t>;

[[noreturn]] void put_back(const std::string& address, const LogAnchor& anchor, const std::string& what) {
    throw Error(Disposition::kFailPipe, "resume from " + address,
                "the source was put back (restored or reset), or its log was lost in a crash: " + what,
                "What this pipe has copied since is not in the source any more: resync the pipe")
        .at_position(anchor.file + ":" + std::to_string(anchor.end));
}

/// Whether the file is there; throws when it is not because the log ends before it.
bool has_file(const std::vector<LogFile>& files, const LogAnchor& anchor, const std::string& address) {
    const auto found = std::find_if(files.begin(), files.end(),
                                    [&](const LogFile& file) { return file.name == anchor.file; });
    if (found != files.end()) {
        if (found->size >= anchor.end) return true;
        put_back(address, anchor,
                 "its file " + anchor.file + " has only " + std::to_string(found->size) + " bytes");
    }
    const std::string last = files.empty() ? "" : files.back().name;
    if (files.empty() || FilePosition{anchor.file, 0}.at_or_after({last, 0}))
        put_back(address, anchor, files.empty() ? "it has no log files" : "its log ends with " + last);
    return false;  // purged
}

/// A rotate event as a dump begins with one. It has no checksum: the reader finds that out for itself.
Packet artificial_rotate(const std::string& file, uint64_t offset) {
    Packet packet(kHeaderSize + 8);
    const auto put = [&](size_t at, uint64_t value, size_t bytes) {
        for (size_t i = 0; i < bytes; ++i) packet[at + i] = static_cast<uint8_t>(value >> 8 * i);
    };
    packet[4] = kRotate;
    put(9, packet.size() + file.size(), 4);
    put(17, kArtificial, 2);
    put(kHeaderSize, offset, 8);
    packet.insert(packet.end(), file.begin(), file.end());
    return packet;
}

/// The format description as a dump repeats it that begins within the file: its own end is not the place.
Packet repeated(Packet description) {
    std::fill_n(description.begin() + 13, 4, uint8_t{0});
    description[17] &= 0xfe;  // in use; left out of the checksum
    const size_t end = description.size() - kChecksumSize;
    const uint32_t checksum = crc32(ByteSpan(description).first(end));
    for (size_t i = 0; i < kChecksumSize; ++i) description[end + i] = static_cast<uint8_t>(checksum >> 8 * i);
    return description;
}

/// Reads the anchor's transaction again and leaves the stream behind it.
void prove(BinlogStream& stream, const LogAnchor& anchor) {
    const auto differs = [&](const std::string& what) { put_back(stream.address(), anchor, what); };
    const std::string place = anchor.file + ":" + std::to_string(anchor.start);
    Packet description;
    uint64_t digest = 0;
    bool checksums = false;
    while (description.empty() || stream.log_position().offset < anchor.end) {
        const ByteSpan event = stream.next();
        const uint8_t type = event[4];
        if (type == kRotate) {
            if (stream.log_position().file != anchor.file)
                differs("its file " + anchor.file + " ends before the place that this pipe has read");
            continue;
        }
        if (type == kHeartbeat || type == kHeartbeatV2) {
            if (description.empty()) continue;
            differs("its log ends before the place that this pipe has read");
        }
        if (type == kFormatDescription) {
            if (anchor.head != 0 && event_digest(event, true) != anchor.head)
                differs("its file " + anchor.file + " is another than the one of that name before");
            description.assign(event.begin(), event.end());
            checksums = event[event.size() - kChecksumSize - 1] == 1;
            if (anchor.start == anchor.end) break;
            continue;
        }
        if ((load_le<2>(event.data() + 17) & kArtificial) != 0) continue;
        if (const uint64_t one = event_digest(event, checksums); one != 0)
            digest = extend_digest(digest, one);
    }
    if (anchor.start != anchor.end && (stream.log_position().offset != anchor.end || digest != anchor.digest))
        differs("the transaction at " + place + " is another than the one that this pipe has read there");
    stream.unread({artificial_rotate(anchor.file, anchor.end), repeated(std::move(description))});
}

}  // namespace

LogStart plan_log_start(MysqlConnection& connection, const ServerInfo& info, const Position& position,
                        const LogAnchor& anchor, bool known_server) {
    LogStart start;
    start.files = read_log_files(connection);
    if (!anchor.none() && anchor.server == info.identity() &&
        (!start.files || has_file(*start.files, anchor, connection.address()))) {
        start.by_anchor = true;
        check_nothing_purged_unseen(connection, position);
        return start;
    }
    check_position_available(connection, info, position, known_server);
    if (position.file() == nullptr) start.log_end = read_log_end(connection, info);
    return start;
}

BinlogStream open_log(const SourceEndpoint& endpoint, const ServerInfo& info, const Position& position,
                      const LogAnchor& anchor, const LogStart& start, const BinlogStreamOptions& options,
                      const std::stop_token& stop) {
    BinlogStreamOptions opened = options;
    if (start.files) opened.files = *start.files;
    if (!start.by_anchor) return BinlogStream::open(endpoint, info, position, opened);
    BinlogStream stream =
        BinlogStream::open(endpoint, info, Position(FilePosition{anchor.file, anchor.start}), opened);
    std::stop_callback interrupt(stop, [&] { stream.interrupt(); });
    try {
        prove(stream, anchor);
    } catch (const Error& e) {
        if (e.disposition() == Disposition::kRetry || dump_error_of(e.message()) != DumpError::kBadPlace)
            throw;
        put_back(stream.address(), anchor, "there is no transaction at its place (" + e.message() + ")");
    }
    return stream;
}

void require_seen(const SourceEndpoint& endpoint, const ServerInfo& info,
                  const std::optional<std::vector<LogFile>>& files, const LogAnchor& seen) {
    const std::string address = endpoint.host + ":" + std::to_string(endpoint.port);
    if (files && !has_file(*files, seen, address)) return;
    if (anchor_at(endpoint, info, {seen.file, seen.end}).head != seen.head)
        put_back(address, seen, "its file " + seen.file + " is another than the one of that name before");
}

LogAnchor anchor_at(const SourceEndpoint& endpoint, const ServerInfo& info, const FilePosition& place) {
    SourceEndpoint reader = endpoint;
    reader.server_id.reset();  // a stream of the pipe may be using it
    BinlogStream stream = BinlogStream::open(reader, info, Position(FilePosition{place.file, 4}));
    for (;;) {
        const ByteSpan event = stream.next();
        if (event[4] != kFormatDescription) continue;
        return {info.identity(), place.file, event_digest(event, true), place.offset, place.offset, 0};
    }
}

}  // namespace penstock
