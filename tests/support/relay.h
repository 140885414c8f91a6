#pragma once
// Between a program and a server: passes every byte on, counts connections and requests.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace penstock::test {

/// In front of an HTTP server, whose URL it is made for. Requests can be held back as a network may do it:
/// the bytes of one that has been sent arrive later, whatever has become of its sender.
class Relay {
  public:
    explicit Relay(const std::string& url);
    ~Relay();
    Relay(const Relay&) = delete;

    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    /// POST requests so far. One begins only when the one before on its connection is answered.
    uint64_t requests() const { return requests_; }
    uint64_t connections() const { return accepted_; }  ///< so far, with those that have ended

    /// From now on requests whose head holds `text` are held back; "": no more of them.
    void hold(const std::string& text);
    uint64_t held() const { return held_; }  ///< requests that are complete here and not let go
    /// Drops the requests that are held, as a network does whose cable is cut.
    void forget();
    /// Sends the requests that are held to the server, and returns their answers when all are there.
    std::vector<std::string> let_go();

  private:
    void pass_on(int client);
    bool is_to_be_held(std::string_view head);

    void keep(int client, std::string bytes);

    std::string host_;
    std::string server_port_;
    int listener_ = -1;
    uint16_t port_ = 0;
    std::atomic<uint64_t> requests_{0}, accepted_{0}, held_{0};
    std::mutex mutex_;
    std::string text_to_hold_;                // guarded by mutex_
    std::vector<std::string> held_requests_;  // the same
    std::atomic<bool> ending_{false};
    std::vector<std::jthread> connections_;  // the accepting thread's
    std::jthread accepting_;
};

}  // namespace penstock::test
