#pragma once
// MySQL's TRANSACTION_PAYLOAD_EVENT (8.0.20+, binlog_transaction_compression): the events of a transaction,
// one after the other, without checksums, as one zstd stream.
//
// Layout: fields of type, length, value (each number length-encoded): 1 payload size, 2 compression (0 zstd,
// 255 none), 3 uncompressed size; 0 ends them; then the payload.

#include <memory>
#include <optional>

#include "base/byte_buffer.h"
#include "base/byte_reader.h"

namespace penstock {

/// Gives the events of one payload in order, holding 256 KB of them, or one that is larger. Reusable.
class TransactionPayload {
  public:
    TransactionPayload();
    ~TransactionPayload();

    /// `body` follows the event's common header and stays valid until the last next(). Throws
    /// Error(kFailPipe).
    void open(ByteReader body);
    /// The next inner event, header included, valid until the following call; empty at the end.
    /// Throws Error(kFailPipe) when the stream is damaged, ends inside an event, or is shorter than its size
    /// says.
    ByteSpan next();

  private:
    struct Stream;
    size_t unread() const { return unpacked_.size() - begin_; }
    bool fetch(size_t wanted);
    size_t unpack(uint8_t* to, size_t size);

    std::unique_ptr<Stream> stream_;
    ByteSpan payload_;
    bool zstd_ = false;
    std::optional<uint64_t> left_;  // bytes that are still to come, where the event says how many there are
    ByteBuffer unpacked_;           // what is unread begins at begin_
    size_t begin_ = 0;
};

}  // namespace penstock
