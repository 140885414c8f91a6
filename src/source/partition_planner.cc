#include "source/partition_planner.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <optional>

#include "source/key_literal.h"

namespace penstock {
namespace {

using Key = std::vector<const SourceColumn*>;

/// Above this many rows (the server's estimate), integer keys are cut by estimates instead of by counting:
/// counting along a clustered index reads every page of the table once.
constexpr uint64_t kCountedRows = 2'000'000;
std::atomic<uint64_t> counted_rows{kCountedRows};

uint64_t to_uint64(const std::optional<std::string>& text) {
    return text ? std::strtoull(text->c_str(), nullptr, 10) : 0;
}

/// What the planner asks of the server about one table and key.
class KeySpace {
  public:
    KeySpace(MysqlConnection& connection, const TableSchema& schema, Key key)
        : connection_(connection), schema_(schema), key_(std::move(key)) {
        for (const SourceColumn* column : key_) {
            expressions_ += (expressions_.empty() ? "" : ", ") + key_expression(*column);
            order_ += (order_.empty() ? "" : ", ") + quote_identifier(column->name);
        }
        from_ = " FROM " + quote_table(schema.database, schema.name);
    }

    const Key& key() const { return key_; }
    bool nullable() const { return key_.size() == 1 && key_[0]->nullable; }

    uint64_t estimated_rows() {
        return to_uint64(connection_.query_value(
            "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = " +
            quote_string(schema_.database) + " AND TABLE_NAME = " + quote_string(schema_.name)));
    }

    /// True when an index gives the rows in the order of the key; that index is used from then on.
    bool use_index() {
        if (key_.size() > 1) return true;  // only a key of the table has more than one column
        auto index = connection_.query_value(
            "SELECT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = " +
            quote_string(schema_.database) + " AND TABLE_NAME = " + quote_string(schema_.name) +
            " AND SEQ_IN_INDEX = 1 AND SUB_PART IS NULL AND INDEX_TYPE = 'BTREE' AND COLUMN_NAME = " +
            quote_string(key_[0]->name) + " ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME LIMIT 1");
        if (!index) return false;
        index_ = quote_identifier(*index);
        return true;
    }

    /// The key of the row that `rows` rows lie before, counted from the first one at or after `from`.
    std::optional<KeyBound> step(const std::optional<KeyBound>& from, uint64_t rows) {
        // Strictly after: a value that more rows share than a partition holds cannot stop the walk.
        const std::string where = from ? strictly_after(key_, *from) : not_null();
        auto answer = connection_.query("SELECT " + expressions_ + from_ + forced_index() +
                                        (where.empty() ? "" : " WHERE " + where) + " ORDER BY " + order_ +
                                        " LIMIT 1 OFFSET " + std::to_string(from ? rows - 1 : rows));
        if (answer.empty()) return std::nullopt;
        KeyBound bound;
        for (size_t i = 0; i < key_.size(); ++i)
            bound.push_back(key_literal(*key_[i], answer[0][i].value_or("")));
        return bound;
    }

    /// Every `rows`th key, in one pass over all keys in order: for a column without an index, where each step
    /// would be a sort of its own.
    std::vector<KeyBound> sort_and_pick(uint64_t rows, size_t limit) {
        std::vector<KeyBound> bounds;
        const std::string where = not_null();
        RowStream keys = connection_.stream("SELECT " + expressions_ + from_ +
                                            (where.empty() ? "" : " WHERE " + where) + " ORDER BY " + order_);
        for (uint64_t n = 0; keys.next(); ++n) {
            if (n == 0 || n % rows != 0 || bounds.size() >= limit) continue;
            KeyBound bound{key_literal(*key_[0], std::string(keys.values()[0], keys.lengths()[0]))};
            if (bounds.empty() || bounds.back() != bound) bounds.push_back(std::move(bound));
        }
        return bounds;
    }

    /// Rows at or after `from`, counted up to `limit`.
    uint64_t count_up_to(const std::optional<KeyBound>& from, uint64_t limit) {
        return to_uint64(
            connection_.query_value("SELECT COUNT(*) FROM (SELECT 1" + from_ +
                                    (from ? " WHERE " + at_or_after(key_, *from) : std::string()) +
                                    " LIMIT " + std::to_string(limit) + ") AS some_rows"));
    }

