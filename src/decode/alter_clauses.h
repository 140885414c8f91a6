#pragma once
// The clauses of an ALTER TABLE and what they do, by the table in alter_clauses.txt.
//
// How a line there writes a clause: WORDS as they are, A/B for one of several, [what may be missing], = for a
// sign that may be missing, <value> any one word, number or literal, (...) what is in parentheses, ... all up
// to the comma that ends the clause, <rest> all of the statement, <name> a name, <primary> the name PRIMARY,
// <column> and <new> a column's names, <table> a table's, <order> a list of columns to order by.

#include <string>
#include <string_view>
#include <vector>

#include "decode/sql_tokens.h"

namespace penstock {

struct AlterEffect {
    enum class Columns { kSame, kAdd, kDrop, kRename, kChange };
    enum class Key { kSame, kIndex, kPrimary };
    bool changes_rows = false;  ///< or may do so
    Columns columns = Columns::kSame;
    Key key = Key::kSame;  ///< kIndex: an index goes that is not the primary key
    bool operator==(const AlterEffect&) const = default;
};

struct AlterClause {
    bool known = false;  ///< else it may do anything, and is the last
    AlterEffect effect;
    std::string column, new_name;      ///< of `effect.columns`, where the clause names one
    bool conditional = false;          ///< IF EXISTS, IF NOT EXISTS
    std::vector<SqlToken> definition;  ///< what `...` stands for
    std::vector<SqlToken> table;       ///< what <table> stands for: a name, or a database, a point and a name
};

/// What stands behind the table's name, to the end of the statement.
std::vector<AlterClause> read_alter_clauses(SqlTokens& in);

/// A line of alter_clauses.txt, for its test.
struct AlterClauseLine {
    std::string clause;
    AlterEffect effect;
    std::string where;    ///< both, mysql, mariadb or none
    std::string example;  ///< statements with "; " between them
};
std::vector<AlterClauseLine> alter_clause_lines();

}  // namespace penstock
