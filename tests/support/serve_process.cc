#include "support/serve_process.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>
#include <httplib.h>

#include "destination/clickhouse_client.h"
#include "model/position.h"
#include "source/server_info.h"
#include "support/servers.h"

namespace penstock::test {

using nlohmann::json;

ServeProcess::ServeProcess(const ClickHouseEndpoint& target) : data_dir_(directory_.path() + "/data") {
    write_file(config_file(), fmt::format(R"(data_dir: {0}
listen: ["127.0.0.1:0"]
requests_per_minute: 100000
services:
  - name: target
    url: {1}
    user: {2}
    password: "{3}"
)",
                                          data_dir_, target.url, target.user, target.password));
}

ServeProcess::~ServeProcess() = default;

void ServeProcess::start(const std::map<std::string, std::string>& environment) {
    std::vector<std::string> command = {"/usr/bin/env"};
    for (const auto& [name, value] : environment) command.push_back(name + "=" + value);
    command.insert(command.end(),
                   {penstock_program(), "serve", "--config", config_file(), "--output", "json"});
    running_ = std::make_unique<Background>(command, directory_.path() + "/log" + std::to_string(++starts_));
    json facts;
    bool told = wait_until([&] {
        std::string text = "\n" + running_->output();
        size_t at = text.find("\n{\"");
        size_t end = at == text.npos ? at : text.find('\n', at + 1);
        if (end == text.npos) return false;
        facts = json::parse(text.substr(at + 1, end - at - 1));
        return true;
    });
    if (!told) throw std::runtime_error("penstock serve did not start: " + running_->output());
    url_ = facts.at("url").get<std::string>();
    organization_ = facts.at("organizationId").get<std::string>();
    if (facts.contains("keySecret")) {
        key_id_ = facts.at("keyId").get<std::string>();
        key_secret_ = facts.at("keySecret").get<std::string>();
    }
    if (!service_.empty()) return;
    Answer services = call_path("GET", "/v1/organizations/" + organization_ + "/services", nullptr);
    for (const json& service : services.result()) {
        if (service.at("name") == "target") service_ = service.at("id").get<std::string>();
    }
    if (service_.empty()) throw std::runtime_error("no service: " + services.body.dump());
}

int ServeProcess::stop() {
    running_->signal(SIGTERM);
    return running_->wait();
}

void ServeProcess::kill() {
    running_->signal(SIGKILL);
    running_->wait();
}

std::string ServeProcess::log() const {
    std::string text;
    for (int i = 1; i <= starts_; ++i) text += read_file(directory_.path() + "/log" + std::to_string(i));
    return text;
}

Answer ServeProcess::call(const std::string& method, const std::string& path, const json& body) const {
    return call_path(method, service_path() + path, body);
}

Answer ServeProcess::call_path(const std::string& method, const std::string& path, const json& body) const {
    httplib::Client client(url_);
    client.set_basic_auth(key_id_, key_secret_);
    client.set_read_timeout(120);
    httplib::Request request;
    request.method = method;
    request.path = path;
    request.headers = {{"Host", url_.substr(url_.find("//") + 2)}};
    if (!body.is_null()) {
        request.body = body.dump();
        request.set_header("Content-Type", "application/json; charset=utf-8");
    }
    httplib::Result result = client.send(request);
    Answer answer;
    if (!result) {  // no answer: said where the answer would be
        answer.body = {{"error", httplib::to_string(result.error()) + ": " + method + " " + path}};
        return answer;
    }
    answer.status = result->status;
    answer.body = json::parse(result->body, nullptr, false);
    return answer;
}

std::string ServeProcess::create(const json& body) const {
    Answer answer = call("POST", "/clickpipes", body);
    if (answer.status != 200) throw std::runtime_error("POST answered " + answer.body.dump());
    return answer.result().at("id").get<std::string>();
}

std::string ServeProcess::state(const std::string& pipe_id) const {
    Answer answer = call("GET", "/clickpipes/" + pipe_id);
    return answer.status == 200 ? answer.result().at("state").get<std::string>() : "";
}

bool ServeProcess::wait_until(const std::function<bool()>& condition, int seconds) {
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (std::chrono::steady_clock::now() < deadline) {
        if (condition()) return true;
        if (!running_->running()) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));  // between two looks
    }
    return false;
}

bool ServeProcess::wait_for_state(const std::string& pipe_id, const std::string& wanted, int seconds) {
    return wait_until([&] { return state(pipe_id) == wanted; }, seconds);
}

json ServeProcess::events(const std::string& pipe_id) const {
    Answer answer = call("GET", "/clickpipes/" + pipe_id + "/events");
    if (answer.status != 200)
        throw std::runtime_error("GET events answered " + answer.body.dump() + "\n" + log());
    return answer.result();
}

bool ServeProcess::wait_until_caught_up(const std::string& pipe_id, const SourceEndpoint& source) {
    MysqlConnection connection = MysqlConnection::open(source);
    ServerInfo info = read_server_info(connection);
    Position end = current_position(connection, info, ReplicationMechanism::kGtid);
    return wait_until([&] {
        Answer answer = call("GET", "/clickpipes/" + pipe_id + "/progress");
        if (answer.status != 200 || answer.result().at("state") != "Running") return false;
        const json& position = answer.result().at("position");
        return position.is_string() && Position::parse(position.get<std::string>()).reached(end);
    });
}

Finished ServeProcess::verify(const std::string& pipe_id, const SourceEndpoint& source) const {
    json body = call("GET", "/clickpipes/" + pipe_id).result();
    json file = {{"name", body["name"]}, {"source", body["source"]}, {"destination", body["destination"]}};
    file["source"]["mysql"]["credentials"] = {{"username", source.username}, {"password", source.password}};
    write_file(directory_.path() + "/pipe.json", file.dump());
    ClickHouseEndpoint target = clickhouse_endpoint();
    write_file(directory_.path() + "/password", target.password);
    return run_program({penstock_program(), "verify", directory_.path() + "/pipe.json", "--data-dir",
                        data_dir_, "--clickhouse-url", target.url, "--clickhouse-user", target.user,
                        "--clickhouse-password-file", directory_.path() + "/password"});
}

json mapping(const std::string& database, const std::string& table) {
    return {{"sourceSchemaName", database}, {"sourceTable", table}, {"targetTable", table}};
}

json pipe_body(const std::string& name, const SourceEndpoint& source, const std::string& database,
               const std::vector<std::string>& tables, const json& more) {
    ClickHouseClient(clickhouse_endpoint()).query("DROP DATABASE IF EXISTS " + database + " SYNC");
    json mysql = {{"type", source.type},
                  {"host", source.host},
                  {"port", source.port},
                  {"credentials", {{"username", source.username}, {"password", source.password}}},
                  {"settings", {{"replicationMode", "cdc"}, {"syncIntervalSeconds", 1}}},
                  {"tableMappings", json::array()}};
    for (const std::string& table : tables) mysql["tableMappings"].push_back(mapping(database, table));
    if (more.is_object()) mysql.merge_patch(more);
    return {{"name", name}, {"source", {{"mysql", mysql}}}, {"destination", {{"database", database}}}};
}

}  // namespace penstock::test