    std::optional<std::string> extreme(const char* function) {
        return connection_.query_value(std::string("SELECT ") + function + "(" +
                                       quote_identifier(key_[0]->name) + ")" + from_);
    }

    /// The optimizer's estimate of the rows with first <= key <= last: two dives into the index. (MySQL does
    /// not dive for FORCE INDEX.)
    uint64_t estimate(const std::string& first, const std::string& last) {
        const std::string name = quote_identifier(key_[0]->name);
        auto plan = connection_.query(std::string("EXPLAIN ") +
                                      (connection_.is_mariadb() ? "" : "FORMAT=TRADITIONAL ") + "SELECT " +
                                      name + from_ + " USE INDEX (" + index_ + ") WHERE " + name +
                                      " BETWEEN " + first + " AND " + last);
        // The columns up to `rows` are those of the manual's "EXPLAIN Output Format"; `partitions` is
        // MySQL's.
        const size_t rows = connection_.is_mariadb() ? 8 : 9;
        return plan.empty() || plan[0].size() <= rows ? 0 : to_uint64(plan[0][rows]);
    }

  private:
    std::string forced_index() const { return index_.empty() ? "" : " FORCE INDEX (" + index_ + ")"; }
    std::string not_null() const {
        return nullable() ? quote_identifier(key_[0]->name) + " IS NOT NULL" : "";
    }

