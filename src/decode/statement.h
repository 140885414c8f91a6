#pragma once
// What a QUERY event's statement means to a pipe: transaction control, a change of tables, or a statement
// that changed rows without row events. Not an SQL parser: it reads only as far as it must.

#include <string>
#include <string_view>
#include <vector>

namespace penstock {

struct StatementTable {
    std::string database;  ///< the statement's, or the session's default database
    std::string table;
    bool operator==(const StatementTable&) const = default;
};

struct LogStatement {
    enum class Kind {
        kBegin,                ///< BEGIN; CREATE TABLE ... START TRANSACTION (MySQL 8.0.21+)
        kCommit,               ///< COMMIT
        kRollback,             ///< ROLLBACK
        kSavepoint,            ///< SAVEPOINT x: `savepoint`
        kRollbackToSavepoint,  ///< ROLLBACK TO x: `savepoint`
        kXaStart,              ///< XA START
        kXaCommit,             ///< XA COMMIT of a prepared transaction, named by `xid`
        kXaRollback,           ///< XA ROLLBACK of one
        kAlterTable,    ///< tables: the one altered and others that take part; rows or columns may change
        kDropIndex,     ///< tables: the one that loses an index and nothing else
        kTruncate,      ///< tables: the one emptied
        kDropTable,     ///< tables: those dropped; CREATE OR REPLACE TABLE too
        kRenameTable,   ///< tables: old and new names
        kDropDatabase,  ///< tables: one entry with an empty table name
        kChangesRows,   ///< INSERT, UPDATE, DELETE, REPLACE, LOAD DATA ... as a statement
        kOther,  ///< nothing that a pipe must know: RELEASE SAVEPOINT, XA END, an index added, GRANT ...
    };
    Kind kind = Kind::kOther;
    std::vector<StatementTable> tables;
    std::string savepoint;  ///< in lower case: names of savepoints differ by more than case
    std::string xid;        ///< as XaPrepareEvent has it: X'67',X'62',1
};

/// `default_database` is the event's. Comments, also executable ones, and every way of quoting names are
/// understood; SET STATEMENT ... FOR (MariaDB) is seen through. Never throws.
LogStatement read_statement(std::string_view query, std::string_view default_database);

/// True when `word` stands in `query` as a whole identifier, letter case ignored.
bool mentions_identifier(std::string_view query, std::string_view word);

}  // namespace penstock
