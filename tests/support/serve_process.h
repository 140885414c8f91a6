#pragma once
// `penstock serve` under test, with the shared ClickHouse as its service, and calls of its API.

#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "destination/clickhouse_client.h"
#include "model/pipe_spec.h"
#include "support/servers.h"
#include "support/subprocess.h"

namespace penstock::test {

struct Answer {
    int status = 0;
    nlohmann::json body;  ///< the envelope
    const nlohmann::json& result() const {
        if (!body.contains("result"))
            throw std::runtime_error("answered " + std::to_string(status) + body.dump());
        return body.at("result");
    }
    std::string error() const { return body.value("error", ""); }
};

class ServeProcess {
  public:
    explicit ServeProcess(const ClickHouseEndpoint& target = clickhouse_endpoint());
    ~ServeProcess();

    /// Starts it and waits until it answers. `environment` is added to the process's own, for this start
    /// only.
    void start(const std::map<std::string, std::string>& environment = {});
    /// SIGTERM, then the exit code.
    int stop();
    void kill();  ///< SIGKILL, and waits
    Background& process() { return *running_; }

    /// `path` begins after the service, for example "/clickpipes".
    Answer call(const std::string& method, const std::string& path,
                const nlohmann::json& body = nullptr) const;
    /// The same with a whole path.
    Answer call_path(const std::string& method, const std::string& path, const nlohmann::json& body) const;

    /// Creates a pipe and returns its id; throws with the answer when it is refused.
    std::string create(const nlohmann::json& body) const;
    std::string state(const std::string& pipe_id) const;  ///< empty when there is no answer
    /// Polls; false when the process ended or `seconds` passed.
    bool wait_for_state(const std::string& pipe_id, const std::string& state, int seconds = 180);
    bool wait_until(const std::function<bool()>& condition, int seconds = 180);
    nlohmann::json events(const std::string& pipe_id) const;
    /// Running, and everything committed at the source before the call is acknowledged.
    bool wait_until_caught_up(const std::string& pipe_id, const SourceEndpoint& source);
    /// `penstock verify` of the pipe as the API describes it.
    Finished verify(const std::string& pipe_id, const SourceEndpoint& source) const;

    std::string log() const;
    const std::string& data_dir() const { return data_dir_; }
    std::string config_file() const { return directory_.path() + "/config.yaml"; }
    const std::string& url() const { return url_; }
    const std::string& key_id() const { return key_id_; }
    const std::string& key_secret() const { return key_secret_; }
    std::string services_path() const { return "/v1/organizations/" + organization_ + "/services"; }
    std::string service_path() const { return services_path() + "/" + service_; }

  private:
    TemporaryDirectory directory_;
    std::string data_dir_;
    std::string url_, organization_, service_, key_id_, key_secret_;
    int starts_ = 0;
    std::unique_ptr<Background> running_;
};

/// The body of a POST: `tables` of `database` to targets of the same names in a database of that name, which
/// is dropped first. `more` is merged into source.mysql.
nlohmann::json pipe_body(const std::string& name, const SourceEndpoint& source, const std::string& database,
                         const std::vector<std::string>& tables, const nlohmann::json& more = {});
nlohmann::json mapping(const std::string& database, const std::string& table);

}  // namespace penstock::test
