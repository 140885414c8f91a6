#pragma once
// A queue between two stages, bounded by bytes: the producer waits while more than the budget is under way.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace penstock {

/// Any number of producers and consumers. An item larger than the budget passes when the queue is empty.
template <typename T>
class ByteQueue {
  public:
    explicit ByteQueue(size_t byte_budget) : budget_(byte_budget) {}

    /// Waits for room. False when the queue was closed; the item is dropped then.
    bool push(T item, size_t bytes) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return closed_ || items_.empty() || bytes_ + bytes <= budget_; });
        if (closed_) return false;
        items_.emplace_back(std::move(item), bytes);
        bytes_ += bytes;
        changed_.notify_all();
        return true;
    }
    /// Waits for an item. Nothing once the queue is closed and drained.
    std::optional<T> pop() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return closed_ || !items_.empty(); });
        return take();
    }
    /// The same, but nothing also when none came in this time.
    std::optional<T> pop_for(std::chrono::milliseconds time) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, time, [&] { return closed_ || !items_.empty(); });
        return take();
    }
    /// No more items come; those inside can still be popped.
    void close() {
        std::lock_guard lock(mutex_);
        closed_ = true;
        changed_.notify_all();
    }
    /// Another budget; what is inside stays.
    void set_budget(size_t byte_budget) {
        std::lock_guard lock(mutex_);
        budget_ = byte_budget;
        changed_.notify_all();
    }
    /// Closes and drops what is inside.
    void cancel() {
        std::lock_guard lock(mutex_);
        closed_ = true;
        items_.clear();
        bytes_ = 0;
        changed_.notify_all();
    }

  private:
    std::optional<T> take() {
        if (items_.empty()) return std::nullopt;
        T item = std::move(items_.front().first);
        bytes_ -= items_.front().second;
        items_.pop_front();
        changed_.notify_all();
        return item;
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::pair<T, size_t>> items_;
    size_t bytes_ = 0;
    size_t budget_;
    bool closed_ = false;
};

}  // namespace penstock
