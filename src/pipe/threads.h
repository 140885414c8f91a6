#pragma once
// The same work in several threads at once.

#include <cstdint>
#include <functional>
#include <stop_token>

namespace penstock {

/// Runs `body(i, stop)` for each i below `count` in a thread, this one included, and waits for all. The first
/// error requests a stop of the others and is thrown.
void run_in_threads(uint32_t count, const std::stop_token& stop,
                    const std::function<void(uint32_t, const std::stop_token&)>& body);

}  // namespace penstock
