#include "cli/api_client.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>
#include <httplib.h>

#include "base/backoff.h"
#include "cli/terminal.h"

namespace penstock {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr int kConnectSeconds = 10;
// Creating a pipe asks the source first, which may be slow to answer.
constexpr int kAnswerSeconds = 180;
constexpr double kLongestLimitSeconds = 120;

Error bad_url(std::string_view url, const char* what) {
    return Error(Disposition::kUsage, "--url", fmt::format("'{}' {}", url, what),
                 "Give a URL such as http://127.0.0.1:8125");
}

std::string reason_of(httplib::Error error) {
    switch (error) {
        case httplib::Error::Connection:
            return "no connection";
        case httplib::Error::ConnectionTimeout:
            return fmt::format("no connection within {} s", kConnectSeconds);
        case httplib::Error::Read:
            return fmt::format("the connection was closed, or there was no answer within {} s",
                               kAnswerSeconds);
        case httplib::Error::Write:
            return "the connection was closed";
        case httplib::Error::SSLConnection:
            return "no TLS connection (with http:// it may answer)";
        case httplib::Error::SSLLoadingCerts:
            return "the certificates of --ca-file cannot be read";
        case httplib::Error::SSLServerVerification:
            return "its certificate is not trusted";
        default:
            return httplib::to_string(error);
    }
}

Error unreachable(const ApiAddress& address, httplib::Error error) {
    const char* hint = "Start it with: penstock serve; or say where it is with --url or PENSTOCK_URL";
    if (error == httplib::Error::SSLServerVerification || error == httplib::Error::SSLLoadingCerts) {
        hint = "Give --ca-file the PEM file of the authority that signed it";
    }
    return Error(Disposition::kRetry, "reach the API",
                 fmt::format("{} does not answer: {}", address.text(), reason_of(error)), hint);
}

}  // namespace

ApiAddress ApiAddress::parse(std::string_view url) {
    ApiAddress address;
    std::string_view rest = url;
    if (rest.starts_with("http://")) {
        rest.remove_prefix(7);
    } else if (rest.starts_with("https://")) {
        rest.remove_prefix(8);
        address.tls = true;
    } else {
        throw bad_url(url, "does not begin with http:// or https://");
    }
    size_t slash = rest.find('/');
    std::string_view authority = rest.substr(0, slash);
    std::string_view path = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
    if (authority.find('@') != std::string_view::npos) {
        // The URL is not shown: it holds a secret.
        throw Error(Disposition::kUsage, "--url", "a URL must not hold a user or password",
                    "Set PENSTOCK_KEY_ID and PENSTOCK_KEY_SECRET instead");
    }
    if (url.find_first_of("?# \t\r\n") != std::string_view::npos) {
        throw bad_url(url, "has more than a host, a port and a path");
    }

    std::string_view port;
    if (authority.starts_with('[')) {
        size_t end = authority.find(']');
        if (end == std::string_view::npos) throw bad_url(url, "has no ']' after the address");
        address.host = authority.substr(1, end - 1);
        port = authority.substr(end + 1);
    } else {
        size_t colon = authority.find(':');
        address.host = authority.substr(0, colon);
        if (colon != std::string_view::npos) port = authority.substr(colon);
    }
    if (address.host.empty()) throw bad_url(url, "names no host");
    address.port = address.tls ? 443 : 80;
    if (!port.empty()) {
        const char* end = port.data() + port.size();
        auto [stop, problem] = std::from_chars(port.data() + 1, end, address.port);
        if (port[0] != ':' || problem != std::errc() || stop != end || address.port == 0) {
            throw bad_url(url, "has a port that is not a number from 1 to 65535");
        }
    }
    while (path.ends_with('/')) path.remove_suffix(1);
    if (path.ends_with("/v1")) path.remove_suffix(3);
    while (path.ends_with('/')) path.remove_suffix(1);
    address.prefix = path;
    return address;
}

std::string ApiAddress::text() const {
    const bool v6 = host.find(':') != std::string::npos;
    return fmt::format("{}://{}{}{}:{}{}", tls ? "https" : "http", v6 ? "[" : "", host, v6 ? "]" : "", port,
                       prefix);
}

