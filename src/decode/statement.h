#pragma once
// What a QUERY event's statement means to a pipe: transaction control, a change of tables, or a statement
// that may have changed rows without row events. Not an SQL parser: it reads only as far as it must.

#include <string>
#include <vector>

#include "decode/binlog_event.h"
#include "decode/sql_tokens.h"

namespace penstock {

struct StatementTable {
    std::string database;  ///< the statement's, or the session's default database
    std::string table;
    bool operator==(const StatementTable&) const = default;
};

/// What a clause of ALTER TABLE says of one column. Whether it comes to anything depends on the table.
struct ColumnChange {
    enum class Kind {
        kAdd,
        kDrop,
        kRename,  ///< to `new_name`
        kChange   ///< to `definition`, and to `new_name` where there is one
    };
    Kind kind = Kind::kAdd;
    std::string name, new_name;
    bool conditional = false;          ///< IF NOT EXISTS of kAdd, IF EXISTS of the others
    std::vector<SqlToken> definition;  ///< of kAdd and kChange: what stands behind the names
    bool operator==(const ColumnChange&) const = default;
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
        kAlterTable,  ///< tables: the one altered and others that take part; rows, columns or key may change
        kAlterColumns,  ///< tables: the one altered; nothing but `columns` and, perhaps, an index dropped
        kDropIndex,     ///< tables: the one that loses or replaces an index that is not its primary key
        kTruncate,      ///< tables: the one emptied
        kRepairTable,   ///< tables: those repaired, which may cost them rows
        kDropTable,     ///< tables: those dropped; CREATE OR REPLACE TABLE too
        kRenameTable,   ///< tables: old and new names
        kDropDatabase,  ///< tables: one entry with an empty table name; CREATE OR REPLACE DATABASE too
        kOther,  ///< nothing that a pipe must know: RELEASE SAVEPOINT, XA END, an index added, GRANT ...
    };
    Kind kind = Kind::kOther;
    /// It is not known that it changes no rows of other tables than these: INSERT, CALL, SELECT f() ...
    bool may_change_rows = false;
    std::vector<StatementTable> tables;
    std::vector<ColumnChange> columns;  ///< of ALTER TABLE
    bool drops_index = false;           ///< of ALTER TABLE, one that is not the primary key
    std::string savepoint;              ///< as written
    std::string xid;                    ///< as XaPrepareEvent has it: X'67',X'62',1
    bool operator==(const LogStatement&) const = default;
};

/// Reads it as the server did that logged it: the modes of the session, the flavour, comments that are code,
/// every way of quoting names; SET STATEMENT ... FOR (MariaDB) is seen through. Never throws.
LogStatement read_statement(const QueryEvent& event);

}  // namespace penstock
