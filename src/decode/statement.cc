#include "decode/statement.h"

#include <cctype>
#include <optional>

#include "decode/alter_clauses.h"
#include "decode/sql_tokens.h"
#include "model/name_fold.h"

namespace penstock {
namespace {

bool read_table(SqlTokens& in, std::string_view default_database, std::vector<StatementTable>& tables) {
    in.accept_punctuation('.');  // MariaDB: .t is t
    if (!in.peek().is_name()) return false;
    StatementTable t{std::string(default_database), in.take().text};
    if (in.accept_punctuation('.') && in.peek().is_name()) {
        t.database = std::move(t.table);
        t.table = in.take().text;
    }
    tables.push_back(std::move(t));
    return true;
}

void accept_if_exists(SqlTokens& in) {
    if (in.accept("IF")) {
        in.accept("NOT");
        in.accept("EXISTS");
    }
}

/// A primary key may be named as an index is.
bool is_primary(const SqlToken& name) {
    return same_name(name.text, "PRIMARY", NameFold::kGeneralCi);
}

using Kind = LogStatement::Kind;

/// The clause changes a column that it names: what that comes to depends on the column.
std::optional<ColumnChange> column_change(AlterClause& clause) {
    using Columns = AlterEffect::Columns;
    if (clause.column.empty() || clause.effect.columns == Columns::kSame) return std::nullopt;
    ColumnChange change;
    change.kind = clause.effect.columns == Columns::kAdd      ? ColumnChange::Kind::kAdd
                  : clause.effect.columns == Columns::kDrop   ? ColumnChange::Kind::kDrop
                  : clause.effect.columns == Columns::kRename ? ColumnChange::Kind::kRename
                                                              : ColumnChange::Kind::kChange;
    change.name = std::move(clause.column);
    change.new_name = std::move(clause.new_name);
    change.conditional = clause.conditional;
    change.definition = std::move(clause.definition);
    return change;
}

/// The tables: the one altered, and those that a clause names (partitions exchanged or converted, a new
/// name).
void read_alter(SqlTokens& in, std::string_view database, LogStatement& statement) {
    bool alters = false;
    for (bool more = true; more;) {                // MariaDB takes them in any order, and again
        const bool ignores = in.accept("IGNORE");  // which may delete rows
        alters = alters || ignores;
        more = ignores || in.accept("ONLINE") || in.accept("OFFLINE");
    }
    if (!in.accept("TABLE")) return;
    accept_if_exists(in);
    if (!read_table(in, database, statement.tables)) return;
    if (in.accept("WAIT")) in.take();
    in.accept("NOWAIT");
    const std::string own_database = statement.tables[0].database;
    for (AlterClause& clause : read_alter_clauses(in)) {
        if (clause.table.size() == 1) {
            statement.tables.push_back({own_database, clause.table[0].text});
        } else if (clause.table.size() == 3) {
            statement.tables.push_back({clause.table[0].text, clause.table[2].text});
        }
        statement.drops_index = statement.drops_index || clause.effect.key == AlterEffect::Key::kIndex;
        if (std::optional<ColumnChange> change = column_change(clause)) {
            statement.columns.push_back(std::move(*change));
        } else {
            alters = alters || !clause.known || clause.effect.changes_rows ||
                     clause.effect.columns != AlterEffect::Columns::kSame;
        }
        alters = alters || clause.effect.key == AlterEffect::Key::kPrimary;
    }
    statement.kind = alters                      ? Kind::kAlterTable
                     : statement.columns.empty() ? (statement.drops_index ? Kind::kDropIndex : Kind::kOther)
                                                 : Kind::kAlterColumns;
}

void read_database(SqlTokens& in, LogStatement& statement) {
    accept_if_exists(in);
    if (!in.peek().is_name()) return;
    statement.kind = Kind::kDropDatabase;
    statement.tables.push_back({in.take().text, ""});
}

/// CREATE OR REPLACE ... INDEX, of MariaDB, behind REPLACE. Nothing else that it replaces concerns a table.
void read_replaced_index(SqlTokens& in, std::string_view database, LogStatement& statement) {
    for (const char* word : {"UNIQUE", "FULLTEXT", "SPATIAL"}) in.accept(word);
    if (!in.accept("INDEX")) return;
    while (!in.peek().ends() && !in.accept("ON")) in.take();
    if (read_table(in, database, statement.tables)) statement.kind = Kind::kDropIndex;
}

void read_create(SqlTokens& in, std::string_view database, LogStatement& statement) {
    bool replace = false;
    if (in.accept("OR")) replace = in.accept("REPLACE");
    if (in.accept("DATABASE") || in.accept("SCHEMA")) {
        if (replace) read_database(in, statement);
        return;
    }
    bool temporary = in.accept("TEMPORARY");
    if (!in.accept("TABLE")) {
        if (replace) read_replaced_index(in, database, statement);
        return;
    }
    accept_if_exists(in);
    if (!read_table(in, database, statement.tables)) return;
    if (replace && !temporary) statement.kind = Kind::kDropTable;
    SqlToken before, last;
    while (!in.peek().ends()) {
        before = std::move(last);
        last = in.take();
        // CREATE TABLE ... SELECT, VALUES ROW(...) or TABLE other: what it calls or reads may write. Those of
        // a session that logs rows are not written so.
        const bool range = last.is("VALUES") && (in.peek().is("LESS") || in.peek().is("IN"));
        if (last.is("SELECT") || last.is("TABLE") || (last.is("VALUES") && !range))
            statement.may_change_rows = true;
    }
    if (before.is("START") && last.is("TRANSACTION")) statement.kind = Kind::kBegin;
}

void read_drop(SqlTokens& in, std::string_view database, LogStatement& statement) {
    if (in.accept("TEMPORARY")) return;
    if (in.accept("DATABASE") || in.accept("SCHEMA")) return read_database(in, statement);
    if (in.accept("INDEX")) {
        accept_if_exists(in);
        const bool primary = is_primary(in.take());
        if (in.accept("ON") && read_table(in, database, statement.tables))
            statement.kind = primary ? Kind::kAlterTable : Kind::kDropIndex;
        return;
    }
    if (!in.accept("TABLE") && !in.accept("TABLES")) return;
    accept_if_exists(in);
    statement.kind = Kind::kDropTable;
    while (read_table(in, database, statement.tables) && in.accept_punctuation(',')) {
    }
}

void read_rename(SqlTokens& in, std::string_view database, LogStatement& statement) {
    if (!in.accept("TABLE") && !in.accept("TABLES")) return;
    accept_if_exists(in);
    statement.kind = Kind::kRenameTable;
    do {
        if (!read_table(in, database, statement.tables)) return;
        if (in.accept("WAIT")) in.take();
        in.accept("NOWAIT");
        if (!in.accept("TO")) return;
        if (!read_table(in, database, statement.tables)) return;
    } while (in.accept_punctuation(','));
}

// REPAIR [NO_WRITE_TO_BINLOG | LOCAL] {TABLE | TABLES | VIEW} t, ...
void read_repair(SqlTokens& in, std::string_view database, LogStatement& statement) {
    if (!in.accept("NO_WRITE_TO_BINLOG")) in.accept("LOCAL");
    if (!in.accept("TABLE") && !in.accept("TABLES")) return;
    statement.kind = Kind::kRepairTable;
    while (read_table(in, database, statement.tables) && in.accept_punctuation(',')) {
    }
}

// One part of an XA identifier, as lower-case hexadecimal digits: X'6162', 0x6162 or 'ab'.
std::string read_xid_part(SqlTokens& in) {
    std::string digits;
    SqlToken t = in.take();
    if (t.is("X")) {
        digits = in.take().text;
    } else if (t.kind == SqlToken::Kind::kWord && t.upper.starts_with("0X")) {
        digits = t.text.substr(2);
    } else {
        for (char c : t.text) {
            static const char kDigits[] = "0123456789abcdef";
            digits += kDigits[static_cast<unsigned char>(c) >> 4];
            digits += kDigits[static_cast<unsigned char>(c) & 15];
        }
    }
    for (char& c : digits) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return digits;
}

std::string read_xid(SqlTokens& in) {
    std::string xid = "X'" + read_xid_part(in) + "',X'", format = "1";
    if (in.accept_punctuation(',')) xid += read_xid_part(in);
    if (in.accept_punctuation(',')) {
        const bool negative = in.accept_punctuation('-');
        format = (negative ? "-" : "") + in.take().text;
    }
    return xid + "'," + format;
}

/// The statement begins with these words and is none of those that are read further: no row of a table is
/// another one after it. All that is not known may have changed rows: SELECT f(), CALL, LOAD DATA, ...
bool changes_no_rows(const SqlToken& first, const SqlToken& second) {
    if (first.ends()) return true;
    for (const char* word :
         {"GRANT", "REVOKE", "FLUSH", "OPTIMIZE", "CHECK", "RELEASE", "INSTALL", "UNINSTALL", "SET"}) {
        if (first.is(word)) return true;
    }
    if (first.is("ANALYZE")) {  // MariaDB's ANALYZE UPDATE ... updates
        for (const char* word : {"TABLE", "TABLES", "LOCAL", "NO_WRITE_TO_BINLOG"}) {
            if (second.is(word)) return true;
        }
    }
    return (first.is("LOAD") || first.is("CACHE")) && second.is("INDEX");
}

LogStatement read_as(const QueryEvent& event, SqlDialect dialect) {
    LogStatement statement;
    const std::string_view database = event.database;
    SqlTokens in(event.query, dialect);
    SqlToken first = in.take();
    while (first.is("SET") && in.accept("STATEMENT")) {
        // MariaDB: SET STATEMENT name = value, ... FOR statement
        int depth = 0;
        while (!in.peek().ends() && (depth > 0 || !in.peek().is("FOR"))) {
            const SqlToken t = in.take();
            depth += t.is_punctuation('(') ? 1 : t.is_punctuation(')') ? -1 : 0;
        }
        in.take();
        first = in.take();
    }
    if (first.is("BEGIN") || (first.is("START") && in.peek().is("TRANSACTION"))) {
        statement.kind = Kind::kBegin;
    } else if (first.is("COMMIT")) {
        statement.kind = Kind::kCommit;
    } else if (first.is("ROLLBACK")) {
        in.accept("WORK");
        statement.kind = in.peek().is("TO") ? Kind::kRollbackToSavepoint : Kind::kRollback;
        if (in.accept("TO")) {
            in.accept("SAVEPOINT");
            statement.savepoint = in.take().text;
        }
    } else if (first.is("SAVEPOINT")) {
        statement.kind = Kind::kSavepoint;
        statement.savepoint = in.take().text;
    } else if (first.is("XA")) {
        SqlToken verb = in.take();
        if (verb.is("START") || verb.is("BEGIN")) statement.kind = Kind::kXaStart;
        if (verb.is("COMMIT")) statement.kind = Kind::kXaCommit;
        if (verb.is("ROLLBACK")) statement.kind = Kind::kXaRollback;
        if (statement.kind != Kind::kOther) statement.xid = read_xid(in);
    } else if (first.is("TRUNCATE")) {
        in.accept("TABLE");
        if (read_table(in, database, statement.tables)) statement.kind = Kind::kTruncate;
    } else if (first.is("ALTER")) {
        read_alter(in, database, statement);
    } else if (first.is("CREATE")) {
        read_create(in, database, statement);
    } else if (first.is("DROP")) {
        read_drop(in, database, statement);
    } else if (first.is("RENAME")) {
        read_rename(in, database, statement);
    } else if (first.is("REPAIR")) {
        read_repair(in, database, statement);
    } else {
        statement.may_change_rows = !changes_no_rows(first, in.peek());
    }
    return statement;
}

/// SET STATEMENT sql_mode = ... FOR: the event has the mode that it sets, the text was read with another.
bool may_set_sql_mode(const QueryEvent& event, SqlDialect dialect) {
    if (!event.mariadb) return false;
    SqlTokens in(event.query, dialect);
    return in.accept("SET") && in.accept("STATEMENT") &&
           fold_name(event.query, NameFold::kGeneralCi).find(fold_name("sql_mode", NameFold::kGeneralCi)) !=
               std::string::npos;
}

}  // namespace

LogStatement read_statement(const QueryEvent& event) {
    if (event.query == "BEGIN") {  // in front of most transactions
        LogStatement statement;
        statement.kind = Kind::kBegin;
        return statement;
    }
    SqlDialect dialect{event.sql_mode, event.mariadb, event.nbsp_is_blank};
    LogStatement statement = read_as(event, dialect);
    if (!may_set_sql_mode(event, dialect)) return statement;
    for (unsigned choice = 0; choice < 8; ++choice) {
        dialect.sql_mode = ((choice & 1) != 0 ? SqlDialect::kAnsiQuotes : 0) |
                           ((choice & 2) != 0 ? SqlDialect::kMssql : 0) |
                           ((choice & 4) != 0 ? SqlDialect::kNoBackslashEscapes : 0);
        if (read_as(event, dialect) == statement) continue;
        statement = LogStatement();
        statement.may_change_rows = true;  // which is not known
        break;
    }
    return statement;
}

}  // namespace penstock
