#include "source/key_space.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace penstock {
namespace {

uint64_t to_uint64(const std::optional<std::string>& text) {
    return text ? std::strtoull(text->c_str(), nullptr, 10) : 0;
}

}  // namespace

KeySpace::KeySpace(MysqlConnection& connection, const TableSchema& schema, Key key)
    : connection_(connection), schema_(schema), key_(std::move(key)) {
    for (const SourceColumn* column : key_)
        expressions_ += (expressions_.empty() ? "" : ", ") + key_expression(*column);
    from_ = " FROM " + quote_table(schema.database, schema.name);
}

uint64_t KeySpace::estimated_rows() {
    // MySQL's information_schema shows numbers of up to a day ago, MariaDB's optimizer those of ANALYZE.
    if (!connection_.is_mariadb()) return explained_rows("SELECT 1" + from_, 1)[0];
    return to_uint64(connection_.query_value(
        "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = " +
        quote_string(schema_.database) + " AND TABLE_NAME = " + quote_string(schema_.name)));
}

std::vector<uint64_t> KeySpace::explained_rows(const std::string& sql, size_t selects) {
    const auto plan =
        connection_.query((connection_.is_mariadb() ? "EXPLAIN " : "EXPLAIN FORMAT=TRADITIONAL ") + sql);
    // The columns up to `rows` are those of the manual's "EXPLAIN Output Format"; `partitions` is MySQL's.
    const size_t column = connection_.is_mariadb() ? 8 : 9;
    std::vector<uint64_t> rows(selects);
    for (size_t i = 0; i < selects && i < plan.size(); ++i)
        rows[i] = plan[i].size() > column ? to_uint64(plan[i][column]) : 0;
    return rows;
}

std::optional<std::string> KeySpace::find_index(size_t count, bool ordered, bool hidden) {
    std::string columns;
    for (size_t i = 0; i < count; ++i) {
        columns += (i == 0 ? "(" : ", (") + std::to_string(i + 1) + ", " + quote_string(key_[i]->name) + ")";
    }
    // IS_VISIBLE is MySQL's and IGNORED MariaDB's; the outer query has them where STATISTICS does not.
    return connection_.query_value(
        "SELECT (SELECT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = " +
        quote_string(schema_.database) + " AND TABLE_NAME = " + quote_string(schema_.name) +
        (ordered ? " AND SUB_PART IS NULL" : "") +
        " AND INDEX_TYPE IN ('BTREE', 'LSMTREE') AND (SEQ_IN_INDEX, COLUMN_NAME) IN (" + columns +
        ") AND (IS_VISIBLE = 'NO' OR `IGNORED` = 'YES') = " + (hidden ? "TRUE" : "FALSE") +
        " GROUP BY INDEX_NAME HAVING COUNT(DISTINCT `COLLATION`) = 1 AND COUNT(*) = " +
        std::to_string(count) +
        " ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME LIMIT 1) "
        "FROM (SELECT 'YES' AS IS_VISIBLE, 'NO' AS `IGNORED`) AS absent");
}

bool KeySpace::use_index() {
    const auto index = find_index(key_.size(), true, false);
    if (!index) return false;
    index_ = quote_identifier(*index);
    return true;
}

bool KeySpace::ranges_use_index() {
    return find_index(1, false, false).has_value();
}

std::optional<std::string> KeySpace::hidden_index() {
    return find_index(1, false, true);
}

std::string KeySpace::where(const KeyRange& range, bool strictly) const {
    std::string sql;
    if (range.from) {
        sql = strictly ? strictly_after(key_, *range.from) : at_or_after(key_, *range.from);
    } else if (nullable()) {
        sql = name(0) + " IS NOT NULL";
    }
    if (range.until) sql += (sql.empty() ? "" : " AND ") + before(key_, *range.until);
    return sql.empty() ? "" : " WHERE " + sql;
}

std::string KeySpace::equal_before(const KeyBound& key, size_t column) const {
    std::string sql;
    for (size_t i = 0; i < column; ++i) sql += name(i) + " = " + key[i] + " AND ";
    return sql;
}

std::string KeySpace::order(const char* direction) const {
    std::string sql;
    for (size_t i = 0; i < key_.size(); ++i) sql += (i == 0 ? " ORDER BY " : ", ") + name(i) + direction;
    return sql;
}

std::vector<KeySpace::KeyText> KeySpace::keys(const std::string& sql) {
    std::vector<KeyText> keys;
    for (const auto& row : connection_.query(sql)) {
        KeyText& text = keys.emplace_back();
        for (size_t i = 0; i < key_.size(); ++i) text.push_back(row[i].value_or(""));
    }
    return keys;
}

KeyBound KeySpace::bound(const KeyText& text) const {
    KeyBound bound;
    for (size_t i = 0; i < key_.size(); ++i) bound.push_back(key_literal(*key_[i], text[i]));
    return bound;
}

