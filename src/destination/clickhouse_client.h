#pragma once
// ClickHouse over HTTP(S). Protocol: ClickHouse docs, "HTTP interface": a statement in the body or in the
// `query` parameter, settings as further parameters, the error's number in X-ClickHouse-Exception-Code.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/byte_reader.h"

namespace penstock {

/// Where a ClickHouse is and how to enter. Only `password` is secret; it and the user travel in headers.
struct ClickHouseEndpoint {
    std::string url = "http://127.0.0.1:8123";  ///< scheme, host, port; no user, no query
    std::string user = "default";
    std::string password;
    std::string database;          ///< of statements that name none; empty: the user's default
    std::string ca_certificate{};  ///< PEM text of the authorities for https; empty: the system's
    /// ClickHouse settings of every insert. What keeps values from being changed is not theirs to choose.
    std::vector<std::pair<std::string, std::string>> insert_settings{};
    std::string cluster{};  ///< tables are made on all of its servers, replicated; empty: on this one only
    /// The id of each statement begins with it, so that it is found among those that run
    /// (destination/running_queries.h); empty: the server chooses ids.
    std::string query_id_prefix{};
};

/// The host of a service's URL is 127.x.x.x, ::1 or localhost: bytes sent there do not leave this machine.
bool is_loopback(std::string_view url);

/// One INSERT: all rows of `body` or none.
struct InsertRequest {
    std::string database;
    std::string table;
    std::vector<std::string> columns;
    ByteSpan body;                      ///< Native blocks, compressed as `content_encoding` says
    std::string_view content_encoding;  ///< "zstd", "lz4" or empty
    std::string token;                  ///< insert_deduplication_token; empty for none
    uint64_t rows = 0;                  ///< in the body
    /// No two rows share a sorting key: ClickHouse need not look for those that replace others before it
    /// writes.
    bool distinct_keys = false;
};

/// One INSERT whose bytes come while it runs.
struct InsertStream {
    std::string database;
    std::string table;
    std::vector<std::string> columns;
    std::string_view content_encoding;  ///< of the bytes that `next` gives; as of InsertRequest
    /// The next bytes, valid until it is called again; empty at the end. What it throws ends the request and
    /// comes out of the call. It must not wait for long: the server gives up on a silent sender after 30 s.
    std::function<ByteSpan()> next;
    /// As of InsertRequest. Without one no row is kept out because it was there before.
    std::string token{};
    bool distinct_keys = false;  ///< as of InsertRequest
    uint64_t part_rows = 0;      ///< rows that ClickHouse gathers before it writes a part; 0: its default
    uint64_t part_bytes = 0;     ///< the same in bytes
};

/// Parameters of one request: ClickHouse settings, and `param_NAME` for {NAME:Type} in the statement.
using ClickHouseParameters = std::vector<std::pair<std::string, std::string>>;

/// A keep-alive connection, made at the first request and made again when it was lost. One thread at a time.
///
/// Every call throws Error: kRetry when trying again may help (no connection, time-out, overload, too many
/// parts, out of memory, Keeper away, shutting down), kFailPipe when it will not (wrong password, unknown
/// table, wrong types, unknown certificate), kUsage for a URL that is none. Nothing of the request but the
/// host and the server's own words is in an error. No total time limit: a request ends when nothing moved
/// and the peer stays dead to TCP keep-alive probes, or when `abort` is requested (kRetry, "stopped").
class ClickHouseClient {
  public:
    explicit ClickHouseClient(ClickHouseEndpoint endpoint, std::stop_token abort = {});
    ~ClickHouseClient();
    ClickHouseClient(ClickHouseClient&&) noexcept;
    ClickHouseClient& operator=(ClickHouseClient&&) noexcept;

    const ClickHouseEndpoint& endpoint() const { return endpoint_; }
    /// The last request was refused because the user lacks a privilege.
    bool was_denied() const { return denied_; }

    /// Runs one statement and returns what it printed, without the last newline. The answer is complete:
    /// the server holds it back until the statement has ended well.
    std::string query(std::string_view sql, const ClickHouseParameters& parameters = {});

    /// Runs one SELECT and passes its output on as it comes, in pieces of any size. What `take` throws ends
    /// the request and comes out of this call. Returns only when the output was complete.
    using TakeBytes = std::function<void(ByteSpan)>;
    void query_stream(std::string_view sql, const ClickHouseParameters& parameters, const TakeBytes& take);

    /// Inserts and waits until ClickHouse has the rows. After an Error of kind kRetry the rows may be in or
    /// not: the same bytes under the same token make it exactly once, where the target's engine has a
    /// deduplication window. Rows that were in already count as inserted.
    void insert(const InsertRequest& request);

    /// Inserts rows as they come and waits until ClickHouse has them. After any Error some may be in: what
    /// fills a part is written before the end. Returns the rows that ClickHouse says it has written, those
    /// of materialized views included; nothing where it does not say.
    std::optional<uint64_t> insert_stream(const InsertStream& stream);
    /// Throws Error(kFailPipe) when `written` is some, but fewer than were sent: rows that a token kept out
    /// count as written or as nothing.
    void require_written(std::optional<uint64_t> written, uint64_t sent, const std::string& operation) const;

  private:
    struct Transfer;
    void perform(Transfer& transfer);

    struct Handle;
    ClickHouseEndpoint endpoint_;
    std::stop_token abort_;
    std::unique_ptr<Handle> handle_;
    bool denied_ = false;
};

}  // namespace penstock
