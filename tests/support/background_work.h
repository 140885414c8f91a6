#pragma once
// Work beside a test: a thread that goes on until it is told to end, also when the test ends early.

#include <atomic>
#include <functional>
#include <future>

namespace penstock::test {

/// Runs `work` in a thread; it returns soon after its argument has become true. The destructor ends it and
/// waits, so that a failed assertion or an exception ends the test instead of hanging it.
template <typename T>
class BackgroundWork {
  public:
    explicit BackgroundWork(std::function<T(const std::atomic<bool>& stop)> work)
        : result_(std::async(std::launch::async, [this, work = std::move(work)] { return work(stop_); })) {}
    BackgroundWork(const BackgroundWork&) = delete;
    ~BackgroundWork() { stop_ = true; }  // result_ waits

    /// Ends it, and returns what it returned or throws what it threw. Once.
    T finish() {
        stop_ = true;
        return result_.get();
    }
    /// The same without ending it: for work that has an end of its own.
    T wait() { return result_.get(); }

  private:
    std::atomic<bool> stop_{false};
    std::future<T> result_;
};

}  // namespace penstock::test
