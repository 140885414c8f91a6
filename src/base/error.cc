#include "base/error.h"

namespace penstock {

void Error::render() {
    line_ = operation_ + ": " + message_;
    if (!table_.empty() && !position_.empty()) {
        line_ += " (table " + table_ + ", at " + position_ + ")";
    } else if (!table_.empty()) {
        line_ += " (table " + table_ + ")";
    } else if (!position_.empty()) {
        line_ += " (at " + position_ + ")";
    }
    if (!hint_.empty()) line_ += ". " + hint_;
    // One line, whatever a server put into its message.
    for (char& c : line_) {
        if (c == '\n' || c == '\r') c = ' ';
    }
}

}  // namespace penstock
