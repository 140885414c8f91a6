#include "source/packet_reader.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

// mysql.h defines what ma_pvio.h needs.
// clang-format off
#include <mysql.h>
#include <ma_pvio.h>
// clang-format on
#include <errmsg.h>
#include <poll.h>
#include <sys/socket.h>

namespace penstock {
namespace {

constexpr size_t kRoom = size_t{256} << 10;  // few system calls, and still within a processor's cache
constexpr size_t kLargestKept = 4 * kRoom;   // more, made for a large packet, goes once it is empty
constexpr size_t kHeader = 4;
constexpr size_t kMuch = size_t{4} << 10;
constexpr std::chrono::microseconds kNap{200};
constexpr size_t kWholePacket = 0xff'ffff;       // goes on in the next one
constexpr size_t kLargestPayload = 0xffff'ffff;  // a value has 1 GB at most, a row several of them
constexpr unsigned kProgressReport = 0xffff;     // MariaDB: not an error, and nothing that is wanted here

}  // namespace

PacketReader::PacketReader(st_mysql* mysql)
    : mysql_(mysql), direct_(mysql->net.pvio->ctls == nullptr && !mysql->net.compress) {}

void PacketReader::set_error(unsigned number, std::string_view text) {
    NET& net = mysql_->net;
    net.last_errno = number;
    const size_t size = std::min<size_t>(text.size(), MYSQL_ERRMSG_SIZE - 1);
    std::memcpy(net.last_error, text.data(), size);
    net.last_error[size] = '\0';
}

/// What the link would bring next is not known any more, so it brings nothing.
bool PacketReader::lose(unsigned number, std::string_view text) {
    set_error(number, text);
    ::shutdown(static_cast<int>(mysql_get_socket(mysql_)), SHUT_RDWR);
    return false;
}

/// At least `wanted` unread bytes, in one piece.
bool PacketReader::fill(size_t wanted) {
    if (end_ - begin_ >= wanted) return true;
    if (begin_ == end_) begin_ = end_ = 0;
    if (begin_ != 0 && begin_ + wanted > buffer_.size()) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    if (end_ == 0 && wanted <= kRoom && buffer_.size() > kLargestKept) buffer_ = ByteBuffer();
    const size_t room = std::max(wanted, kRoom);
    if (buffer_.size() < room) buffer_.extend(room - buffer_.size());

    // What Connector/C has read ahead comes first.
    if (mysql_->net.pvio == nullptr) return lose(CR_SERVER_LOST, "the link is closed");
    MARIADB_PVIO& pvio = *mysql_->net.pvio;
    if (pvio.cache != nullptr) {
        const auto ahead = static_cast<size_t>(pvio.cache + pvio.cache_size - pvio.cache_pos);
        const size_t taken = std::min(ahead, buffer_.size() - end_);
        std::memcpy(buffer_.data() + end_, pvio.cache_pos, taken);
        pvio.cache_pos += taken;
        end_ += taken;
    }
    const int socket = static_cast<int>(mysql_get_socket(mysql_));
    while (end_ - begin_ < wanted) {
        const ssize_t n = ::recv(socket, buffer_.data() + end_, buffer_.size() - end_, MSG_DONTWAIT);
        if (n > 0) {
            end_ += static_cast<size_t>(n);
            streaming_ = static_cast<size_t>(n) >= kMuch;
            continue;
        }
        if (n == 0) return lose(CR_SERVER_LOST, "the server closed the link");
        if (errno == EINTR) continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) return lose(CR_SERVER_LOST, std::strerror(errno));
        // To wake up for each buffer that the server flushes costs more than to read it.
        if (std::exchange(streaming_, false)) {
            std::this_thread::sleep_for(kNap);
            continue;
        }
        pollfd waiting{socket, POLLIN, 0};
        const int timeout = pvio.timeout[PVIO_READ_TIMEOUT];
        const int ready = ::poll(&waiting, 1, timeout > 0 ? timeout : -1);
        if (ready == 0) return lose(CR_SERVER_LOST, "the server was silent for too long");
    }
    return true;
}

std::optional<ByteSpan> PacketReader::next() {
    if (!direct_) {
        const unsigned long size = mysql_net_read_packet(mysql_);
        if (size == packet_error || size == 0) return std::nullopt;
        return ByteSpan(mysql_->net.read_pos, size);
    }
    while (true) {
        std::optional<ByteSpan> payload = read();
        if (!payload || (*payload)[0] != 0xff) return payload;
        ByteReader error(*payload, "read an error of the server");
        error.skip(1);
        const unsigned number = error.u16();
        if (number == kProgressReport) continue;
        std::string_view text = as_text(error.rest());
        if (text.starts_with('#')) text.remove_prefix(std::min<size_t>(1 + SQLSTATE_LENGTH, text.size()));
        set_error(number, text);
        return std::nullopt;
    }
}

/// A payload straight from the socket.
std::optional<ByteSpan> PacketReader::read() {
    size_t size = 0;  // of the payload so far, which begins at begin_ + kHeader
    for (size_t part = kWholePacket; part == kWholePacket;) {
        const size_t before = size == 0 ? 0 : kHeader + size;  // where this packet begins
        if (!fill(before + kHeader)) return std::nullopt;
        const uint8_t* header = buffer_.data() + begin_ + before;
        part = load_le<3>(header);
        if (header[3] != static_cast<uint8_t>(mysql_->net.pkt_nr++)) {
            lose(CR_MALFORMED_PACKET, "a packet came out of its order");
            return std::nullopt;
        }
        if (size + part > kLargestPayload) {
            lose(CR_NET_PACKET_TOO_LARGE, "a packet of more than 4 GB");
            return std::nullopt;
        }
        if (!fill(before + kHeader + part)) return std::nullopt;
        if (before != 0) {  // the header in between goes
            uint8_t* payload_end = buffer_.data() + begin_ + before;
            std::memmove(payload_end, payload_end + kHeader, end_ - begin_ - before - kHeader);
            end_ -= kHeader;
        }
        size += part;
    }
    const ByteSpan payload(buffer_.data() + begin_ + kHeader, size);
    begin_ += kHeader + size;
    if (payload.empty()) {
        lose(CR_MALFORMED_PACKET, "an empty packet");
        return std::nullopt;
    }
    return payload;
}

}  // namespace penstock
