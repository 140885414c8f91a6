#include "cli/text_table.h"

#include <algorithm>
#include <numeric>

namespace penstock {
namespace {

constexpr size_t kGap = 2;        // spaces between columns
constexpr size_t kNarrowest = 8;  // of a column that shrinks

/// Takes one column after the other down from the widest, so that no column is cut while another is wider.
/// False when they need more than there is.
bool shrink(std::vector<size_t>& widths, const std::vector<TableColumn>& columns, size_t room) {
    size_t total = std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
    while (total > room) {
        size_t widest = widths.size();
        for (size_t i = 0; i < widths.size(); ++i) {
            if (!columns[i].may_shrink || widths[i] <= kNarrowest) continue;
            if (widest == widths.size() || widths[i] > widths[widest]) widest = i;
        }
        if (widest == widths.size()) return false;
        --widths[widest];
        --total;
    }
    return true;
}

}  // namespace

void TextTable::add(std::vector<std::string> cells) {
    for (std::string& cell : cells) cell = printable(cell);
    cells.resize(columns_.size());
    rows_.push_back(std::move(cells));
}

std::string TextTable::render_upright(const Screen& screen) const {
    size_t title_width = 0;
    for (const TableColumn& column : columns_)
        title_width = std::max(title_width, display_width(column.title));
    const size_t before = title_width + kGap;
    std::string out;
    for (const auto& row : rows_) {
        if (!out.empty()) out += '\n';
        for (size_t i = 0; i < columns_.size(); ++i) {
            if (row[i].empty()) continue;
            std::string cell = row[i];
            if (columns_[i].may_shrink)
                cell = shortened(cell, std::max(kNarrowest, screen.width - std::min(screen.width, before)));
            out += coloured(screen, Colour::kFaint, columns_[i].title);
            out += std::string(before - display_width(columns_[i].title), ' ');
            out += coloured(screen, columns_[i].state ? colour_of_state(cell) : Colour::kNone, cell) + "\n";
        }
    }
    return out;
}

std::string TextTable::render(const Screen& screen) const {
    std::vector<size_t> widths;
    for (size_t i = 0; i < columns_.size(); ++i) {
        size_t width = display_width(columns_[i].title);
        for (const auto& row : rows_) width = std::max(width, display_width(row[i]));
        widths.push_back(width);
    }
    if (screen.width > 0 && !shrink(widths, columns_, screen.width)) return render_upright(screen);

    std::string out;
    auto put = [&](size_t i, const std::string& text, Colour colour) {
        const std::string cell = shortened(text, widths[i]);
        const std::string padding(widths[i] - display_width(cell), ' ');
        if (i > 0) out += std::string(kGap, ' ');
        if (columns_[i].right) out += padding;
        out += coloured(screen, cell.empty() ? Colour::kNone : colour, cell);
        if (!columns_[i].right && i + 1 < columns_.size()) out += padding;
    };
    auto end_line = [&] {
        while (out.ends_with(' ')) out.pop_back();
        out += '\n';
    };
    for (size_t i = 0; i < columns_.size(); ++i) put(i, columns_[i].title, Colour::kFaint);
    end_line();
    for (const auto& row : rows_) {
        for (size_t i = 0; i < columns_.size(); ++i) {
            put(i, row[i], columns_[i].state ? colour_of_state(row[i]) : Colour::kNone);
        }
        end_line();
    }
    return out;
}

}  // namespace penstock
