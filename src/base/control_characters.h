#pragma once
// Characters that a terminal obeys instead of showing them.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock {

/// True when UTF-8 text has one: newline, escape and the like, and U+0080 to U+009F.
inline bool has_control_characters(std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<uint8_t>(text[i]);
        if (c < 0x20 || c == 0x7f) return true;
        if (c == 0xc2 && i + 1 < text.size() && static_cast<uint8_t>(text[i + 1]) < 0xa0) return true;
    }
    return false;
}

}  // namespace penstock
