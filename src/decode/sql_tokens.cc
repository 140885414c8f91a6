#include "decode/sql_tokens.h"

#include <cctype>

namespace penstock {
namespace {

constexpr std::string_view kNbsp = "\xc2\xa0";

bool is_blank(char c) {
    return std::isspace(static_cast<unsigned char>(c)) != 0 || c == '\0';
}
bool is_word_char(char c) {
    auto u = static_cast<unsigned char>(c);
    return std::isalnum(u) != 0 || c == '_' || c == '$' || u >= 0x80;
}

}  // namespace

size_t SqlTokens::blank_size() const {
    if (is_blank(text_[at_])) return 1;
    return dialect_.nbsp_is_blank && text_.substr(at_, kNbsp.size()) == kNbsp ? kNbsp.size() : 0;
}

bool SqlTokens::word_goes_on() const {
    return at_ < text_.size() && is_word_char(text_[at_]) && blank_size() == 0;
}

// "/*!", and MariaDB's "/*M!", with the number of a version in five or six digits or none.
bool SqlTokens::open_executable_comment() {
    const std::string_view rest = text_.substr(at_);
    const size_t opening = rest.starts_with("/*!") ? 3 : dialect_.mariadb && rest.starts_with("/*M!") ? 4 : 0;
    if (opening == 0) return false;
    size_t digits = 0;
    while (digits < 6 && opening + digits < rest.size() &&
           std::isdigit(static_cast<unsigned char>(rest[opening + digits])) != 0) {
        ++digits;
    }
    at_ += opening + (digits < 5 ? 0 : digits);
    ++executable_depth_;
    return true;
}

void SqlTokens::skip_blanks() {
    while (at_ < text_.size()) {
        const char c = text_[at_];
        if (const size_t blank = blank_size()) {
            at_ += blank;
        } else if (c == '#' || (c == '-' && text_.substr(at_, 2) == "--" &&
                                (at_ + 2 >= text_.size() || is_blank(text_[at_ + 2]) ||
                                 std::iscntrl(static_cast<unsigned char>(text_[at_ + 2])) != 0))) {
            while (at_ < text_.size() && text_[at_] != '\n') ++at_;
        } else if (open_executable_comment()) {
            continue;
        } else if (executable_depth_ > 0 && text_.substr(at_, 2) == "*/") {
            at_ += 2;
            --executable_depth_;
        } else if (text_.substr(at_, 2) == "/*") {
            const size_t close = text_.find("*/", at_ + 2);
            at_ = close == std::string_view::npos ? text_.size() : close + 2;
        } else {
            return;
        }
    }
}

// From behind the opening quote. A closing one that is doubled stands for itself.
void SqlTokens::read_quoted(char close, bool escapes) {
    while (at_ < text_.size()) {
        if (text_[at_] == close) {
            if (text_.substr(at_ + 1, 1) != std::string_view(&close, 1)) break;
            ++at_;
        } else if (escapes && text_[at_] == '\\' && at_ + 1 < text_.size()) {
            ++at_;
        }
        token_.text += text_[at_++];
    }
    if (at_ < text_.size()) ++at_;
}

void SqlTokens::advance() {
    skip_blanks();
    token_ = SqlToken{};
    if (at_ >= text_.size()) return;
    const char c = text_[at_];
    if (c == '`' || (c == '"' && has_mode(SqlDialect::kAnsiQuotes))) {
        token_.kind = SqlToken::Kind::kQuoted;
        ++at_;
        read_quoted(c, false);
    } else if (c == '[' && dialect_.mariadb && has_mode(SqlDialect::kMssql)) {
        token_.kind = SqlToken::Kind::kQuoted;
        ++at_;
        read_quoted(']', false);
    } else if (c == '\'' || c == '"') {
        token_.kind = SqlToken::Kind::kLiteral;
        ++at_;
        read_quoted(c, !has_mode(SqlDialect::kNoBackslashEscapes));
    } else if (word_goes_on()) {
        token_.kind = SqlToken::Kind::kWord;
        while (word_goes_on()) {
            token_.text += text_[at_];
            token_.upper += static_cast<char>(std::toupper(static_cast<unsigned char>(text_[at_])));
            ++at_;
        }
    } else {
        token_.kind = SqlToken::Kind::kPunctuation;
        token_.text = c;
        ++at_;
    }
}

}  // namespace penstock
