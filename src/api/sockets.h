#pragma once
// Listening sockets, and file descriptors that close themselves.

#include <chrono>
#include <string>
#include <utility>

#include <unistd.h>

namespace penstock {

class FileDescriptor {
  public:
    explicit FileDescriptor(int fd = -1) : fd_(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~FileDescriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }

  private:
    int fd_;
};

struct ListenSocket {
    FileDescriptor fd;    ///< does not block
    std::string address;  ///< how a client of this machine reaches it: "127.0.0.1:8125"
};

/// Binds and listens on "host:port", "[v6 address]:port", or, for every address, "*:port" or ":port"; port 0
/// takes a free one. Of a host with several addresses the first is taken. Throws Error(kUsage) that names
/// the address.
ListenSocket listen_on(const std::string& address);

/// The network of a client: an IPv4 address itself, of an IPv6 address the half that is not the client's to
/// choose (its first 64 bits).
std::string network_of(const std::string& address);

using Deadline = std::chrono::steady_clock::time_point;

}  // namespace penstock
