#pragma once
// What tells a place in a server's log from every other: where a stream goes on, and what lies just before
// it.
//
// Numbers do not: a server that was restored or reset gives the same GTIDs, and the same offsets, to other
// transactions. So the last transaction is remembered by a digest of its events and held against the log
// before a stream goes on (docs/decisions/0012-the-place-is-proved-by-the-log.md).

#include <cstdint>
#include <string>
#include <string_view>

#include "base/byte_reader.h"

namespace penstock {

struct LogAnchor {
    std::string server;   ///< ServerInfo::identity() of the log's server; empty: there is no anchor
    std::string file;     ///< of the log
    uint64_t head = 0;    ///< digest of the file's format description; 0: not known
    uint64_t start = 0;   ///< where the last transaction before `end` begins; 4: the file's own first events
    uint64_t end = 0;     ///< where the stream goes on, between two transactions
    uint64_t digest = 0;  ///< over the events from `start` to `end`, without the format description

    bool none() const { return server.empty(); }
    /// "SERVER/FILE:START:END:HEAD:DIGEST", the digests in hexadecimal; "" for none.
    std::string to_string() const;
    static LogAnchor parse(std::string_view text);  ///< throws Error(kFailPipe)
    bool operator==(const LogAnchor&) const = default;
};

/// Of one event as the server sends it, from its header on: time, type, server, size, and the checksum, which
/// covers the rest. A format description is known by its time, server and version alone: what else it says
/// depends on where a dump begins. 0 for MariaDB's start of encryption alone, which each dump of an encrypted
/// file repeats: it counts into no digest.
uint64_t event_digest(ByteSpan event, bool has_checksum);
/// The digest of some events, and of one more. That of no event is 0.
uint64_t extend_digest(uint64_t digest, uint64_t event);

}  // namespace penstock
