#include "pipe/crash_point.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

namespace penstock {

void crash_if_asked(PipeState state) {
    static const std::string asked = [] {
        const char* value = std::getenv("PENSTOCK_CRASH_IN");
        return std::string(value == nullptr ? "" : value);
    }();
    if (asked.empty()) return;
    size_t colon = asked.find(':');
    if (asked.substr(0, colon) != state_name(state)) return;
    long delay = colon == asked.npos ? 0 : std::strtol(asked.c_str() + colon + 1, nullptr, 10);
    if (delay <= 0) std::raise(SIGKILL);
    std::thread([delay] {
        std::this_thread::sleep_for(std::chrono::milliseconds(delay));
        std::raise(SIGKILL);
    }).detach();
}

}  // namespace penstock
