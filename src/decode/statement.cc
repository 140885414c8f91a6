#include "decode/statement.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>

namespace penstock {
namespace {

struct Token {
    enum class Kind { kEnd, kWord, kQuoted, kLiteral, kPunctuation };
    Kind kind = Kind::kEnd;
    std::string text;  // words in upper case in `upper`, as written in `text`
    std::string upper;

    bool is(std::string_view word) const { return kind == Kind::kWord && upper == word; }
    bool is_punctuation(char c) const { return kind == Kind::kPunctuation && text[0] == c; }
    bool is_name() const { return kind == Kind::kWord || kind == Kind::kQuoted; }
};

bool is_word_char(char c) {
    auto u = static_cast<unsigned char>(c);
    return std::isalnum(u) || c == '_' || c == '$' || u >= 0x80;
}

class Tokenizer {
  public:
    explicit Tokenizer(std::string_view text) : text_(text) { advance(); }

    const Token& peek() const { return token_; }
    Token take() {
        Token t = std::move(token_);
        advance();
        return t;
    }
    bool accept(std::string_view word) {
        if (!token_.is(word)) return false;
        advance();
        return true;
    }
    bool accept_punctuation(char c) {
        if (!token_.is_punctuation(c)) return false;
        advance();
        return true;
    }

  private:
    void skip_blanks() {
        while (at_ < text_.size()) {
            char c = text_[at_];
            if (std::isspace(static_cast<unsigned char>(c)) || c == '\0') {
                ++at_;
            } else if (c == '#' || (c == '-' && text_.substr(at_, 2) == "--" &&
                                    (at_ + 2 >= text_.size() ||
                                     std::isspace(static_cast<unsigned char>(text_[at_ + 2]))))) {
                while (at_ < text_.size() && text_[at_] != '\n') ++at_;
            } else if (text_.substr(at_, 3) == "/*!" || text_.substr(at_, 4) == "/*M!") {
                // Executable comment: its inside is code. Skip the opening and the version number.
                at_ = text_.find('!', at_) + 1;
                while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) ++at_;
                ++executable_depth_;
            } else if (executable_depth_ > 0 && text_.substr(at_, 2) == "*/") {
                at_ += 2;
                --executable_depth_;
            } else if (text_.substr(at_, 2) == "/*") {
                size_t close = text_.find("*/", at_ + 2);
                at_ = close == std::string_view::npos ? text_.size() : close + 2;
            } else {
                return;
            }
        }
    }

    void advance() {
        skip_blanks();
        token_ = Token{};
        if (at_ >= text_.size()) return;
        char c = text_[at_];
        if (c == '`' || c == '"' || c == '\'') {
            token_.kind = c == '\'' ? Token::Kind::kLiteral : Token::Kind::kQuoted;
            ++at_;
            while (at_ < text_.size()) {
                if (text_[at_] == c) {
                    if (at_ + 1 < text_.size() && text_[at_ + 1] == c) {
                        ++at_;  // a doubled quote stands for itself
                    } else {
                        break;
                    }
                } else if (text_[at_] == '\\' && c != '`' && at_ + 1 < text_.size()) {
                    ++at_;
                }
                token_.text += text_[at_++];
            }
            if (at_ < text_.size()) ++at_;
        } else if (is_word_char(c)) {
            token_.kind = Token::Kind::kWord;
            while (at_ < text_.size() && is_word_char(text_[at_])) {
                token_.text += text_[at_];
                token_.upper += static_cast<char>(std::toupper(static_cast<unsigned char>(text_[at_])));
                ++at_;
            }
        } else {
            token_.kind = Token::Kind::kPunctuation;
            token_.text = c;
            ++at_;
        }
    }

