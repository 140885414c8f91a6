#pragma once
// What several commands share: where the data is, which ClickHouse, how to print.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "destination/clickhouse_client.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace penstock {

class Engine;

/// Exit codes of every command; docs/command-line.md lists them.
enum ExitCode : int {
    kExitOk = 0,
    kExitFailed = 1,  ///< the work failed, a check failed, or verify found a difference
    kExitUsage = 2,   ///< bad flags, a bad pipe file, a data directory in use, a request that the API refuses
    kExitInterrupted = 130,  ///< Ctrl-C ended the waiting for something that goes on without it
};

struct CommonOptions {
    std::string data_dir;        ///< --data-dir, $PENSTOCK_DATA_DIR, else ./penstock-data
    std::string clickhouse_url;  ///< empty: the embedded engine
    std::string clickhouse_user = "default";
    std::string clickhouse_password_file;  ///< else $PENSTOCK_CLICKHOUSE_PASSWORD
    std::string library;                   ///< libchdb.so for the embedded engine; empty: looked for
    std::string output = "text";           ///< text or json

    bool json() const { return output == "json"; }
    std::string catalog_path() const;
};

void add_output_option(CLI::App& command, CommonOptions& options);
void add_data_dir_option(CLI::App& command, CommonOptions& options);
/// --config: the configuration file of `penstock serve`.
void add_config_option(CLI::App& command, std::string& file);
void add_clickhouse_options(CLI::App& command, CommonOptions& options);
/// --clickhouse-url, --clickhouse-user, --clickhouse-password-file; returns the first.
CLI::Option& add_clickhouse_address(CLI::App& command, CommonOptions& options, const std::string& help);

/// The password of --clickhouse-password-file, else of the environment. Throws Error(kUsage).
std::string read_clickhouse_password(const CommonOptions& options);

/// A ClickHouse to write to or compare with: the one of --clickhouse-url, or the embedded engine of the data
/// directory, started here unless another process of it runs already. Lives as long as the command needs it.
class Destination {
  public:
    static Destination open(const CommonOptions& options);
    Destination(Destination&&) noexcept;
    ~Destination();  ///< stops the engine if it was started here
    const ClickHouseEndpoint& endpoint() const { return endpoint_; }

  private:
    Destination();
    ClickHouseEndpoint endpoint_;
    std::unique_ptr<Engine> engine_;
};

/// A command fills this in when its arguments were parsed; main runs it and returns its exit code.
using Action = std::function<int()>;

void add_run_command(CLI::App& app, Action& action);
void add_check_command(CLI::App& app, Action& action);
void add_verify_command(CLI::App& app, Action& action);
void add_status_command(CLI::App& app, Action& action);
void add_serve_command(CLI::App& app, Action& action);
void add_secrets_command(CLI::App& app, Action& action);
// Over the API of `penstock serve`.
void add_pipe_command(CLI::App& app, Action& action);
void add_service_command(CLI::App& app, Action& action);
void add_key_command(CLI::App& app, Action& action);
/// To be called last: its scripts complete the commands that `app` has when they are asked for.
void add_completion_command(CLI::App& app, Action& action);

}  // namespace penstock
