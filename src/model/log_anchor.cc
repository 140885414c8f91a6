#include "model/log_anchor.h"

#include <charconv>
#include <cstdio>

#include "base/crc32.h"

namespace penstock {
namespace {

constexpr size_t kHeaderSize = 19, kChecksumSize = 4;
constexpr uint8_t kFormatDescription = 15, kStartEncryption = 164;

uint64_t mix(uint64_t digest, uint64_t value) {
    digest = (digest ^ value) * 0x9e37'79b9'7f4a'7c15;
    return digest ^ digest >> 32;
}

std::string hex(uint64_t value) {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
    return text;
}

/// Takes the number behind the last colon off the end of `rest`.
bool take_last(std::string_view& rest, int base, uint64_t& value) {
    const size_t colon = rest.rfind(':');
    if (colon == std::string_view::npos) return false;
    const std::string_view part = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    const auto [end, code] = std::from_chars(part.data(), part.data() + part.size(), value, base);
    return !part.empty() && code == std::errc() && end == part.data() + part.size();
}

}  // namespace

std::string LogAnchor::to_string() const {
    if (none()) return {};
    return server + '/' + file + ':' + std::to_string(start) + ':' + std::to_string(end) + ':' + hex(head) +
           ':' + hex(digest);
}

LogAnchor LogAnchor::parse(std::string_view text) {
    LogAnchor anchor;
    if (text.empty()) return anchor;
    std::string_view rest = text;
    const bool numbers = take_last(rest, 16, anchor.digest) && take_last(rest, 16, anchor.head) &&
                         take_last(rest, 10, anchor.end) && take_last(rest, 10, anchor.start);
    const size_t slash = rest.find('/');
    if (!numbers || slash == std::string_view::npos || slash == 0 || slash + 1 == rest.size()) {
        throw Error(Disposition::kFailPipe, "anchor in the log",
                    "bad text '" + std::string(text) + "': expected SERVER/FILE:START:END:HEAD:DIGEST");
    }
    anchor.server = rest.substr(0, slash);
    anchor.file = rest.substr(slash + 1);
    return anchor;
}

// timestamp 4 | type 1 | server_id 4 | size 4 | ...; a format description: | version 2 | server version 50
uint64_t event_digest(ByteSpan event, bool has_checksum) {
    ByteReader reader(event, "binlog event header");
    const uint64_t time = reader.u32(), type = reader.u8(), server = reader.u32();
    if (type == kStartEncryption) return 0;
    uint64_t digest = mix(time << 8 | type, server);
    if (type == kFormatDescription) {
        reader.skip(kHeaderSize - 9);
        return mix(digest, crc32(reader.bytes(52))) | 1;
    }
    const size_t tail = has_checksum && event.size() >= kHeaderSize + kChecksumSize ? kChecksumSize : 0;
    const ByteSpan content = event.first(event.size() - tail);
    const uint64_t checksum = tail != 0 ? load_le<4>(content.data() + content.size()) : crc32(content);
    return mix(digest, uint64_t{content.size()} << 32 ^ checksum) | 1;
}

uint64_t extend_digest(uint64_t digest, uint64_t event) {
    return mix(digest + 1, event);
}

}  // namespace penstock
