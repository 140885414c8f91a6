#pragma once
// Codes that MySQL converts in another way than iconv does.

#include <cstdint>
#include <span>
#include <string_view>

namespace penstock {

struct CharsetOverride {
    uint32_t code;     ///< the character's bytes as one big-endian number
    uint16_t unicode;  ///< '?' where the server finds no meaning
};

/// Of the character set with MySQL's name `charset`, sorted by code; empty when the two agree.
std::span<const CharsetOverride> charset_overrides(std::string_view charset);

}  // namespace penstock
