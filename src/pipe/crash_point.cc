#include "pipe/crash_point.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <new>
#include <string>
#include <thread>

namespace penstock {

namespace {

struct Asked {
    std::string place;
    long number = 0;
};

const Asked& asked() {
    static const Asked asked = [] {
        const char* value = std::getenv("PENSTOCK_CRASH_IN");
        const std::string text(value == nullptr ? "" : value);
        const size_t colon = text.find(':');
        return Asked{text.substr(0, colon),
                     colon == text.npos ? 0 : std::strtol(text.c_str() + colon + 1, nullptr, 10)};
    }();
    return asked;
}

}  // namespace

void throw_if_asked(std::string_view place) {
    static const char* asked = std::getenv("PENSTOCK_THROW_IN");
    if (asked != nullptr && place == asked) throw std::bad_alloc();
}

void crash_after_block_if_asked() {
    static std::atomic<long> blocks{0};
    if (asked().place == "block" && ++blocks >= asked().number) std::raise(SIGKILL);
}

void crash_if_asked(PipeState state) {
    if (asked().place.empty() || asked().place != state_name(state)) return;
    const long delay = asked().number;
    if (delay <= 0) std::raise(SIGKILL);
    std::thread([delay] {
        std::this_thread::sleep_for(std::chrono::milliseconds(delay));
        std::raise(SIGKILL);
    }).detach();
}

}  // namespace penstock
