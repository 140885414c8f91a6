#pragma once
// The threads and the memory that the pipes of a service share (CDC scaling).

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <stop_token>
#include <utility>

namespace penstock {

/// Any thread. Limits may change while pipes work: those that wait see the new ones at once, those that hold
/// more than their share give it back as they finish. Outlives every Worker and Share of it.
class ResourceBudget {
  public:
    ResourceBudget(uint32_t workers, size_t memory_bytes) : workers_(workers), memory_bytes_(memory_bytes) {}

    /// No fewer than one worker is ever allowed, whatever is asked for.
    void set_limits(uint32_t workers, size_t memory_bytes);

    /// One thread at work, for as long as it lives: of an initial load, or a further one that inserts for a
    /// flow (the first needs no place, so that every flow moves).
    class Worker {
      public:
        Worker() = default;  ///< holds no place
        Worker(Worker&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)) {}
        Worker& operator=(Worker&& other) noexcept {
            std::swap(budget_, other.budget_);
            return *this;
        }
        ~Worker();
        bool holds_place() const { return budget_ != nullptr; }

      private:
        friend class ResourceBudget;
        explicit Worker(ResourceBudget* budget) : budget_(budget) {}
        ResourceBudget* budget_ = nullptr;
    };
    /// Waits for a free place, in the order of the calls, or for a stop: then the worker holds no place.
    Worker acquire_worker(const std::stop_token& stop);
    /// A free place that nobody waits for; else the worker holds none.
    Worker try_acquire_worker();
    size_t waiting() const;  ///< how many wait for a place now

    /// Work that holds blocks: a flow, or an initial load. Its share is what the limit leaves for each at
    /// once.
    class Share {
      public:
        explicit Share(ResourceBudget* budget);  ///< null: counts nowhere
        ~Share();
        Share(const Share&) = delete;
        Share& operator=(const Share&) = delete;

      private:
        ResourceBudget* budget_;
    };
    /// The size at which whoever has a share cuts its blocks now: the share of the memory, divided among the
    /// blocks that it may hold at once; at least kMinBlock, at most kMaxBlock.
    size_t block_bytes() const;
    size_t shares() const;

    static constexpr size_t kMinBlock = size_t{1} << 20;
    static constexpr size_t kMaxBlock = size_t{64} << 20;
    static constexpr size_t kBlocksPerShare = 4;  ///< built, waiting, being inserted, encoded

  private:
    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    // Guarded by mutex_.
    uint32_t workers_;
    size_t memory_bytes_;
    uint32_t working_ = 0;
    uint32_t shares_ = 0;
    uint64_t next_turn_ = 0;
    std::deque<uint64_t> waiting_;  ///< turns, the first that came in front
};

}  // namespace penstock
