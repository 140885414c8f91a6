#pragma once
// MariaDB's PARTIAL_ROW_DATA_EVENT (12.3+): a rows event that is too large for a packet, in pieces.
//
// Layout after the common header (MariaDB documentation, "PARTIAL_ROW_DATA_EVENT"; MDEV-32570):
//   two numbers of 4 bytes: how many fragments there are, and which one this is, from 1 | flags 1 |
//   with flag 1, set for the first fragment: size of the whole event 8 | a piece of the event
// The pieces make the rows event with its own common header. Descriptions differ in which of the two numbers
// comes first; a group has at least two fragments, and the first one carries the number 1, so the group's
// first event tells.

#include <cstdint>
#include <vector>

#include "base/byte_reader.h"

namespace penstock {

/// Puts one group after the other together. Memory grows with what really comes, whatever a size claims.
class RowFragments {
  public:
    static constexpr uint64_t kLargest = uint64_t{4} << 30;  ///< of a rows event

    /// The next fragment: what follows the common header. Returns the event, header included and valid until
    /// the next call, when this was the last fragment; else nothing. Throws Error(kFailPipe) for a fragment
    /// that does not belong where it came.
    ByteSpan add(ByteReader body);
    /// More fragments of the group have to follow.
    bool open() const { return next_ != 0; }

  private:
    bool total_first_ = false;
    uint32_t total_ = 0;
    uint32_t next_ = 0;  // 0: between two groups
    uint64_t size_ = 0;
    std::vector<uint8_t> event_;
};

}  // namespace penstock
