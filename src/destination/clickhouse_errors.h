#pragma once
// What a failed request means: its disposition and its words.

#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace penstock {

/// The last word of a ClickHouse about a request.
struct ClickHouseFailure {
    int http_status = 0;
    int code = 0;           ///< X-ClickHouse-Exception-Code, or as in the text; 0 when neither is there
    std::string_view text;  ///< the body
};

/// kRetry for what passes by itself (overload, limits of the moment, Keeper and replicas, shutting down),
/// kFailPipe for everything else.
Disposition disposition_of(const ClickHouseFailure& failure);

/// The server's message in one short line, without "Code: ..", version and stack trace.
std::string short_message(std::string_view text);

/// The number in a text that begins like "Code: 60. DB::Exception: ..."; 0 when it does not.
int exception_code(std::string_view text);

/// ClickHouse answered, and would not do what it was asked for. Any disposition.
struct ClickHouseRefusal : Error {
    explicit ClickHouseRefusal(Error error) : Error(std::move(error)) {}
};

/// `server` is its URL, which holds no secret.
ClickHouseRefusal refusal_of(const std::string& operation, const std::string& server,
                             const ClickHouseFailure& failure);

/// A request that got no answer: `curl_code` is a CURLcode, `detail` libcurl's own words.
Error transport_error(const std::string& operation, const std::string& server, int curl_code,
                      std::string_view detail);

}  // namespace penstock
