#pragma once
// A request that the API itself answers with an error.

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace penstock {

class ApiError : public std::runtime_error {
  public:
    using Headers = std::vector<std::pair<std::string, std::string>>;

    /// `status`: an HTTP status code (RFC 9110) from 400 on. The message never holds a secret.
    ApiError(int status, const std::string& message, Headers headers = {})
        : std::runtime_error(message), status_(status), headers_(std::move(headers)) {}
    int status() const { return status_; }
    const Headers& headers() const { return headers_; }

  private:
    int status_;
    Headers headers_;
};

}  // namespace penstock
