// Events that begin or prepare a transaction: who committed it, where and when.

#include <algorithm>

#include "decode/event_bodies.h"

namespace penstock {

namespace {

constexpr uint8_t kMayHaveStatements = 1;

// mysql::serialization's variable-length integer: the count of trailing one bits of the first byte says how
// many bytes follow; the value is what is left, little-endian.
uint64_t read_varlen(ByteReader& reader) {
    uint8_t first = reader.u8();
    int extra = 0;
    while (extra < 8 && (first >> extra & 1) != 0) ++extra;
    if (extra == 8) return reader.u64();
    uint64_t rest = reader.le_n(static_cast<size_t>(extra));
    if (extra == 7) return rest;
    return rest << (7 - extra) | first >> (extra + 1);
}

// Signed numbers: zigzag, the sign in the lowest bit.
int64_t read_signed_varlen(ByteReader& reader) {
    uint64_t raw = read_varlen(reader);
    return static_cast<int64_t>(raw >> 1) ^ -static_cast<int64_t>(raw & 1);
}

void append_hex(std::string& text, ByteSpan bytes) {
    static const char kDigits[] = "0123456789abcdef";
    for (uint8_t byte : bytes) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
}

}  // namespace

// flags 1 | uuid 16 | gno 8 | type 1 = 2 | last_committed 8 | sequence_number 8 | immediate commit time 7
// (top bit: the original one follows, 7) | ...
void parse_gtid(ByteReader& body, bool anonymous, GtidEvent& event) {
    event.anonymous = anonymous;
    event.only_rows = (body.u8() & kMayHaveStatements) == 0;
    ByteSpan uuid = body.bytes(16);
    std::copy(uuid.begin(), uuid.end(), event.source.uuid.begin());
    event.gno = body.u64();
    if (!anonymous && (event.gno == 0 || event.gno > INT64_MAX)) body.fail("transaction number out of range");
    if (!body.empty() && body.u8() == 2) {
        body.skip(16);
        if (!body.empty()) event.commit_timestamp_us = body.le<7>() & ~(uint64_t{1} << 55);
    }
}

// mysql::serialization message: version | size of the message | last field that must be understood | fields,
// each an id and its value, ids rising: 0 flags, 1 uuid (16 numbers), 2 gno, 3 tag (length, bytes), 4
// last_committed, 5 sequence_number, 6 immediate commit time, 7 original commit time (optional), 8
// transaction length, 9, 10 server versions, 11 commit group ticket.
GtidEvent parse_tagged_gtid(ByteReader& body) {
    size_t available = body.remaining();
    if (read_varlen(body) != 1) body.fail("unknown serialization version");
    if (read_varlen(body) > available) body.fail("message longer than its event");
    if (read_varlen(body) > 12) body.fail("has a field that Penstock does not know");

    GtidEvent event;
    uint32_t seen = 0;
    while (!body.empty()) {
        uint64_t id = read_varlen(body);
        if (id > 6) break;  // nothing of interest follows
        seen |= 1u << id;
        switch (id) {
            case 0:
                event.only_rows = (read_varlen(body) & kMayHaveStatements) == 0;
                break;
            case 1:
                for (uint8_t& byte : event.source.uuid) {
                    uint64_t value = read_varlen(body);
                    if (value > 255) body.fail("bad UUID");
                    byte = static_cast<uint8_t>(value);
                }
                break;
            case 2: {
                int64_t gno = read_signed_varlen(body);
                if (gno <= 0) body.fail("transaction number out of range");
                event.gno = static_cast<uint64_t>(gno);
                break;
            }
            case 3: {
                uint64_t size = read_varlen(body);
                if (size > 32) body.fail("tag longer than 32 characters");
                event.source.tag = as_text(body.bytes(size));
                break;
            }
            case 4:
            case 5:
                read_signed_varlen(body);
                break;
            default:
                event.commit_timestamp_us = read_varlen(body);
                break;
        }
    }
    if ((seen & 0x06) != 0x06) body.fail("no UUID or no transaction number");
    return event;
}

// sequence 8 | domain 4 | flags 1 | ...
MariadbGtidEvent parse_mariadb_gtid(ByteReader& body, uint32_t server_id) {
    constexpr uint8_t kStandalone = 1, kPreparedXa = 64;
    MariadbGtidEvent event;
    event.gtid.sequence = body.u64();
    event.gtid.domain = body.u32();
    event.gtid.server_id = server_id;
    const uint8_t flags = body.u8();
    event.standalone = (flags & kStandalone) != 0;
    event.prepared_xa = (flags & kPreparedXa) != 0;
    return event;
}

// count 4 (its upper 4 bits are flags) | domain 4, server id 4, sequence 8 of each
MariadbGtidListEvent parse_mariadb_gtid_list(ByteReader& body) {
    MariadbGtidListEvent event;
    uint32_t count = body.u32() & 0x0fffffff;
    if (count > body.remaining() / 16) body.fail("GTID list cut short");
    event.gtids.reserve(count);
    for (uint32_t i = 0; i < count; ++i) {
        MariadbGtid gtid;
        gtid.domain = body.u32();
        gtid.server_id = body.u32();
        gtid.sequence = body.u64();
        event.gtids.push_back(gtid);
    }
    return event;
}

// one phase 1 | format id 4 | length of gtrid 4 | length of bqual 4 | gtrid | bqual
XaPrepareEvent parse_xa_prepare(ByteReader& body) {
    XaPrepareEvent event;
    event.one_phase = body.u8() != 0;
    auto format = static_cast<int32_t>(body.u32());
    uint32_t gtrid_size = body.u32(), bqual_size = body.u32();
    if (gtrid_size > 64 || bqual_size > 64) body.fail("XA identifier longer than 64 bytes");
    event.xid = "X'";
    append_hex(event.xid, body.bytes(gtrid_size));
    event.xid += "',X'";
    append_hex(event.xid, body.bytes(bqual_size));
    event.xid += "'," + std::to_string(format);
    return event;
}

}  // namespace penstock
