#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace penstock::test {

/// Looks until `condition` holds; false after a minute.
inline bool wait_until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));  // between two looks
    }
    return true;
}

}  // namespace penstock::test
