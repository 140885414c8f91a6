#pragma once
// One accepted connection, with TLS or without, and the stream that cpp-httplib reads and writes.

#include <memory>
#include <string>

#include <httplib.h>

#include "api/sockets.h"

namespace penstock {

/// The certificate and key of a server.
class TlsContext {
  public:
    /// PEM files. Throws Error(kUsage): missing, not PEM, not a pair.
    TlsContext(const std::string& certificate, const std::string& key);
    SSL_CTX* get() const { return context_.get(); }

  private:
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
};

/// Never blocks: one thread moves bytes between the socket and the buffers here; httplib reads and writes the
/// buffers. One thread at a time.
class Connection final : public httplib::Stream {
  public:
    /// `tls` null: none. The context outlives the connection. `fd` does not block.
    Connection(FileDescriptor fd, const TlsContext* tls);
    ~Connection() override;

    int fd() const { return fd_.get(); }
    /// POLLIN or POLLOUT: what the last receive() or send() waits for.
    short waits_for() const { return waits_for_; }
    /// Takes what has arrived until `limit` bytes are here in all. False: the connection is broken.
    bool receive(size_t limit);
    bool ended() const { return ended_; }  ///< the client sends no more
    const std::string& input() const { return input_; }
    /// What httplib reads begins at the first byte again.
    void rewind() { read_ = 0; }

    /// Sends what httplib has written. False: the connection is broken.
    bool send();
    bool sent() const { return sent_ == output_.size(); }
    /// After send(): no more comes from here. What the client still sends is then dropped by drain().
    void say_goodbye();
    /// True: the client has closed too, or has sent more than anyone should; the connection may be closed
    /// without the client losing what it has not read yet.
    bool drain();

    /// The client's address, without the port.
    std::string client() const;

    bool is_readable() const override { return true; }
    bool is_writable() const override { return true; }
    ssize_t read(char* data, size_t size) override;
    ssize_t write(const char* data, size_t size) override;
    void get_remote_ip_and_port(std::string& ip, int& port) const override;
    void get_local_ip_and_port(std::string& ip, int& port) const override;
    /// None: httplib would refuse numbers that select() cannot take.
    socket_t socket() const override { return -1; }

  private:
    /// True: an OpenSSL call that did not succeed waits for the socket.
    bool tls_waits(int result);

    FileDescriptor fd_;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
    bool shaken_ = false;  // hands, of TLS
    short waits_for_;
    bool ended_ = false;
    std::string input_, output_;
    size_t read_ = 0, sent_ = 0, drained_ = 0;
};

}  // namespace penstock
