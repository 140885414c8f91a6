#include "decode/alter_clauses.h"

#include <array>
#include <optional>
#include <stdexcept>
#include <utility>

#include "model/name_fold.h"

namespace penstock {

extern const std::string_view kAlterClausesText;  // alter_clauses.txt

namespace {

using Tokens = std::vector<SqlToken>;

/// What a line of the table says of a clause: one of the ways to write it, without options.
struct Pattern {
    struct Part {
        enum class Kind { kWords, kEquals, kValue, kParentheses, kClauseRest, kRest, kName, kOrder };
        Kind kind = Kind::kWords;
        std::vector<std::string> words;  // of kWords
        std::string name;                // of kName: "name", "primary", "column", "new" or "table"
    };
    std::vector<Part> parts;
    AlterEffect effect;
};

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

std::vector<std::string> split(std::string_view text, std::string_view separator) {
    std::vector<std::string> parts;
    for (size_t at; (at = text.find(separator)) != std::string_view::npos;) {
        parts.emplace_back(trimmed(text.substr(0, at)));
        text.remove_prefix(at + separator.size());
    }
    parts.emplace_back(trimmed(text));
    return parts;
}

/// Every way to take or leave the options of a clause, the longer first.
std::vector<std::string> expand(const std::string& clause) {
    const size_t open = clause.find('[');
    if (open == std::string::npos) return {clause};
    size_t close = open;
    for (int depth = 0; close < clause.size(); ++close) {
        depth += clause[close] == '[' ? 1 : clause[close] == ']' ? -1 : 0;
        if (depth == 0) break;
    }
    const std::string head = clause.substr(0, open), tail = clause.substr(close + 1);
    std::vector<std::string> ways = expand(head + clause.substr(open + 1, close - open - 1) + tail);
    for (std::string& way : expand(head + tail)) ways.push_back(std::move(way));
    return ways;
}

Pattern read_pattern(const std::string& clause, const AlterEffect& effect) {
    using Kind = Pattern::Part::Kind;
    Pattern pattern{{}, effect};
    for (const std::string& word : split(clause, " ")) {
        if (word.empty()) continue;
        Pattern::Part& part = pattern.parts.emplace_back();
        if (word == "=") {
            part.kind = Kind::kEquals;
        } else if (word == "...") {
            part.kind = Kind::kClauseRest;
        } else if (word == "(...)") {
            part.kind = Kind::kParentheses;
        } else if (word == "<value>") {
            part.kind = Kind::kValue;
        } else if (word == "<rest>") {
            part.kind = Kind::kRest;
        } else if (word == "<order>") {
            part.kind = Kind::kOrder;
        } else if (word[0] == '<') {
            part.kind = Kind::kName;
            part.name = word.substr(1, word.size() - 2);
        } else {
            part.words = split(word, "/");
        }
    }
    return pattern;
}

template <typename Value, size_t kCount>
Value value_of(const std::string& word,
               const std::array<std::pair<std::string_view, Value>, kCount>& values) {
    for (const auto& [name, value] : values) {
        if (word == name) return value;
    }
    throw std::logic_error("alter_clauses.txt: " + word);
}

AlterEffect read_effect(const std::vector<std::string>& fields) {
    using Columns = AlterEffect::Columns;
    using Key = AlterEffect::Key;
    static constexpr std::array<std::pair<std::string_view, bool>, 2> kRows{
        {{"same", false}, {"change", true}}};
    static constexpr std::array<std::pair<std::string_view, Columns>, 5> kColumns{
        {{"same", Columns::kSame},
         {"add", Columns::kAdd},
         {"drop", Columns::kDrop},
         {"rename", Columns::kRename},
         {"change", Columns::kChange}}};
    static constexpr std::array<std::pair<std::string_view, Key>, 3> kKey{
        {{"same", Key::kSame}, {"index", Key::kIndex}, {"primary", Key::kPrimary}}};
    return {value_of(fields.at(1), kRows), value_of(fields.at(2), kColumns), value_of(fields.at(3), kKey)};
}

const std::vector<Pattern>& patterns() {
    static const std::vector<Pattern> kPatterns = [] {
        std::vector<Pattern> all;
        for (const AlterClauseLine& line : alter_clause_lines()) {
            for (const std::string& way : expand(line.clause)) all.push_back(read_pattern(way, line.effect));
        }
        return all;
    }();
    return kPatterns;
}

/// The tokens of a statement, and the end of them as often as it is asked for.
class Statement {
  public:
    explicit Statement(SqlTokens& in) {
        while (!in.peek().ends()) tokens_.push_back(in.take());
    }
    size_t size() const { return tokens_.size(); }
    const SqlToken& at(size_t i) const { return i < tokens_.size() ? tokens_[i] : kEnd; }

