#include "cli/signals.h"

#include <csignal>

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
        while (true) {
            if (sigwaitinfo(&signals, nullptr) < 0) continue;
            if (end.stop_requested()) return;  // the destructor's
            if (stop.stop_requested()) _exit(130);
            stop.request_stop();
        }
    });
}

SignalWatcher::~SignalWatcher() {
    thread_.request_stop();
    pthread_kill(thread_.native_handle(), SIGTERM);
}

}  // namespace penstock
