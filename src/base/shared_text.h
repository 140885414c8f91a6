#pragma once
// Texts that many places hold alike: what the columns of thousands of tables are called, and their types.

#include <concepts>
#include <ostream>
#include <string>
#include <string_view>

namespace penstock {

/// A text that is never changed, as small as a pointer: equal ones are one and the same. It is kept until the
/// process ends, so this is for words of a vocabulary, not for data: a column's name, each form of its type
/// that was seen. Any thread.
class SharedText {
  public:
    SharedText() = default;
    template <std::convertible_to<std::string_view> Text>
    SharedText(const Text& text) : text_(share(text)) {}

    const std::string& str() const { return *text_; }
    operator const std::string&() const { return *text_; }
    operator std::string_view() const { return *text_; }
    bool empty() const { return text_->empty(); }

    friend bool operator==(const SharedText& a, const SharedText& b) { return a.text_ == b.text_; }
    template <std::convertible_to<std::string_view> Text>
    friend bool operator==(const SharedText& a, const Text& b) {
        return *a.text_ == std::string_view(b);
    }
    template <std::convertible_to<std::string_view> Text>
    friend std::string operator+(const SharedText& a, const Text& b) {
        return std::string(a.str()).append(std::string_view(b));
    }
    template <std::convertible_to<std::string_view> Text>
    friend std::string operator+(const Text& a, const SharedText& b) {
        return std::string(std::string_view(a)).append(b.str());
    }
    friend std::ostream& operator<<(std::ostream& out, const SharedText& text) { return out << text.str(); }

  private:
    static const std::string* share(std::string_view text);
    static const std::string kEmpty;

    const std::string* text_ = &kEmpty;
};

}  // namespace penstock
