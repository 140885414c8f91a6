#pragma once
// What one group of the log takes back of itself: MariaDB leaves rows in it that were rolled back, where
// something could not be taken out again (a temporary table was dropped, a table without transactions was
// changed), and writes the ROLLBACK or the ROLLBACK TO behind them.

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "decode/binlog_event.h"
#include "model/name_fold.h"

namespace penstock {

/// Rows events and statements of the group have places, counted from 0.
class UndoneRows {
  public:
    /// `savepoints`: how the source compares their names.
    explicit UndoneRows(NameFold savepoints) : fold_(savepoints) {}

    /// From a savepoint, or from the group's begin, to what took back all behind it.
    struct Range {
        uint64_t begin = 0;
        uint64_t end = 0;  ///< the place of the ROLLBACK or ROLLBACK TO
        bool operator==(const Range&) const = default;
    };

    /// Takes the events of the group in order, from its begin on. False: this one ends it, or is not of it
    /// any more.
    bool feed(const Event& event);
    /// The widest range that the place is in; null: what is there stays.
    const Range* find(uint64_t place) const;
    /// Disjoint, in order.
    const std::vector<Range>& ranges() const { return ranges_; }

  private:
    bool take_statement(const QueryEvent& event);
    void undo(uint64_t from);

    NameFold fold_;
    bool begun_ = false;
    uint64_t place_ = 0;  // of the next event
    std::vector<Range> ranges_;
    std::unordered_map<std::string, uint64_t> savepoints_;  // by name, folded
    std::map<uint64_t, std::string> by_place_;              // the same
};

}  // namespace penstock
