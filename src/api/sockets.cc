#include "api/sockets.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <span>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"
#include "service/configuration.h"

namespace penstock {

namespace {

constexpr int kBacklog = 128;

[[noreturn]] void refuse(const std::string& address, const std::string& what, const std::string& hint = {}) {
    throw Error(Disposition::kUsage, "listen on " + address, what, hint);
}

/// The socket, or -1 with errno set.
int open_socket(const addrinfo& where, bool all_addresses) {
    int fd = ::socket(where.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    int on = 1, v6_only = all_addresses ? 0 : 1;
    // Connections of an earlier process that are still winding down do not stand in the way.
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (where.ai_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
    if (::bind(fd, where.ai_addr, where.ai_addrlen) == 0 && ::listen(fd, kBacklog) == 0) return fd;
    int error = errno;
    ::close(fd);
    errno = error;
    return -1;
}

std::string port_of(int fd) {
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    char port[NI_MAXSERV] = "";
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size);
    ::getnameinfo(reinterpret_cast<sockaddr*>(&name), size, nullptr, 0, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV);
    return port;
}

}  // namespace

ListenSocket listen_on(const std::string& address) {
    std::optional<ListenAddress> parsed = parse_listen_address(address);
    if (!parsed) {
        refuse(address, "is not an address",
               "Write HOST:PORT with a port from 0 to 65535, [ADDRESS]:PORT for IPv6");
    }
    const std::string& host = parsed->host;
    std::string port = std::to_string(parsed->port);
    bool all = host.empty();
    // One socket of IPv6 takes IPv4 connections too, where the machine has IPv6 at all.
    const std::array<const char*, 2> names{all ? "::" : host.c_str(), "0.0.0.0"};
    int error = 0;
    for (const char* name : std::span(names).first(all ? 2 : 1)) {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        hints.ai_flags = AI_PASSIVE;
        addrinfo* list = nullptr;
        if (int code = ::getaddrinfo(name, port.c_str(), &hints, &list); code != 0) {
            refuse(address, ::gai_strerror(code));
        }
        std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> found(list, ::freeaddrinfo);
        FileDescriptor fd(open_socket(*found, all));
        error = errno;
        if (fd.get() < 0) continue;
        std::string shown = all ? "127.0.0.1" : host.find(':') == std::string::npos ? host : "[" + host + "]";
        std::string at = shown + ":" + port_of(fd.get());
        return {std::move(fd), at};
    }
    refuse(address, std::strerror(error),
           error == EADDRINUSE ? "Stop what listens there, or choose another port" : "");
}

std::string network_of(const std::string& address) {
    in6_addr v6{};
    if (::inet_pton(AF_INET6, address.substr(0, address.find('%')).c_str(), &v6) != 1) return address;
    std::fill(v6.s6_addr + 8, v6.s6_addr + 16, uint8_t{0});
    char text[INET6_ADDRSTRLEN];
    return ::inet_ntop(AF_INET6, &v6, text, sizeof text);
}

}  // namespace penstock
