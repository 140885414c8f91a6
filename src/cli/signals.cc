#include "cli/signals.h"

#include <csignal>
#include <ctime>

#include <unistd.h>

namespace penstock {
namespace {

sigset_t watched() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

}  // namespace

SignalWatcher::SignalWatcher(std::stop_source stop) {
    sigset_t set = watched();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    thread_ = std::jthread([stop](const std::stop_token& end) mutable {
        sigset_t signals = watched();
        const timespec tick{0, 100'000'000};
        while (!end.stop_requested()) {
            if (sigtimedwait(&signals, nullptr, &tick) < 0) continue;
            if (stop.stop_requested()) _exit(130);
            stop.request_stop();
        }
    });
}

SignalWatcher::~SignalWatcher() = default;

}  // namespace penstock
