#pragma once
// A file that holds one secret, readable by its owner only.

#include <optional>
#include <string>
#include <utility>

namespace penstock {

/// A text that is wiped when it goes out of scope.
class SecretText {
  public:
    explicit SecretText(std::string text) : text_(std::move(text)) {}
    ~SecretText();
    SecretText(SecretText&& other) noexcept : text_(std::move(other.text_)) {}
    SecretText& operator=(SecretText&& other) noexcept {
        text_.swap(other.text_);
        return *this;
    }
    SecretText(const SecretText&) = delete;
    SecretText& operator=(const SecretText&) = delete;
    const std::string& get() const { return text_; }

  private:
    std::string text_;
};

/// The text without white space around it; nothing when there is no such file. Throws Error(kUsage): cannot
/// be read, not a regular file, longer than 4 KB, open to anyone but its owner.
std::optional<SecretText> read_key_file(const std::string& path);

/// Writes the text and a newline, mode 0600, durable when it returns: a crash leaves the whole file or none
/// of it. A file that is there already is replaced when `replace`; else it stays and false is returned.
/// Throws Error(kUsage) when it cannot be written.
bool write_key_file(const std::string& path, const std::string& text, bool replace);

/// Puts `from` in the place of `to`, durable when it returns. Both are in one directory. Throws
/// Error(kUsage).
void replace_key_file(const std::string& from, const std::string& to);

}  // namespace penstock
