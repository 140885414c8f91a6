#include "catalog/sqlite.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

namespace penstock {

namespace {
constexpr int kBusyTimeoutMs = 10'000;
}

Database::Database(const std::string& path, Disposition fatal) : path_(path), fatal_(fatal) {
    // SQLite would create the file with the umask's mode; its -wal and -shm files copy the mode they find.
    int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) fail(std::string("cannot open the file: ") + std::strerror(errno));
    ::close(fd);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    if (sqlite3_open_v2(path.c_str(), &handle_, flags, nullptr) != SQLITE_OK) {
        std::string message = handle_ != nullptr ? sqlite3_errmsg(handle_) : "out of memory";
        sqlite3_close_v2(handle_);
        fail(message);
    }
    sqlite3_extended_result_codes(handle_, 1);
    sqlite3_busy_timeout(handle_, kBusyTimeoutMs);
}

Database::~Database() {
    sqlite3_close_v2(handle_);
}

void Database::execute(const char* sql) {
    if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail_sqlite();
}

Statement Database::prepare(std::string_view sql) {
    return Statement(*this, sql);
}

int64_t Database::query_integer(std::string_view sql) {
    Statement statement(*this, sql);
    return statement.step() ? statement.integer(0) : 0;
}

std::string Database::query_text(std::string_view sql) {
    Statement statement(*this, sql);
    return statement.step() ? statement.text(0) : std::string();
}

int64_t Database::changes() const {
    return sqlite3_changes64(handle_);
}

void Database::fail(const std::string& message) const {
    throw Error(fatal_, "catalog " + path_, std::string(doing_) + ": " + message);
}

void Database::fail_sqlite() const {
    std::string message = sqlite3_errmsg(handle_);
    std::string hint;
    Disposition disposition = fatal_;
    int code = sqlite3_extended_errcode(handle_);
    if (code == SQLITE_CONSTRAINT_FOREIGNKEY) {
        message = "the catalog has no such pipe or table";
    } else {
        switch (code & 0xff) {
            case SQLITE_NOTADB:
                message = "the file is damaged or not a Penstock catalog (" + message + ")";
                hint = "Put a good copy in its place, or move it away to start from nothing";
                break;
            case SQLITE_CORRUPT:
                message = "the file is damaged (" + message + ")";
                hint = "Put a good copy in its place, or move it away to start from nothing";
                break;
            case SQLITE_BUSY:
            case SQLITE_LOCKED:
                disposition = Disposition::kRetry;
                hint = "Another program holds the file for writing";
                break;
            case SQLITE_FULL:
                disposition = Disposition::kRetry;
                hint = "Free some space on the disk of the data directory";
                break;
            default:
                break;
        }
    }
    throw Error(disposition, "catalog " + path_, std::string(doing_) + ": " + message, hint);
}

Statement::Statement(Database& database, std::string_view sql) : database_(database) {
    int rc =
        sqlite3_prepare_v2(database_.handle_, sql.data(), static_cast<int>(sql.size()), &handle_, nullptr);
    if (rc != SQLITE_OK) database_.fail_sqlite();
}

Statement::~Statement() {
    sqlite3_finalize(handle_);
}

bool Statement::step() {
    int rc = sqlite3_step(handle_);
    if (rc == SQLITE_ROW) return true;
    if (rc == SQLITE_DONE) return false;
    database_.fail_sqlite();
}

std::string Statement::text(int column) const {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
    if (text == nullptr) return {};
    return {text, static_cast<size_t>(sqlite3_column_bytes(handle_, column))};
}

int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(handle_, column);
}

void Statement::reset() {
    sqlite3_reset(handle_);  // repeats the error of the last step, which has been thrown already
}

void Statement::bind_one(int index, std::string_view value) {
    const char* data = value.data() != nullptr ? value.data() : "";  // a null pointer would bind NULL
    int rc = sqlite3_bind_text(handle_, index, data, static_cast<int>(value.size()), SQLITE_TRANSIENT);
    if (rc != SQLITE_OK) database_.fail_sqlite();
}

void Statement::bind_integer(int index, int64_t value) {
    if (sqlite3_bind_int64(handle_, index, value) != SQLITE_OK) database_.fail_sqlite();
}

Transaction::Transaction(Database& database, Synced synced) : database_(database) {
    // With FULL the write-ahead log is synced at each commit, with NORMAL only before it is written back.
    if (database_.synced_ != synced) {
        database_.execute(synced == Synced::kAtOnce ? "PRAGMA synchronous = FULL"
                                                    : "PRAGMA synchronous = NORMAL");
        database_.synced_ = synced;
    }
    database_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
    // A statement that failed may have rolled back already; either way nothing of it remains.
    if (open_) sqlite3_exec(database_.handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
    database_.execute("COMMIT");
    open_ = false;
}

}  // namespace penstock
