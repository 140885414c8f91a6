#pragma once
// What a Catalog method holds while it works. Included by the catalog's own sources only.

#include <mutex>
#include <string>
#include <string_view>

#include "catalog/catalog.h"
#include "catalog/sqlite.h"

namespace penstock {

/// The catalog's lock and its file. A method that reads is one statement, so it needs no transaction.
class Catalog::Read {
  public:
    Read(const Catalog& catalog, const char* doing) : lock_(catalog.mutex_), database_(*catalog.database_) {
        database_.set_doing(doing);
    }

    Statement prepare(std::string_view sql) { return database_.prepare(sql); }

  protected:
    std::lock_guard<std::mutex> lock_;
    Database& database_;
};

/// The same within a transaction, which is undone unless commit() is reached.
class Catalog::Write : public Read {
  public:
    Write(Catalog& catalog, const char* doing, Synced synced = Synced::kAtOnce)
        : Read(catalog, doing), options_(catalog.options_), transaction_(database_, synced) {}

    template <typename... Values>
    void run(std::string_view sql, const Values&... values) {
        database_.prepare(sql).run(values...);
    }
    /// Runs a statement that must find something to change; `missing` says what was not there.
    template <typename... Values>
    void run_on(const char* missing, std::string_view sql, const Values&... values) {
        run(sql, values...);
        if (database_.changes() == 0) database_.fail(missing);
    }
    void add_adjusted(std::string_view pipe_id, const std::vector<AdjustedColumn>& columns) {
        for (const AdjustedColumn& column : columns) {
            run("INSERT INTO adjusted_columns (pipe_id, table_index, column_name, adjusted) VALUES (?, ?, ?, "
                "?)"
                " ON CONFLICT (pipe_id, table_index, column_name) DO UPDATE SET"
                " adjusted = adjusted + excluded.adjusted",
                pipe_id, column.table_index, column.column, column.values);
        }
    }
    void mark_targets(std::string_view pipe_id, const std::vector<TargetMark>& marks) {
        for (const TargetMark& mark : marks) {
            run_on("the catalog has no such table",
                   "UPDATE tables SET last_block = ?, target_uuid = iif(?2 = '', target_uuid, ?2)"
                   " WHERE pipe_id = ? AND table_index = ?",
                   mark.last_block, mark.uuid, pipe_id, mark.table_index);
        }
    }
    int64_t changes() const { return database_.changes(); }
    [[noreturn]] void fail(const std::string& message) const { database_.fail(message); }
    int64_t now() const { return options_.now(); }
    void commit() {
        if (options_.before_commit) options_.before_commit();
        transaction_.commit();
    }

  private:
    const CatalogOptions& options_;
    Transaction transaction_;
};

}  // namespace penstock
