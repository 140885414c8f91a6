#pragma once
// The child's side of the embedded engine: what runs in the process that is the ClickHouse.

#include <filesystem>

namespace penstock {

/// The hidden subcommand under which an executable must call run_engine_helper when it is started so.
inline constexpr const char* kEngineHelperCommand = "clickhouse-engine";

/// Loads `library` and serves ClickHouse out of `directory`, as its config.xml says, until SIGTERM or SIGINT
/// comes or standard input ends (it is a pipe that the parent holds: a parent that dies ends the engine
/// cleanly, whichever way it died). Returns the process's exit code; the caller must then leave by _exit,
/// since the library's threads and static objects do not survive an ordinary exit.
/// Call it before any other thread was started: it blocks signals for the whole process.
int run_engine_helper(const std::filesystem::path& directory, const std::filesystem::path& library);

/// Does that, when this process was started as the helper, and never returns; else returns at once.
/// For executables without a command line of their own (the tests): reads /proc/self/cmdline.
void run_engine_helper_if_asked();

}  // namespace penstock