ApiAnswerError to_answer_error(int status, const std::string& text, const std::string& request_id) {
    const std::string message = text.empty() ? fmt::format("HTTP status {}", status) : printable(text);
    switch (status) {
        case 401:
            return ApiAnswerError(status, Disposition::kUsage, "sign in", message,
                                  "Give a key that is in force: PENSTOCK_KEY_ID (or --key-id) and "
                                  "PENSTOCK_KEY_SECRET (or --key-secret-file)");
        case 403:
            return ApiAnswerError(status, Disposition::kUsage, "not allowed", message);
        case 404:
            return ApiAnswerError(status, Disposition::kUsage, "not found", message);
        case 409:
            return ApiAnswerError(status, Disposition::kUsage, "conflict", message);
        case 429:
            return ApiAnswerError(status, Disposition::kRetry, "too many requests", message,
                                  "Try again later");
        default:
            break;
    }
    if (status >= 500) {
        const std::string id = request_id.empty() ? "" : " (request " + printable(request_id) + ")";
        return ApiAnswerError(status, Disposition::kRetry, fmt::format("the service failed with {}", status),
                              message + id, "Its log says more");
    }
    return ApiAnswerError(status, Disposition::kUsage, "refused", message);
}

std::string percent_encoded(std::string_view text) {
    std::string out;
    for (char c : text) {
        const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                                c == '-' || c == '.' || c == '_' || c == '~';
        if (unreserved) {
            out += c;
        } else {
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

class ApiClient::Impl {
  public:
    explicit Impl(Settings given) : settings(std::move(given)) {
        const ApiAddress& address = settings.address;
        if (address.tls) {
            auto tls = std::make_unique<httplib::SSLClient>(address.host, address.port);
            if (!settings.ca_file.empty()) tls->set_ca_cert_path(settings.ca_file);
            http = std::move(tls);
        } else {
            http = std::make_unique<httplib::ClientImpl>(address.host, address.port);
        }
        http->set_basic_auth(settings.key_id, settings.key_secret);
        http->set_connection_timeout(kConnectSeconds);
        http->set_read_timeout(kAnswerSeconds);
        http->set_write_timeout(kAnswerSeconds);
        http->set_keep_alive(true);
        http->set_tcp_nodelay(true);
        http->set_url_encode(false);  // paths are encoded where they are made
    }

    httplib::Response send(const char* method, const std::string& path, const json* body) {
        httplib::Request request;
        request.method = method;
        request.path = settings.address.prefix + path;
        request.set_header("Accept", "application/json");
        request.set_header("User-Agent", "penstock/" PENSTOCK_VERSION);
        if (settings.address.host.find(':') != std::string::npos) {
            request.set_header("Host", fmt::format("[{}]:{}", settings.address.host, settings.address.port));
        }
        if (body != nullptr) {
            request.set_header("Content-Type", "application/json; charset=utf-8");
            request.body = body->dump(-1, ' ', false, json::error_handler_t::replace);
        }
        httplib::Result result = http->send(request);
        if (!result) throw unreachable(settings.address, result.error());
        return *result;
    }

    Settings settings;
    std::unique_ptr<httplib::ClientImpl> http;
};

ApiClient::ApiClient(Settings settings) : impl_(std::make_unique<Impl>(std::move(settings))) {}
ApiClient::~ApiClient() = default;

ApiClient::json ApiClient::get(const std::string& path) {
    return request("GET", path, nullptr);
}
ApiClient::json ApiClient::post(const std::string& path, const json& body) {
    return request("POST", path, &body);
}
ApiClient::json ApiClient::patch(const std::string& path, const json& body) {
    return request("PATCH", path, &body);
}
ApiClient::json ApiClient::remove(const std::string& path) {
    return request("DELETE", path, nullptr);
}

ApiClient::json ApiClient::request(const char* method, const std::string& path, const json* body) {
    double waited = 0;
    while (true) {
        const httplib::Response response = impl_->send(method, path, body);
        const json answer = json::parse(response.body, nullptr, /*allow_exceptions=*/false);
        auto member = [&](const char* name) {
            const bool there = answer.is_object() && answer.contains(name) && answer[name].is_string();
            return there ? answer[name].get<std::string>() : std::string();
        };
        if (response.status == 429) {
            const double asked = std::strtod(response.get_header_value("X-RateLimit-Reset").c_str(), nullptr);
            const double pause = std::isfinite(asked) ? std::clamp(asked, 0.1, kLongestLimitSeconds) : 1.0;
            waited += pause;
            if (waited <= kLongestLimitSeconds &&
                sleep_unless_stopped(impl_->settings.stop, milliseconds(std::lround(pause * 1000)))) {
                continue;
            }
        }
        const bool success = response.status >= 200 && response.status <= 299;
        // Something between here and there may answer these in its own words.
        const bool foreign = !answer.is_object() || (!success && !answer.contains("error"));
        if (!success && (!foreign || response.status == 429 || response.status >= 500)) {
            throw to_answer_error(response.status, member("error"), member("requestId"));
        }
        if (foreign) {
            throw Error(Disposition::kUsage, "read the answer",
                        fmt::format("{} answers (HTTP status {}), but not as Penstock's API does",
                                    impl_->settings.address.text(), response.status),
                        "Does --url name penstock serve?");
        }
        return answer.contains("result") ? answer["result"] : json();
    }
}

}  // namespace penstock
