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

    /// Titles and rows, each ended by a newline. On a terminal no line is wider than it is, unless columns
    /// that may not shrink need more.
    std::string render(const Screen& screen) const;

  private:
    std::vector<TableColumn> columns_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace penstock
