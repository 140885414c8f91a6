#pragma once
// The API of the service over HTTP or HTTPS: paths, fields and answers as in src/api/openapi.json, which is
// served at /openapi.json. docs/api.md says how it is called.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "secrets/api_keys.h"
#include "service/pipe_manager.h"
#include "service/services.h"

namespace penstock {

struct ApiServerOptions {
    /// "host:port", "[::1]:port"; port 0 chooses a free one. An empty host or "*" is every address.
    std::vector<std::string> listen{"127.0.0.1:8125"};
    std::string tls_certificate{};  ///< PEM file, the chain included; empty: HTTP
    std::string tls_key{};          ///< PEM file; set exactly when tls_certificate is
    uint64_t max_body_bytes = 4 << 20;
    uint32_t requests_per_minute = 1200;       ///< of one key; 0: no limit
    uint32_t failed_sign_ins_per_minute = 20;  ///< from one address; 0: no limit
    uint32_t worker_threads = 16;              ///< of each lane: requests of a kind that are answered at once
};

/// Each connection carries one request. It is signed in from its headers, before its body is read. What only
/// looks, what commands a pipe and what reaches a server are answered by worker threads of their own, so that
/// a source that does not answer delays none of the others; /healthz and /readyz have theirs too.
class ApiServer {
  public:
    /// All outlive the server.
    ApiServer(ApiServerOptions options, Catalog& catalog, ApiKeys& keys, Services& services,
              PipeManager& pipes);
    ~ApiServer();  ///< stops it

    /// Listens when it returns. Throws Error(kUsage): an address that is taken or no address, a certificate
    /// or key that cannot be used; then nothing listens.
    void start();
    /// Takes no more requests and returns when those under way are answered. Does nothing the second time.
    void stop();
    /// Where it listens, after start(), in the order of options.listen: "http://127.0.0.1:8125".
    const std::vector<std::string>& urls() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace penstock
