#pragma once
// Packets of the client protocol, where many come: rows of a result, events of the log.
// Format: MySQL documentation, "Protocol Basics", MySQL Packets: payload length 3 | sequence number 1 |
// payload; a payload of 2^24-1 bytes goes on in the next packet. ERR_Packet: 0xff | number 2 | '#' | SQL
// state 5 | text.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/byte_buffer.h"
#include "base/byte_reader.h"

struct st_mysql;  // MYSQL of Connector/C

namespace penstock {

/// Reads them from the socket into a buffer of its own, in which they are given out: a link that carries
/// them as they are (no TLS, no compression) costs no copy and no call per packet. Other links are read
/// through Connector/C. One thread.
class PacketReader {
  public:
    /// The link is connected, and stays so as long as the reader reads.
    explicit PacketReader(st_mysql* mysql);

    /// The next packet's payload, not empty, valid until the next call. None when the link is lost, silent
    /// for its read timeout or sent an ERR packet: Connector/C's error number and text of the link say which.
    /// Between an answer's last packet and the next command Connector/C may be used on the link.
    std::optional<ByteSpan> next();

  private:
    std::optional<ByteSpan> read();
    bool fill(size_t wanted);
    bool lose(unsigned number, std::string_view text);
    void set_error(unsigned number, std::string_view text);

    st_mysql* mysql_;
    bool direct_;
    bool streaming_ = false;  // much came at once: more will
    ByteBuffer buffer_;       // its size is the room; what is unread lies in [begin_, end_)
    size_t begin_ = 0, end_ = 0;
};

}  // namespace penstock