    /// Where the comma is that ends the clause, or the end.
    size_t end_of_clause(size_t at) const {
        for (int depth = 0; at < size(); ++at) {
            if (depth == 0 && tokens_[at].is_punctuation(',')) break;
            depth += tokens_[at].is_punctuation('(') ? 1 : tokens_[at].is_punctuation(')') ? -1 : 0;
        }
        return at;
    }
    /// Behind the parenthesis that closes the one there.
    std::optional<size_t> end_of_parentheses(size_t at) const {
        if (!this->at(at).is_punctuation('(')) return std::nullopt;
        for (int depth = 0; at < size(); ++at) {
            depth += tokens_[at].is_punctuation('(') ? 1 : tokens_[at].is_punctuation(')') ? -1 : 0;
            if (depth == 0) return at + 1;
        }
        return std::nullopt;
    }
    /// Behind a column to order by; none when there is another thing.
    std::optional<size_t> end_of_order(size_t at) const {
        if (!this->at(at).is_name()) return std::nullopt;
        for (++at; this->at(at).is_punctuation('.') && this->at(at + 1).is_name();) at += 2;
        if (this->at(at).is("ASC") || this->at(at).is("DESC")) ++at;
        if (at < size() && !this->at(at).is_punctuation(',')) return std::nullopt;
        return at;
    }
    Tokens between(size_t from, size_t to) const {
        return {tokens_.begin() + static_cast<std::ptrdiff_t>(from),
                tokens_.begin() + static_cast<std::ptrdiff_t>(to)};
    }

  private:
    inline static const SqlToken kEnd{};
    Tokens tokens_;
};

/// Where the clause ends that begins at `at`, when it is one of the pattern; `clause` gets what it says.
std::optional<size_t> match(const Pattern& pattern, const Statement& statement, size_t at,
                            AlterClause& clause) {
    using Kind = Pattern::Part::Kind;
    for (const Pattern::Part& part : pattern.parts) {
        const SqlToken& token = statement.at(at);
        switch (part.kind) {
            case Kind::kWords: {
                // A value that is one of several may be quoted: ENGINE = 'InnoDB'.
                bool fits = false;
                for (const std::string& word : part.words)
                    fits = fits || token.is(word) ||
                           (!token.ends() && at > 0 && statement.at(at - 1).is_punctuation('=') &&
                            same_name(token.text, word, NameFold::kLowerCase)) ||
                           (token.kind == SqlToken::Kind::kWord &&
                            same_name(token.text, word, NameFold::kLowerCase));
                if (!fits) return std::nullopt;
                if (token.is("EXISTS")) clause.conditional = true;
                ++at;
                break;
            }
            case Kind::kEquals:
                if (token.is_punctuation('=')) ++at;
                break;
            case Kind::kValue:
                if (token.ends() || token.kind == SqlToken::Kind::kPunctuation) return std::nullopt;
                ++at;
                break;
            case Kind::kParentheses: {
                const std::optional<size_t> end = statement.end_of_parentheses(at);
                if (!end) return std::nullopt;
                at = *end;
                break;
            }
            case Kind::kClauseRest: {
                const size_t end = statement.end_of_clause(at);
                clause.definition = statement.between(at, end);
                at = end;
                break;
            }
            case Kind::kRest:
                at = statement.size();
                break;
            case Kind::kOrder: {
                std::optional<size_t> end = statement.end_of_order(at);
                if (!end) return std::nullopt;
                for (std::optional<size_t> next = end; next;) {
                    at = *next;
                    if (!statement.at(at).is_punctuation(',')) break;
                    next = statement.end_of_order(at + 1);
                }
                break;
            }
            case Kind::kName: {
                if (part.name == "table" && token.is_punctuation('.')) ++at;  // MariaDB: .t is t
                if (!statement.at(at).is_name()) return std::nullopt;
                const SqlToken& name = statement.at(at);
                if (part.name == "primary" && !same_name(name.text, "PRIMARY", NameFold::kGeneralCi))
                    return std::nullopt;
                if (part.name == "column") clause.column = name.text;
                if (part.name == "new") clause.new_name = name.text;
                size_t end = at + 1;
                if (part.name == "table") {
                    if (statement.at(end).is_punctuation('.') && statement.at(end + 1).is_name()) end += 2;
                    clause.table = statement.between(at, end);
                }
                at = end;
                break;
            }
        }
    }
    return at;
}

}  // namespace

std::vector<AlterClauseLine> alter_clause_lines() {
    std::vector<AlterClauseLine> lines;
    for (const std::string& line : split(kAlterClausesText, "\n")) {
        if (line.empty() || line[0] == '#') continue;
        const std::vector<std::string> fields = split(line, " | ");
        if (fields.size() != 6) throw std::logic_error("alter_clauses.txt: " + line);
        lines.push_back({fields[0], read_effect(fields), fields[4], fields[5]});
    }
    return lines;
}

std::vector<AlterClause> read_alter_clauses(SqlTokens& in) {
    const Statement statement(in);
    std::vector<AlterClause> clauses;
    for (size_t at = 0; at < statement.size();) {
        AlterClause clause;
        for (const Pattern& pattern : patterns()) {
            AlterClause tried;
            const std::optional<size_t> end = match(pattern, statement, at, tried);
            if (!end) continue;
            clause = std::move(tried);
            clause.known = true;
            clause.effect = pattern.effect;
            at = *end;
            break;
        }
        clauses.push_back(std::move(clause));
        if (!clauses.back().known) break;
        if (statement.at(at).is_punctuation(',')) ++at;
    }
    return clauses;
}

}  // namespace penstock
