#pragma once
// What the partition planner asks of the server about the keys of one table.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/table_schema.h"
#include "source/key_literal.h"
#include "source/mysql_connection.h"

namespace penstock {

/// The keys that are at or after `from` and before `until`; no bound is the end of the table.
struct KeyRange {
    std::optional<KeyBound> from, until;
};

/// Methods throw as MysqlConnection does. The connection and the schema must outlive this.
class KeySpace {
  public:
    using Key = std::vector<const SourceColumn*>;  ///< of the schema
    using KeyText = std::vector<std::string>;      ///< what key_expression gave, one per key column

    KeySpace(MysqlConnection& connection, const TableSchema& schema, Key key);

    const Key& key() const { return key_; }
    /// True when rows may have NULL for a key, which lie in no range.
    bool nullable() const { return key_.size() == 1 && key_[0]->nullable; }

    /// The server's estimate of the rows of the table.
    uint64_t estimated_rows();

    /// True when an index gives the rows in the order of the key; that index is used from then on.
    bool use_index();
    /// True when an index begins with the first column, so that a range of keys does not read the whole
    /// table.
    bool ranges_use_index();
    /// An index that would, but that no query may name: INVISIBLE (MySQL 8.0+) or IGNORED (MariaDB 10.6+).
    std::optional<std::string> hidden_index();

    /// The key of the row that `rows` rows of the range lie before, counted from the first one at or after
    /// its start.
    std::optional<KeyBound> step(const KeyRange& range, uint64_t rows);

    /// Every `rows`th key, in one pass over all keys in order: for a column without an index, where each step
    /// would be a sort of its own.
    std::vector<KeyBound> sort_and_pick(uint64_t rows, size_t limit);

    /// Rows of the range, counted up to `limit`.
    uint64_t count_up_to(const KeyRange& range, uint64_t limit);

    // Of an index: what costs the same however many rows there are.

    /// The first keys of a range, or the last, from the end on.
    std::vector<KeyText> first_keys(const KeyRange& range, size_t count);
    std::vector<KeyText> last_keys(const KeyRange& range, size_t count);

    KeyBound bound(const KeyText& text) const;

    /// How many of `literals` lie before each, as the server compares them with key column `column`.
    std::vector<uint64_t> ranks(size_t column, const std::vector<std::string>& literals);

    /// Keys of the table behind `first` and up to `last` (two keys that are equal before key column `column`
    /// and differ in it) near `guesses` of that column. They ascend strictly in the column by the server's
    /// comparison, whatever the guesses are: no row is lost or doubled by ranges that end at them.
    std::vector<KeyBound> keys_near(const KeyBound& first, const KeyBound& last, size_t column,
                                    const std::vector<std::string>& guesses);

    /// The optimizer's estimates of the rows from `first` to the first of `cuts`, between each two of them,
    /// and from the last one to `last`: two dives into the index each. The cuts ascend in `column`, and are
    /// equal to `first` before it.
    std::vector<uint64_t> estimates(const KeyBound& first, const KeyBound& last, size_t column,
                                    const std::vector<KeyBound>& cuts);

  private:
    /// One whose first columns are the key's first `columns`; of whole values where `ordered`.
    std::optional<std::string> find_index(size_t columns, bool ordered, bool hidden);
    std::string name(size_t column) const { return quote_identifier(key_[column]->name); }
    std::string forced_index() const { return index_.empty() ? "" : " FORCE INDEX (" + index_ + ")"; }
    /// " WHERE ..." of a range; `strictly` leaves out the key at its start.
    std::string where(const KeyRange& range, bool strictly = false) const;
    /// "`a` = 1 AND ": the columns before `column` as `key` has them.
    std::string equal_before(const KeyBound& key, size_t column) const;
    std::string order(const char* direction) const;
    std::vector<KeyText> keys(const std::string& sql);
    /// The optimizer's estimates for a SELECT, or for each of a UNION ALL.
    std::vector<uint64_t> explained_rows(const std::string& sql, size_t selects);

    MysqlConnection& connection_;
    const TableSchema& schema_;
    Key key_;
    std::string expressions_, from_, index_;
};

}  // namespace penstock
