// Events of a binary log. Input: a byte of options, then events one after the other as in a log file.
// Sizes and checksums are made right, as the parser looks no further otherwise; an option leaves them. With
// another option they are the events of one compressed transaction (not packed, so that the fuzzer reaches
// them).

#include <cstring>
#include <vector>

#include <zlib.h>

#include "decode/binlog_event.h"
#include "decode/event_types.h"
#include "decode/statement.h"
#include "decode/table_map.h"
#include "fuzz.h"

namespace penstock {
namespace {

constexpr size_t kHeader = 19, kChecksum = 4, kMaxEvents = 64;
constexpr uint8_t kChecksums = 1, kMariadb = 2, kOldIds = 4, kAsTheyAre = 8, kInPayload = 16;

void put_le(std::vector<uint8_t>& bytes, size_t at, uint32_t value) {
    for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<uint8_t>(value >> 8 * i);
}

void seal(std::vector<uint8_t>& event, bool checksummed) {
    if (event.size() < kHeader) return;
    put_le(event, 9, static_cast<uint32_t>(event.size()));
    if (!checksummed || event.size() < kHeader + kChecksum) return;
    size_t end = event.size() - kChecksum;
    put_le(event, end, static_cast<uint32_t>(crc32_z(0, event.data(), end)));
}

std::vector<uint8_t> format_description(uint8_t options) {
    std::vector<uint8_t> event(kHeader);
    event[4] = kFormatDescriptionEvent;
    auto add = [&](std::string_view text, size_t size) {
        event.insert(event.end(), text.begin(), text.end());
        event.resize(event.size() + size - text.size());
    };
    add({"\x04\x00", 2}, 2);
    add((options & kMariadb) != 0 ? "10.11.19-MariaDB-log" : "9.7.4", 50);
    add("", 4);
    add("\x13", 1);
    size_t lengths = event.size();
    add("", 171);
    if ((options & kOldIds) != 0) {
        event[lengths + kTableMapEvent - 1] = event[lengths + kWriteRowsV1Event - 1] = 6;
    }
    add((options & kChecksums) != 0 ? std::string_view("\x01", 1) : std::string_view("\x00", 1), 1);
    add("", kChecksum);
    seal(event, (options & kChecksums) != 0);
    return event;
}

// TRANSACTION_PAYLOAD_EVENT around events, with compression 255: none.
std::vector<uint8_t> payload_event(const std::vector<uint8_t>& inner, bool checksums) {
    std::vector<uint8_t> event(kHeader);
    event[4] = kTransactionPayloadEvent;
    auto field = [&](uint8_t type, size_t value) {
        event.insert(event.end(), {type, 9, 0xfe});
        event.resize(event.size() + 8);
        put_le(event, event.size() - 8, static_cast<uint32_t>(value));
    };
    field(1, inner.size());
    event.insert(event.end(), {2, 3, 0xfc, 255, 0, 0});
    event.insert(event.end(), inner.begin(), inner.end());
    if (checksums) event.resize(event.size() + kChecksum);
    seal(event, checksums);
    return event;
}

struct Toucher {
    void operator()(const FormatDescriptionEvent& e) { touch(e.server_version); }
    void operator()(const RotateEvent& e) { touch(e.file); }
    void operator()(const GtidEvent& e) { touch(e.source.to_string()); }
    void operator()(const MariadbGtidEvent& e) { touch(e.gtid.to_string()); }
    void operator()(const MariadbGtidListEvent& e) {
        for (const MariadbGtid& gtid : e.gtids) touch(gtid.to_string());
    }
    void operator()(const PreviousGtidsEvent& e) { touch(e.body); }
    void operator()(const TableMapEvent& e) {
        touch(e.definition);
        const TableMap map = read_table_map(e);
        touch(map.database);
        touch(map.table);
        touch(map.optional_metadata);
        for (const TableMapColumn& column : map.columns) touch(column.name);
        require(map.first_unknown <= map.columns.size(), "first_unknown is an index or the size");
    }
    void operator()(const RowsEvent& e) {
        touch(e.before_columns);
        touch(e.after_columns);
        touch(e.rows);
        require(e.before_columns.size() == (e.column_count + 7) / 8, "a bit for every column");
        require(e.after_columns.size() == e.before_columns.size(), "both bitmaps have one size");
    }
    void operator()(const QueryEvent& e) {
        touch(e.database);
        touch(e.query);
        if (e.updated_databases) touch(*e.updated_databases);
        read_statement(e);
    }
    void operator()(const XidEvent&) {}
    void operator()(const XaPrepareEvent& e) { touch(e.xid); }
    void operator()(const HeartbeatEvent& e) { touch(e.file); }
    void operator()(const IncidentEvent& e) { touch(e.message); }
    void operator()(const IgnorableEvent&) {}
};

}  // namespace
}  // namespace penstock

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace penstock;
    ByteSpan input(data, size);
    uint8_t options = take_byte(input);
    bool checksums = (options & kChecksums) != 0;
    EventParser parser;
    Toucher toucher;
    parser.parse(format_description(options));
    std::vector<uint8_t> inner;
    for (size_t n = 0; n < kMaxEvents && !input.empty(); ++n) {
        size_t claimed = input.size() >= kHeader ? load_le<4>(input.data() + 9) : 0;
        if (claimed < kHeader || claimed > input.size()) claimed = input.size();
        std::vector<uint8_t> event(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(claimed));
        input = input.subspan(claimed);
        if ((options & kInPayload) != 0) {
            seal(event, false);
            inner.insert(inner.end(), event.begin(), event.end());
            continue;
        }
        if ((options & kAsTheyAre) == 0) seal(event, checksums);
        survives([&] { parser.parse_all(event, [&](const Event& e) { std::visit(toucher, e); }); });
        survives([&] { std::visit(toucher, parser.parse(event)); });
    }
    if ((options & kInPayload) == 0) return 0;
    std::vector<uint8_t> payload = payload_event(inner, checksums);
    survives([&] { parser.parse_all(payload, [&](const Event& e) { std::visit(toucher, e); }); });
    return 0;
}
