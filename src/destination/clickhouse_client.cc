#include "destination/clickhouse_client.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <random>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/byte_buffer.h"
#include "base/error.h"
#include "destination/clickhouse_errors.h"
#include "destination/quoting.h"

namespace penstock {

bool is_loopback(std::string_view url) {
    std::string_view host = url.substr(url.find("://") + 3);
    host = host.substr(0, host.find_first_of(host.starts_with('[') ? "]/" : ":/"));
    const bool v4 = host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos;
    return v4 || host == "[::1" || host == "localhost";
}

namespace {

using Clock = std::chrono::steady_clock;

constexpr long kConnectSeconds = 10;
// Nothing moved in either direction: longer than any statement of ours takes, short enough to notice a
// server that was stopped without closing its connections.
constexpr std::chrono::seconds kStallLimit{900};
// A streamed answer is passed on this far behind: an exception that ends it (at most 16 KiB) is seen first.
constexpr size_t kHoldBack = size_t{32} << 10;
constexpr size_t kErrorTextLimit = size_t{16} << 10;

void initialize_curl() {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
    return text;
}

/// The value of `name` in a header line, when the line is that header.
std::optional<std::string_view> header_value(std::string_view line, std::string_view name) {
    if (line.size() <= name.size() || line[name.size()] != ':') return std::nullopt;
    auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
    for (size_t i = 0; i < name.size(); ++i) {
        if (lower(line[i]) != lower(name[i])) return std::nullopt;
    }
    return trimmed(line.substr(name.size() + 1));
}

/// The number after "written_rows":" in X-ClickHouse-Summary.
std::optional<uint64_t> written_rows(std::string_view summary) {
    constexpr std::string_view kField = "\"written_rows\":\"";
    size_t at = summary.find(kField);
    if (at == std::string_view::npos) return std::nullopt;
    return std::strtoull(std::string(summary.substr(at + kField.size(), 20)).c_str(), nullptr, 10);
}

/// Where an exception begins that ended a streamed answer, or npos.
size_t find_exception(std::string_view tail, std::string_view tag) {
    if (!tag.empty()) return tail.rfind(fmt::format("__exception__\r\n{}", tag));
    // Older servers send no tag: their text is the very end of the answer.
    std::string_view end = trimmed(tail);
    size_t at = end.rfind("Code: ");
    if (at == std::string_view::npos || !end.ends_with(')')) return std::string_view::npos;
    std::string_view text = end.substr(at);
    bool exception = text.find(". DB::Exception: ") != std::string_view::npos &&
                     text.find("(version ") != std::string_view::npos;
    return exception ? at : std::string_view::npos;
}

bool has_control_character(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

/// One request and what came back. Filled from libcurl's callbacks, which must not throw.
struct ClickHouseClient::Transfer {
    std::string operation;
    std::string path;  ///< query string, escaped
    ByteSpan body;
    std::string_view content_encoding;
    const TakeBytes* take = nullptr;                  ///< null: the answer is kept in `answer`
    const std::function<ByteSpan()>* next = nullptr;  ///< null: `body` is all there is to send
    ByteSpan unsent;                                  ///< of what `next` gave last
    bool ended = false;                               ///< `next` has no more

    std::stop_token abort;
    long status = 0;
    int exception_code = 0;
    std::string exception_tag;
    std::string summary;
    ByteBuffer answer;  ///< the whole answer, an error's text, or a streamed answer's last bytes
    std::exception_ptr thrown;
    curl_off_t moved = 0;
    Clock::time_point moved_at = Clock::now();
    bool stalled = false;

    bool failed() const { return status >= 400 || exception_code != 0; }

    void header(std::string_view line) {
        if (line.starts_with("HTTP/")) {  // a new answer: forget an interim one
            size_t space = line.find(' ');
            status = space == std::string_view::npos ? 0 : std::atol(std::string(line.substr(space)).c_str());
            exception_code = 0;
        } else if (auto code = header_value(line, "X-ClickHouse-Exception-Code")) {
            exception_code = std::atoi(std::string(*code).c_str());
        } else if (auto tag = header_value(line, "X-ClickHouse-Exception-Tag")) {
            exception_tag = *tag;
        } else if (auto sent = header_value(line, "X-ClickHouse-Summary")) {
            summary = *sent;
        }
    }

    void receive(ByteSpan bytes) {
        if (failed()) {
            size_t room = kErrorTextLimit - std::min(kErrorTextLimit, answer.size());
            answer.append(bytes.first(std::min(room, bytes.size())));
            return;
        }
        answer.append(bytes);
        if (take == nullptr || answer.size() < 4 * kHoldBack) return;
        pass_on(answer.size() - kHoldBack);
    }

    void pass_on(size_t size) {
        if (size == 0) return;
        (*take)(answer.span().first(size));
        size_t kept = answer.size() - size;
        std::memmove(answer.data(), answer.data() + size, kept);
        answer.truncate(kept);
    }

    static size_t on_header(char* data, size_t size, size_t count, void* self) {
        try {
            static_cast<Transfer*>(self)->header({data, size * count});
            return size * count;
        } catch (...) {
            static_cast<Transfer*>(self)->thrown = std::current_exception();
            return 0;
        }
    }
    static size_t on_body(char* data, size_t size, size_t count, void* self) {
        try {
            static_cast<Transfer*>(self)->receive(as_bytes({data, size * count}));
            return size * count;
        } catch (...) {
            static_cast<Transfer*>(self)->thrown = std::current_exception();
            return 0;
        }
    }
    static size_t on_upload(char* room, size_t size, size_t count, void* self) {
        auto* transfer = static_cast<Transfer*>(self);
        try {
            // Filled up: each call becomes one HTTP chunk.
            size_t sent = 0;
            while (sent < size * count && !transfer->ended) {
                if (transfer->unsent.empty()) {
                    transfer->unsent = (*transfer->next)();
                    transfer->ended = transfer->unsent.empty();
                    continue;
                }
                const size_t piece = std::min(size * count - sent, transfer->unsent.size());
                std::memcpy(room + sent, transfer->unsent.data(), piece);
                transfer->unsent = transfer->unsent.subspan(piece);
                sent += piece;
            }
            return sent;
        } catch (...) {
            transfer->thrown = std::current_exception();
            return CURL_READFUNC_ABORT;
        }
    }
    static int on_progress(void* self, curl_off_t, curl_off_t down, curl_off_t, curl_off_t up) {
        auto* transfer = static_cast<Transfer*>(self);
        if (transfer->abort.stop_requested()) return 1;
        if (down + up != transfer->moved) {
            transfer->moved = down + up;
            transfer->moved_at = Clock::now();
        } else if (Clock::now() - transfer->moved_at > kStallLimit) {
            transfer->stalled = true;
            return 1;
        }
        return 0;
    }
};

struct ClickHouseClient::Handle {
    CURL* curl = nullptr;
    curl_slist* headers = nullptr;

    ~Handle() {
        curl_slist_free_all(headers);
        curl_easy_cleanup(curl);
    }
    void add_header(const std::string& line) {
        curl_slist* longer = curl_slist_append(headers, line.c_str());
        if (longer == nullptr) throw std::bad_alloc();
        headers = longer;
    }
};

namespace {

/// Checks the endpoint's URL; returns it without a trailing slash. Its text is in no error: it may hold a
/// password by mistake.
std::string checked_url(const ClickHouseEndpoint& endpoint) {
    auto refuse = [](const char* message, const char* hint) {
        throw Error(Disposition::kUsage, "connect to ClickHouse", message, hint);
    };
    CURLU* parts = curl_url();
    CURLUcode code = curl_url_set(parts, CURLUPART_URL, endpoint.url.c_str(), 0);
    char* text = nullptr;
    auto has = [&](CURLUPart part) {
        bool there = curl_url_get(parts, part, &text, 0) == CURLUE_OK;
        if (there) curl_free(text);
        return there;
    };
    bool web = endpoint.url.starts_with("http://") || endpoint.url.starts_with("https://");
    bool secret = code == CURLUE_OK && (has(CURLUPART_USER) || has(CURLUPART_PASSWORD));
    bool extra = code == CURLUE_OK && (has(CURLUPART_QUERY) || has(CURLUPART_FRAGMENT));
    curl_url_cleanup(parts);
    if (code != CURLUE_OK || !web) {
        refuse("the URL of the ClickHouse service is not valid", "It must look like http://host:8123");
    }
    if (secret) refuse("the URL holds a user or a password", "Give them as the user and the password");
    if (extra) refuse("the URL holds a query or a fragment", "Give scheme, host and port only");
    if (has_control_character(endpoint.user) || has_control_character(endpoint.password)) {
        refuse("the user or the password holds a control character", "HTTP cannot carry it");
    }
    std::string url = endpoint.url;
    while (url.ends_with('/')) url.pop_back();
    return url;
}

void add_parameter(std::string& path, std::string_view name, std::string_view value) {
    path += path.empty() ? '?' : '&';
    path += name;
    path += '=';
    constexpr char kHex[] = "0123456789ABCDEF";
    for (char c : value) {
        auto byte = static_cast<unsigned char>(c);
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
                     c == '-' || c == '.' || c == '~';
        if (plain) {
            path += c;
        } else {
            path += {'%', kHex[byte >> 4], kHex[byte & 15]};
        }
    }
}

/// Never given before, by this process or by another one: ClickHouse refuses an id that is in use.
std::string unique_suffix() {
    static const std::string process = [] {
        std::random_device random;
        return fmt::format("{:08x}{:08x}", random(), random());
    }();
    static std::atomic<uint64_t> count{0};
    return fmt::format("{}-{}", process, ++count);
}

std::string request_path(const ClickHouseEndpoint& endpoint, const ClickHouseParameters& parameters) {
    std::string path;
    if (!endpoint.database.empty()) add_parameter(path, "database", endpoint.database);
    for (const auto& [name, value] : parameters) add_parameter(path, name, value);
    if (!endpoint.query_id_prefix.empty()) {
        add_parameter(path, "query_id", endpoint.query_id_prefix + unique_suffix());
    }
    return path;
}

}  // namespace

ClickHouseClient::ClickHouseClient(ClickHouseEndpoint endpoint, std::stop_token abort)
    : endpoint_(std::move(endpoint)), abort_(std::move(abort)), handle_(std::make_unique<Handle>()) {
    initialize_curl();
    endpoint_.url = checked_url(endpoint_);
    handle_->curl = curl_easy_init();
    if (handle_->curl == nullptr) throw std::bad_alloc();
    handle_->add_header("Expect:");  // the body goes out at once
    handle_->add_header("Content-Type: application/octet-stream");
    if (!endpoint_.user.empty()) handle_->add_header("X-ClickHouse-User: " + endpoint_.user);
    if (!endpoint_.password.empty()) handle_->add_header("X-ClickHouse-Key: " + endpoint_.password);
    CURL* curl = handle_->curl;
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, 30L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, 10L);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L << 10);
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 1L << 20);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, Transfer::on_header);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Transfer::on_body);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, Transfer::on_upload);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, Transfer::on_progress);
    if (!endpoint_.ca_certificate.empty()) {
        curl_blob authorities{endpoint_.ca_certificate.data(), endpoint_.ca_certificate.size(),
                              CURL_BLOB_COPY};
        curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &authorities);
    }
    if (is_loopback(endpoint_.url)) curl_easy_setopt(curl, CURLOPT_PROXY, "");
}

