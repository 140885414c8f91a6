#pragma once
// A real server for one test alone.

#include <cctype>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "support/servers.h"
#include "support/subprocess.h"

namespace penstock::test {

/// A server of its own, started with more arguments; ended with the test.
class OwnServer {
  public:
    OwnServer(std::string server, const std::vector<std::string>& arguments) : server_(std::move(server)) {
        std::vector<std::string> start = command("start");
        start.push_back("--");
        start.insert(start.end(), arguments.begin(), arguments.end());
        Finished finished = run_program(start);
        if (finished.exit_code != 0) throw std::runtime_error(finished.err);
    }
    ~OwnServer() { run_program(command("stop")); }

    /// Ends it and starts it again, with its data.
    void restart() { run("restart"); }
    /// The same with arguments besides those of its start, in the place of those of an earlier restart.
    void restart_with(const std::vector<std::string>& arguments) { run("restart", &arguments); }
    /// The same, and a copy of its data is kept.
    void save() { run("save"); }
    /// Ends it, puts the copy in the place of its data, and starts it again.
    void restore() { run("restore"); }

    /// Of the server's process.
    pid_t pid() const { return std::stoi(variable("PID")); }

    /// The endpoint of the shared server with this one's port and password.
    SourceEndpoint endpoint() const {
        SourceEndpoint endpoint = source_endpoint(server_);
        endpoint.port = static_cast<uint16_t>(std::stoi(variable("PORT")));
        endpoint.password = variable("PASSWORD");
        return endpoint;
    }

  private:
    void run(const std::string& verb, const std::vector<std::string>* arguments = nullptr) {
        std::vector<std::string> words = command(verb);
        if (arguments != nullptr) {
            words.push_back("--");
            words.insert(words.end(), arguments->begin(), arguments->end());
        }
        Finished finished = run_program(words);
        if (finished.exit_code != 0) throw std::runtime_error(finished.err);
    }
    std::vector<std::string> command(const std::string& verb) const {
        std::string name = server_;
        for (char& c : name) c = static_cast<char>(std::tolower(c));
        return {"/bin/bash",  PENSTOCK_SOURCE_DIR "/scripts/servers/servers.sh", verb, name, "--state",
                state_.path()};
    }
    std::string variable(const std::string& name) const {
        std::string facts = read_file(state_.path() + "/servers.env");
        std::string key = "PENSTOCK_TEST_" + server_ + "_" + name + "=";
        size_t at = facts.find(key);
        if (at == std::string::npos) throw std::runtime_error("no " + key + " in " + facts);
        at += key.size();
        return facts.substr(at, facts.find('\n', at) - at);
    }

    TemporaryDirectory state_;
    std::string server_;
};

}  // namespace penstock::test
