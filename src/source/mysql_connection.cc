#include "source/mysql_connection.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>

#include <arpa/inet.h>
#include <fcntl.h>
#include <mysql.h>
#include <netdb.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "source/mysql_errors.h"
#include "source/packet_reader.h"

namespace penstock {
namespace {

// These send no password in clear text. mysql_clear_password (used by cloud access tokens) does, so it is
// allowed only where nobody can listen or pretend to be the server.
constexpr const char* kSafePlugins =
    "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519";
constexpr const char* kAllPlugins =
    "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519,mysql_clear_password,dialog";

constexpr unsigned long kLargestPacket = 0xffff'ffff;  // a value has 1 GB at most, a row several of them

/// A file that exists in memory only, for a library that wants the CA certificate as a path.
class MemoryFile {
  public:
    explicit MemoryFile(const std::string& content) : fd_(memfd_create("ca.pem", MFD_CLOEXEC)) {
        for (size_t done = 0; fd_ >= 0 && done < content.size();) {
            ssize_t n = write(fd_, content.data() + done, content.size() - done);
            if (n <= 0) break;
            done += static_cast<size_t>(n);
        }
    }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    ~MemoryFile() {
        if (fd_ >= 0) close(fd_);
    }
    std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

  private:
    int fd_;
};

/// The addresses of a host name, as text; empty when it has none.
std::set<std::string> addresses_of(const std::string& host) {
    std::set<std::string> addresses;
    addrinfo hints{}, *list = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return addresses;
    for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
        char text[NI_MAXHOST];
        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) {
            addresses.insert(text);
        }
    }
    freeaddrinfo(list);
    return addresses;
}

/// The name to connect by. Connector/C checks a certificate against the very name that it connects to, so
/// another tls_host serves only where it leads to the same machine.
const std::string& name_to_connect_by(const SourceEndpoint& endpoint, const std::string& address) {
    if (endpoint.tls_host.empty() || endpoint.tls_host == endpoint.host) return endpoint.host;
    const std::set<std::string> wanted = addresses_of(endpoint.host);
    for (const std::string& a : addresses_of(endpoint.tls_host)) {
        if (wanted.contains(a)) return endpoint.tls_host;
    }
    throw Error(Disposition::kFailPipe, "connect to " + address,
                "tlsHost " + endpoint.tls_host + " does not resolve to an address of " + endpoint.host +
                    ", so the certificate cannot be checked against it",
                "Make the name resolve here (a line \"ADDRESS " + endpoint.tls_host +
                    "\" in /etc/hosts), or take tlsHost out and set skipCertVerification");
}

/// An address or name that cannot lead off this machine. Other names do not count, whatever they resolve to
/// just now: who answers for names would choose.
bool is_loopback(const std::string& host) {
    in_addr v4{};
    in6_addr v6{};
    if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
    if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
    return ::strcasecmp(host.c_str(), "localhost") == 0;
}

/// How the link is protected; docs/decisions/0006-source-tls.md has the reasons.
struct TlsRule {
    bool use = false;      ///< where the server offers it
    bool require = false;  ///< a server that does not offer it is refused
    bool verify = false;   ///< certificate and name
};

TlsRule tls_rule(const SourceEndpoint& endpoint, const std::string& address) {
    const bool socket = endpoint.host.starts_with('/');
    const char* without = socket                            ? "a Unix socket has no TLS"
                          : endpoint.disable_tls            ? "disableTls is set"
                          : endpoint.skip_cert_verification ? "skipCertVerification is set"
                                                            : nullptr;
    if (!endpoint.tls_host.empty() && without != nullptr) {
        throw Error(Disposition::kFailPipe, "connect to " + address,
                    "tlsHost " + endpoint.tls_host + " cannot be checked: " + without,
                    "Take tlsHost out (null), or have the certificate checked");
    }
    if (socket || endpoint.disable_tls) return {};
    const bool far = !is_loopback(endpoint.host);
    const bool asked = !endpoint.ca_certificate.empty() || !endpoint.tls_host.empty();
    TlsRule rule{.use = true, .require = far, .verify = !endpoint.skip_cert_verification && (far || asked)};
    rule.require |= rule.verify;
    return rule;
}

/// The packet that ends a result: Connector/C has it from all servers in its old form.
bool is_eof(ByteSpan packet) {
    return packet[0] == 0xfe && packet.size() < 9;
}

unsigned to_unsigned(std::chrono::seconds s) {
    return static_cast<unsigned>(s.count());
}

}  // namespace

