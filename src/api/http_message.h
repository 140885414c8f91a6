#pragma once
// One request and its answer on a connection whose bytes are in memory; cpp-httplib reads and writes them.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "api/connection.h"
#include "api/http_listener.h"

namespace penstock {

/// How far a chunked body (RFC 9112, 7.1) has arrived.
class ChunkedBody {
  public:
    enum class State { kMore, kComplete, kTooLarge, kBad };

    ChunkedBody(size_t begin, uint64_t max_bytes) : at_(begin), left_(max_bytes) {}
    /// `input`: all that has arrived, from the first byte of the headers on.
    State scan(std::string_view input);

  private:
    size_t at_;      // where the first chunk begins that was not complete
    uint64_t left_;  // bytes that the body may still have
    bool last_ = false;
};

/// A client and its request, owned by one thread at a time.
struct HttpExchange {
    explicit HttpExchange(FileDescriptor fd, const TlsContext* tls) : connection(std::move(fd), tls) {}

    Connection connection;
    bool head_too_large = false;
    bool body_ended = false;  ///< no more of it comes, complete or not

    // Set when the headers have been read.
    bool admitted = false;
    HttpRequest request{};
    HttpAdmission admission{};
    bool has_body = false;
    size_t body_end = 0;  ///< of all input; where the body's length is known
    std::optional<ChunkedBody> chunks{};

    /// True: the body is here, or no more of it comes or is wanted.
    bool body_is_here(uint64_t max_body_bytes);
};

/// Any thread, each with an exchange of its own.
class HttpMessages {
  public:
    HttpMessages(uint64_t max_body_bytes, HttpListener::Admit admit, HttpListener::Handler handler,
                 HttpListener::Refusal refusal);
    ~HttpMessages();

    /// Reads the request from the connection's input and writes the answer to its output. False: it was
    /// admitted and waits for its body, or is for another lane than `lane`: call again from there.
    bool serve(HttpExchange& exchange, Lane lane);
    /// Answers by a refusal what has been admitted.
    void refuse(HttpExchange& exchange, int status);

    /// The headers' end in what has arrived: the position after it; npos: not here yet.
    static size_t head_end(std::string_view input);
    /// The path of a request line, as it was sent, without the query and a slash at its end; empty: none is
    /// here.
    static std::string_view path_of(std::string_view input);

  private:
    class Server;
    std::unique_ptr<Server> server_;
};

}  // namespace penstock
