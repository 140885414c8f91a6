#include "support/relay.h"

#include <array>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace penstock::test {
namespace {

constexpr int kLookMs = 100;  // how soon an end of the relay is seen

bool send_all(int to, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
}

/// Whether `bytes`, which begin with a request's head, hold the whole request.
bool is_whole(std::string_view bytes) {
    const size_t end = bytes.find("\r\n\r\n");
    if (end == bytes.npos) return false;
    const std::string_view head = bytes.substr(0, end);
    std::string_view body = bytes.substr(end + 4);
    constexpr std::string_view kLength = "Content-Length: ";
    if (const size_t at = head.find(kLength); at != head.npos) {
        return body.size() >= std::strtoull(head.data() + at + kLength.size(), nullptr, 10);
    }
    while (true) {  // chunks: a size in hexadecimal, a line's end, the bytes, a line's end
        const size_t line = body.find("\r\n");
        if (line == body.npos) return false;
        const size_t size = std::strtoull(std::string(body.substr(0, line)).c_str(), nullptr, 16);
        if (body.size() < line + 2 + size + 2) return false;
        if (size == 0) return true;
        body.remove_prefix(line + 2 + size + 2);
    }
}

int connect_to(const std::string& host, const std::string& port) {
    addrinfo* found = nullptr;
    if (getaddrinfo(host.c_str(), port.c_str(), nullptr, &found) != 0) return -1;
    const int server = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool connected = ::connect(server, found->ai_addr, found->ai_addrlen) == 0;
    freeaddrinfo(found);
    if (connected) return server;
    ::close(server);
    return -1;
}

}  // namespace

Relay::Relay(const std::string& url) {
    const std::string rest = url.substr(url.find("://") + 3);
    host_ = rest.substr(0, rest.rfind(':'));
    server_port_ = rest.substr(rest.rfind(':') + 1);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        throw std::runtime_error("the relay has no port");
    }
    port_ = ntohs(address.sin_port);
    accepting_ = std::jthread([this] {
        while (!ending_) {
            pollfd waiting{listener_, POLLIN, 0};
            if (::poll(&waiting, 1, kLookMs) <= 0) continue;
            const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (client < 0) continue;
            ++accepted_;
            connections_.emplace_back([this, client] { pass_on(client); });
        }
    });
}

Relay::~Relay() {
    ending_ = true;
    accepting_.join();
    connections_.clear();
    ::close(listener_);
}

void Relay::pass_on(int client) {
    const int server = connect_to(host_, server_port_);
    const int yes = 1;  // else small pieces wait for one another
    for (int end : {client, server}) ::setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    std::array<char, 1 << 16> buffer{};
    bool open = server >= 0;
    while (open && !ending_) {
        std::array<pollfd, 2> waiting{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
        if (::poll(waiting.data(), waiting.size(), kLookMs) <= 0) continue;
        for (size_t i = 0; open && i < waiting.size(); ++i) {
            if (waiting[i].revents == 0) continue;
            const ssize_t n = ::recv(waiting[i].fd, buffer.data(), buffer.size(), 0);
            const std::string_view bytes(buffer.data(), n > 0 ? static_cast<size_t>(n) : 0);
            if (i == 0 && bytes.starts_with("POST ")) {
                ++requests_;
                if (is_to_be_held(bytes)) {
                    keep(client, std::string(bytes));
                    open = false;
                    break;
                }
            }
            open = n > 0 && send_all(waiting[1 - i].fd, bytes);
        }
    }
    ::close(client);
    if (server >= 0) ::close(server);
}

void Relay::hold(const std::string& text) {
    std::lock_guard lock(mutex_);
    text_to_hold_ = text;
}

bool Relay::is_to_be_held(std::string_view head) {
    std::lock_guard lock(mutex_);
    return !text_to_hold_.empty() && head.substr(0, head.find("\r\n\r\n")).find(text_to_hold_) != head.npos;
}

/// Until its sender has gone. What is not whole then is dropped, as the server would do.
void Relay::keep(int client, std::string bytes) {
    std::array<char, 1 << 16> buffer{};
    bool whole = false;
    while (!ending_) {
        if (!whole && is_whole(bytes)) {
            whole = true;
            std::lock_guard lock(mutex_);
            held_requests_.push_back(bytes);
            ++held_;
        }
        pollfd waiting{client, POLLIN, 0};
        if (::poll(&waiting, 1, kLookMs) <= 0) continue;
        const ssize_t n = ::recv(client, buffer.data(), buffer.size(), 0);
        if (n <= 0) return;
        if (!whole) bytes.append(buffer.data(), static_cast<size_t>(n));
    }
}

void Relay::forget() {
    std::lock_guard lock(mutex_);
    held_requests_.clear();
    held_ = 0;
}

std::vector<std::string> Relay::let_go() {
    std::vector<std::string> requests, answers;
    {
        std::lock_guard lock(mutex_);
        requests.swap(held_requests_);
        held_ = 0;
    }
    for (const std::string& request : requests) {
        const int server = connect_to(host_, server_port_);
        std::string answer;
        std::array<char, 1 << 12> buffer{};
        if (server >= 0 && send_all(server, request)) {
            // The server answers when the statement has ended.
            for (ssize_t n; answer.find("\r\n\r\n") == answer.npos &&
                            (n = ::recv(server, buffer.data(), buffer.size(), 0)) > 0;) {
                answer.append(buffer.data(), static_cast<size_t>(n));
            }
        }
        if (server >= 0) ::close(server);
        answers.push_back(std::move(answer));
    }
    return answers;
}

}  // namespace penstock::test
