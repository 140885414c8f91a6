#pragma once
// An HTTP/1.1 server (TLS where it has a certificate) for short answers. One thread moves all bytes between
// sockets and memory and keeps the deadlines, so that no client, however slow, holds a worker; worker threads
// read requests from memory (with cpp-httplib) and answer them.
//
// A connection carries one request. Its headers (64 KiB with the request line) must arrive within 10 s. They
// are admitted or answered before any byte of the body is taken; the body has 30 s from there, the answer 30
// s to leave. Of 256 connections those that have not been admitted make room for new ones: the oldest one of
// the address that has most.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace penstock {

struct HttpRequest {
    std::string method;
    std::string path;  ///< percent-decoded, without the query and a slash at its end
    std::multimap<std::string, std::string> query;
    std::string authorization, content_type;  ///< of the headers; empty: not sent
    std::string body;                         ///< decompressed; empty when too_large
    bool too_large = false;
    std::string client;               ///< address without port
    std::shared_ptr<void> context{};  ///< of its admission
};

struct HttpAnswer {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string content_type, body;
};

/// Which threads answer a request: those of one lane wait for none of another.
enum class Lane {
    kProbe,    ///< of probe_paths
    kLook,     ///< reads; also admits requests
    kCommand,  ///< may wait for other commands
    kServers,  ///< may wait for servers that do not answer
};

/// What becomes of a request whose headers are here.
struct HttpAdmission {
    std::optional<HttpAnswer> answer{};  ///< of what is not admitted; its body is never read
    Lane lane = Lane::kLook;
    bool reads_body = true;
    std::shared_ptr<void> context{};  ///< goes into HttpRequest
};

struct HttpListenerOptions {
    std::vector<std::string> listen{};  ///< as in ApiServerOptions
    std::string tls_certificate{}, tls_key{};
    std::vector<std::string> probe_paths{};  ///< answered by threads of their own
    uint64_t max_body_bytes = 0;
    uint32_t worker_threads = 1;  ///< of each lane but the probes', which has 2
};

class HttpListener {
  public:
    /// Called by worker threads; must not throw. The request has no body yet.
    using Admit = std::function<HttpAdmission(const HttpRequest&)>;
    /// Called by worker threads for what was admitted; must not throw.
    using Handler = std::function<HttpAnswer(const HttpRequest&)>;
    /// The answer to what is no request of HTTP (400, 414, 416, 431...), and to one too many (503).
    using Refusal = std::function<HttpAnswer(int status)>;

    HttpListener(HttpListenerOptions options, Admit admit, Handler handler, Refusal refusal);
    ~HttpListener();  ///< stops it

    void start();  ///< as ApiServer::start
    void stop();   ///< as ApiServer::stop
    const std::vector<std::string>& urls() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace penstock