    std::string_view text_;
    size_t at_ = 0;
    int executable_depth_ = 0;
    Token token_;
};

bool read_table(Tokenizer& in, std::string_view default_database, std::vector<StatementTable>& tables) {
    if (!in.peek().is_name()) return false;
    StatementTable t{std::string(default_database), in.take().text};
    if (in.accept_punctuation('.') && in.peek().is_name()) {
        t.database = std::move(t.table);
        t.table = in.take().text;
    }
    tables.push_back(std::move(t));
    return true;
}

void accept_if_exists(Tokenizer& in) {
    if (in.accept("IF")) {
        in.accept("NOT");
        in.accept("EXISTS");
    }
}

/// True for a clause of ALTER TABLE, given by its first words, that changes neither rows nor columns.
bool is_harmless(const Token& first, const Token& second) {
    auto second_is = [&](std::initializer_list<const char*> words) {
        return std::any_of(words.begin(), words.end(), [&](const char* word) { return second.is(word); });
    };
    if (first.is("ADD")) {
        return second_is({"INDEX", "KEY", "UNIQUE", "FULLTEXT", "SPATIAL", "FOREIGN", "CHECK", "PARTITION"});
    }
    if (first.is("DROP")) return second_is({"INDEX", "KEY", "FOREIGN", "CHECK", "CONSTRAINT"});
    if (first.is("RENAME")) return second_is({"INDEX", "KEY"});
    if (first.is("ALTER")) return second_is({"INDEX", "KEY", "CHECK", "CONSTRAINT"});
    if (first.is("ENABLE") || first.is("DISABLE")) return second.is("KEYS");
    if (first.is("ANALYZE") || first.is("OPTIMIZE") || first.is("REBUILD") || first.is("CHECK")) {
        return second.is("PARTITION");
    }
    for (const char* word :
         {"ALGORITHM", "LOCK", "COMMENT", "AUTO_INCREMENT", "ROW_FORMAT", "FORCE", "ENGINE", "KEY_BLOCK_SIZE",
          "STATS_PERSISTENT", "STATS_AUTO_RECALC", "STATS_SAMPLE_PAGES"}) {
        if (first.is(word)) return true;
    }
    return false;
}

/// The tables: the one altered, and those that a clause names after TABLE or RENAME TO (partitions exchanged
/// or converted, a new name).
void read_alter(Tokenizer& in, std::string_view database, LogStatement& statement) {
    in.accept("ONLINE");
    in.accept("OFFLINE");
    bool harmless = !in.accept("IGNORE");  // IGNORE may delete rows
    if (!in.accept("TABLE")) return;
    accept_if_exists(in);
    if (!read_table(in, database, statement.tables)) return;
    if (in.accept("WAIT")) in.take();
    in.accept("NOWAIT");
    const std::string own_database = statement.tables[0].database;
    int depth = 0;
    bool clause_start = true;
    bool drops_index = false;
    while (in.peek().kind != Token::Kind::kEnd) {
        Token t = in.take();
        if (t.is_punctuation('(')) ++depth;
        if (t.is_punctuation(')')) --depth;
        if (depth > 0) continue;
        if (clause_start) {
            harmless = harmless && is_harmless(t, in.peek());
            drops_index = drops_index || t.is("DROP");
            if (t.is("RENAME") && !is_harmless(t, in.peek()) && !in.peek().is("COLUMN")) {
                if (!in.accept("TO")) in.accept("AS");
                in.accept_punctuation('=');
                read_table(in, own_database, statement.tables);
            }
        } else if (t.is("TABLE")) {
            read_table(in, own_database, statement.tables);
        }
        clause_start = t.is_punctuation(',');
    }
    statement.kind = !harmless     ? LogStatement::Kind::kAlterTable
                     : drops_index ? LogStatement::Kind::kDropIndex
                                   : LogStatement::Kind::kOther;
}

void read_create(Tokenizer& in, std::string_view database, LogStatement& statement) {
    bool replace = false;
    if (in.accept("OR")) replace = in.accept("REPLACE");
    bool temporary = in.accept("TEMPORARY");
    if (!in.accept("TABLE")) return;
    accept_if_exists(in);
    if (!read_table(in, database, statement.tables)) return;
    if (replace && !temporary) statement.kind = LogStatement::Kind::kDropTable;
    Token before, last;
    while (in.peek().kind != Token::Kind::kEnd) {
        before = std::move(last);
        last = in.take();
    }
    if (before.is("START") && last.is("TRANSACTION")) statement.kind = LogStatement::Kind::kBegin;
}

void read_drop(Tokenizer& in, std::string_view database, LogStatement& statement) {
    if (in.accept("TEMPORARY")) return;
    if (in.accept("DATABASE") || in.accept("SCHEMA")) {
        accept_if_exists(in);
        if (in.peek().is_name()) {
            statement.kind = LogStatement::Kind::kDropDatabase;
            statement.tables.push_back({in.take().text, ""});
        }
        return;
    }
    if (in.accept("INDEX")) {
        accept_if_exists(in);
        in.take();
        if (in.accept("ON") && read_table(in, database, statement.tables))
            statement.kind = LogStatement::Kind::kDropIndex;
        return;
    }
    if (!in.accept("TABLE") && !in.accept("TABLES")) return;
    accept_if_exists(in);
    statement.kind = LogStatement::Kind::kDropTable;
    while (read_table(in, database, statement.tables) && in.accept_punctuation(',')) {
    }
}

void read_rename(Tokenizer& in, std::string_view database, LogStatement& statement) {
    if (!in.accept("TABLE") && !in.accept("TABLES")) return;
    accept_if_exists(in);
    statement.kind = LogStatement::Kind::kRenameTable;
    do {
        if (!read_table(in, database, statement.tables)) return;
        if (in.accept("WAIT")) in.take();
        in.accept("NOWAIT");
        if (!in.accept("TO")) return;
        if (!read_table(in, database, statement.tables)) return;
    } while (in.accept_punctuation(','));
}

// One part of an XA identifier, as lower-case hexadecimal digits: X'6162', 0x6162 or 'ab'.
std::string read_xid_part(Tokenizer& in) {
    std::string digits;
    Token t = in.take();
    if (t.is("X")) {
        digits = in.take().text;
    } else if (t.kind == Token::Kind::kWord && t.upper.starts_with("0X")) {
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

std::string read_xid(Tokenizer& in) {
    std::string xid = "X'" + read_xid_part(in) + "',X'", format = "1";
    if (in.accept_punctuation(',')) xid += read_xid_part(in);
    if (in.accept_punctuation(',')) {
        const bool negative = in.accept_punctuation('-');
        format = (negative ? "-" : "") + in.take().text;
    }
    return xid + "'," + format;
}

std::string read_savepoint(Tokenizer& in) {
    std::string name = in.take().text;
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return name;
}

bool changes_rows(const Token& first) {
    for (const char* word : {"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "CALL", "WITH"}) {
        if (first.is(word)) return true;
    }
    return false;
}

}  // namespace

LogStatement read_statement(std::string_view query, std::string_view default_database) {
    using Kind = LogStatement::Kind;
    LogStatement statement;
    if (query == "BEGIN") {  // in front of most transactions
        statement.kind = Kind::kBegin;
        return statement;
    }
    Tokenizer in(query);
    if (in.peek().is("SET")) {
        // MariaDB: SET STATEMENT name = value, ... FOR statement
        in.take();
        if (!in.accept("STATEMENT")) return statement;
        while (in.peek().kind != Token::Kind::kEnd && !in.accept("FOR")) in.take();
    }
    Token first = in.take();
    if (first.is("BEGIN") || (first.is("START") && in.peek().is("TRANSACTION"))) {
        statement.kind = Kind::kBegin;
    } else if (first.is("COMMIT")) {
        statement.kind = Kind::kCommit;
    } else if (first.is("ROLLBACK")) {
        in.accept("WORK");
        statement.kind = in.peek().is("TO") ? Kind::kRollbackToSavepoint : Kind::kRollback;
        if (in.accept("TO")) {
            in.accept("SAVEPOINT");
            statement.savepoint = read_savepoint(in);
        }
    } else if (first.is("SAVEPOINT")) {
        statement.kind = Kind::kSavepoint;
        statement.savepoint = read_savepoint(in);
    } else if (first.is("XA")) {
        Token verb = in.take();
        if (verb.is("START") || verb.is("BEGIN")) statement.kind = Kind::kXaStart;
        if (verb.is("COMMIT")) statement.kind = Kind::kXaCommit;
        if (verb.is("ROLLBACK")) statement.kind = Kind::kXaRollback;
        if (statement.kind != Kind::kOther) statement.xid = read_xid(in);
    } else if (first.is("TRUNCATE")) {
        in.accept("TABLE");
        if (read_table(in, default_database, statement.tables)) statement.kind = Kind::kTruncate;
    } else if (first.is("ALTER")) {
        read_alter(in, default_database, statement);
    } else if (first.is("CREATE")) {
        read_create(in, default_database, statement);
    } else if (first.is("DROP")) {
        read_drop(in, default_database, statement);
    } else if (first.is("RENAME")) {
        read_rename(in, default_database, statement);
    } else if (changes_rows(first)) {
        statement.kind = Kind::kChangesRows;
    }
    return statement;
}

bool mentions_identifier(std::string_view query, std::string_view word) {
    if (word.empty()) return false;
    if (word.find('`') != std::string_view::npos) {  // written with its backticks doubled
        std::string quoted;
        for (char c : word) quoted.append(c == '`' ? 2 : 1, c);
        return query.find(quoted) != std::string_view::npos;
    }
    auto same = [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
    };
    for (size_t i = 0; i + word.size() <= query.size(); ++i) {
        size_t n = 0;
        while (n < word.size() && same(query[i + n], word[n])) ++n;
        if (n < word.size()) continue;
        bool starts = i == 0 || !is_word_char(query[i - 1]);
        bool ends = i + n == query.size() || !is_word_char(query[i + n]);
        if (starts && ends) return true;
    }
    return false;
}

}  // namespace penstock
