#pragma once
// One connection to a MySQL or MariaDB server, over MariaDB Connector/C.
//
// Session of every connection: utf8mb4, time_zone '+00:00', sql_mode '' (backticks quote names, backslash
// escapes work, CHAR is not padded), no statement time limit, short lock waits, long net_write_timeout.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_reader.h"
#include "base/error.h"
#include "model/pipe_spec.h"

struct st_mysql;      // MYSQL of Connector/C
struct st_mysql_res;  // MYSQL_RES

namespace penstock {

struct ConnectionOptions {
    std::chrono::seconds connect_timeout{10};
    std::chrono::seconds read_timeout{600};  ///< silence after which the link counts as lost
    std::chrono::seconds write_timeout{60};
    std::chrono::seconds lock_wait_timeout{10};
};

class RowStream;

/// Owned by one thread at a time; only interrupt() may be called from another. Movable, not copyable.
///
/// Every method that talks to the server throws Error with "host:port" in its operation, the server's
/// number and text as its message, and the fixing SQL as its hint where that is known:
///   kRetry     link lost, refused or timed out, server shutting down, too many connections, deadlock,
///              lock wait, table definition changed under a read view
///   kFailPipe  authentication, certificate, privilege, unknown database or table, bad SQL, purged log
/// The password appears in none of them.
class MysqlConnection {
  public:
    using Row = std::vector<std::optional<std::string>>;  ///< std::nullopt is SQL NULL
    using Rows = std::vector<Row>;

    /// Connects and sets the session up. TLS: none when endpoint.disable_tls or over a Unix socket. To a
    /// loopback host (127/8, ::1, "localhost"): used when the server offers it, required and verified when
    /// ca_certificate or tls_host is given. To every other host: required, and verified. Verified means:
    /// certificate (ca_certificate, else the system's authorities) and name (tls_host, else host), before
    /// the password is sent; skip_cert_verification turns it off. A tls_host must resolve to an address of
    /// host (Connector/C checks the name that it connects by), and one that would go unchecked is refused.
    static MysqlConnection open(const SourceEndpoint& endpoint, const ConnectionOptions& options = {});

    MysqlConnection(MysqlConnection&&) noexcept;
    MysqlConnection& operator=(MysqlConnection&&) noexcept;
    ~MysqlConnection();

    /// The whole result in memory: for small answers.
    Rows query(std::string_view sql);
    /// The same, each row by the names of its columns, as servers of several ages name them; NULL is left
    /// out.
    std::vector<std::map<std::string, std::string>> query_by_name(std::string_view sql);
    /// First column of the first row; nullopt when there is no row or it is NULL.
    std::optional<std::string> query_value(std::string_view sql);
    /// For statements without a result (a result, if any, is read and dropped).
    void execute(std::string_view sql);
    /// Runs a SELECT whose rows are read one by one, not held here. Nothing else may be called on the
    /// connection while the stream lives. The connection must stay where it is until then.
    RowStream stream(std::string_view sql);

    /// Breaks a read or write under way, and every later one, with kRetry. From any thread, any number of
    /// times; the connection must outlive the call. A no-op on a closed connection.
    void interrupt() noexcept;
    bool interrupted() const noexcept;
    /// Ends the link at once, without a farewell to the server and without reading rows left to come.
    void abort() noexcept;

    const std::string& address() const;         ///< "host:port" or the socket's path
    const std::string& server_version() const;  ///< as in the handshake, e.g. "10.11.6-MariaDB-log"
    bool is_mariadb() const;
    std::string tls_cipher() const;  ///< empty: the link is not encrypted

    // For BinlogStream: a raw command, then raw packets.

    /// Sends a command byte and its body; no answer is read.
    void send_command(uint8_t command, ByteSpan body, std::string_view operation);
    /// Sends a command that is answered by OK.
    void simple_command(uint8_t command, ByteSpan body, std::string_view operation);
    /// One packet, valid until the next call on this connection. ERR packets and a lost link throw.
    ByteSpan read_packet(std::string_view operation);

  private:
    friend class RowStream;
    struct State;
    explicit MysqlConnection(std::unique_ptr<State> state);
    void run(std::string_view sql);
    Rows query(std::string_view sql, std::vector<std::string>& names);
    [[noreturn]] void fail(std::string_view operation) const;

    std::unique_ptr<State> state_;
};

/// Rows of one SELECT, read from the socket as they are asked for. Destroying it before the end aborts the
/// connection (the rest of the rows is not read), so the connection is then good for nothing but closing.
class RowStream {
  public:
    RowStream(RowStream&& other) noexcept;
    RowStream& operator=(RowStream&&) = delete;
    RowStream(const RowStream&) = delete;
    RowStream& operator=(const RowStream&) = delete;
    ~RowStream();

    /// Reads the next row; false at the end. Throws as MysqlConnection does.
    bool next();
    /// Of the row that next() read: one pointer (null: SQL NULL) and one length in bytes per column, not
    /// copied, valid until next() is called again.
    const char* const* values() const { return values_.data(); }
    const unsigned long* lengths() const { return lengths_.data(); }
    uint32_t columns() const { return static_cast<uint32_t>(values_.size()); }

  private:
    friend class MysqlConnection;
    RowStream(MysqlConnection* connection, st_mysql_res* result, uint32_t columns);

    MysqlConnection* connection_;
    st_mysql_res* result_;
    std::vector<const char*> values_;
    std::vector<unsigned long> lengths_;
};

/// `name` in backticks, inner backticks doubled.
std::string quote_identifier(std::string_view name);
/// `database`.`table`, quoted.
std::string quote_table(std::string_view database, std::string_view table);
/// A literal of utf8mb4 text that no content can break out of: _utf8mb4 x'...'. It compares by the collation
/// of the column it is compared with.
std::string quote_string(std::string_view text);
/// Two upper-case digits per byte, for x'...'.
std::string hex_digits(std::string_view bytes);

}  // namespace penstock
