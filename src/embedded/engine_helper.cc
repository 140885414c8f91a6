#include "embedded/engine_helper.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace penstock {
namespace {

namespace fs = std::filesystem;

constexpr int kStopPatience = 60;  // seconds

// The two functions of the library's C interface that are needed.
using QueryCommandLine = void* (*)(int argc, char** argv);
using ResultError = const char* (*)(void* result);

template <typename Function>
Function find_function(void* library, const char* name) {
    // dlsym hands out functions as object pointers; POSIX says that this conversion holds.
    return reinterpret_cast<Function>(dlsym(library, name));
}

sigset_t block_stop_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    return signals;
}

// Returns when a stop signal came or standard input ended.
void wait_for_order(int signal_descriptor) {
    pollfd watched[] = {{signal_descriptor, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    for (;;) {
        if (poll(watched, 2, -1) < 0) {
            if (errno == EINTR) continue;
            return;
        }
        if (watched[0].revents != 0) return;
        if (watched[1].revents != 0) {
            char ignored[64];
            if (read(STDIN_FILENO, ignored, sizeof ignored) <= 0) return;
        }
    }
}

// Ends the query that reads the fifo, which ends the engine. Nobody reads it yet while the engine starts.
void end_control_query(const std::string& fifo) {
    for (int tries = 0; tries < kStopPatience * 20; ++tries) {
        const int writer = open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (writer >= 0) close(writer);
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    std::fputs("the engine did not end in time\n", stderr);
    _exit(1);
}

}  // namespace

int run_engine_helper(const fs::path& directory, const fs::path& library_path) {
    const sigset_t signals = block_stop_signals();
    const int signal_descriptor = signalfd(-1, &signals, SFD_CLOEXEC);
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    setenv("TZ", "UTC", 1);

    void* library = dlopen(library_path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        std::fprintf(stderr, "Exception: cannot load the library: %s\n", dlerror());
        return 1;
    }
    const auto query_command_line = find_function<QueryCommandLine>(library, "chdb_query_cmdline");
    const auto result_error = find_function<ResultError>(library, "chdb_result_error");
    if (query_command_line == nullptr || result_error == nullptr) {
        std::fprintf(stderr, "Exception: %s has no chdb_query_cmdline\n", library_path.c_str());
        return 1;
    }

    const std::string fifo = (directory / "control").string();
    std::atomic<bool> ordered{false};
    std::thread([&ordered, signal_descriptor, fifo] {
        wait_for_order(signal_descriptor);
        ordered = true;
        end_control_query(fifo);
    }).detach();

    // HTTP last: when it answers, both listen.
    std::vector<std::string> arguments = {"penstock-clickhouse",
                                          "--config-file=" + (directory / "config.xml").string(),
                                          "--multiquery", "--query",
                                          fmt::format("SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; "
                                                      "SELECT * FROM file('{}', 'LineAsString') FORMAT Null",
                                                      fifo)};
    std::vector<char*> argv;
    argv.reserve(arguments.size());
    for (std::string& argument : arguments) argv.push_back(argument.data());
    void* result = query_command_line(static_cast<int>(argv.size()), argv.data());

    if (const char* error = result == nullptr ? nullptr : result_error(result); error != nullptr) {
        std::fprintf(stderr, "%s\n", error);
    }
    std::fflush(nullptr);
    return ordered ? 0 : 1;
}

void run_engine_helper_if_asked() {
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    const std::string line((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin < line.size();) {
        const std::size_t end = line.find('\0', begin);
        words.push_back(line.substr(begin, end - begin));
        if (end == std::string::npos) break;
        begin = end + 1;
    }
    // EXECUTABLE clickhouse-engine DIRECTORY LIBRARY
    if (words.size() == 4 && words[1] == kEngineHelperCommand) _exit(run_engine_helper(words[2], words[3]));
}

}  // namespace penstock
