#include "pipe/resource_budget.h"

#include <algorithm>

namespace penstock {

void ResourceBudget::set_limits(uint32_t workers, size_t memory_bytes) {
    std::lock_guard lock(mutex_);
    workers_ = workers;
    memory_bytes_ = memory_bytes;
    changed_.notify_all();
}

ResourceBudget::Worker ResourceBudget::acquire_worker(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const uint64_t turn = next_turn_++;
    waiting_.push_back(turn);
    auto mine = [&] { return waiting_.front() == turn && working_ < std::max<uint32_t>(workers_, 1); };
    const bool got = changed_.wait(lock, stop, mine) && !stop.stop_requested();
    std::erase(waiting_, turn);
    if (got) ++working_;
    changed_.notify_all();  // the next in the line may have its turn now
    return got ? Worker(this) : Worker();
}

ResourceBudget::Worker ResourceBudget::try_acquire_worker() {
    std::lock_guard lock(mutex_);
    if (!waiting_.empty() || working_ >= workers_) return {};
    ++working_;
    return Worker(this);
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
    ++budget_->shares_;
}

ResourceBudget::Share::~Share() {
    if (budget_ == nullptr) return;
    std::lock_guard lock(budget_->mutex_);
    --budget_->shares_;
}

size_t ResourceBudget::shares() const {
    std::lock_guard lock(mutex_);
    return shares_;
}

size_t ResourceBudget::block_bytes() const {
    std::lock_guard lock(mutex_);
    const size_t share = memory_bytes_ / std::max<uint32_t>(shares_, 1);
    return std::clamp(share / kBlocksPerShare, kMinBlock, kMaxBlock);
}

}  // namespace penstock
