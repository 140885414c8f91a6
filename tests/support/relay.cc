#include "support/relay.h"

#include <array>
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
            if (i == 0 && bytes.starts_with("POST ")) ++requests_;
            open = n > 0 && send_all(waiting[1 - i].fd, bytes);
        }
    }
    ::close(client);
    if (server >= 0) ::close(server);
}

}  // namespace penstock::test
