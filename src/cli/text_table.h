#pragma once
// Aligned tables of text.

#include <string>
#include <vector>

#include "cli/terminal.h"

namespace penstock {

struct TableColumn {
    std::string title;
    bool right = false;       ///< numbers
    bool may_shrink = false;  ///< is cut, with "…", when the screen is too narrow
    bool state = false;       ///< its texts are coloured as states
};

class TextTable {
  public:
    explicit TextTable(std::vector<TableColumn> columns) : columns_(std::move(columns)) {}
    /// One cell for each column.
    void add(std::vector<std::string> cells);
    bool empty() const { return rows_.empty(); }

    /// Titles and rows, each ended by a newline. On a terminal that is too narrow for the columns that may
    /// not shrink: a line for each cell, and an empty one between two rows.
    std::string render(const Screen& screen) const;

  private:
    std::string render_upright(const Screen& screen) const;

    std::vector<TableColumn> columns_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace penstock
