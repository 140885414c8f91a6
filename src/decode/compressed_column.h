#pragma once
// A value of a MariaDB COMPRESSED column as it is stored and logged (MariaDB KB, "Storage-Engine Independent
// Column Compression"):
//
//   no bytes                the empty value
//   head 1 | rest           head's high nibble 0: the rest is the value itself
//                           8: zlib. Bit 3 of head set: deflate without zlib's own header and checksum.
//                           Bits 0 to 2: bytes of the length that follows, big-endian, then the stream

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/byte_reader.h"

namespace penstock {

/// Keeps its buffers and zlib's state from value to value. For one thread.
class ColumnInflater {
  public:
    ColumnInflater();
    ColumnInflater(ColumnInflater&&) noexcept;
    ColumnInflater& operator=(ColumnInflater&&) noexcept;
    ~ColumnInflater();

    /// The value; a view into `stored` or into this object, valid until the next call. Throws
    /// Error(kFailPipe) for an unknown method, a damaged stream, or one that does not give the length it
    /// claims. Never takes more memory than zlib's best ratio lets `stored` hold.
    std::string_view inflate(ByteSpan stored);

  private:
    struct Stream;
    std::unique_ptr<Stream> stream_;
    std::string value_;
};

}  // namespace penstock
