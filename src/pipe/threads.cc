#include "pipe/threads.h"

#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace penstock {

void run_in_threads(uint32_t count, const std::stop_token& stop,
                    const std::function<void(uint32_t, const std::stop_token&)>& body) {
    std::stop_source local;
    std::stop_callback forward(stop, [&] { local.request_stop(); });
    std::mutex mutex;
    std::exception_ptr first_error;
    auto run = [&](uint32_t i) {
        try {
            body(i, local.get_token());
        } catch (...) {
            std::lock_guard lock(mutex);
            if (!first_error) first_error = std::current_exception();
            local.request_stop();
        }
    };
    {
        std::vector<std::jthread> others;
        try {
            for (uint32_t i = 1; i < count; ++i) others.push_back(start_thread([&run, i] { run(i); }));
        } catch (...) {  // no thread to be had
            local.request_stop();
            throw;
        }
        if (count > 0) run(0);
    }
    if (first_error) std::rethrow_exception(first_error);
}

}  // namespace penstock
