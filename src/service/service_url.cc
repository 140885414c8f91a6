#include "service/service_url.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <arpa/inet.h>

namespace penstock {

std::optional<UrlParts> split_url(std::string_view url) {
    UrlParts parts;
    if (url.starts_with("https://")) {
        parts.https = true;
    } else if (!url.starts_with("http://")) {
        return std::nullopt;
    }
    url.remove_prefix(url.find("//") + 2);
    if (url.ends_with('/')) url.remove_suffix(1);
    if (url.find_first_of("/?#@ \t\r\n\\") != url.npos) return std::nullopt;
    size_t end = url.starts_with('[') ? url.find(']') + 1 : url.find(':');
    std::string_view port = end < url.size() ? url.substr(end) : std::string_view();
    parts.host = url.substr(0, end);
    if (parts.host.empty() || (parts.host.front() == '[' && parts.host.size() < 4)) return std::nullopt;
    parts.port = parts.https ? 443 : 80;
    if (port.empty()) return parts;
    auto [last, error] = std::from_chars(port.data() + 1, port.data() + port.size(), parts.port);
    bool whole = port.front() == ':' && error == std::errc() && last == port.data() + port.size();
    return whole && parts.port != 0 ? std::optional(parts) : std::nullopt;
}

std::string normalized_address(std::string host, uint16_t port) {
    if (host.starts_with('/')) return host;
    std::transform(host.begin(), host.end(), host.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    in_addr v4{};
    const bool loopback = ::inet_pton(AF_INET, host.c_str(), &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
    if (loopback || host == "::1") host = "localhost";
    return host + ":" + std::to_string(port);
}

std::string problem_with_service_url(const std::string& url) {
    if (split_url(url)) return "";
    return "is not the URL of a ClickHouse; allowed: http://HOST[:PORT] or https://HOST[:PORT], without "
           "user, "
           "path or parameters";
}

std::string place_of_url(const std::string& url) {
    const UrlParts parts = split_url(url).value_or(UrlParts{});
    return normalized_address(parts.host, parts.port);
}

}  // namespace penstock
