#include "support/pipe_process.h"

#include <csignal>
#include <thread>

#include <fmt/format.h>

#include "model/position.h"
#include "support/servers.h"

namespace penstock::test {

PipeProcess::PipeProcess(const PipeChoice& choice)
    : endpoint_(choice.source ? *choice.source : source_endpoint(choice.server)),
      mechanism_(choice.mechanism == "GTID" ? ReplicationMechanism::kGtid : ReplicationMechanism::kFilePos) {
    std::string mappings;
    for (const std::string& mapping : choice.mappings) {
        std::string inner = mapping.front() == '{'
                                ? mapping.substr(1, mapping.size() - 2)
                                : fmt::format("sourceTable: {0}, targetTable: {0}", mapping);
        mappings += fmt::format("      - {{sourceSchemaName: {}, {}}}\n", choice.database, inner);
    }
    std::string settings =
        fmt::format("replicationMode: {}\nreplicationMechanism: {}\nsyncIntervalSeconds: 1\n{}", choice.mode,
                    choice.mechanism, choice.more_settings);
    std::string indented;
    for (char c : "\n" + settings) {
        indented += c;
        if (c == '\n') indented += "      ";
    }
    write_file(file(), fmt::format(R"(name: {0}
source:
  mysql:
    type: {1}
    host: {2}
    port: {3}
    credentials: {{username: {4}, password: "{5}"}}
    settings: {6}
    tableMappings:
{7}
destination:
  database: {0}
)",
                                   choice.database, endpoint_.type, endpoint_.host, endpoint_.port,
                                   endpoint_.username, endpoint_.password, indented, mappings));
    ClickHouseEndpoint target = choice.target ? *choice.target : clickhouse_endpoint();
    write_file(directory_->path() + "/password", target.password);
    ClickHouseClient(target).query("DROP DATABASE IF EXISTS " + choice.database);
    target_options_ = {"--clickhouse-url",           target.url,
                       "--clickhouse-user",          target.user,
                       "--clickhouse-password-file", directory_->path() + "/password"};
}

std::vector<std::string> PipeProcess::command(const std::string& name, bool with_target) const {
    std::vector<std::string> arguments = {penstock_program(), name, file(), "--data-dir", data_dir()};
    if (with_target) arguments.insert(arguments.end(), target_options_.begin(), target_options_.end());
    return arguments;
}

PipeProcess PipeProcess::with_data_dir(const std::string& data_dir) const {
    PipeProcess other;
    other.directory_ = directory_;
    other.data_dir_ = data_dir;
    other.endpoint_ = endpoint_;
    other.mechanism_ = mechanism_;
    other.target_options_ = target_options_;
    return other;
}

void PipeProcess::move_to(const SourceEndpoint& source) {
    std::string text = read_file(file());
    auto replace = [&](const std::string& before, const std::string& after) {
        text.replace(text.find(before), before.size(), after);
    };
    replace(fmt::format("port: {}\n", endpoint_.port), fmt::format("port: {}\n", source.port));
    replace(fmt::format("password: \"{}\"", endpoint_.password),
            fmt::format("password: \"{}\"", source.password));
    write_file(file(), text);
    endpoint_ = source;
}

void PipeProcess::start(const std::vector<std::string>& more_arguments) {
    std::vector<std::string> arguments = command("run", true);
    arguments.insert(arguments.end(), more_arguments.begin(), more_arguments.end());
    running_ = std::make_unique<Background>(arguments, log_file());
}

int PipeProcess::pause() {
    running_->signal(SIGINT);
    return running_->wait();
}

Finished PipeProcess::run_to_end() {
    return run_program(command("run", true));
}

nlohmann::json PipeProcess::status() const {
    std::vector<std::string> arguments = command("status", false);
    arguments.insert(arguments.end(), {"--output", "json"});
    Finished finished = run_program(arguments);
    if (finished.exit_code != 0) return {};
    return nlohmann::json::parse(finished.out);
}

Finished PipeProcess::verify() const {
    return run_program(command("verify", true));
}

Finished PipeProcess::check() const {
    return run_program({penstock_program(), "check", file()});
}

bool PipeProcess::wait_for(const std::function<bool(const nlohmann::json&)>& condition) {
    auto end = std::chrono::steady_clock::now() + std::chrono::minutes(3);
    while (std::chrono::steady_clock::now() < end) {
        nlohmann::json now = status();
        if (!now.is_null() && condition(now)) return true;
        if (!running_->running()) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));  // between two looks at a condition
    }
    return false;
}

bool PipeProcess::wait_for_state(const std::string& state) {
    return wait_for([&](const nlohmann::json& now) { return now["state"] == state; });
}

bool PipeProcess::wait_until_caught_up() {
    MysqlConnection connection = MysqlConnection::open(endpoint_);
    Position end = current_position(connection, read_server_info(connection), mechanism_);
    return wait_for([&](const nlohmann::json& now) {
        return now["state"] == "Running" && now.contains("position") &&
               Position::parse(now["position"].get<std::string>()).reached(end);
    });
}

}  // namespace penstock::test
