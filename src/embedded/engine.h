#pragma once
// The embedded ClickHouse: a real one, in a child process of its own, listening on the loopback interface.
//
//   Engine engine({.data_dir = "penstock-data"});
//   engine.start();                                   // answers when this returns
//   use(engine.endpoint().url, engine.endpoint().user, engine.endpoint().password);
//   engine.stop();                                    // or the destructor
//
// The child is this same executable, started again as `EXECUTABLE clickhouse-engine DIRECTORY LIBRARY`: its
// main program must lead there (engine_helper.h; add_clickhouse_command does). A crash of the engine takes
// nothing of ours along: it is started again on the same data and ports, and clients that retry go on.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include <sys/types.h>

namespace penstock {

class EngineFiles;

struct EngineOptions {
    std::filesystem::path data_dir;               ///< The engine lives in its subdirectory `clickhouse`.
    std::optional<std::uint16_t> http_port = {};  ///< None: as at the last start, or a free one.
    std::optional<std::uint16_t> tcp_port = {};
    std::filesystem::path library = {};               ///< Empty: see find_chdb_library.
    std::filesystem::path helper = "/proc/self/exe";  ///< The executable that leads to run_engine_helper.
    std::chrono::milliseconds start_timeout{60000};
    std::chrono::milliseconds stop_timeout{75000};  ///< Then it is killed; its data survive that.
};

/// How to reach the engine. The password is a secret: never log it.
struct Endpoint {
    std::string url;  ///< http://127.0.0.1:PORT
    std::string user;
    std::string password;
    std::uint16_t http_port = 0;
    std::uint16_t tcp_port = 0;
};

/// The engine that another process runs on this data directory, when it answers now; else nothing.
/// Takes no lock and starts nothing: for commands that only look, beside a `penstock run`.
std::optional<Endpoint> find_running_engine(const std::filesystem::path& data_dir);

/// True while any process holds the engine of this data directory, also one that is about to end: the engine
/// of a process that was killed writes its data out before it lets go.
bool engine_is_held(const std::filesystem::path& data_dir);

/// One engine on one data directory. start and stop are for one owner thread; the const functions may be
/// called from any thread while it runs.
class Engine {
  public:
    explicit Engine(EngineOptions options);
    /// Stops it, if it runs.
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// Starts the engine and waits until it answers. Throws Error, with nothing left running: kUsage when the
    /// library is missing, a given port is taken or another process works on the directory; kFailPipe when
    /// the engine itself does not come up.
    void start();

    /// Asks the engine to end, waits for it, and lets go of the directory. Does nothing when not started.
    void stop();

    /// Fixed from start to stop, also over restarts. Only between start and stop.
    const Endpoint& endpoint() const { return endpoint_; }
    std::filesystem::path password_file() const;
    std::filesystem::path log_file() const;

    /// False before start, after stop, and while a crashed engine is on its way up again.
    bool running() const;
    /// The engine's process, or -1.
    pid_t pid() const;
    /// How often the engine had to be started again since start().
    unsigned restarts() const;

  private:
    void spawn();
    void try_to_start();
    bool wait_until_it_answers();
    bool has_ended();
    void end_child();
    void supervise();

    const EngineOptions options_;
    std::filesystem::path library_;       // set by start()
    std::unique_ptr<EngineFiles> files_;  // likewise; gone after stop()
    Endpoint endpoint_;                   // likewise
    std::thread supervisor_;              // owner thread only
    int input_ =
        -1;  // our end of the child's standard input; owner thread, then the supervisor's until joined

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    pid_t pid_ = -1;          // guarded by mutex_
    bool answering_ = false;  // guarded by mutex_
    bool stopping_ = false;   // guarded by mutex_
    unsigned restarts_ = 0;   // guarded by mutex_
};

}  // namespace penstock
