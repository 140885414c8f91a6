#pragma once
// Numbers as people read them.

#include <cstdint>
#include <string>

namespace penstock {

/// 1234567 as "1,234,567".
std::string grouped(uint64_t number);
/// 75.3 as "1m15s". Fractions are dropped; below ten seconds one decimal with `fine`.
std::string duration_text(double seconds, bool fine = false);
/// 1234567 as "1.2 MB".
std::string bytes_text(uint64_t bytes);
/// A fraction from 0 to 1 as "[###---]" with `cells` cells; others are taken for the nearer of the two.
std::string progress_bar(double fraction, int cells = 30);

/// How fast a count grows, smoothed. Starts anew when the count falls.
class RateMeter {
  public:
    void add(uint64_t count, double now_seconds);
    double per_second() const { return rate_; }

  private:
    bool begun_ = false;
    uint64_t last_count_ = 0;
    double last_time_ = 0;
    double rate_ = 0;
};

}  // namespace penstock
