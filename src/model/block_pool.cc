#include "model/block_pool.h"

#include <algorithm>
#include <utility>

namespace penstock {

Block BlockPool::take(const TablePlan& plan) {
    std::lock_guard lock(mutex_);
    auto found =
        std::find_if(blocks_.rbegin(), blocks_.rend(), [&](const Block& b) { return b.plan == &plan; });
    if (found == blocks_.rend()) return Block(plan);
    Block block = std::move(*found);
    blocks_.erase(std::next(found).base());
    bytes_ -= block.capacity();
    return block;
}

void BlockPool::set_limit(size_t max_bytes) {
    std::lock_guard lock(mutex_);
    max_bytes_ = max_bytes;
}

void BlockPool::give_back(Block block) {
    const size_t bytes = block.capacity();
    if (bytes < kWorthKeeping) return;
    block.clear();
    std::vector<Block> dropped;  // freed outside of the lock
    std::lock_guard lock(mutex_);
    if (bytes > max_bytes_) return;
    while (bytes_ + bytes > max_bytes_) {  // the oldest: its table may have none to fill it with any more
        bytes_ -= blocks_.front().capacity();
        dropped.push_back(std::move(blocks_.front()));
        blocks_.erase(blocks_.begin());
    }
    bytes_ += bytes;
    blocks_.push_back(std::move(block));
}

}  // namespace penstock
