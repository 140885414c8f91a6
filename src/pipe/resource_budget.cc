#include "pipe/resource_budget.h"

#include <algorithm>

namespace penstock {

void ResourceBudget::set_limits(uint32_t load_workers, size_t memory_bytes) {
    std::lock_guard lock(mutex_);
    load_workers_ = load_workers;
    memory_bytes_ = memory_bytes;
    changed_.notify_all();
}

ResourceBudget::Worker ResourceBudget::acquire_worker(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const uint64_t turn = next_turn_++;
    waiting_.push_back(turn);
    auto mine = [&] { return waiting_.front() == turn && working_ < std::max<uint32_t>(load_workers_, 1); };
    const bool got = changed_.wait(lock, stop, mine) && !stop.stop_requested();
    std::erase(waiting_, turn);
    if (got) ++working_;
    changed_.notify_all();  // the next in the line may have its turn now
    return got ? Worker(this) : Worker();
}

size_t ResourceBudget::waiting() const {
    std::lock_guard lock(mutex_);
    return waiting_.size();
}

ResourceBudget::Worker::~Worker() {
    if (budget_ == nullptr) return;
    std::lock_guard lock(budget_->mutex_);
    --budget_->working_;
    budget_->changed_.notify_all();
}

ResourceBudget::Share::Share(ResourceBudget* budget) : budget_(budget) {
    if (budget_ == nullptr) return;
    std::lock_guard lock(budget_->mutex_);
    ++budget_->pipes_;
}

ResourceBudget::Share::~Share() {
    if (budget_ == nullptr) return;
    std::lock_guard lock(budget_->mutex_);
    --budget_->pipes_;
}

size_t ResourceBudget::block_bytes() const {
    std::lock_guard lock(mutex_);
    const size_t share = memory_bytes_ / std::max<uint32_t>(pipes_, 1);
    return std::clamp(share / kBlocksPerPipe, kMinBlock, kMaxBlock);
}

}  // namespace penstock