ClickHouseClient::~ClickHouseClient() = default;
ClickHouseClient::ClickHouseClient(ClickHouseClient&&) noexcept = default;
ClickHouseClient& ClickHouseClient::operator=(ClickHouseClient&&) noexcept = default;

void ClickHouseClient::perform(Transfer& transfer) {
    CURL* curl = handle_->curl;
    std::string url = endpoint_.url + "/" + transfer.path;
    char detail[CURL_ERROR_SIZE] = "";
    curl_slist* headers = handle_->headers;
    curl_slist encoding_header{}, chunked_header{};  // in front of the constant ones, for this request only
    std::string encoding = fmt::format("Content-Encoding: {}", transfer.content_encoding);
    if (!transfer.content_encoding.empty()) {
        encoding_header = {encoding.data(), headers};
        headers = &encoding_header;
    }
    std::string chunked = "Transfer-Encoding: chunked";
    if (transfer.next != nullptr) {
        chunked_header = {chunked.data(), headers};
        headers = &chunked_header;
    }
    transfer.abort = abort_;
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    if (transfer.next != nullptr) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, nullptr);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t{-1});
        curl_easy_setopt(curl, CURLOPT_READDATA, &transfer);
    } else {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, transfer.body.data());
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer.body.size()));
    }
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    denied_ = false;
    CURLcode code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
    if (transfer.thrown) std::rethrow_exception(transfer.thrown);

    std::string_view text = as_text(transfer.answer.span());
    if (transfer.failed()) {
        int number = transfer.exception_code != 0 ? transfer.exception_code : exception_code(text);
        constexpr int kAccessDenied = 497;
        denied_ = number == kAccessDenied;
        throw refusal_of(transfer.operation, endpoint_.url,
                         {static_cast<int>(transfer.status), number, text});
    }
    // An answer that began well may end in an exception.
    size_t at = transfer.take == nullptr ? text.npos : find_exception(text, transfer.exception_tag);
    if (at != text.npos) {
        std::string_view exception = text.substr(at);
        if (size_t begin = exception.find("Code: "); begin != std::string_view::npos) {
            exception.remove_prefix(begin);
        }
        exception = exception.substr(0, exception.rfind("\n__exception__"));
        throw refusal_of(transfer.operation, endpoint_.url,
                         {static_cast<int>(transfer.status), exception_code(exception), exception});
    }
    if (code == CURLE_OK) return;
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        throw Error(Disposition::kRetry, transfer.operation,
                    transfer.stalled ? fmt::format("no byte to or from ClickHouse at {} for {} s",
                                                   endpoint_.url, kStallLimit.count())
                                     : "stopped");
    }
    throw transport_error(transfer.operation, endpoint_.url, code, detail);
}