struct MysqlConnection::State {
    MYSQL* mysql = nullptr;
    std::optional<PacketReader> packets;  // of mysql
    std::string address;
    std::string username;
    std::string server_version;
    bool mariadb = false;

    // Touched by interrupt() from other threads. A descriptor of our own for the socket: the library closes
    // its own when the link is lost, and its number may belong to another file at once.
    std::mutex socket_mutex;
    int socket = -1;
    std::atomic<bool> interrupted{false};

    ~State() { close_link(); }
    /// Gives the link up. It is closed with a reset: after a close in good order a server that waits to send
    /// more would keep its locks and its read view until our kernel forgets the link, a minute later.
    void shut_down() noexcept {
        std::lock_guard lock(socket_mutex);
        if (socket < 0) return;
        const linger reset{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        ::shutdown(socket, SHUT_RDWR);
    }
    void close_link() noexcept {
        if (mysql != nullptr) mysql_close(mysql);
        mysql = nullptr;
        std::lock_guard lock(socket_mutex);
        if (socket >= 0) ::close(socket);
        socket = -1;
    }
};

MysqlConnection::MysqlConnection(std::unique_ptr<State> state) : state_(std::move(state)) {}
MysqlConnection::MysqlConnection(MysqlConnection&&) noexcept = default;
MysqlConnection& MysqlConnection::operator=(MysqlConnection&&) noexcept = default;
MysqlConnection::~MysqlConnection() = default;

MysqlConnection MysqlConnection::open(const SourceEndpoint& endpoint, const ConnectionOptions& options) {
    static std::once_flag library_ready;
    std::call_once(library_ready, [] { mysql_server_init(0, nullptr, nullptr); });

    auto state = std::make_unique<State>();
    const bool local = endpoint.host.starts_with('/');
    state->address = local ? endpoint.host : endpoint.host + ":" + std::to_string(endpoint.port);
    state->username = endpoint.username;
    MYSQL* mysql = state->mysql = mysql_init(nullptr);
    if (mysql == nullptr) throw std::bad_alloc();

    const unsigned connect_timeout = to_unsigned(options.connect_timeout);
    const unsigned read_timeout = to_unsigned(options.read_timeout);
    const unsigned write_timeout = to_unsigned(options.write_timeout);
    const unsigned no_local_files = 0;
    mysql_optionsv(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_timeout);
    mysql_optionsv(mysql, MYSQL_OPT_READ_TIMEOUT, &read_timeout);
    mysql_optionsv(mysql, MYSQL_OPT_WRITE_TIMEOUT, &write_timeout);
    mysql_optionsv(mysql, MYSQL_OPT_LOCAL_INFILE, &no_local_files);
    mysql_optionsv(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &kLargestPacket);
    mysql_optionsv(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_optionsv(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "penstock");
    const unsigned protocol = local ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;  // "localhost" too is TCP
    mysql_optionsv(mysql, MYSQL_OPT_PROTOCOL, &protocol);
    if (endpoint.use_compression) mysql_optionsv(mysql, MYSQL_OPT_COMPRESS, nullptr);

    const TlsRule tls = tls_rule(endpoint, state->address);
    const my_bool yes = 1;
    std::optional<MemoryFile> ca;
    std::string host = endpoint.host;
    if (tls.use) mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &yes);  // where offered
    if (tls.verify) {
        // Without a file of authorities the library takes the system's.
        if (!endpoint.ca_certificate.empty()) {
            ca.emplace(endpoint.ca_certificate);
            mysql_optionsv(mysql, MYSQL_OPT_SSL_CA, ca->path().c_str());
        }
        mysql_optionsv(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
        host = name_to_connect_by(endpoint, state->address);
    }
    mysql_optionsv(mysql, MARIADB_OPT_RESTRICTED_AUTH, local || tls.verify ? kAllPlugins : kSafePlugins);

    MysqlConnection connection(std::move(state));
    if (mysql_real_connect(mysql, local ? nullptr : host.c_str(), endpoint.username.c_str(),
                           endpoint.password.c_str(), nullptr, endpoint.port, local ? host.c_str() : nullptr,
                           0) == nullptr) {
        connection.fail("connect to");
    }

    // The library itself refuses a server without TLS only where it is to verify; no password has been sent
    // in clear text till here.
    if (tls.require && connection.tls_cipher().empty()) {
        throw Error(Disposition::kFailPipe, "connect to " + connection.address(),
                    "the server offers no TLS, and it is not on this machine",
                    "Turn TLS on at the server, or set disableTls where nobody can listen");
    }

    State& s = *connection.state_;
    s.packets.emplace(mysql);
    s.server_version = mysql_get_server_info(mysql);
    s.mariadb = s.server_version.find("MariaDB") != std::string::npos || mariadb_connection(mysql) != 0;
    {
        std::lock_guard lock(s.socket_mutex);
        s.socket = ::fcntl(mysql_get_socket(mysql), F_DUPFD_CLOEXEC, 0);
        if (s.socket < 0) {
            throw Error(Disposition::kRetry, "connect to " + s.address,
                        std::string("no descriptor is free: ") + std::strerror(errno),
                        "Raise the limit of open files (ulimit -n)");
        }
    }
    connection.execute(
        "SET SESSION time_zone = '+00:00', sql_mode = '', autocommit = 1, net_write_timeout = 7200"
        ", lock_wait_timeout = " +
        std::to_string(options.lock_wait_timeout.count()));
    // What a server may be too old or too new for. An init_connect of the server could have set any of these.
    for (const char* assignment :
         {s.mariadb ? "max_statement_time = 0" : "max_execution_time = 0", "wait_timeout = 86400",
          "sql_select_limit = 18446744073709551615", "sql_big_selects = 1", "sql_auto_is_null = 0",
          "optimizer_switch = 'hypergraph_optimizer=off'"}) {  // it explains no estimates in tables
        try {
            connection.execute(std::string("SET SESSION ") + assignment);
        } catch (const Error& e) {
            if (e.disposition() == Disposition::kRetry) throw;
        }
    }
    return connection;
}

void MysqlConnection::fail(std::string_view operation) const {
    const unsigned number = state_->mysql != nullptr ? mysql_errno(state_->mysql) : 0;
    std::string where = std::string(operation) + " " + state_->address;
    if (state_->interrupted) throw Error(Disposition::kRetry, std::move(where), "interrupted");
    if (number == 0) throw Error(Disposition::kRetry, std::move(where), "the link is closed");
    std::string message = mysql_error(state_->mysql);
    const Disposition disposition = disposition_of_mysql_error(number, message);
    // "Access denied" (1045) on a connection that was let in means a privilege that is missing.
    const bool let_in = !state_->server_version.empty();
    std::string hint =
        hint_of_mysql_error(let_in && number == 1045 ? 1227 : number, message, state_->username);
    message += " (error " + std::to_string(number) + ")";
    throw Error(disposition, std::move(where), std::move(message), std::move(hint));
}

void MysqlConnection::run(std::string_view sql) {
    if (state_->mysql == nullptr || state_->interrupted ||
        mysql_real_query(state_->mysql, sql.data(), static_cast<unsigned long>(sql.size())) != 0) {
        fail("query");
    }
}

MysqlConnection::Rows MysqlConnection::query(std::string_view sql) {
    std::vector<std::string> names;
    return query(sql, names);
}

MysqlConnection::Rows MysqlConnection::query(std::string_view sql, std::vector<std::string>& names) {
    run(sql);
    Rows rows;
    MYSQL_RES* result = mysql_store_result(state_->mysql);
    if (result == nullptr) {
        if (mysql_errno(state_->mysql) != 0) fail("query");
        return rows;
    }
    std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> owner(result, mysql_free_result);
    const unsigned columns = mysql_num_fields(result);
    for (unsigned i = 0; i < columns; ++i) names.emplace_back(mysql_fetch_field_direct(result, i)->name);
    rows.reserve(static_cast<size_t>(mysql_num_rows(result)));
    while (MYSQL_ROW values = mysql_fetch_row(result)) {
        const unsigned long* lengths = mysql_fetch_lengths(result);
        Row& row = rows.emplace_back(columns);
        for (unsigned i = 0; i < columns; ++i) {
            if (values[i] != nullptr) row[i].emplace(values[i], lengths[i]);
        }
    }
    return rows;
}

std::vector<std::map<std::string, std::string>> MysqlConnection::query_by_name(std::string_view sql) {
    std::vector<std::string> names;
    std::vector<std::map<std::string, std::string>> named;
    for (Row& row : query(sql, names)) {
        auto& one = named.emplace_back();
        for (size_t i = 0; i < row.size(); ++i) {
            if (row[i]) one[names[i]] = std::move(*row[i]);
        }
    }
    return named;
}

std::optional<std::string> MysqlConnection::query_value(std::string_view sql) {
    Rows rows = query(sql);
    if (rows.empty() || rows[0].empty()) return std::nullopt;
    return std::move(rows[0][0]);
}

void MysqlConnection::execute(std::string_view sql) {
    query(sql);
}

RowStream MysqlConnection::stream(std::string_view sql) {
    run(sql);
    MYSQL_RES* result = mysql_use_result(state_->mysql);
    if (result == nullptr) fail("query");
    return RowStream(this, result, mysql_num_fields(result));
}

void MysqlConnection::interrupt() noexcept {
    state_->interrupted = true;
    state_->shut_down();
}

bool MysqlConnection::interrupted() const noexcept {
    return state_->interrupted;
}

void MysqlConnection::abort() noexcept {
    state_->shut_down();
    state_->close_link();
}

const std::string& MysqlConnection::address() const {
    return state_->address;
}
const std::string& MysqlConnection::server_version() const {
    return state_->server_version;
}
bool MysqlConnection::is_mariadb() const {
    return state_->mariadb;
}

std::string MysqlConnection::tls_cipher() const {
    const char* cipher = state_->mysql != nullptr ? mysql_get_ssl_cipher(state_->mysql) : nullptr;
    return cipher != nullptr ? cipher : "";
}

void MysqlConnection::send_command(uint8_t command, ByteSpan body, std::string_view operation) {
    MYSQL* mysql = state_->mysql;
    if (mysql == nullptr || state_->interrupted ||
        mysql->methods->db_command(mysql, static_cast<enum_server_command>(command), as_text(body).data(),
                                   body.size(), 1, nullptr) != 0) {
        fail(operation);
    }
}

void MysqlConnection::simple_command(uint8_t command, ByteSpan body, std::string_view operation) {
    send_command(command, body, operation);
    read_packet(operation);  // OK, or ERR, which throws
}

ByteSpan MysqlConnection::read_packet(std::string_view operation) {
    if (state_->mysql == nullptr || state_->interrupted) fail(operation);
    const std::optional<ByteSpan> packet = state_->packets->next();
    if (!packet) fail(operation);
    return *packet;
}

RowStream::RowStream(MysqlConnection* connection, st_mysql_res* result, uint32_t columns)
    : connection_(connection), result_(result), values_(columns), lengths_(columns) {}

RowStream::RowStream(RowStream&& other) noexcept
    : connection_(other.connection_),
      result_(std::exchange(other.result_, nullptr)),
      values_(std::move(other.values_)),
      lengths_(std::move(other.lengths_)) {}

RowStream::~RowStream() {
    if (result_ == nullptr) return;
    // Freeing an unfinished result would read all its rows: cut the link first, then the read ends at once.
    connection_->state_->shut_down();
    mysql_free_result(result_);
    connection_->state_->close_link();
}

bool RowStream::next() {
    if (result_ == nullptr) return false;
    MysqlConnection::State& state = *connection_->state_;
    const std::optional<ByteSpan> packet = state.packets->next();
    if (packet && !is_eof(*packet)) {
        // MySQL documentation, "Text Resultset": per column a length-encoded string, or 0xfb for NULL.
        ByteReader row(*packet, "read rows");
        for (size_t i = 0; i < values_.size(); ++i) {
            const bool null = !row.empty() && *row.position() == 0xfb;
            const ByteSpan value = null ? row.bytes(1) : row.lenenc_bytes();
            values_[i] = null ? nullptr : as_text(value).data();
            lengths_[i] = null ? 0 : value.size();
        }
        return true;
    }
    state.mysql->status = MYSQL_STATUS_READY;  // its end, or broken: nothing is left to read
    mysql_free_result(std::exchange(result_, nullptr));
    if (!packet || state.interrupted) connection_->fail("read rows from");
    return false;
}

std::string quote_identifier(std::string_view name) {
    std::string quoted = "`";
    for (char c : name) {
        if (c == '`') quoted += '`';
        quoted += c;
    }
    return quoted += '`';
}

std::string quote_table(std::string_view database, std::string_view table) {
    return quote_identifier(database) + "." + quote_identifier(table);
}

std::string quote_string(std::string_view text) {
    return "_utf8mb4 x'" + hex_digits(text) + "'";
}

std::string hex_digits(std::string_view bytes) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    std::string hex;
    hex.reserve(bytes.size() * 2);
    for (char c : bytes) {
        const auto byte = static_cast<uint8_t>(c);
        hex += kDigits[byte >> 4];
        hex += kDigits[byte & 15];
    }
    return hex;
}

}  // namespace penstock
