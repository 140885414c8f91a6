#pragma once
// The words of a statement as the server that logged it read them.
//
// What is inside of a comment that the server took for code is code. Which of them it did not take, by their
// version, it marks in the log as plain comments.

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock {

/// What decides how a text is read.
struct SqlDialect {
    uint64_t sql_mode = 0;
    bool mariadb = false;
    bool nbsp_is_blank = false;  ///< the client's character set has a blank that does not break

    // Bits of sql_mode, in both flavours.
    static constexpr uint64_t kAnsiQuotes = 4;                 ///< "x" is a name
    static constexpr uint64_t kMssql = 0x400;                  ///< MariaDB: [x] is a name
    static constexpr uint64_t kNoBackslashEscapes = 0x100000;  ///< a backslash in 'x' is itself
};

struct SqlToken {
    enum class Kind { kEnd, kWord, kQuoted, kLiteral, kPunctuation };
    Kind kind = Kind::kEnd;
    std::string text;   ///< without its quotes
    std::string upper;  ///< of a word

    bool is(std::string_view word) const { return kind == Kind::kWord && upper == word; }
    bool is_punctuation(char c) const { return kind == Kind::kPunctuation && text[0] == c; }
    bool is_name() const { return kind == Kind::kWord || kind == Kind::kQuoted; }
    bool ends() const { return kind == Kind::kEnd; }
    bool operator==(const SqlToken&) const = default;
};

class SqlTokens {
  public:
    /// `text` (UTF-8) outlives this.
    SqlTokens(std::string_view text, SqlDialect dialect) : text_(text), dialect_(dialect) { advance(); }

    const SqlToken& peek() const { return token_; }
    SqlToken take() {
        SqlToken t = std::move(token_);
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
    size_t blank_size() const;
    bool word_goes_on() const;
    bool has_mode(uint64_t bit) const { return (dialect_.sql_mode & bit) != 0; }
    bool open_executable_comment();
    void skip_blanks();
    void advance();
    void read_quoted(char close, bool escapes);

    std::string_view text_;
    SqlDialect dialect_;
    size_t at_ = 0;
    int executable_depth_ = 0;
    SqlToken token_;
};

}  // namespace penstock
