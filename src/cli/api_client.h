#pragma once
// The API of `penstock serve` over HTTP or HTTPS, as the commands use it. HTTP: RFC 9110; Basic
// authentication: RFC 7617. An answer is {"status", "requestId", "result"} or {"status", "requestId",
// "error"}.

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace penstock {

/// Where the API is.
struct ApiAddress {
    bool tls = false;
    std::string host;  ///< an IPv6 address without its brackets
    uint16_t port = 0;
    std::string prefix;  ///< the path before "/v1": empty, or "/penstock"

    /// "http://127.0.0.1:8125", "https://host/penstock/v1/": a "/v1" at the end may be there or not. Throws
    /// Error(kUsage) when it is not such a URL, and when it holds a user or a password.
    static ApiAddress parse(std::string_view url);
    std::string text() const;  ///< without "/v1"
};

/// A refusal or failure that the API answered with. kUsage for 4xx (asking again would not help); kRetry for
/// 5xx and for a rate limit that did not end.
class ApiAnswerError : public Error {
  public:
    ApiAnswerError(int status, Disposition disposition, std::string operation, std::string message,
                   std::string hint = {})
        : Error(disposition, std::move(operation), std::move(message), std::move(hint)), status_(status) {}
    int status() const { return status_; }  ///< the HTTP status code

  private:
    int status_;
};

/// One connection, kept between requests. One thread.
class ApiClient {
  public:
    /// Members keep the order in which the API sent them.
    using json = nlohmann::ordered_json;

    struct Settings {
        ApiAddress address;
        std::string key_id;
        std::string key_secret;
        std::string ca_file;     ///< PEM; empty: the system's authorities
        std::stop_token stop{};  ///< ends the wait for a rate limit
    };

    explicit ApiClient(Settings settings);
    ~ApiClient();

    // `path` begins with "/v1/". Each returns "result", null when there is none. A 429 is waited out for as
    // long as X-RateLimit-Reset says, two minutes in all. Throws ApiAnswerError for an answer that is no
    // success, and Error(kRetry) when nothing answers.
    json get(const std::string& path);
    json post(const std::string& path, const json& body);
    json patch(const std::string& path, const json& body);
    json remove(const std::string& path);  ///< DELETE

  private:
    class Impl;
    json request(const char* method, const std::string& path, const json* body);

    std::unique_ptr<Impl> impl_;
};

/// The error that stands for an answer of `status`, 400 or more; `text` is what the API said, `request_id`
/// may be empty.
ApiAnswerError to_answer_error(int status, const std::string& text, const std::string& request_id);

/// The text as one segment of a path or value of a query (RFC 3986: all but unreserved characters escaped).
std::string percent_encoded(std::string_view text);

}  // namespace penstock