std::string ClickHouseClient::query(std::string_view sql, const ClickHouseParameters& parameters) {
    Transfer transfer;
    transfer.operation = "ask ClickHouse";
    transfer.path = request_path(endpoint_, parameters);
    add_parameter(transfer.path, "wait_end_of_query", "1");
    transfer.body = as_bytes(sql);
    perform(transfer);
    std::string answer(as_text(transfer.answer.span()));
    if (answer.ends_with('\n')) answer.pop_back();
    return answer;
}

void ClickHouseClient::query_stream(std::string_view sql, const ClickHouseParameters& parameters,
                                    const TakeBytes& take) {
    Transfer transfer;
    transfer.operation = "read from ClickHouse";
    transfer.path = request_path(endpoint_, parameters);
    transfer.body = as_bytes(sql);
    transfer.take = &take;
    perform(transfer);
    transfer.pass_on(transfer.answer.size());
}

namespace {

ClickHouseParameters insert_parameters(const ClickHouseEndpoint& endpoint, const std::string& target,
                                       const std::vector<std::string>& columns) {
    ClickHouseParameters parameters = {
        {"query",
         fmt::format("INSERT INTO {} ({}) FORMAT Native", target, quote_target_identifiers(columns))},
        {"wait_end_of_query", "1"},
        // Rows are in a part, not in a queue, when the answer comes.
        {"async_insert", "0"},
        // A column that the target does not have, one of another type, or a NULL where none fits, is an
        // error, not a guess. (LowCardinality more or less is taken nevertheless.)
        {"input_format_native_allow_types_conversion", "0"},
        {"input_format_skip_unknown_fields", "0"},
        {"input_format_null_as_default", "0"},
        // The rows arrive together whatever the target's own PARTITION BY makes of them.
        {"throw_on_max_partitions_per_insert_block", "0"},
    };
    for (const auto& chosen : endpoint.insert_settings) {
        const bool ours = std::any_of(parameters.begin(), parameters.end(),
                                      [&](const auto& p) { return p.first == chosen.first; });
        if (!ours) parameters.push_back(chosen);
    }
    return parameters;
}

}  // namespace

