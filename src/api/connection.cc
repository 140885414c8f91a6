#include "api/connection.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/error.h"

namespace penstock {

namespace {

constexpr size_t kMaxDrained = 16 << 20;

std::string tls_reason() {
    char text[256] = "no reason given";
    if (unsigned long code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    return text;
}

/// The address without the port; an IPv4 client of an IPv6 socket as IPv4.
std::string address_of(int fd, int (*name_of)(int, sockaddr*, socklen_t*), int& port) {
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    char host[NI_MAXHOST] = "", service[NI_MAXSERV] = "0";
    if (name_of(fd, reinterpret_cast<sockaddr*>(&name), &size) == 0) {
        ::getnameinfo(reinterpret_cast<sockaddr*>(&name), size, host, sizeof host, service, sizeof service,
                      NI_NUMERICHOST | NI_NUMERICSERV);
    }
    port = std::atoi(service);
    std::string text = host;
    return text.starts_with("::ffff:") ? text.substr(7) : text;
}

}  // namespace

TlsContext::TlsContext(const std::string& certificate, const std::string& key)
    : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
    auto refuse = [](const std::string& file) {
        throw Error(Disposition::kUsage, "TLS of the API", "cannot use " + file + ": " + tls_reason(),
                    "Give PEM files of a certificate chain and of its key");
    };
    if (context_ == nullptr) refuse("OpenSSL");
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
    SSL_CTX_set_mode(context_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_use_certificate_chain_file(context_.get(), certificate.c_str()) != 1) refuse(certificate);
    if (SSL_CTX_use_PrivateKey_file(context_.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) refuse(key);
}

Connection::Connection(FileDescriptor fd, const TlsContext* tls)
    : fd_(std::move(fd)), ssl_(tls == nullptr ? nullptr : SSL_new(tls->get()), SSL_free), waits_for_(POLLIN) {
    if (ssl_ != nullptr) SSL_set_fd(ssl_.get(), fd_.get());
}
Connection::~Connection() = default;

bool Connection::tls_waits(int result) {
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            waits_for_ = POLLIN;
            return true;
        case SSL_ERROR_WANT_WRITE:
            waits_for_ = POLLOUT;
            return true;
        default:
            return false;
    }
}

bool Connection::receive(size_t limit) {
    if (ssl_ != nullptr && !shaken_) {
        ERR_clear_error();
        int result = SSL_accept(ssl_.get());
        if (result != 1) return tls_waits(result);
        shaken_ = true;
    }
    char buffer[16 << 10];
    while (input_.size() < limit && !ended_) {
        size_t size = std::min(sizeof buffer, limit - input_.size());
        if (ssl_ == nullptr) {
            ssize_t n = ::recv(fd_.get(), buffer, size, 0);
            if (n > 0) input_.append(buffer, static_cast<size_t>(n));
            if (n == 0) ended_ = true;
            if (n >= 0 || errno == EINTR) continue;
            waits_for_ = POLLIN;
            return errno == EAGAIN;
        }
        ERR_clear_error();
        int n = SSL_read(ssl_.get(), buffer, static_cast<int>(size));
        if (n > 0) {
            input_.append(buffer, static_cast<size_t>(n));
        } else if (SSL_get_error(ssl_.get(), n) == SSL_ERROR_ZERO_RETURN) {
            ended_ = true;
        } else {
            return tls_waits(n);
        }
    }
    return true;
}

ssize_t Connection::read(char* data, size_t size) {
    size_t n = std::min(size, input_.size() - read_);
    std::memcpy(data, input_.data() + read_, n);
    read_ += n;
    return static_cast<ssize_t>(n);
}

ssize_t Connection::write(const char* data, size_t size) {
    output_.append(data, size);
    return static_cast<ssize_t>(size);
}

bool Connection::send() {
    while (!sent()) {
        const char* data = output_.data() + sent_;
        size_t size = output_.size() - sent_;
        if (ssl_ == nullptr) {
            ssize_t n = ::send(fd_.get(), data, size, MSG_NOSIGNAL);
            if (n >= 0) sent_ += static_cast<size_t>(n);
            if (n >= 0 || errno == EINTR) continue;
            waits_for_ = POLLOUT;
            return errno == EAGAIN;
        }
        ERR_clear_error();
        int n = SSL_write(ssl_.get(), data, static_cast<int>(std::min<size_t>(size, INT_MAX)));
        if (n <= 0) return tls_waits(n);
        sent_ += static_cast<size_t>(n);
    }
    return true;
}

void Connection::say_goodbye() {
    if (ssl_ != nullptr) SSL_shutdown(ssl_.get());
    ::shutdown(fd_.get(), SHUT_WR);
    waits_for_ = POLLIN;
}

bool Connection::drain() {
    char buffer[16 << 10];
    while (drained_ < kMaxDrained) {
        ssize_t n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
        if (n == 0) return true;
        if (n < 0 && errno != EINTR) return errno != EAGAIN;
        if (n > 0) drained_ += static_cast<size_t>(n);
    }
    return true;
}

std::string Connection::client() const {
    int port = 0;
    return address_of(fd_.get(), ::getpeername, port);
}
void Connection::get_remote_ip_and_port(std::string& ip, int& port) const {
    ip = address_of(fd_.get(), ::getpeername, port);
}
void Connection::get_local_ip_and_port(std::string& ip, int& port) const {
    ip = address_of(fd_.get(), ::getsockname, port);
}

}  // namespace penstock
