// What `penstock serve` says and leaves behind when it starts and ends.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include "support/subprocess.h"

namespace penstock::test {
namespace {

using nlohmann::json;

class ServeTest : public testing::Test {
  protected:
    std::vector<std::string> command(const std::vector<std::string>& flags) const {
        std::vector<std::string> words = {penstock_program(), "serve",    "--data-dir",
                                          data_dir_,          "--listen", "127.0.0.1:0"};
        words.insert(words.end(), flags.begin(), flags.end());
        return words;
    }
    /// Starts it with --output json and returns its line.
    json start(std::vector<std::string> flags = {}) {
        flags.insert(flags.end(), {"--output", "json"});
        running_ = std::make_unique<Background>(command(flags), log_file(++starts_));
        std::string text;
        size_t begin = text.npos, end = text.npos;
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (end == text.npos && std::chrono::steady_clock::now() < deadline && running_->running()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            text = "\n" + running_->output();
            begin = text.find("\n{\"");
            end = begin == text.npos ? begin : text.find('\n', begin + 1);
        }
        return end == text.npos ? json(text) : json::parse(text.substr(begin + 1, end - begin - 1));
    }
    int stop(int signal) {
        running_->signal(signal);
        return running_->wait();
    }
    std::string log_file(int n) const { return directory_.path() + "/log" + std::to_string(n); }
    /// The status of a request of the organizations with this key.
    static int look(const json& line, const std::string& id, const std::string& secret) {
        httplib::Client client(line.at("url").get<std::string>());
        client.set_basic_auth(id, secret);
        httplib::Result result = client.Get("/v1/organizations");
        return result ? result->status : 0;
    }

    TemporaryDirectory directory_;
    std::string data_dir_ = directory_.path() + "/data";
    std::unique_ptr<Background> running_;
    int starts_ = 0;
};

TEST_F(ServeTest, TheFirstStartShowsAKeyOnce) {
    const json first = start();
    ASSERT_TRUE(first.contains("keySecret")) << first;
    const std::string id = first["keyId"], secret = first["keySecret"];
    EXPECT_EQ(look(first, id, secret), 200);
    EXPECT_EQ(look(first, id, secret + "x"), 401);
    EXPECT_EQ(stop(SIGTERM), 0);

    const json second = start();
    EXPECT_FALSE(second.contains("keyId") || second.contains("keySecret")) << second;
    EXPECT_EQ(second["organizationId"], first["organizationId"]);
    EXPECT_EQ(second["serviceId"], first["serviceId"]);
    EXPECT_EQ(look(second, id, secret), 200);
    EXPECT_EQ(stop(SIGINT), 0);

    const json third = start({"--new-key"});
    ASSERT_TRUE(third.contains("keySecret")) << third;
    EXPECT_NE(third["keyId"], id);
    EXPECT_EQ(look(third, third["keyId"], third["keySecret"]), 200);
    EXPECT_EQ(look(third, id, secret), 200);
    EXPECT_EQ(stop(SIGTERM), 0);

    for (const auto& entry : std::filesystem::recursive_directory_iterator(data_dir_)) {
        if (!entry.is_regular_file()) continue;
        EXPECT_EQ(read_file(entry.path()).find(secret), std::string::npos) << entry.path();
    }
    EXPECT_EQ(read_file(log_file(2)).find(secret), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(data_dir_ + "/clickhouse"));  // no pipe has asked for it
}

TEST_F(ServeTest, TextTellsHowToGoOn) {
    Background text(command({}), log_file(0));
    std::string said;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (said.find("/clickpipes\n") == said.npos && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        said = text.output();
    }
    for (const char* words :
         {"Penstock is running.", "API           http://127.0.0.1:", "organization  ",
          "API key id: ", "API key secret: ", "export PENSTOCK_URL=", "penstock pipe create"}) {
        EXPECT_NE(said.find(words), said.npos) << words << " is not in:\n" << said;
    }
    text.signal(SIGTERM);
    EXPECT_EQ(text.wait(), 0);
}

TEST_F(ServeTest, WhatIsWrongIsOneLineAndNothingRuns) {
    auto refused = [&](const std::vector<std::string>& flags, const std::string& words) {
        Finished finished = run_program(command(flags));
        EXPECT_EQ(finished.exit_code, 2) << finished.err;
        EXPECT_TRUE(finished.err.starts_with("penstock: ")) << finished.err;
        EXPECT_EQ(finished.err.find('\n'), finished.err.size() - 1) << finished.err;
        EXPECT_NE(finished.err.find(words), std::string::npos) << finished.err;
        EXPECT_EQ(finished.out, "");
    };
    refused({"--log-level", "loud"},
            "--log-level: \"loud\" is not allowed; allowed: debug, info, warning, error");
    refused({"--listen", "0.0.0.0:0"}, "allow_plain_http");
    refused({"--config", data_dir_ + "/none.yaml"}, "none.yaml: cannot open the file");
    refused({"--tls-certificate", "/none", "--tls-key", "/none"}, "cannot use /none");
    const json line = start();
    ASSERT_TRUE(line.contains("url")) << line;
    refused({}, "another penstock runs on this data directory");
    EXPECT_EQ(stop(SIGTERM), 0);

    const json held = start();
    const std::string port = held["url"].get<std::string>().substr(std::string("http://").size());
    data_dir_ += "2";
    refused({"--listen", port}, "listen on " + port + ": Address already in use");
    EXPECT_EQ(stop(SIGTERM), 0);
}

}  // namespace
}  // namespace penstock::test
