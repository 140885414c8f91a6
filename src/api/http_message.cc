#include "api/http_message.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include <strings.h>

namespace penstock {

namespace {

constexpr size_t kMaxChunkLine = 1024;

/// Thrown through httplib, out of a request that goes on later.
struct Later {};

/// The request that a thread is at: httplib tells its handlers less than they need.
struct Current {
    HttpExchange& exchange;
    Lane lane;
};
thread_local Current* current = nullptr;

/// A path may end with a slash, as clients write collections: nothing behind this point sees it.
std::string_view without_last_slash(std::string_view path) {
    return path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
}

}  // namespace

ChunkedBody::State ChunkedBody::scan(std::string_view input) {
    while (true) {
        size_t line_end = input.find('\n', at_);
        if (line_end == input.npos) {
            return input.size() - std::min(at_, input.size()) > kMaxChunkLine ? State::kBad : State::kMore;
        }
        if (last_) return State::kComplete;  // the line after the last chunk is here
        uint64_t size = 0;
        auto [end, error] = std::from_chars(input.data() + at_, input.data() + line_end, size, 16);
        if (error != std::errc() || end == input.data() + at_) return State::kBad;
        if (size > left_) return State::kTooLarge;
        if (size == 0) {
            last_ = true;
            at_ = line_end + 1;
            continue;
        }
        size_t next = line_end + 1 + size + 2;  // the chunk ends with CR LF
        if (next > input.size()) return State::kMore;
        left_ -= size;
        at_ = next;
    }
}

bool HttpExchange::body_is_here(uint64_t max_body_bytes) {
    if (!has_body || request.too_large || body_ended || connection.ended()) return true;
    const std::string& input = connection.input();
    if (!chunks) return input.size() >= body_end;
    ChunkedBody::State state = chunks->scan(input);
    // Chunks may be tiny: what they are wrapped in counts too.
    bool swollen = input.size() > 2 * max_body_bytes + kMaxChunkLine * 64;
    request.too_large = state == ChunkedBody::State::kTooLarge || swollen;
    return request.too_large || state != ChunkedBody::State::kMore;
}

/// httplib as a reader and writer of messages on streams that are given to it.
class HttpMessages::Server : public httplib::Server {
  public:
    Server(uint64_t max_body_bytes, HttpListener::Admit admit, HttpListener::Handler handler,
           HttpListener::Refusal refusal)
        : max_body_bytes_(max_body_bytes),
          admit_(std::move(admit)),
          handler_(std::move(handler)),
          refusal_(std::move(refusal)) {
        auto with_body = [this](const httplib::Request&, httplib::Response& response,
                                const httplib::ContentReader& reader) {
            HttpExchange& exchange = current->exchange;
            put(read_body(exchange, reader) ? handler_(exchange.request) : refusal_(400), response);
        };
        Post("/", with_body);
        Put("/", with_body);
        Patch("/", with_body);
        Delete("/", with_body);
        set_pre_routing_handler([this](const httplib::Request&, httplib::Response& response) {
            HttpExchange& exchange = current->exchange;
            if (exchange.admission.answer) {
                put(*exchange.admission.answer, response);
            } else if (exchange.has_body) {
                return HandlerResponse::Unhandled;
            } else {
                put(handler_(exchange.request), response);
            }
            return HandlerResponse::Handled;
        });
        // httplib's own refusals have a status and nothing else.
        set_error_handler([this](const httplib::Request&, httplib::Response& response) {
            if (!response.body.empty()) return;
            if (response.status == 400 && has_other_method(current->exchange.connection.input()))
                response.status = 405;
            put(refusal_(current->exchange.head_too_large ? 431 : response.status), response);
        });
        set_exception_handler([this](const httplib::Request&, httplib::Response& response,
                                     std::exception_ptr) { put(refusal_(500), response); });
    }

    bool serve(HttpExchange& exchange, Lane lane) {
        Current now{exchange, lane};
        current = &now;
        exchange.connection.rewind();
        bool closed = false, answered = true;
        try {
            process_request(exchange.connection, true, closed,
                            [this](httplib::Request& head) { take_head(head); });
        } catch (const Later&) {
            answered = false;
        }
        current = nullptr;
        return answered;
    }

    void refuse(HttpExchange& exchange, int status) {
        exchange.admission.answer = refusal_(status);
        serve(exchange, exchange.admission.lane);
    }

  private:
    /// A request whose method httplib does not know, as QUERY: it calls the whole line malformed.
    static bool has_other_method(std::string_view input) {
        static constexpr std::string_view kKnown[] = {"GET",     "HEAD",    "POST",  "PUT",   "DELETE",
                                                      "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI"};
        const std::string_view line = input.substr(0, input.find("\r\n"));
        const std::string_view method = line.substr(0, line.find(' '));
        return !method.empty() && method.size() <= 32 && line.find(" HTTP/1.") != line.npos &&
               std::ranges::all_of(method, [](unsigned char c) { return std::isalpha(c) || c == '-'; }) &&
               std::ranges::find(kKnown, method) == std::end(kKnown);
    }

