#pragma once
// A pipe of the program under test: its file, its data directory, its process.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "destination/clickhouse_client.h"
#include "model/pipe_spec.h"
#include "source/server_info.h"
#include "support/subprocess.h"

namespace penstock::test {

/// What a test chooses of a pipe. The target database is called as the source database and is dropped first.
struct PipeChoice {
    std::string server = "MYSQL";               ///< of source_endpoint
    std::optional<SourceEndpoint> source = {};  ///< else the shared server's
    std::string database = {};
    std::optional<ClickHouseEndpoint> target = {};  ///< else the shared one
    std::string mode = "cdc";
    std::string mechanism = "GTID";
    std::string more_settings = {};  ///< lines of settings, "key: value", each ended by a newline
    std::vector<std::string> mappings =
        {};  ///< table names, or inline mappings without the schema: "{sourceTable: ...}"
};

class PipeProcess {
  public:
    explicit PipeProcess(const PipeChoice& choice);

    /// The same pipe with another data directory; its target is not dropped.
    PipeProcess with_data_dir(const std::string& data_dir) const;
    std::string data_dir() const { return data_dir_.empty() ? directory_->path() + "/data" : data_dir_; }

    /// Names another server in its file, of the same account's name.
    void move_to(const SourceEndpoint& source);

    void start(const std::vector<std::string>& more_arguments = {});
    Background& process() { return *running_; }
    /// SIGINT, then the exit code.
    int pause();
    /// Runs to the end in the foreground.
    Finished run_to_end();

    /// `penstock status --output json`; null while there is no such pipe.
    nlohmann::json status() const;
    Finished verify() const;
    Finished check() const;

    /// Polls the status until `condition` holds; false when the process ended or three minutes passed.
    bool wait_for(const std::function<bool(const nlohmann::json&)>& condition);
    bool wait_for_state(const std::string& state);
    /// Running, and everything committed at the source before the call is acknowledged.
    bool wait_until_caught_up();

    std::string log() const { return read_file(log_file()); }
    const SourceEndpoint& endpoint() const { return endpoint_; }

  private:
    PipeProcess() = default;
    std::string file() const { return directory_->path() + "/pipe.yaml"; }
    std::string log_file() const { return directory_->path() + (data_dir_.empty() ? "/log" : "/other-log"); }
    std::vector<std::string> command(const std::string& name, bool with_target) const;

    std::shared_ptr<TemporaryDirectory> directory_ = std::make_shared<TemporaryDirectory>();
    std::string data_dir_;  // else in directory_
    SourceEndpoint endpoint_;
    ReplicationMechanism mechanism_ = ReplicationMechanism::kGtid;
    std::vector<std::string> target_options_;
    std::unique_ptr<Background> running_;
};

}  // namespace penstock::test
