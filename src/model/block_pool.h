#pragma once
// Emptied blocks whose memory is used again: to grow one anew costs page faults and copies.

#include <cstddef>
#include <mutex>
#include <vector>

#include "model/block.h"

namespace penstock {

/// Any thread.
class BlockPool {
  public:
    /// Holds blocks of no more than `max_bytes` of capacity together. Buffers double as they grow, so of full
    /// blocks half of that is in use.
    explicit BlockPool(size_t max_bytes) : max_bytes_(max_bytes) {}

    /// Another limit, from the next block that is given back on.
    void set_limit(size_t max_bytes);
    /// An empty block of the table; one that was used before, if there is one.
    Block take(const TablePlan& plan);
    /// The block's rows are dropped.
    void give_back(Block block);

  private:
    static constexpr size_t kWorthKeeping = size_t{256} << 10;

    std::mutex mutex_;
    size_t max_bytes_;  // guarded by mutex_, as below
    std::vector<Block> blocks_;
    size_t bytes_ = 0;
};

}  // namespace penstock
