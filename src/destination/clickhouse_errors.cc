#include "destination/clickhouse_errors.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <curl/curl.h>
#include <fmt/format.h>

namespace penstock {

namespace {

constexpr size_t kMessageLimit = 400;  // bytes of a server's message that go into an error

// Errors that pass without a person. Numbers: errorCodeToName(n) of ClickHouse 26.7.
constexpr std::array kPassing = {
    95,   // CANNOT_READ_FROM_SOCKET
    96,   // CANNOT_WRITE_TO_SOCKET
    159,  // TIMEOUT_EXCEEDED
    160,  // TOO_SLOW
    173,  // CANNOT_ALLOCATE_MEMORY
    198,  // DNS_ERROR
    201,  // QUOTA_EXCEEDED: until its next interval
    202,  // TOO_MANY_SIMULTANEOUS_QUERIES
    203,  // NO_FREE_CONNECTION
    209,  // SOCKET_TIMEOUT
    210,  // NETWORK_ERROR
    216,  // QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING: sent again over a new connection, it met itself
    225,  // NO_ZOOKEEPER
    236,  // ABORTED
    241,  // MEMORY_LIMIT_EXCEEDED
    242,  // TABLE_IS_READ_ONLY: a replica that has lost Keeper for the moment
    243,  // NOT_ENOUGH_SPACE
    244,  // UNEXPECTED_ZOOKEEPER_ERROR
    252,  // TOO_MANY_PARTS
    254,  // NO_ACTIVE_REPLICAS
    265,  // NO_AVAILABLE_REPLICA
    279,  // ALL_CONNECTION_TRIES_FAILED
    285,  // TOO_FEW_LIVE_REPLICAS
    286,  // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
    289,  // REPLICA_IS_NOT_IN_QUORUM
    297,  // SHARD_HAS_NO_CONNECTIONS
    319,  // UNKNOWN_STATUS_OF_INSERT: the token decides when it is sent again
    341,  // UNFINISHED
    364,  // RECEIVED_ERROR_TOO_MANY_REQUESTS
    369,  // ALL_REPLICAS_ARE_STALE
    384,  // PART_IS_TEMPORARILY_LOCKED
    394,  // QUERY_WAS_CANCELLED
    416,  // REPLICA_STATUS_CHANGED
    425,  // SYSTEM_ERROR
    439,  // CANNOT_SCHEDULE_TASK
    473,  // DEADLOCK_AVOIDED
    499,  // S3_ERROR
    500,  // AZURE_BLOB_STORAGE_ERROR
    517,  // CANNOT_ASSIGN_ALTER
    574,  // DISTRIBUTED_TOO_MANY_PENDING_BYTES
    659,  // UNKNOWN_STATUS_OF_TRANSACTION
    677,  // THREAD_WAS_CANCELED
    692,  // TOO_MANY_MUTATIONS
    722,  // ASYNC_LOAD_WAIT_FAILED
    735,  // QUERY_WAS_CANCELLED_BY_CLIENT
    745,  // SERVER_OVERLOADED
    749,  // TCP_CONNECTION_LIMIT_REACHED
    762,  // HTTP_CONNECTION_LIMIT_REACHED
    777,  // MEMORY_RESERVATION_KILLED
    778,  // MEMORY_RESERVATION_FAILED
    999,  // KEEPER_EXCEPTION
};
static_assert(std::is_sorted(kPassing.begin(), kPassing.end()));

constexpr int kAuthenticationFailed = 516;
constexpr int kAccessDenied = 497;
constexpr int kTooManyParts = 252;

std::string_view hint_for(const ClickHouseFailure& failure) {
    switch (failure.code) {
        case 192:  // UNKNOWN_USER
        case 193:  // WRONG_PASSWORD
        case kAuthenticationFailed:
            return "Check the user and the password of the ClickHouse service";
        case kAccessDenied:
            return "Grant it to the user of the ClickHouse service";
        case kTooManyParts:
            return "Merges are behind; a longer sync interval makes fewer parts";
        default:
            return "";
    }
}

void erase_all(std::string& text, std::string_view what) {
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
        text.erase(at, what.size());
    }
}

}  // namespace

Disposition disposition_of(const ClickHouseFailure& failure) {
    if (failure.code != 0) {
        bool passing = std::binary_search(kPassing.begin(), kPassing.end(), failure.code);
        return passing ? Disposition::kRetry : Disposition::kFailPipe;
    }
    // Without a number the answer is a proxy's or a load balancer's.
    bool passing = failure.http_status >= 500 || failure.http_status == 408 || failure.http_status == 429;
    return passing ? Disposition::kRetry : Disposition::kFailPipe;
}

int exception_code(std::string_view text) {
    constexpr std::string_view kPrefix = "Code: ";
    if (!text.starts_with(kPrefix)) return 0;
    int code = 0;
    for (char c : text.substr(kPrefix.size(), 6)) {
        if (c < '0' || c > '9') break;
        code = code * 10 + (c - '0');
    }
    return code;
}

std::string short_message(std::string_view text) {
    std::string line(text.substr(0, text.find(", Stack trace")));
    if (int code = exception_code(line)) line.erase(0, fmt::format("Code: {}. ", code).size());
    erase_all(line, "DB::Exception: ");
    if (size_t version = line.rfind(" (version "); version != std::string::npos) line.erase(version);
    // Runs of white space become one space, so that a message of many lines is one.
    std::string out;
    for (char c : line) {
        bool space = std::isspace(static_cast<unsigned char>(c)) != 0 || c == '\0';
        if (!space) {
            out += c;
        } else if (!out.empty() && out.back() != ' ') {
            out += ' ';
        }
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    if (out.size() <= kMessageLimit) return out;
    size_t cut = kMessageLimit;
    while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xc0) == 0x80) --cut;
    // The name of the error ends the message and is worth keeping.
    size_t name = out.rfind(" (");
    std::string tail = name != std::string::npos && name > cut && out.back() == ')' ? out.substr(name) : "";
    return out.substr(0, cut) + "..." + tail;
}

ClickHouseRefusal refusal_of(const std::string& operation, const std::string& server,
                             const ClickHouseFailure& failure) {
    std::string words = short_message(failure.text);
    if (failure.code == 0) {
        words = words.empty() ? fmt::format("HTTP status {}", failure.http_status)
                              : fmt::format("HTTP status {}: {}", failure.http_status, words);
    }
    return ClickHouseRefusal(Error(disposition_of(failure), operation,
                                   fmt::format("ClickHouse at {} answered: {}", server, words),
                                   std::string(hint_for(failure))));
}

Error transport_error(const std::string& operation, const std::string& server, int curl_code,
                      std::string_view detail) {
    auto code = static_cast<CURLcode>(curl_code);
    std::string words(detail.empty() ? curl_easy_strerror(code) : detail);
    std::string message = fmt::format("no answer from ClickHouse at {}: {}", server, words);
    switch (code) {
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
            return {Disposition::kFailPipe, operation, std::move(message),
                    "Its certificate must be signed by the service's caCertificate, or without one by an "
                    "authority that "
                    "this system trusts"};
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_URL_MALFORMAT:
            return {Disposition::kUsage, operation, std::move(message),
                    "The URL must look like http://host:8123 or https://host:8443"};
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
            return {Disposition::kRetry, operation, std::move(message),
                    "Check that ClickHouse runs and that the URL names its HTTP port"};
        default:
            return {Disposition::kRetry, operation, std::move(message)};
    }
}

}  // namespace penstock
