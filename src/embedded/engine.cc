#include "embedded/engine.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "embedded/engine_files.h"
#include "embedded/engine_helper.h"
#include "embedded/http_probe.h"
#include "embedded/library.h"

namespace penstock {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kPollInterval = 20ms;
constexpr auto kFirstBackoff = 200ms;
constexpr auto kLongestBackoff = 30000ms;
constexpr auto kSteadyAfter = 60s;  // an engine that ran this long starts again without a long wait
constexpr int kLockInChild = 3;

Error failure(const std::string& message, const std::string& hint = {}) {
    return Error(Disposition::kFailPipe, "start ClickHouse", message, hint);
}

// Closes what it holds.
struct SpawnPlan {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;

    SpawnPlan() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    ~SpawnPlan() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;
};

}  // namespace

std::optional<Endpoint> find_running_engine(const std::filesystem::path& data_dir) {
    const std::filesystem::path directory = data_dir / "clickhouse";
    Endpoint endpoint;
    endpoint.user = kEngineUser;
    std::ifstream password(directory / "password");
    std::ifstream ports(directory / "ports");
    if (!(password >> endpoint.password) || !(ports >> endpoint.http_port >> endpoint.tcp_port)) return {};
    if (!engine_answers(endpoint.http_port, endpoint.user, endpoint.password)) return {};
    endpoint.url = fmt::format("http://127.0.0.1:{}", endpoint.http_port);
    return endpoint;
}

bool engine_is_held(const std::filesystem::path& data_dir) {
    const std::filesystem::path path = data_dir / "clickhouse" / "lock";
    const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0) return false;
    const bool held = ::flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ::close(file);
    return held;
}

Engine::Engine(EngineOptions options) : options_(std::move(options)) {}

Engine::~Engine() {
    stop();
}

void Engine::start() {
    library_ = find_chdb_library(options_.library);
    files_ = std::make_unique<EngineFiles>(options_.data_dir / "clickhouse");
    try {
        files_->lock();
        try_to_start();
    } catch (...) {
        end_child();
        files_.reset();
        throw;
    }
    stopping_ = false;
    restarts_ = 0;
    supervisor_ = std::thread([this] { supervise(); });
}

// Ports that we chose may be taken by somebody else before the engine has them: then others are tried.
void Engine::try_to_start() {
    const bool ports_are_ours = !options_.http_port.has_value() || !options_.tcp_port.has_value();
    const int tries = ports_are_ours ? 3 : 1;
    for (int n = 1;; ++n) {
        const std::string password = files_->load_or_create_password();
        const EnginePorts ports = files_->choose_ports(options_.http_port, options_.tcp_port);
        files_->write_configuration(ports, password);
        endpoint_ = {.url = fmt::format("http://127.0.0.1:{}", ports.http),
                     .user = kEngineUser,
                     .password = password,
                     .http_port = ports.http,
                     .tcp_port = ports.tcp};
        spawn();
        if (wait_until_it_answers()) return;
        const bool ended = has_ended();
        end_child();
        if (!ended) {
            throw failure(fmt::format("it did not answer within {} s", options_.start_timeout.count() / 1000),
                          "See " + files_->log_file().string());
        }
        const std::string why = files_->last_words();
        if (n == tries || why.find("in use") == std::string::npos) {
            throw failure(why.empty() ? "it ended at once" : why, "See " + files_->log_file().string());
        }
        files_->forget_ports();
    }
}

namespace {

/// What the engine inherits: any other variable may hold a key or a password.
std::vector<char*> environment_of_engine() {
    std::vector<char*> kept;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string_view text(*variable), name = text.substr(0, text.find('='));
        constexpr std::string_view kNames[] = {"PATH",          "HOME",        "USER",   "TZ",
                                               "TZDIR",         "LANG",        "TMPDIR", "LD_LIBRARY_PATH",
                                               "SSL_CERT_FILE", "SSL_CERT_DIR"};
        const bool listed = std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
        // Of the sanitizers and malloc: how the process itself is run.
        const bool of_process = name.starts_with("LC_") || name == "ASAN_OPTIONS" ||
                                name == "UBSAN_OPTIONS" || name == "TSAN_OPTIONS" || name == "LSAN_OPTIONS" ||
                                name == "MALLOC_ARENA_MAX";
        if (listed || of_process) kept.push_back(*variable);
    }
    kept.push_back(nullptr);
    return kept;
}

}  // namespace

