#pragma once
// Threads of a pipe's work. An exception of any type that leaves a thread's body would end the process, so
// each body hands its exception to whoever waits for it.

#include <cstdint>
#include <functional>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>

#include "base/log_scope.h"

namespace penstock {

/// A thread that logs as the one that starts it.
template <typename Body>
std::jthread start_thread(Body body) {
    return std::jthread(
        [name = LogScope::current(), body = std::move(body)](const std::stop_token& stop) mutable {
            LogScope scope(std::move(name));
            if constexpr (std::is_invocable_v<Body&, const std::stop_token&>)
                body(stop);
            else
                body();
        });
}

/// Runs `body(i, stop)` for each i below `count` in a thread, this one included, and waits for all. The first
/// error requests a stop of the others and is thrown.
void run_in_threads(uint32_t count, const std::stop_token& stop,
                    const std::function<void(uint32_t, const std::stop_token&)>& body);

}  // namespace penstock