    void take_head(httplib::Request& head) {
        HttpExchange& exchange = current->exchange;
        if (!exchange.admitted) admit(head, exchange);
        // Routing is not httplib's: its patterns would see the one path that they know. Nor does it have to
        // ask the client for a body that is here already.
        head.path.assign(1, '/');
        head.ranges.clear();
        head.headers.erase("Expect");
        if (exchange.admission.answer) return;
        bool elsewhere = exchange.admission.lane != current->lane && current->lane != Lane::kProbe;
        if (elsewhere || !exchange.body_is_here(max_body_bytes_)) throw Later{};
    }

    void admit(const httplib::Request& head, HttpExchange& exchange) const {
        HttpRequest& request = exchange.request;
        request.method = head.method;
        request.path = without_last_slash(head.path);
        request.query = head.params;
        request.authorization = head.get_header_value("Authorization");
        request.content_type = head.get_header_value("Content-Type");
        request.client = head.remote_addr;
        exchange.admission = admit_(request);
        request.context = exchange.admission.context;
        exchange.admitted = true;
        if (exchange.admission.answer || !exchange.admission.reads_body || !can_have_body(head)) return;
        size_t begin = head_end(exchange.connection.input());
        if (begin == std::string_view::npos) return;  // the headers were read, so it is there
        if (head.has_header("Transfer-Encoding")) {
            if (::strcasecmp(head.get_header_value("Transfer-Encoding").c_str(), "chunked") != 0) {
                exchange.admission.answer = refusal_(400);
                return;
            }
            exchange.chunks.emplace(begin, max_body_bytes_);
        } else {
            uint64_t length = head.get_header_value<uint64_t>("Content-Length");
            request.too_large = length > max_body_bytes_;
            exchange.body_end = begin + (request.too_large ? 0 : length);
        }
        exchange.has_body = true;
        bool asks = ::strcasecmp(head.get_header_value("Expect").c_str(), "100-continue") == 0;
        if (asks && !exchange.body_is_here(max_body_bytes_)) {
            constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
            exchange.connection.write(kContinue.data(), kContinue.size());
        }
    }

    static bool can_have_body(const httplib::Request& head) {
        bool method = false;
        for (const char* one : {"POST", "PUT", "PATCH", "DELETE"}) method |= head.method == one;
        // Without a length there is no body. httplib reads forms in another way; the handler refuses the
        // type.
        return method && (head.has_header("Content-Length") || head.has_header("Transfer-Encoding")) &&
               !head.is_multipart_form_data();
    }

    /// False: it is malformed or did not come in time.
    bool read_body(HttpExchange& exchange, const httplib::ContentReader& reader) const {
        HttpRequest& request = exchange.request;
        if (request.too_large) return true;
        bool complete = reader([&](const char* data, size_t size) {
            request.too_large = size > max_body_bytes_ - request.body.size();
            if (!request.too_large) request.body.append(data, size);
            return !request.too_large;
        });
        if (request.too_large) request.body.clear();
        return complete || request.too_large;
    }

    static void put(const HttpAnswer& answer, httplib::Response& response) {
        response.status = answer.status;
        for (const auto& [name, value] : answer.headers) response.set_header(name, value);
        response.set_content(answer.body, answer.content_type);
    }

    const uint64_t max_body_bytes_;
    const HttpListener::Admit admit_;
    const HttpListener::Handler handler_;
    const HttpListener::Refusal refusal_;
};

HttpMessages::HttpMessages(uint64_t max_body_bytes, HttpListener::Admit admit, HttpListener::Handler handler,
                           HttpListener::Refusal refusal)
    : server_(std::make_unique<Server>(max_body_bytes, std::move(admit), std::move(handler),
                                       std::move(refusal))) {}
HttpMessages::~HttpMessages() = default;

bool HttpMessages::serve(HttpExchange& exchange, Lane lane) {
    return server_->serve(exchange, lane);
}
void HttpMessages::refuse(HttpExchange& exchange, int status) {
    server_->refuse(exchange, status);
}

size_t HttpMessages::head_end(std::string_view input) {
    size_t end = input.find("\n\r\n");
    return end == input.npos ? end : end + 3;
}

std::string_view HttpMessages::path_of(std::string_view input) {
    std::string_view line = input.substr(0, input.find('\r'));
    size_t begin = line.find(' ');
    if (begin == line.npos) return {};
    line.remove_prefix(begin + 1);
    return without_last_slash(line.substr(0, line.find_first_of(" ?")));
}

}  // namespace penstock
