#include "source/binlog_stream.h"

#include <algorithm>
#include <random>

#include "base/crc32.h"

namespace penstock {
namespace {

constexpr uint8_t kComBinlogDump = 0x12;
constexpr uint8_t kComRegisterReplica = 0x15;
constexpr uint8_t kComBinlogDumpGtid = 0x1e;

constexpr uint16_t kMariadbSendAnnotations =
    0x02;  // leaves no gap between one event's end and the next one's start
constexpr uint16_t kThroughGtid = 0x04;

constexpr size_t kHeaderSize = 19;
constexpr uint8_t kRotateEvent = 4;
constexpr uint8_t kFormatDescriptionEvent = 15, kStartEncryptionEvent = 164;
constexpr uint8_t kHeartbeatEvent = 27;
constexpr uint8_t kHeartbeatEventV2 = 41;
constexpr uint16_t kArtificial = 0x20;
constexpr size_t kChecksumSize = 4;

std::string random_uuid() {
    std::random_device device;
    constexpr char kDigits[] = "0123456789abcdef";
    std::string uuid;
    for (int i = 0; i < 36; ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        uuid += dash ? '-' : i == 14 ? '4' : kDigits[device() % 16];
    }
    return uuid;
}

bool ends_in_its_checksum(ByteSpan event) {
    if (event.size() < kHeaderSize + 8 + kChecksumSize) return false;
    const size_t size = event.size() - kChecksumSize;
    return load_le<4>(event.data() + size) == crc32(event.first(size));
}

void prepare_session(MysqlConnection& connection, const ServerInfo& info,
                     const BinlogStreamOptions& options) {
    const std::string period = std::to_string(options.heartbeat.count() * 1'000'000);  // nanoseconds
    // The server looks for the names of its own age; the others are user variables that nobody reads.
    connection.execute(
        "SET @master_binlog_checksum = @@GLOBAL.binlog_checksum, "
        "@source_binlog_checksum = @@GLOBAL.binlog_checksum, @master_heartbeat_period = " +
        period + ", @source_heartbeat_period = " + period);
    if (info.mariadb()) {
        connection.execute("SET @mariadb_slave_capability = 4");  // GTID events as they are
    } else {
        const std::string uuid = random_uuid();
        connection.execute("SET @slave_uuid = '" + uuid + "', @replica_uuid = '" + uuid + "'");
    }
}

}  // namespace

uint32_t random_server_id() {
    std::random_device device;
    return 0x4000'0000u + device() % 0xb000'0000u;
}

// Body of COM_REGISTER_SLAVE: server_id 4 | host, user, password, each a 1-byte length and text | port 2 |
// rank 4 | source id 4. The texts are for SHOW REPLICAS only.
void register_replica(MysqlConnection& connection, uint32_t server_id) {
    constexpr std::string_view kName = "penstock";
    ByteBuffer body;
    body.append_value(server_id);
    body.push_back(static_cast<uint8_t>(kName.size()));
    body.append(kName);
    body.push_back(0);
    body.push_back(0);
    body.append_value(uint16_t{0});
    body.append_value(uint32_t{0});
    body.append_value(uint32_t{0});
    connection.simple_command(kComRegisterReplica, body.span(), "register as a replica of");
}

// The binary form of a GTID set (MySQL source, Gtid_set::encode). Without tags:
//   sources 8 | per source: UUID 16 | intervals 8 | per interval: first 8 | last + 1, 8
// With at least one tag (8.3+), the count is (1 << 56 | sources << 8 | 1), and each UUID is followed by its
// tag: length << 1 in one byte (the variable-length integer of the mysql::serialization library), then text.
ByteBuffer encode_gtid_set(const GtidSet& set) {
    bool tagged = false;
    for (const auto& [source, intervals] : set.intervals()) tagged = tagged || !source.tag.empty();
    ByteBuffer out;
    const uint64_t sources = set.intervals().size();
    out.append_value(tagged ? uint64_t{1} << 56 | sources << 8 | 1 : sources);
    for (const auto& [source, intervals] : set.intervals()) {
        out.append(source.uuid.data(), source.uuid.size());
        if (tagged) {
            out.push_back(static_cast<uint8_t>(source.tag.size() << 1));
            out.append(source.tag);
        }
        out.append_value(uint64_t{intervals.size()});
        for (const GtidSet::Interval& interval : intervals) {
            out.append_value(interval.first);
            out.append_value(interval.last + 1);
        }
    }
    return out;
}

ByteBuffer encode_gtid_dump(const GtidSet& from, uint32_t server_id) {
    const ByteBuffer set = encode_gtid_set(from);
    ByteBuffer body;
    body.append_value(kThroughGtid);
    body.append_value(server_id);
    body.append_value(uint32_t{0});  // no file name: the server finds the file
    body.append_value(uint64_t{4});
    body.append_value(static_cast<uint32_t>(set.size()));
    body.append(set.span());
    return body;
}

ByteBuffer encode_file_dump(const FilePosition& from, uint32_t server_id) {
    ByteBuffer body;
    body.append_value(static_cast<uint32_t>(from.offset));
    body.append_value(kMariadbSendAnnotations);
    body.append_value(server_id);
    body.append(from.file);
    return body;
}

uint64_t widen_log_pos(uint64_t at_least, uint32_t log_pos) {
    const uint64_t wide = (at_least & ~uint64_t{0xffff'ffff}) | log_pos;
    return wide >= at_least ? wide : wide + (uint64_t{1} << 32);
}

BinlogStream::BinlogStream(MysqlConnection connection, uint32_t server_id)
    : connection_(std::move(connection)), server_id_(server_id) {}

BinlogStream BinlogStream::open(const SourceEndpoint& endpoint, const ServerInfo& info, const Position& from,
                                const BinlogStreamOptions& options) {
    ConnectionOptions connection_options;
    connection_options.read_timeout = options.read_timeout;
    BinlogStream stream(MysqlConnection::open(endpoint, connection_options),
                        endpoint.server_id.value_or(random_server_id()));
    MysqlConnection& connection = stream.connection_;
    stream.files_ = options.files;
    prepare_session(connection, info, options);
    register_replica(connection, stream.server_id_);

    constexpr std::string_view kOperation = "start reading the log of";
    if (const GtidSet* set = from.mysql()) {
        connection.send_command(kComBinlogDumpGtid, encode_gtid_dump(*set, stream.server_id_).span(),
                                kOperation);
    } else if (const MariadbGtidPos* pos = from.mariadb()) {
        connection.execute(
            "SET @slave_connect_state = " + quote_string(pos->to_string()) +
            ", @slave_gtid_strict_mode = @@GLOBAL.gtid_strict_mode, @slave_gtid_ignore_duplicates = 0");
        connection.send_command(kComBinlogDump, encode_file_dump({"", 4}, stream.server_id_).span(),
                                kOperation);
    } else if (const FilePosition* file = from.file()) {
        // The command's offset has 32 bits. A position beyond them is the end of a very large transaction;
        // the file is then sent from its start and what lies before the position is dropped here.
        FilePosition start = *file;
        if (start.offset > options.largest_start_offset) {
            stream.skip_before_ = start.offset;
            start.offset = 4;
        }
        stream.log_position_ = start;
        stream.offsets_certain_ = true;
        connection.send_command(kComBinlogDump, encode_file_dump(start, stream.server_id_).span(),
                                kOperation);
    } else {
        throw Error(Disposition::kFailPipe, "start reading the log of " + connection.address(),
                    "no position is stored", "Resync the pipe");
    }
    return stream;
}

ByteSpan BinlogStream::next() {
    if (!unread_.empty()) {
        current_ = std::move(unread_.front());
        unread_.pop_front();
        return current_;
    }
    for (;;) {
        ByteSpan packet = connection_.read_packet("read the log of");
        if (packet[0] == 0xfe && packet.size() < 9) {
            throw Error(Disposition::kRetry, "read the log of " + connection_.address(),
                        "the server ended the stream");
        }
        ByteSpan event = packet.subspan(1);
        if (event.size() < kHeaderSize) {
            throw Error(Disposition::kFailPipe, "read the log of " + connection_.address(),
                        "an event shorter than its header");
        }
        track(event);
        // What comes before a far offset: all but the events that describe the file or the stream.
        const uint8_t type = event[4];
        if (skip_before_ == 0 || type == kRotateEvent || type == kFormatDescriptionEvent ||
            type == kHeartbeatEvent || type == kHeartbeatEventV2) {
            return event;
        }
        if (log_position_.offset > skip_before_) {
            skip_before_ = 0;
            return event;
        }
    }
}

void BinlogStream::track(ByteSpan event) {
    ByteReader header(event, "binlog event header");
    header.skip(4);
    const uint8_t type = header.u8();
    header.skip(4);
    const uint32_t size = header.u32();
    const uint32_t log_pos = header.u32();
    const uint16_t flags = header.u16();
    if (type == kRotateEvent) {
        // Body: offset 8 | file name | CRC32, or not: the first, artificial one comes before the format
        // description that says so.
        log_position_.offset = header.u64();
        std::string_view name = as_text(header.rest());
        if (ends_in_its_checksum(event)) name.remove_suffix(kChecksumSize);
        if (log_position_.file == name) return;
        const auto known = std::find_if(files_.begin(), files_.end(),
                                        [&](const LogFile& file) { return file.name == name; });
        // A file that is not the first one is read from its beginning.
        offsets_certain_ |=
            !log_position_.file.empty() || (known != files_.end() && known->size < uint64_t{1} << 32);
        log_position_.file = std::string(name);
        skip_before_ = 0;  // another file: nothing of it lies before the position
        return;
    }
    if (type == kHeartbeatEvent || type == kHeartbeatEventV2 || (flags & kArtificial) != 0) return;
    // Repeated for a dump that starts mid-file.
    if ((type == kFormatDescriptionEvent || type == kStartEncryptionEvent) && log_pos == 0) return;
    // log_pos is the event's end modulo 2^32; MariaDB 11.4+ leaves it 0 inside transactions.
    const uint64_t end = log_position_.offset + size;
    log_position_.offset = log_pos == 0 ? end : widen_log_pos(end, log_pos);
}

}  // namespace penstock
