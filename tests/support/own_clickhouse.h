#pragma once
// A ClickHouse for one test alone, which may lose power or be put back to an older state.

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "destination/clickhouse_client.h"
#include "embedded/engine.h"
#include "support/subprocess.h"
#include "support/wait_until.h"

namespace penstock::test {

class OwnClickHouse {
  public:
    OwnClickHouse() { start(); }
    ~OwnClickHouse() { stop(); }

    void start() {
        const std::string output = directory_.path() + "/output";
        write_file(output, "");
        process_ = std::make_unique<Background>(
            std::vector<std::string>{penstock_program(), "clickhouse", "--data-dir", data_dir(), "--output",
                                     "json"},
            output);
        while (process_->running() && read_file(output).find("\"http_port\"") == std::string::npos) {
        }
        const std::string text = read_file(output);
        const size_t begin = text.find('{');
        if (begin == std::string::npos) throw std::runtime_error("no ClickHouse: " + text);
        facts_ = nlohmann::json::parse(text.substr(begin, text.find('\n', begin) - begin));
    }
    /// In good order.
    void stop() {
        process_->signal(SIGTERM);
        process_->wait();
    }
    /// At once, without a word: nothing is written any more.
    void kill() {
        process_->signal(SIGSTOP);  // it would start the engine again
        ::kill(facts_["pid"].get<pid_t>(), SIGKILL);
        process_->signal(SIGKILL);
        process_->wait();
        if (!wait_until([&] { return !engine_is_held(data_dir()); }))
            throw std::runtime_error("the engine does not end");
    }

    ClickHouseEndpoint endpoint(const std::string& database = {}) const {
        ClickHouseEndpoint endpoint;
        endpoint.url = facts_["url"].get<std::string>();
        endpoint.user = facts_["user"].get<std::string>();
        endpoint.password = read_file(facts_["password_file"].get<std::string>());
        while (!endpoint.password.empty() && endpoint.password.back() == '\n') endpoint.password.pop_back();
        endpoint.database = database;
        return endpoint;
    }

    /// While it does not run: its data as they are go aside, or come back in place of what it has.
    void save() { copy(data_dir(), saved()); }
    void put_back() { copy(saved(), data_dir()); }

    std::string data_dir() const { return directory_.path() + "/data"; }

  private:
    std::string saved() const { return directory_.path() + "/saved"; }
    static void copy(const std::string& from, const std::string& to) {
        std::filesystem::remove_all(to);
        // Not copy(): parts are hard links and the directory of a database a symbolic one.
        if (run_program({"/bin/cp", "-a", from, to}).exit_code != 0) throw std::runtime_error("cp " + from);
    }

    TemporaryDirectory directory_;
    std::unique_ptr<Background> process_;
    nlohmann::json facts_;
};

/// The parts of a table, the newest first. `path` as system.tables has it (data_paths).
inline std::vector<std::filesystem::path> parts_by_age(const std::string& path) {
    std::map<long, std::filesystem::path> parts;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
        // PARTITION_MIN_MAX_LEVEL
        const std::string name = entry.path().filename();
        const size_t end = name.find_last_of('_');
        if (!entry.is_directory() || end == std::string::npos || name.starts_with("tmp")) continue;
        const size_t middle = name.find_last_of('_', end - 1);
        if (middle == std::string::npos) continue;
        parts[-std::strtol(name.c_str() + middle + 1, nullptr, 10)] = entry.path();
    }
    std::vector<std::filesystem::path> paths;
    for (const auto& [block, part] : parts) paths.push_back(part);
    return paths;
}

/// What a power cut takes from a table of a server that was killed: its newest `parts`.
inline void lose_newest_parts(const std::string& path, size_t parts) {
    const std::vector<std::filesystem::path> all = parts_by_age(path);
    for (size_t i = 0; i < std::min(parts, all.size()); ++i) std::filesystem::remove_all(all[i]);
}

}  // namespace penstock::test
