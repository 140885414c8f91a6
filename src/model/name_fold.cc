#include "model/name_fold.h"

#include <vector>

#include "model/name_folds.h"

namespace penstock {
namespace {

constexpr char32_t kBeyondBmp = '?';

// One character from the front of `text`, which gets shorter; 0 when no character of the BMP stands there:
// one byte is taken, or a whole character beyond it, which `beyond` tells.
char32_t take_character(std::string_view& text, bool& beyond) {
    auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    auto follows = [&](size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
    char32_t c = byte(0);
    size_t size = 1;
    beyond = false;
    if (c < 0x80) {
        // itself
    } else if ((c & 0xe0) == 0xc0 && follows(1)) {
        c = (c & 0x1f) << 6 | (byte(1) & 0x3fu);
        size = 2;
    } else if ((c & 0xf0) == 0xe0 && follows(1) && follows(2)) {
        c = (c & 0x0f) << 12 | (byte(1) & 0x3fu) << 6 | (byte(2) & 0x3fu);
        size = 3;
    } else {
        beyond = (c & 0xf8) == 0xf0 && follows(1) && follows(2) && follows(3);
        size = beyond ? 4 : 1;
        c = 0;
    }
    text.remove_prefix(size);
    return c;
}

/// Each character of the BMP to the first one of its group.
using Folds = std::vector<char16_t>;

Folds read_folds(std::string_view groups) {
    Folds folds(0x10000);
    for (size_t i = 0; i < folds.size(); ++i) folds[i] = static_cast<char16_t>(i);
    char32_t first = ' ';
    while (!groups.empty()) {
        bool beyond = false;
        const char32_t c = take_character(groups, beyond);
        if (c == ' ' || first == ' ') {
            first = c;
        } else {
            folds[c] = static_cast<char16_t>(first);
        }
    }
    return folds;
}

const Folds& folds_of(NameFold fold) {
    static const Folds kLower = read_folds(kLowerCase), kGeneral = read_folds(kGeneralCi),
                       kUnicode = read_folds(kUnicode14);
    return fold == NameFold::kLowerCase ? kLower : fold == NameFold::kGeneralCi ? kGeneral : kUnicode;
}

void append(std::string& out, char32_t c) {
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xc0 | c >> 6);
        out += static_cast<char>(0x80 | (c & 0x3f));
    } else {
        out += static_cast<char>(0xe0 | c >> 12);
        out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
        out += static_cast<char>(0x80 | (c & 0x3f));
    }
}

}  // namespace

std::string fold_name(std::string_view name, NameFold fold) {
    std::string out;
    if (fold == NameFold::kExact) return out.assign(name);
    const Folds& folds = folds_of(fold);
    out.reserve(name.size());
    while (!name.empty()) {
        const char raw = name[0];
        bool beyond = false;
        const char32_t c = take_character(name, beyond);
        if (beyond) {
            append(out, kBeyondBmp);
        } else if (c == 0) {
            out += raw;
        } else {
            append(out, folds[c]);
        }
    }
    return out;
}

bool same_name(std::string_view a, std::string_view b, NameFold fold) {
    return a == b || fold_name(a, fold) == fold_name(b, fold);
}

}  // namespace penstock