void ClickHouseClient::insert(const InsertRequest& request) {
    Transfer transfer;
    std::string target = quoted_target(request.database, request.table);
    transfer.operation = "insert into " + target;
    ClickHouseParameters parameters = insert_parameters(endpoint_, target, request.columns);
    parameters.emplace_back("insert_deduplicate", "1");
    if (request.distinct_keys) parameters.emplace_back("optimize_on_insert", "0");
    if (!request.token.empty()) parameters.emplace_back("insert_deduplication_token", request.token);
    transfer.path = request_path(endpoint_, parameters);
    transfer.body = request.body;
    transfer.content_encoding = request.content_encoding;
    perform(transfer);
    require_written(written_rows(transfer.summary), request.rows, transfer.operation);
}

// Rows that the token kept out count as written (seen with 26.7) or as nothing; rows that materialized views
// wrote are added. So the number proves a fault only when it is some, but fewer.
void ClickHouseClient::require_written(std::optional<uint64_t> written, uint64_t sent,
                                       const std::string& operation) const {
    if (!written || *written == 0 || *written >= sent) return;
    throw Error(Disposition::kFailPipe, operation,
                fmt::format("ClickHouse at {} took {} of {} rows", endpoint_.url, *written, sent),
                "This is a defect; please report it with the versions of Penstock and ClickHouse");
}

std::optional<uint64_t> ClickHouseClient::insert_stream(const InsertStream& stream) {
    Transfer transfer;
    std::string target = quoted_target(stream.database, stream.table);
    transfer.operation = "insert into " + target;
    ClickHouseParameters parameters = insert_parameters(endpoint_, target, stream.columns);
    // Without a token, equal rows sent on purpose, after an attempt that failed, are not taken for those of
    // before.
    parameters.emplace_back("insert_deduplicate", stream.token.empty() ? "0" : "1");
    if (!stream.token.empty()) parameters.emplace_back("insert_deduplication_token", stream.token);
    if (stream.distinct_keys) parameters.emplace_back("optimize_on_insert", "0");
    if (stream.part_rows != 0) {
        parameters.emplace_back("min_insert_block_size_rows", std::to_string(stream.part_rows));
    }
    const bool chosen = std::any_of(endpoint_.insert_settings.begin(), endpoint_.insert_settings.end(),
                                    [](const auto& s) { return s.first == "min_insert_block_size_bytes"; });
    if (stream.part_bytes != 0 && !chosen) {
        parameters.emplace_back("min_insert_block_size_bytes", std::to_string(stream.part_bytes));
    }
    transfer.path = request_path(endpoint_, parameters);
    transfer.content_encoding = stream.content_encoding;
    transfer.next = &stream.next;
    perform(transfer);
    return written_rows(transfer.summary);
}

}  // namespace penstock