std::optional<KeyBound> KeySpace::step(const KeyRange& range, uint64_t rows) {
    // Strictly after: a value that more rows share than a partition holds cannot stop the walk. Not where the
    // bound has only the first columns: all rows that begin so are still to come.
    const bool strictly = range.from && range.from->size() == key_.size();
    const auto found = keys("SELECT " + expressions_ + from_ + forced_index() + where(range, strictly) +
                            order("") + " LIMIT 1 OFFSET " + std::to_string(strictly ? rows - 1 : rows));
    if (found.empty()) return std::nullopt;
    return bound(found[0]);
}

std::vector<KeyBound> KeySpace::sort_and_pick(uint64_t rows, size_t limit) {
    std::vector<KeyBound> bounds;
    RowStream stream = connection_.stream("SELECT " + expressions_ + from_ + where({}) + order(""));
    for (uint64_t n = 0; stream.next(); ++n) {
        if (n == 0 || n % rows != 0 || bounds.size() >= limit) continue;
        KeyText text;
        for (size_t i = 0; i < key_.size(); ++i) text.emplace_back(stream.values()[i], stream.lengths()[i]);
        KeyBound next = bound(text);
        if (bounds.empty() || bounds.back() != next) bounds.push_back(std::move(next));
    }
    return bounds;
}

uint64_t KeySpace::count_up_to(const KeyRange& range, uint64_t limit) {
    return to_uint64(connection_.query_value("SELECT COUNT(*) FROM (SELECT 1" + from_ + where(range) +
                                             " LIMIT " + std::to_string(limit) + ") AS some_rows"));
}

std::vector<KeySpace::KeyText> KeySpace::first_keys(const KeyRange& range, size_t count) {
    return keys("SELECT " + expressions_ + from_ + forced_index() + where(range) + order("") + " LIMIT " +
                std::to_string(count));
}

std::vector<KeySpace::KeyText> KeySpace::last_keys(const KeyRange& range, size_t count) {
    return keys("SELECT " + expressions_ + from_ + forced_index() + where(range) + order(" DESC") +
                " LIMIT " + std::to_string(count));
}

std::vector<uint64_t> KeySpace::ranks(size_t column, const std::vector<std::string>& literals) {
    if (literals.empty()) return {};
    // The column is there to give the literals its type and collation. They are compared and not sorted: a
    // sort looks at no more than max_sort_length bytes.
    std::string values = "(SELECT 0 AS n, " + name(column) + " AS v" + from_ + " WHERE FALSE";
    for (size_t i = 0; i < literals.size(); ++i)
        values += " UNION ALL SELECT " + std::to_string(i) + ", " + literals[i];
    values += ")";
    const std::string sql =
        "SELECT SUM(b.v < a.v) FROM " + values + " AS a, " + values + " AS b GROUP BY a.n ORDER BY a.n";
    std::vector<uint64_t> ranks;
    for (const auto& row : connection_.query(sql)) ranks.push_back(to_uint64(row[0]));
    return ranks;
}

std::vector<KeyBound> KeySpace::keys_near(const KeyBound& first, const KeyBound& last, size_t column,
                                          const std::vector<std::string>& guesses) {
    const std::string at = name(column);
    const std::string begin = "(SELECT " + expressions_ + from_ + forced_index() + " WHERE " +
                              equal_before(first, column) + at + " > " + first[column] + " AND " + at +
                              " <= " + last[column] + " AND " + at + " >= ";
    const std::string end = order("") + " LIMIT 1)";
    std::string sql;
    for (const std::string& guess : guesses) {
        if (!sql.empty()) sql += " UNION ";
        sql.append(begin).append(guess).append(end);
    }
    std::vector<KeyBound> found;
    std::vector<std::string> values;
    if (sql.empty()) return found;
    for (const KeyText& text : keys(sql)) values.push_back(found.emplace_back(bound(text))[column]);

    const std::vector<uint64_t> places = ranks(column, values);
    std::vector<size_t> ascending(found.size());
    std::iota(ascending.begin(), ascending.end(), size_t{0});
    std::sort(ascending.begin(), ascending.end(), [&](size_t a, size_t b) { return places[a] < places[b]; });
    std::vector<KeyBound> result;
    for (size_t i = 0; i < ascending.size(); ++i) {
        if (i == 0 || places[ascending[i]] > places[ascending[i - 1]])
            result.push_back(std::move(found[ascending[i]]));
    }
    return result;
}

std::vector<uint64_t> KeySpace::estimates(const KeyBound& first, const KeyBound& last, size_t column,
                                          const std::vector<KeyBound>& cuts) {
    // MySQL does not dive for FORCE INDEX.
    const std::string at = name(column);
    const std::string begin = "SELECT " + at + from_ + " USE INDEX (" + index_ + ") WHERE " +
                              equal_before(first, column) + at + " >= ";
    const std::string before = " AND " + at + " < ";
    std::string sql = begin + first[column];
    for (const KeyBound& cut : cuts)
        sql.append(before).append(cut[column]).append(" UNION ALL ").append(begin).append(cut[column]);
    sql.append(" AND ").append(at).append(" <= ").append(last[column]);
    return explained_rows(sql, cuts.size() + 1);
}

}  // namespace penstock
