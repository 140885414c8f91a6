#pragma once
// Where a server is: URLs of ClickHouse, and addresses that are the same place.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock {

struct UrlParts {
    bool https = false;
    std::string host;
    uint16_t port = 0;
};

/// Nothing when it is not SCHEME://HOST[:PORT], a slash at its end allowed.
std::optional<UrlParts> split_url(std::string_view url);

/// What is wrong with the URL of a service ("http://host:8123", without user, path or query); empty when it
/// is a good one. Says nothing that may hold a password.
std::string problem_with_service_url(const std::string& url);

/// Services::place of a service with this URL; of one that is none, a place where no service is.
std::string place_of_url(const std::string& url);

/// A server's address, the same for all names of loopback: "localhost:3306". Unix sockets as they are.
std::string normalized_address(std::string host, uint16_t port);

}  // namespace penstock
