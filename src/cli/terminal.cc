#include "cli/terminal.h"

#include <clocale>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <iostream>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"

namespace penstock {
namespace {

/// UTF-8 in this thread while it lives, whatever the environment's locale is.
class Utf8Locale {
  public:
    Utf8Locale() : before_(uselocale(locale())) {}
    ~Utf8Locale() { uselocale(before_); }
    Utf8Locale(const Utf8Locale&) = delete;

  private:
    static locale_t locale() {
        static const locale_t made = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
        return made != nullptr ? made : LC_GLOBAL_LOCALE;
    }
    locale_t before_;
};

/// Calls take(character's bytes, columns) for each; false from it ends the walk. Bytes that are not UTF-8 and
/// control characters have -1 columns.
template <typename Take>
void each_character(std::string_view text, Take take) {
    Utf8Locale utf8;
    std::mbstate_t state{};
    while (!text.empty()) {
        wchar_t character = 0;
        size_t length = std::mbrtowc(&character, text.data(), text.size(), &state);
        int columns = -1;
        if (length == 0 || length > text.size()) {  // a NUL, a bad byte, or a character cut short
            length = 1;
            state = {};
        } else {
            columns = wcwidth(character);
        }
        if (!take(text.substr(0, length), columns)) return;
        text.remove_prefix(length);
    }
}

bool set_and_not_empty(const char* variable) {
    const char* value = std::getenv(variable);
    return value != nullptr && *value != '\0';
}

}  // namespace

Screen Screen::of(std::FILE* stream) {
    Screen screen;
    screen.terminal = isatty(fileno(stream)) == 1;
    if (!screen.terminal) return screen;
    const char* term = std::getenv("TERM");
    screen.colour = !set_and_not_empty("NO_COLOR") && !(term != nullptr && std::strcmp(term, "dumb") == 0);
    winsize size{};
    const bool known = ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    screen.width = known ? size.ws_col : 80;
    screen.height = known && size.ws_row > 0 ? size.ws_row : 24;
    return screen;
}

Colour colour_of_state(std::string_view state) {
    for (std::string_view good : {"Running", "Completed", "running", "active", "done"}) {
        if (state == good) return Colour::kGood;
    }
    for (std::string_view warning : {"Degraded", "Paused", "expired", "revoked"}) {
        if (state == warning) return Colour::kWarning;
    }
    return state == "Failed" ? Colour::kBad : Colour::kBusy;
}

std::string coloured(const Screen& screen, Colour colour, std::string_view text) {
    if (!screen.colour || colour == Colour::kNone) return std::string(text);
    const char* code = "";
    switch (colour) {
        case Colour::kNone:
            break;
        case Colour::kGood:
            code = "32";
            break;
        case Colour::kBusy:
            code = "36";
            break;
        case Colour::kWarning:
            code = "33";
            break;
        case Colour::kBad:
            code = "31";
            break;
        case Colour::kFaint:
            code = "2";
            break;
    }
    return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::string printable(std::string_view text) {
    std::string out;
    each_character(text, [&](std::string_view bytes, int columns) {
        out += columns < 0 ? std::string_view("?") : bytes;
        return true;
    });
    return out;
}

size_t display_width(std::string_view text) {
    size_t width = 0;
    each_character(text, [&](std::string_view, int columns) {
        width += columns < 0 ? 1 : static_cast<size_t>(columns);
        return true;
    });
    return width;
}

std::string shortened(std::string_view text, size_t width) {
    if (display_width(text) <= width) return std::string(text);
    if (width == 0) return {};
    std::string out;
    size_t used = 0;
    each_character(text, [&](std::string_view bytes, int columns) {
        const size_t more = columns < 0 ? 1 : static_cast<size_t>(columns);
        if (used + more > width - 1) return false;
        used += more;
        out += bytes;
        return true;
    });
    return out + "…";
}

void LiveArea::draw(const std::vector<std::string>& lines) {
    std::string out;
    if (drawn_ > 0) out += fmt::format("\x1b[{}A", drawn_);
    out += "\r\x1b[J";
    for (const std::string& line : lines) out += line + "\n";
    drawn_ = lines.size();
    std::fputs(out.c_str(), stream_);
    std::fflush(stream_);
}

void LiveArea::clear() {
    if (drawn_ > 0) draw({});
}

bool confirmed(const std::string& question) {
    if (isatty(STDIN_FILENO) != 1) {
        throw Error(Disposition::kUsage, "ask", "there is no terminal to ask '" + question + "' at",
                    "Give --yes to do it without a question");
    }
    std::fprintf(stderr, "%s [y/N] ", question.c_str());
    std::string answer;
    std::getline(std::cin, answer);
    return answer == "y" || answer == "Y" || answer == "yes" || answer == "Yes";
}

}  // namespace penstock
