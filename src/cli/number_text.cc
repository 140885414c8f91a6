#include "cli/number_text.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace penstock {

std::string grouped(uint64_t number) {
    std::string digits = std::to_string(number);
    for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3)
        digits.insert(static_cast<size_t>(i), ",");
    return digits;
}

std::string duration_text(double seconds, bool fine) {
    if (fine && seconds < 9.95) return fmt::format("{:.1f}s", std::max(0.0, seconds));
    auto s = static_cast<uint64_t>(std::max(0.0, seconds));
    if (s < 60) return fmt::format("{}s", s);
    if (s < 3600) return fmt::format("{}m{:02}s", s / 60, s % 60);
    return fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
}

std::string bytes_text(uint64_t bytes) {
    constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 1000) return fmt::format("{} B", bytes);
    auto value = static_cast<double>(bytes);
    size_t unit = 0;
    while (value >= 999.95) {
        value /= 1000;
        ++unit;
    }
    return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string progress_bar(double fraction, int cells) {
    int filled = static_cast<int>(std::lround(std::clamp(fraction, 0.0, 1.0) * cells));
    return "[" + std::string(static_cast<size_t>(filled), '#') +
           std::string(static_cast<size_t>(cells - filled), '-') + "]";
}

void RateMeter::add(uint64_t count, double now_seconds) {
    constexpr double kNew = 0.3;  // weight of the newest measurement
    if (begun_ && count >= last_count_ && now_seconds > last_time_) {
        const double now = static_cast<double>(count - last_count_) / (now_seconds - last_time_);
        rate_ = rate_ > 0 ? rate_ * (1 - kNew) + now * kNew : now;
    } else if (count < last_count_) {
        rate_ = 0;
    }
    begun_ = true;
    last_count_ = count;
    last_time_ = now_seconds;
}

}  // namespace penstock
