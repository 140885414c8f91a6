#pragma once
// A change stream in a thread of its own, and waiting for how far it has come.

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

#include "model/position.h"
#include "pipe/change_stream.h"
#include "pipe/context.h"

namespace penstock {

/// One owner thread starts, waits and stops.
class Flow {
  public:
    /// Starts following. Until `level` is acknowledged batches close within a second; `always_hurry`: for
    /// ever.
    Flow(PipeContext context, Position level, bool always_hurry);
    ~Flow();  ///< as stop()
    Flow(const Flow&) = delete;
    Flow& operator=(const Flow&) = delete;

    /// What is being inserted is finished, the rest is dropped. Returns when the threads have ended.
    void stop();
    /// True when everything up to `level` is acknowledged, false when a stop was requested first. Throws the
    /// error that ended the flow.
    bool wait_until_level(const std::stop_token& stop);
    /// The same for any position.
    bool wait_until_reached(const Position& position, const std::stop_token& stop);
    /// Returns on a stop; throws the error that ended the flow.
    void wait(const std::stop_token& stop);
    bool has_failed() const;
    /// Called, from the flow's thread, when it ends by an error.
    void on_failure(std::function<void()> callback);

  private:
    void run(const std::stop_token& stop);

    PipeContext context_;
    Position level_;
    FlowSignals signals_;
    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    bool known_ = false;  // guarded by mutex_, as all below: acknowledged_ has been told
    Position acknowledged_;
    std::exception_ptr error_;
    std::function<void()> failed_;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace penstock
