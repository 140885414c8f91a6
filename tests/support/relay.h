#pragma once
// Between a program and a server: passes every byte on, counts connections and requests.

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace penstock::test {

/// In front of an HTTP server, whose URL it is made for.
class Relay {
  public:
    explicit Relay(const std::string& url);
    ~Relay();
    Relay(const Relay&) = delete;

    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    /// POST requests so far. One begins only when the one before on its connection is answered.
    uint64_t requests() const { return requests_; }
    uint64_t connections() const { return accepted_; }  ///< so far, with those that have ended

  private:
    void pass_on(int client);

    std::string host_;
    std::string server_port_;
    int listener_ = -1;
    uint16_t port_ = 0;
    std::atomic<uint64_t> requests_{0}, accepted_{0};
    std::atomic<bool> ending_{false};
    std::vector<std::jthread> connections_;  // the accepting thread's
    std::jthread accepting_;
};

}  // namespace penstock::test
