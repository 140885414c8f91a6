#include "decode/row_fragments.h"

namespace penstock {

ByteSpan RowFragments::add(ByteReader body) {
    constexpr uint8_t kHasSize = 1;
    const uint32_t first = body.u32(), second = body.u32();
    const uint8_t flags = body.u8();
    if ((flags & ~kHasSize) != 0) body.fail("flags that Penstock does not know");
    if ((flags & kHasSize) != 0) {
        if (open()) body.fail("a group of fragments begins inside of another");
        if (first != 1 && second != 1) body.fail("a group of fragments lacks its first one");
        total_first_ = first != 1;
        total_ = total_first_ ? first : second;
        next_ = 1;
        size_ = body.u64();
        if (size_ == 0) body.fail("a rows event of no bytes");
        if (size_ > kLargest) body.fail("a rows event of more than 4 GiB");
        event_.clear();
    } else if (!open()) {
        body.fail("a group of fragments lacks its first one");
    }
    if ((total_first_ ? first : second) != total_ || (total_first_ ? second : first) != next_)
        body.fail("fragments out of order");
    const ByteSpan piece = body.rest();
    if (piece.size() > size_ - event_.size()) body.fail("fragments hold more than their event");
    event_.insert(event_.end(), piece.begin(), piece.end());
    if (next_ < total_) {
        ++next_;
        return {};
    }
    next_ = 0;
    if (event_.size() != size_) body.fail("fragments hold less than their event");
    return event_;
}

}  // namespace penstock
