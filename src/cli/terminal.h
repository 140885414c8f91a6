#pragma once
// What is known of the terminal, text as it is shown there, and questions to the person at it.

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

/// Where output goes.
struct Screen {
    bool terminal = false;
    bool colour = false;  ///< a terminal, and neither NO_COLOR nor TERM=dumb is set
    size_t width = 0;     ///< columns; 0: no limit (no terminal)
    size_t height = 0;    ///< lines; 0: no limit

    static Screen of(std::FILE* stream);
};

enum class Colour { kNone, kGood, kBusy, kWarning, kBad, kFaint };

/// Of a state's name: Running is good, Failed is bad, ...
Colour colour_of_state(std::string_view state);
/// The text in that colour where the screen has colours, else the text.
std::string coloured(const Screen& screen, Colour colour, std::string_view text);

/// Control characters and bytes that are not UTF-8 as '?': a name cannot move the cursor.
std::string printable(std::string_view text);
/// Columns that printable text takes (East Asian letters take two, combining marks none).
size_t display_width(std::string_view text);
/// The text, or its beginning and "…", in at most `width` columns.
std::string shortened(std::string_view text, size_t width);

/// Lines that are drawn again in place on a terminal. Nothing else may write there meanwhile.
class LiveArea {
  public:
    explicit LiveArea(std::FILE* stream) : stream_(stream) {}
    /// Replaces what was drawn before. Lines may hold colours, and must not be wider than the terminal.
    void draw(const std::vector<std::string>& lines);
    void clear();

  private:
    std::FILE* stream_;
    size_t drawn_ = 0;
};

/// Asks on the terminal; true for yes. Throws Error(kUsage), naming --yes, when stdin is not a terminal.
bool confirmed(const std::string& question);

}  // namespace penstock