void Engine::spawn() {
    int input[2];
    if (pipe2(input, O_CLOEXEC) != 0) throw failure(fmt::format("pipe: {}", std::strerror(errno)));

    SpawnPlan plan;
    const std::string output = files_->output_file().string();
    posix_spawn_file_actions_adddup2(&plan.actions, input[0], STDIN_FILENO);
    posix_spawn_file_actions_addopen(&plan.actions, STDOUT_FILENO, output.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&plan.actions, STDOUT_FILENO, STDERR_FILENO);
    // The child holds the directory's lock too: it is free only when both are gone.
    posix_spawn_file_actions_adddup2(&plan.actions, files_->lock_descriptor(), kLockInChild);
    // And nothing else of ours: libraries open sockets without O_CLOEXEC, which would live as long as the
    // child.
    posix_spawn_file_actions_addclosefrom_np(&plan.actions, kLockInChild + 1);
    // A session of its own: Ctrl-C on our terminal is for us, and we stop the engine last.
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&plan.attributes, &none);
    posix_spawnattr_setflags(&plan.attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);

    std::string arguments[] = {"penstock", kEngineHelperCommand, files_->directory().string(),
                               library_.string()};
    char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), arguments[3].data(),
                    nullptr};
    std::vector<char*> environment = environment_of_engine();
    pid_t child = -1;
    const int code = posix_spawn(&child, options_.helper.c_str(), &plan.actions, &plan.attributes, argv,
                                 environment.data());
    close(input[0]);
    if (code != 0) {
        close(input[1]);
        throw failure(fmt::format("cannot start {}: {}", options_.helper.string(), std::strerror(code)));
    }
    input_ = input[1];
    const std::lock_guard guard(mutex_);
    pid_ = child;
}

// True when the child has ended; it is then reaped and forgotten.
bool Engine::has_ended() {
    const pid_t child = pid();
    if (child < 0) return true;
    int status = 0;
    if (waitpid(child, &status, WNOHANG) != child) return false;
    if (input_ >= 0) close(input_);
    input_ = -1;
    const std::lock_guard guard(mutex_);
    pid_ = -1;
    answering_ = false;
    return true;
}

bool Engine::wait_until_it_answers() {
    const auto deadline = Clock::now() + options_.start_timeout;
    while (!has_ended() && Clock::now() < deadline) {
        const bool answers = engine_answers(endpoint_.http_port, endpoint_.user, endpoint_.password);
        std::unique_lock guard(mutex_);
        if (stopping_) return false;
        if (answers) {
            answering_ = true;
            return true;
        }
        changed_.wait_for(guard, kPollInterval);
    }
    return false;
}

// The end of its standard input is the order to stop; then patience; then the hard way.
void Engine::end_child() {
    if (input_ >= 0) close(input_);
    input_ = -1;
    const auto deadline = Clock::now() + options_.stop_timeout;
    while (!has_ended()) {
        if (Clock::now() > deadline) {
            spdlog::warn("ClickHouse did not stop within {} s and is killed",
                         options_.stop_timeout.count() / 1000);
            kill(pid(), SIGKILL);
        }
        std::this_thread::sleep_for(kPollInterval);
    }
}

// The supervisor's thread: starts the engine again when it ends unasked.
void Engine::supervise() {
    auto backoff = kFirstBackoff;
    auto up_since = Clock::now();
    for (;;) {
        const bool ended = has_ended();
        std::unique_lock guard(mutex_);
        if (stopping_) return;
        if (!ended) {
            changed_.wait_for(guard, kPollInterval);
            continue;
        }
        if (Clock::now() - up_since > kSteadyAfter) backoff = kFirstBackoff;
        spdlog::warn("ClickHouse ended unexpectedly; starting it again in {} ms (its log is {})",
                     backoff.count(), files_->log_file().string());
        changed_.wait_for(guard, backoff, [this] { return stopping_; });
        if (stopping_) return;
        backoff = std::min(backoff * 2, std::chrono::milliseconds(kLongestBackoff));
        ++restarts_;
        guard.unlock();
        try {
            spawn();
        } catch (const Error& error) {
            spdlog::error("{}", error.what());
            continue;
        }
        up_since = Clock::now();
        if (wait_until_it_answers()) {
            spdlog::info("ClickHouse is back");
        } else {
            end_child();
        }
    }
}

void Engine::stop() {
    if (!supervisor_.joinable()) return;
    {
        const std::lock_guard guard(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    supervisor_.join();
    end_child();
    files_.reset();
}

std::filesystem::path Engine::password_file() const {
    return options_.data_dir / "clickhouse" / "password";
}

std::filesystem::path Engine::log_file() const {
    return options_.data_dir / "clickhouse" / "engine.log";
}

bool Engine::running() const {
    const std::lock_guard guard(mutex_);
    return answering_ && !stopping_;
}

pid_t Engine::pid() const {
    const std::lock_guard guard(mutex_);
    return pid_;
}

unsigned Engine::restarts() const {
    const std::lock_guard guard(mutex_);
    return restarts_;
}

}  // namespace penstock
