#pragma once
// Whose work a thread does: what its log lines begin with.

#include <string>

namespace penstock {

/// In this thread, while it lives.
class LogScope {
  public:
    explicit LogScope(std::string name);
    ~LogScope();
    LogScope(const LogScope&) = delete;
    LogScope& operator=(const LogScope&) = delete;

    /// This thread's; empty where there is none.
    static const std::string& current();

  private:
    std::string before_;
};

}  // namespace penstock