    MysqlConnection& connection_;
    const TableSchema& schema_;
    Key key_;
    std::string expressions_, order_, from_, index_;
};

bool is_integer(SourceType type) {
    return type >= SourceType::kTinyInt && type <= SourceType::kBigInt;
}

std::vector<KeyBound> walk(KeySpace& space, uint64_t rows, size_t limit) {
    std::vector<KeyBound> bounds;
    while (bounds.size() < limit) {
        const auto from = bounds.empty() ? std::nullopt : std::optional<KeyBound>(bounds.back());
        std::optional<KeyBound> bound = space.step(from, rows);
        if (!bound || (from && *bound == *from)) break;
        bounds.push_back(std::move(*bound));
    }
    return bounds;
}

__extension__ using Wide = __int128;  // holds every BIGINT, signed and unsigned

Wide to_wide(const std::string& text) {
    Wide value = 0;
    for (char c : text) {
        if (c >= '0' && c <= '9') value = value * 10 + (c - '0');
    }
    return text.starts_with('-') ? -value : value;
}

std::string to_text(Wide value) {
    if (value == 0) return "0";
    std::string digits;
    for (Wide v = value < 0 ? -value : value; v > 0; v /= 10)
        digits += static_cast<char>('0' + static_cast<int>(v % 10));
    if (value < 0) digits += '-';
    return {digits.rbegin(), digits.rend()};
}

/// A range of integer keys and how many rows the optimizer sees in it.
struct Range {
    Wide first, last;
    uint64_t rows;
};

/// Cuts a range into equal widths until each part is estimated at no more than `rows`: dense parts of a
/// skewed key are cut again and again, empty ones cost one estimate.
void split(KeySpace& space, const Range& range, uint64_t rows, std::vector<Range>& parts) {
    if (range.rows <= rows + rows / 2 || range.first == range.last) {
        parts.push_back(range);
        return;
    }
    const Wide width = range.last - range.first + 1;
    const Wide pieces = std::min<Wide>(width, std::clamp<Wide>(static_cast<Wide>(range.rows / rows), 2, 64));
    for (Wide i = 0; i < pieces; ++i) {
        Range piece{range.first + width * i / pieces, range.first + width * (i + 1) / pieces - 1, 0};
        piece.rows = space.estimate(to_text(piece.first), to_text(piece.last));
        split(space, piece, rows, parts);
    }
}

/// Boundaries of an integer key by estimates. `estimates` gets the rows of each partition.
std::vector<KeyBound> estimate_bounds(KeySpace& space, uint64_t total, uint64_t rows, size_t limit,
                                      std::vector<uint64_t>& estimates) {
    const std::optional<std::string> min = space.extreme("MIN"), max = space.extreme("MAX");
    std::vector<KeyBound> bounds;
    if (!min || !max) return bounds;
    std::vector<Range> parts;
    split(space, {to_wide(*min), to_wide(*max), total}, rows, parts);
    uint64_t gathered = 0;
    for (const Range& part : parts) {
        if (gathered > 0 && gathered + part.rows > rows && bounds.size() < limit) {
            bounds.push_back({to_text(part.first)});
            estimates.push_back(gathered);
            gathered = 0;
        }
        gathered += part.rows;
    }
    estimates.push_back(gathered);
    return bounds;
}

Key choose_key(const TableSchema& schema, const std::string& partition_column) {
    Key key;
    if (partition_column.empty()) {
        for (uint32_t index : schema.key) key.push_back(&schema.columns.at(index));
    } else {
        auto column = std::find_if(schema.columns.begin(), schema.columns.end(),
                                   [&](const SourceColumn& c) { return c.name == partition_column; });
        if (column == schema.columns.end()) {
            throw Error(Disposition::kFailPipe, "cut a table into partitions",
                        "there is no column " + partition_column + " to partition by",
                        "Choose an indexed column of the table")
                .at_table(schema.qualified_name());
        }
        key.push_back(&*column);
    }
    if (!std::all_of(key.begin(), key.end(), [](const SourceColumn* c) { return can_bound(*c); }))
        key.clear();
    return key;
}

bool can_be_partition_column(SourceType type) {
    return is_integer(type) || type == SourceType::kDate || type == SourceType::kDateTime ||
           type == SourceType::kTimestamp;
}

}  // namespace

void require_partition_column(MysqlConnection& connection, const TableSchema& schema,
                              const std::string& partition_column) {
    const auto column = std::find_if(schema.columns.begin(), schema.columns.end(),
                                     [&](const SourceColumn& c) { return c.name == partition_column; });
    std::string wrong;
    if (column == schema.columns.end()) {
        wrong = "which the table does not have";
    } else if (!can_be_partition_column(column->type)) {
        wrong = "which is " + column->column_type;
    } else if (!KeySpace(connection, schema, {&*column}).use_index()) {
        wrong = "which no index begins with";
    } else {
        return;
    }
    throw Error(Disposition::kFailPipe, "check the partitionKey",
                "partitionKey names column " + partition_column + ", " + wrong,
                "Choose an indexed column of an integer, date, datetime or timestamp type, or leave it out")
        .at_table(schema.qualified_name());
}

void set_counted_rows_for_tests(uint64_t rows) {
    counted_rows = rows == 0 ? kCountedRows : rows;
}

std::vector<Partition> plan_partitions(MysqlConnection& connection, const TableSchema& schema,
                                       const std::string& partition_column, uint64_t rows_per_partition,
                                       uint32_t max_partitions) {
    KeySpace space(connection, schema, choose_key(schema, partition_column));
    const uint64_t total = space.estimated_rows();
    const size_t limit = std::max<uint32_t>(max_partitions, 1) - 1;  // boundaries
    const uint64_t rows =
        std::max({rows_per_partition, total / std::max<uint32_t>(max_partitions, 1), uint64_t{1}});

    std::vector<KeyBound> bounds;
    std::vector<uint64_t> estimates;
    if (!space.key().empty() && limit > 0) {
        if (!space.use_index()) {
            bounds = space.sort_and_pick(rows, limit);
        } else if (total > counted_rows && space.key().size() == 1 && is_integer(space.key()[0]->type)) {
            bounds = estimate_bounds(space, total, rows, limit, estimates);
        } else {
            bounds = walk(space, rows, limit);
        }
    }
    if (bounds.empty()) {
        return {{0, "", space.key().empty() ? total : space.count_up_to(std::nullopt, rows)}};
    }
    if (estimates.empty()) {
        estimates.assign(bounds.size(), rows);
        estimates.push_back(bounds.size() == limit ? rows : space.count_up_to(bounds.back(), rows));
    }

    std::vector<Partition> partitions;
    for (size_t i = 0; i <= bounds.size(); ++i) {
        std::string predicate;
        if (i > 0) predicate = at_or_after(space.key(), bounds[i - 1]);
        if (i < bounds.size()) predicate += (i > 0 ? " AND " : "") + before(space.key(), bounds[i]);
        partitions.push_back({static_cast<uint32_t>(i), std::move(predicate), estimates[i]});
    }
    if (space.nullable()) {
        partitions.push_back({static_cast<uint32_t>(partitions.size()),
                              quote_identifier(space.key()[0]->name) + " IS NULL", 0});
    }
    return partitions;
}

}  // namespace penstock
