#pragma once
// A pipe's progress for a person: a bar that is drawn again in place on a terminal, a line now and then
// elsewhere, a JSON object a second with --output json.

#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include "pipe/progress.h"

namespace penstock {

class ProgressDisplay {
  public:
    /// Starts a thread that reads `progress` until this is destroyed. Text goes to stderr, JSON to stdout.
    ProgressDisplay(const Progress& progress, std::string name, bool json);
    ~ProgressDisplay();

  private:
    void run(const std::stop_token& stop);
    std::string text_line(double seconds);
    std::string json_line() const;

    const Progress& progress_;
    std::string name_;
    bool json_;
    bool terminal_;
    uint64_t last_rows_ = 0;
    double rate_ = 0;  // rows a second, smoothed
    std::jthread thread_;
};

/// `text` as a JSON string with its quotes.
std::string json_string(std::string_view text);

}  // namespace penstock
