#include "api/api_server.h"

#include <chrono>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "api/api_error.h"
#include "api/http_listener.h"
#include "api/openapi.h"
#include "api/request_body.h"
#include "api/request_query.h"
#include "api/routes.h"
#include "api/schema_check.h"
#include "api/sign_in.h"

namespace penstock {

namespace {

using nlohmann::json;

constexpr const char* kJson = "application/json; charset=utf-8";

using Clock = std::chrono::steady_clock;

/// What is known of a request that is being answered.
struct Exchange {
    const Clock::time_point begin = Clock::now();
    std::string request_id = make_uuid();
    std::string key_id = "-";
    const Route* route = nullptr;
    const json* operation = nullptr;  // of the route
    mutable std::string error{};      // that is answered
    ApiCall call{};
};

HttpAnswer json_answer(int status, const json& body, ApiError::Headers headers = {}) {
    return {status, std::move(headers), kJson, body.dump(-1, ' ', false, json::error_handler_t::replace)};
}

HttpAnswer error_answer(const Exchange& exchange, int status, const std::string& message,
                        ApiError::Headers headers = {}) {
    exchange.error = message;
    return json_answer(status, {{"status", status}, {"requestId", exchange.request_id}, {"error", message}},
                       std::move(headers));
}

}  // namespace

class ApiServer::Impl {
  public:
    Impl(ApiServerOptions options, Catalog& catalog, ApiKeys& keys, Services& services, PipeManager& pipes)
        : options_(std::move(options)),
          parts_{catalog, keys, services, pipes},
          sign_in_(keys, options_.requests_per_minute, options_.failed_sign_ins_per_minute),
          listener_(
              {options_.listen,
               options_.tls_certificate,
               options_.tls_key,
               {"/healthz", "/readyz"},
               options_.max_body_bytes,
               options_.worker_threads},
              [this](const HttpRequest& head) { return admit(head); },
              [this](const HttpRequest& request) { return answer(request); },
              [this](int status) { return refusal(status); }) {}

    HttpListener& listener() { return listener_; }

    void check_options() const {
        if (options_.tls_certificate.empty() != options_.tls_key.empty()) {
            throw Error(Disposition::kUsage, "TLS of the API", "a certificate and its key go together",
                        "Give both files or none");
        }
    }

  private:
    /// Who sends it, and whether it may: all that can be said before the body is here.
    HttpAdmission admit(const HttpRequest& head) {
        auto exchange = std::make_shared<Exchange>();
        HttpAdmission admission;
        admission.context = exchange;
        admission.answer =
            answer_or_error(*exchange, [&] { return admitted_or_answer(head, *exchange, admission); });
        if (admission.answer) finish(*admission.answer, head, *exchange);
        return admission;
    }

    HttpAnswer answer(const HttpRequest& request) {
        Exchange& exchange = *std::static_pointer_cast<Exchange>(request.context);
        HttpAnswer result =
            *answer_or_error(exchange, [&] { return std::optional(dispatch(request, exchange)); });
        finish(result, request, exchange);
        return result;
    }

    void finish(HttpAnswer& answer, const HttpRequest& request, const Exchange& exchange) const {
        secure(answer);
        std::chrono::duration<double, std::milli> took = Clock::now() - exchange.begin;
        bool quiet = answer.status == 200 && is_read(request);
        spdlog::log(quiet ? spdlog::level::debug : spdlog::level::info,
                    "API: {} {} {} {:.1f} ms, request {}, key {}, from {}{}", request.method,
                    loggable(request.path), answer.status, took.count(), exchange.request_id, exchange.key_id,
                    request.client, exchange.error.empty() ? "" : ": " + loggable(exchange.error));
    }

    /// An answer to what is no request of HTTP.
    HttpAnswer refusal(int status) {
        Exchange exchange;
        spdlog::info("API: no request that could be read, {}, request {}", status, exchange.request_id);
        HttpAnswer result = error_answer(exchange, status,
                                         status == 414   ? "the path is too long"
                                         : status == 431 ? "the headers are too long"
                                         : status == 405 ? "the method is none that this API has"
                                         : status == 503 ? "too many requests wait already; try again"
                                         : status >= 500 ? "unexpected trouble"
                                                         : "this is no complete request of HTTP/1.1");
        if (status == 503) result.headers.emplace_back("Retry-After", "5");
        if (status == 405) result.headers.emplace_back("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE");
        secure(result);
        return result;
    }

