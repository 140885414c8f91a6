#pragma once
// SIGINT and SIGTERM as a stop request.

#include <stop_token>
#include <thread>

namespace penstock {

/// Make it before any other thread: it blocks both signals, and threads made later inherit that. The first
/// signal requests a stop; a second one ends the process at once (exit code 130), as `kill -9` would.
class SignalWatcher {
  public:
    explicit SignalWatcher(std::stop_source stop);
    ~SignalWatcher();

  private:
    std::jthread thread_;
};

}  // namespace penstock
