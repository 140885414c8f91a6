#pragma once
// SQLite with ownership in types and errors as Error. Not thread-safe: one thread at a time per Database.

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace penstock {

class Statement;

/// When a transaction survives a power cut: when it is committed, or with the next one that is synced. Either
/// way a crash of this process takes nothing away, and a power cut never more than the newest.
enum class Synced { kAtOnce, kLater };

/// An open database file. Every failure throws Error("catalog FILE", "DOING: what SQLite says").
class Database {
  public:
    /// Opens an existing or new file (mode 0600). `fatal` is the disposition of failures that do not pass.
    Database(const std::string& path, Disposition fatal);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    void execute(const char* sql);  ///< one or more statements without results
    Statement prepare(std::string_view sql);
    int64_t query_integer(std::string_view sql);  ///< first column of the first row; 0 without a row
    std::string query_text(std::string_view sql);
    int64_t changes() const;  ///< rows changed by the last INSERT, UPDATE or DELETE

    const std::string& path() const { return path_; }
    void set_fatal(Disposition fatal) { fatal_ = fatal; }
    void set_doing(const char* doing) { doing_ = doing; }  ///< named in errors; outlives the work
    [[noreturn]] void fail(const std::string& message) const;
    [[noreturn]] void fail_sqlite() const;  ///< with SQLite's last error

  private:
    std::string path_;
    Disposition fatal_;
    const char* doing_ = "open";
    sqlite3* handle_ = nullptr;
    Synced synced_ = Synced::kAtOnce;

    friend class Statement;
    friend class Transaction;
};

/// A prepared statement; lives no longer than its Database.
class Statement {
  public:
    Statement(Database& database, std::string_view sql);
    ~Statement();
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    /// Binds all parameters in order; the texts are copied.
    template <typename... Values>
    Statement& bind(const Values&... values) {
        reset();
        int index = 0;
        (bind_one(++index, values), ...);
        return *this;
    }
    /// Binds, runs to the end, and is ready to be run again.
    template <typename... Values>
    void run(const Values&... values) {
        bind(values...);
        while (step()) {
        }
        reset();
    }
    bool step();  ///< true: a row is there

    // Columns of the current row, from 0.
    std::string text(int column) const;
    int64_t integer(int column) const;
    uint64_t number(int column) const { return static_cast<uint64_t>(integer(column)); }
    uint32_t number32(int column) const { return static_cast<uint32_t>(integer(column)); }

  private:
    void reset();
    void bind_one(int index, std::string_view value);
    void bind_integer(int index, int64_t value);
    template <typename T>
    requires std::integral<T> || std::is_enum_v<T>
    void bind_one(int index, T value) {
        bind_integer(index, static_cast<int64_t>(value));  // uint64_t keeps its bits
    }

    Database& database_;
    sqlite3_stmt* handle_ = nullptr;
};

/// BEGIN IMMEDIATE; rolled back when it is destroyed without commit().
class Transaction {
  public:
    explicit Transaction(Database& database, Synced synced = Synced::kAtOnce);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit();

  private:
    Database& database_;
    bool open_ = true;
};

}  // namespace penstock
