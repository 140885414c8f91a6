#include "decode/column_definition.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "model/name_fold.h"

namespace penstock {
namespace {

using Tokens = std::vector<SqlToken>;

constexpr std::pair<std::string_view, std::string_view> kSynonyms[] = {
    {"INT1", "TINYINT"},  {"INT2", "SMALLINT"},   {"INT3", "MEDIUMINT"}, {"MIDDLEINT", "MEDIUMINT"},
    {"INT4", "INT"},      {"INTEGER", "INT"},     {"INT8", "BIGINT"},    {"DEC", "DECIMAL"},
    {"FIXED", "DECIMAL"}, {"NUMERIC", "DECIMAL"}, {"CHARACTER", "CHAR"}};

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

class Reader {
  public:
    explicit Reader(const Tokens& tokens) : tokens_(tokens) {}

    bool ends() const { return at_ >= tokens_.size(); }
    const SqlToken& peek(size_t ahead = 0) const {
        static const SqlToken kEnd;
        return at_ + ahead < tokens_.size() ? tokens_[at_ + ahead] : kEnd;
    }
    SqlToken take() {
        const SqlToken& token = peek();
        ++at_;
        return token;
    }
    bool accept(std::string_view word) {
        if (!peek().is(word)) return false;
        ++at_;
        return true;
    }
    bool accept_parentheses() {
        if (!peek().is_punctuation('(')) return false;
        int depth = 0;
        do {
            depth += peek().is_punctuation('(') ? 1 : peek().is_punctuation(')') ? -1 : 0;
            ++at_;
        } while (depth > 0 && !ends());
        return true;
    }

    /// The type as its words, in one form for what is the same.
    std::vector<std::string> read_type() {
        std::string name = take().upper;
        if (is_one_of(name, {"BOOL", "BOOLEAN"})) return {"TINYINT", "1"};
        for (const auto& [other, usual] : kSynonyms) {
            if (name == other) name = usual;
        }
        std::vector<std::string> arguments, type = {name};
        if (peek().is_punctuation('(')) {
            take();
            while (!ends() && !peek().is_punctuation(')')) {
                const SqlToken token = take();
                if (!token.is_punctuation(',')) arguments.push_back(token.text);
            }
            take();
        }
        const bool whole = is_one_of(name, {"TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT"});
        const bool tinyint1 = name == "TINYINT" && arguments == std::vector<std::string>{"1"};
        if ((whole && !tinyint1) || name == "YEAR") arguments.clear();  // a width to show it in
        if (arguments.empty() && name == "DECIMAL") arguments = {"10"};
        if (arguments.size() == 1 && name == "DECIMAL") arguments.emplace_back("0");
        if (arguments.empty() && is_one_of(name, {"CHAR", "BINARY", "BIT"})) arguments = {"1"};
        if (arguments == std::vector<std::string>{"0"} && is_one_of(name, {"TIME", "DATETIME", "TIMESTAMP"}))
            arguments.clear();
        type.insert(type.end(), arguments.begin(), arguments.end());
        bool is_unsigned = false, zerofill = false;
        while (is_one_of(peek().upper, {"UNSIGNED", "SIGNED", "ZEROFILL"})) {
            const std::string sign = take().upper;
            zerofill = zerofill || sign == "ZEROFILL";
            is_unsigned = is_unsigned || sign != "SIGNED";
        }
        if (is_unsigned) type.emplace_back("UNSIGNED");
        if (zerofill) type.emplace_back("ZEROFILL");
        return type;
    }

    void skip_default() {
        if (accept_parentheses()) return;
        if (peek().is_punctuation('-') || peek().is_punctuation('+')) take();
        const SqlToken value = take();
        if (value.kind == SqlToken::Kind::kWord && peek().kind == SqlToken::Kind::kLiteral) take();  // b'1'
        if (peek().is_punctuation('.')) {
            take();
            take();
        }
        accept_parentheses();
    }

  private:
    const Tokens& tokens_;
    size_t at_ = 0;
};

std::string charset_name(const std::string& written) {
    std::string name = fold_name(written, NameFold::kLowerCase);
    return name == fold_name("utf8", NameFold::kLowerCase) ? fold_name("utf8mb3", NameFold::kLowerCase)
                                                           : name;
}

/// Whether `collation` is of the set: they are called after it.
bool is_collation_of(const std::string& collation, const std::string& charset) {
    const std::string name = charset_name(collation.substr(0, collation.find('_')));
    return name == charset_name(charset);
}

}  // namespace

bool repeats_definition(const Tokens& definition, const SourceColumn& column) {
    if (column.generated || column.compressed) return false;
    Tokens recorded;
    for (SqlTokens words(column.column_type.str(), {}); !words.peek().ends();)
        recorded.push_back(words.take());
    Reader was(recorded), is(definition);
    if (was.read_type() != is.read_type() || !was.ends()) return false;
    bool nullable = true, says_null = false, says_charset = column.charset.empty();
    while (!is.ends()) {
        if (is.accept("NOT")) {
            if (is.accept("ENFORCED")) continue;
            if (!is.accept("NULL")) return false;
            nullable = false;
            says_null = true;
        } else if (is.accept("NULL")) {
            says_null = true;
        } else if (is.accept("DEFAULT")) {
            is.skip_default();
        } else if (is.peek().is("ON") && is.peek(1).is("UPDATE")) {
            is.take();
            is.take();
            is.take();
            is.accept_parentheses();
        } else if (is.accept("COMMENT") || is.accept("COLUMN_FORMAT") || is.accept("STORAGE")) {
            is.take();
        } else if (is.accept("CHARSET") || ((is.peek().is("CHARACTER") || is.peek().is("CHAR")) &&
                                            is.peek(1).is("SET") && (is.take(), is.take(), true))) {
            if (charset_name(is.take().text) != charset_name(column.charset.str())) return false;
            says_charset = true;
        } else if (is.accept("COLLATE")) {
            if (!is_collation_of(is.take().text, column.charset.str())) return false;
            says_charset = true;
        } else if (is.accept("UNIQUE")) {
            is.accept("KEY");
        } else if (is.accept("CONSTRAINT")) {
            if (!is.peek().is("CHECK")) is.take();
            if (!is.peek().is("CHECK")) return false;
        } else if (is.accept("CHECK")) {
            if (!is.accept_parentheses()) return false;
        } else if (!is.accept("VISIBLE") && !is.accept("INVISIBLE") && !is.accept("ENFORCED")) {
            return false;  // AUTO_INCREMENT gives numbers, FIRST and AFTER another order, ...
        }
    }
    if (column.type == SourceType::kTimestamp && !says_null)
        return false;  // what it means depends on the server
    return says_charset && nullable == column.nullable;
}

}  // namespace penstock
