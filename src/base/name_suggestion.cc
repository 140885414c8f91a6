#include "base/name_suggestion.h"

#include <algorithm>
#include <cctype>

namespace penstock {

namespace {

/// Levenshtein distance without regard to case.
size_t distance(std::string_view a, std::string_view b) {
    auto same = [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
    };
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (same(a[i - 1], b[j - 1]) ? 0u : 1u)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

}  // namespace

std::string name_suggestion(std::string_view name, const std::vector<std::string_view>& known) {
    std::string_view best;
    size_t least = std::max<size_t>(2, name.size() / 3) + 1;
    for (std::string_view word : known) {
        size_t d = distance(name, word);
        if (d < least) {
            least = d;
            best = word;
        }
    }
    if (!best.empty()) return "did you mean " + std::string(best) + "?";
    std::string all;
    for (std::string_view word : known) all += (all.empty() ? "" : ", ") + std::string(word);
    return "known here: " + all;
}

}  // namespace penstock