    void secure(HttpAnswer& answer) const {
        for (auto [name, value] :
             {std::pair{"Cache-Control", "no-store"},
              {"X-Content-Type-Options", "nosniff"},
              {"X-Frame-Options", "DENY"},
              {"Referrer-Policy", "no-referrer"},
              {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"}}) {
            answer.headers.emplace_back(name, value);
        }
        if (!options_.tls_certificate.empty()) {
            answer.headers.emplace_back("Strict-Transport-Security", "max-age=31536000");
        }
    }

    static std::string loggable(const std::string& path) {
        std::string text = json(path.substr(0, 300)).dump(-1, ' ', true, json::error_handler_t::replace);
        return text.substr(1, text.size() - 2);
    }

    /// `action` returns an answer, or nothing.
    template <typename Action>
    static std::optional<HttpAnswer> answer_or_error(const Exchange& exchange, Action&& action) {
        try {
            return action();
        } catch (const ApiError& e) {
            return error_answer(exchange, e.status(), e.what(), e.headers());
        } catch (const RequestError& e) {
            std::string text = e.message() + (e.hint().empty() ? "" : ". " + e.hint());
            return error_answer(exchange, static_cast<int>(e.refusal()), text);
        } catch (const Error& e) {
            bool named_by_request = e.disposition() == Disposition::kUsage ||
                                    (exchange.route != nullptr && exchange.route->reaches_servers &&
                                     !e.operation().starts_with("catalog "));
            if (named_by_request) return error_answer(exchange, 400, e.what());
            return unexpected(exchange, e.what());
        } catch (const std::exception& e) {
            return unexpected(exchange, e.what());
        }
    }

    static HttpAnswer unexpected(const Exchange& exchange, const char* reason) {
        spdlog::error("API: request {}: {}", exchange.request_id, reason);
        bool not_ready = exchange.route != nullptr && exchange.route->path == "/readyz";
        return error_answer(
            exchange, not_ready ? 503 : 500,
            "unexpected trouble; the log of penstock has the reason under " + exchange.request_id);
    }

    std::optional<HttpAnswer> admitted_or_answer(const HttpRequest& head, Exchange& exchange,
                                                 HttpAdmission& admission) {
        if (head.path == "/openapi.json" && is_read(head)) {
            return HttpAnswer{200, {}, kJson, std::string(openapi_text())};
        }
        ApiCall& call = exchange.call;
        std::vector<const Route*> here = find_routes(head.path, call);
        bool open = !head.path.starts_with("/v1/") && head.path != "/v1";
        KeyRole role = KeyRole::kAdmin;
        if (!open) role = sign_in(head, exchange);
        call.signed_in = open ? "" : exchange.key_id;
        exchange.route = &route_for(head, here);
        exchange.operation = openapi_operation(exchange.route->path, exchange.route->method);
        if (!is_read(head) && role != KeyRole::kAdmin) {
            throw ApiError(403, "this key is a reader's: it may only use GET");
        }
        if (!call.organization_id.empty()) parts_.services.organization(call.organization_id);
        if (!call.service_id.empty()) parts_.services.require(call.service_id);
        call.query = checked_query(*exchange.operation, head.query);
        admission.reads_body = !open;
        admission.lane = is_read(head)                     ? Lane::kLook
                         : exchange.route->reaches_servers ? Lane::kServers
                                                           : Lane::kCommand;
        return std::nullopt;
    }

    HttpAnswer dispatch(const HttpRequest& request, Exchange& exchange) {
        exchange.call.body = checked_body(*exchange.operation, request);
        json body = {{"status", 200}, {"requestId", exchange.request_id}};
        json result = exchange.route->answer(parts_, exchange.call);
        if (!result.is_null()) body["result"] = std::move(result);
        return json_answer(200, body);
    }

    KeyRole sign_in(const HttpRequest& request, Exchange& exchange) {
        SignedIn who = sign_in_.sign_in(request.authorization, request.client);
        exchange.key_id = who.key_id;
        sign_in_.count_request(who.key_id);
        return who.role;
    }

    static bool is_read(const HttpRequest& request) {
        return request.method == "GET" || request.method == "HEAD";
    }

    static const Route& route_for(const HttpRequest& request, const std::vector<const Route*>& here) {
        if (here.empty()) throw ApiError(404, "there is no such path; /openapi.json lists them");
        std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
        std::string allowed;
        for (const Route* route : here) {
            if (route->method == method) return *route;
            allowed += (allowed.empty() ? "" : ", ") + std::string(route->method);
        }
        throw ApiError(405, request.method + " is not a method of this path; allowed: " + allowed,
                       {{"Allow", allowed}});
    }

    json checked_body(const json& operation, const HttpRequest& request) const {
        const json* schema = openapi_body_schema(operation);
        if (request.too_large) {
            throw ApiError(413, fmt::format("the body is larger than {} bytes", options_.max_body_bytes));
        }
        if (schema == nullptr) return json();
        if (!is_json_type(request.content_type)) {
            throw ApiError(415, "send the body as Content-Type: application/json");
        }
        json body = parse_body(request.body);
        std::string problems = schema_problems(openapi_document(), *schema, body, "the body");
        if (!problems.empty()) throw ApiError(400, problems);
        return body;
    }

    const ApiServerOptions options_;
    ApiParts parts_;
    SignIn sign_in_;
    HttpListener listener_;  // last: its threads use the others
};

ApiServer::ApiServer(ApiServerOptions options, Catalog& catalog, ApiKeys& keys, Services& services,
                     PipeManager& pipes)
    : impl_(std::make_unique<Impl>(std::move(options), catalog, keys, services, pipes)) {}
ApiServer::~ApiServer() = default;

void ApiServer::start() {
    impl_->check_options();
    impl_->listener().start();
}
void ApiServer::stop() {
    impl_->listener().stop();
}
const std::vector<std::string>& ApiServer::urls() const {
    return impl_->listener().urls();
}

}  // namespace penstock
