#include "pipe/verify.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/byte_buffer.h"
#include "base/error.h"
#include "destination/quoting.h"
#include "pipe/verify_value.h"

namespace penstock {

namespace {

constexpr size_t kGroupRows = 1'000'000;  // rows of one key that are held in memory
constexpr uint64_t kProgressRows = 10'000;
constexpr size_t kShownBytes = 120;

using CanonicalRow = std::vector<CanonicalValue>;

/// The half-open range [low, high) of an integer first key column; empty bounds are open. NULL is below all.
struct KeyRange {
    std::string low, high;

    std::string predicate(const std::string& name, bool nullable) const {
        std::string sql;
        if (!low.empty()) sql = name + " >= " + low;
        if (!high.empty()) sql += (sql.empty() ? "" : " AND ") + name + " < " + high;
        if (low.empty() && !high.empty() && nullable) sql = "(" + sql + " OR " + name + " IS NULL)";
        return sql;
    }
};

std::string shown(const CanonicalValue& value) {
    if (!value) return "NULL";
    bool plain =
        std::all_of(value->begin(), value->end(), [](char c) { return static_cast<uint8_t>(c) >= 0x20; });
    std::string_view head = std::string_view(*value).substr(0, plain ? kShownBytes : kShownBytes / 2);
    if (plain && head.size() < value->size()) {
        while (!head.empty() && (static_cast<uint8_t>((*value)[head.size()]) & 0xc0) == 0x80)
            head.remove_suffix(1);
    }
    std::string text = plain ? std::string(head) : "0x" + hex_digits(head);
    if (head.size() < value->size()) text += fmt::format("... ({} bytes)", value->size());
    return text;
}

/// What both sides have in common: the columns and the order.
struct Layout {
    const TablePlan* plan;
    std::vector<VerifyColumn> columns;
    std::vector<uint32_t> key;  ///< columns in order of comparison

    explicit Layout(const TablePlan& table_plan) : plan(&table_plan) {
        for (uint32_t i = 0; i < table_plan.columns.size(); ++i) columns.emplace_back(table_plan, i);
        key = table_plan.sorting_key;
        if (!key.empty()) return;
        // A table without a key is compared by whatever both servers order alike.
        for (uint32_t i = 0; i < columns.size(); ++i) {
            if (columns[i].can_order()) key.push_back(i);
        }
    }

    std::strong_ordering compare_keys(const CanonicalRow& a, const CanonicalRow& b) const {
        for (uint32_t column : key) {
            std::strong_ordering order = columns[column].compare(a[column], b[column]);
            if (order != std::strong_ordering::equal) return order;
        }
        return std::strong_ordering::equal;
    }

    std::string key_text(const CanonicalRow& row) const {
        std::string text;
        for (uint32_t column : key) {
            text +=
                fmt::format("{}{}={}", text.empty() ? "" : ", ", columns[column].name(), shown(row[column]));
        }
        return text;
    }

    [[noreturn]] void fail(std::string message, std::string hint = {}) const {
        throw Error(Disposition::kFailPipe, "verify", std::move(message), std::move(hint))
            .at_table(plan->source.qualified_name());
    }
    /// Checks that `next` does not come before `previous` in the one order that both sides are held to.
    void check_order(const char* side, const CanonicalRow& previous, const CanonicalRow& next) const {
        if (compare_keys(previous, next) != std::strong_ordering::greater) return;
        fail(fmt::format("the {} sent key {} after {}, which is out of order", side, key_text(next),
                         key_text(previous)),
             "The comparison would be wrong; dates that the pipe changed cannot be verified as a key");
    }
};

std::string source_sql(const Layout& layout, const KeyRange& range) {
    std::string columns, order;
    for (const VerifyColumn& column : layout.columns) {
        columns += (columns.empty() ? "" : ", ") + column.source_expression();
    }
    for (uint32_t column : layout.key)
        order += (order.empty() ? "" : ", ") + layout.columns[column].source_order();
    std::string sql = fmt::format("SELECT {} FROM {}", columns,
                                  quote_table(layout.plan->source.database, layout.plan->source.name));
    std::string where =
        layout.key.empty() ? "" : range.predicate(layout.columns[layout.key[0]].source_expression(), true);
    if (!where.empty()) sql += " WHERE " + where;
    if (!order.empty()) sql += " ORDER BY " + order;
    return sql;
}

std::string target_sql(const Layout& layout, const KeyRange& range) {
    std::string columns, order;
    for (const VerifyColumn& column : layout.columns) {
        columns += (columns.empty() ? "" : ", ") + column.target_expression();
    }
    for (uint32_t column : layout.key)
        order += (order.empty() ? "" : ", ") + layout.columns[column].target_order();
    bool replacing = layout.plan->engine == TableEngine::kReplacingMergeTree;
    std::string sql = fmt::format("SELECT {} FROM {}{} WHERE {} = 0", columns,
                                  quoted_target(layout.plan->target_database, layout.plan->target_table),
                                  replacing ? " FINAL" : "", MetaColumns::kIsDeleted);
    if (!layout.key.empty()) {
        const TargetColumn& first = layout.plan->columns[layout.key[0]];
        std::string where = range.predicate(quote_target_identifier(first.name), first.type.nullable);
        if (!where.empty()) sql += " AND " + where;
    }
    if (!order.empty()) sql += " ORDER BY " + order;
    return sql + " FORMAT RowBinary";
}

/// Rows of Nullable(String) columns in RowBinary, from pieces of any size.
/// Format: ClickHouse docs, "RowBinary": per value a NULL mark, then VarUInt length and bytes.
class TargetRows {
  public:
    explicit TargetRows(size_t columns) : fields_(columns) {}

    template <typename F>
    void take(ByteSpan bytes, F&& on_row) {
        pending_.append(bytes);
        size_t done = 0;
        while (size_t size = parse(pending_.span().subspan(done))) {
            on_row(fields_);
            done += size;
        }
        size_t rest = pending_.size() - done;
        std::memmove(pending_.data(), pending_.data() + done, rest);
        pending_.truncate(rest);
    }
    bool empty() const { return pending_.empty(); }

  private:
    /// Bytes of the row at the front; 0 when it is not complete.
    size_t parse(ByteSpan bytes) {
        size_t at = 0;
        for (std::optional<std::string_view>& field : fields_) {
            if (at == bytes.size()) return 0;
            field.reset();
            if (bytes[at++] == 1) continue;
            uint64_t size = 0;
            for (int shift = 0;; shift += 7) {
                if (at == bytes.size() || shift > 63) return 0;
                uint8_t byte = bytes[at++];
                size |= static_cast<uint64_t>(byte & 0x7f) << shift;
                if (byte < 0x80) break;
            }
            if (size > bytes.size() - at) return 0;
            field = as_text(bytes.subspan(at, static_cast<size_t>(size)));
            at += static_cast<size_t>(size);
        }
        return at;
    }

    ByteBuffer pending_;
    std::vector<std::optional<std::string_view>> fields_;
};

/// Rows of one side that share a key.
class Group {
  public:
    Group(const Layout& layout, const char* side) : layout_(layout), side_(side) {}

    bool empty() const { return rows_.empty(); }
    std::vector<CanonicalRow>& rows() { return rows_; }
    const CanonicalRow& front() const { return rows_.front(); }
    void add(CanonicalRow row) {
        if (rows_.size() == kGroupRows) {
            layout_.fail(fmt::format("more than {} rows of the {} share the key {}", kGroupRows, side_,
                                     layout_.key_text(front())),
                         "Choose sortingKeys that tell rows apart");
        }
        rows_.push_back(std::move(row));
    }
    void clear() { rows_.clear(); }

  private:
    const Layout& layout_;
    const char* side_;
    std::vector<CanonicalRow> rows_;
};

/// Merges one range. The source is pulled, the target pushes.
class Merge {
  public:
    Merge(const Layout& layout, RowStream stream, VerifyResult& result,
          const std::function<void(uint64_t)>& progress)
        : layout_(layout), stream_(std::move(stream)), result_(result), progress_(progress) {
        // Read before the target is asked: a source that sorts first keeps the target waiting for nothing.
        pull();
        next_source_group();
    }

    void on_target_row(const std::vector<std::optional<std::string_view>>& fields) {
        CanonicalRow row(fields.size());
        for (size_t i = 0; i < fields.size(); ++i) row[i] = layout_.columns[i].from_target(fields[i]);
        if (!target_.empty()) {
            layout_.check_order("target", target_.front(), row);
            if (layout_.compare_keys(target_.front(), row) != std::strong_ordering::equal)
                take_target_group();
        }
        target_.add(std::move(row));
    }

    void finish() {
        if (!target_.empty()) take_target_group();
        while (!source_.empty()) {
            report(DifferenceKind::kMissing, source_.rows());
            next_source_group();
        }
        progress_(result_.rows);
    }

  private:
    /// Reads one source row ahead.
    void pull() {
        ahead_.reset();
        if (!stream_.next()) return;
        CanonicalRow row(layout_.columns.size());
        for (uint32_t i = 0; i < row.size(); ++i) {
            const char* value = stream_.values()[i];
            std::optional<std::string_view> text;
            if (value != nullptr) text = std::string_view(value, stream_.lengths()[i]);
            row[i] = layout_.columns[i].from_source(text);
        }
        ahead_ = std::move(row);
        if (++result_.rows % kProgressRows == 0) progress_(result_.rows);
    }

    void next_source_group() {
        source_.clear();
        while (ahead_) {
            if (!source_.empty()) {
                layout_.check_order("source", source_.front(), *ahead_);
                if (layout_.compare_keys(source_.front(), *ahead_) != std::strong_ordering::equal) return;
            }
            source_.add(std::move(*ahead_));
            pull();
        }
    }

    void take_target_group() {
        while (!source_.empty()) {
            std::strong_ordering order = layout_.compare_keys(source_.front(), target_.front());
            if (order == std::strong_ordering::greater) break;
            if (order == std::strong_ordering::equal) {
                compare_groups();
                next_source_group();
                target_.clear();
                return;
            }
            report(DifferenceKind::kMissing, source_.rows());
            next_source_group();
        }
        report(DifferenceKind::kExtra, target_.rows());
        target_.clear();
    }

    void compare_groups() {
        std::vector<CanonicalRow>& a = source_.rows();
        std::vector<CanonicalRow>& b = target_.rows();
        if (a.size() == 1 && b.size() == 1) return compare_rows(a[0], b[0]);
        std::sort(a.begin(), a.end());
        std::sort(b.begin(), b.end());
        std::vector<CanonicalRow> missing, extra;
        std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(missing));
        std::set_difference(b.begin(), b.end(), a.begin(), a.end(), std::back_inserter(extra));
        // The same key on both sides: rows of which one stands for the other.
        while (!missing.empty() && !extra.empty()) {
            compare_rows(missing.back(), extra.back());
            missing.pop_back();
            extra.pop_back();
        }
        report(DifferenceKind::kMissing, missing);
        report(DifferenceKind::kExtra, extra);
    }

    void compare_rows(const CanonicalRow& a, const CanonicalRow& b) {
        if (a == b) return;
        ++result_.different;
        for (size_t i = 0; i < a.size(); ++i) {
            if (a[i] == b[i] || result_.examples.size() >= VerifyResult::kExamples) continue;
            result_.examples.push_back({DifferenceKind::kDifferent, layout_.key_text(a),
                                        layout_.columns[i].name(), shown(a[i]), shown(b[i])});
        }
    }

    void report(DifferenceKind kind, const std::vector<CanonicalRow>& rows) {
        (kind == DifferenceKind::kMissing ? result_.missing : result_.extra) += rows.size();
        for (const CanonicalRow& row : rows) {
            if (result_.examples.size() >= VerifyResult::kExamples) return;
            result_.examples.push_back({kind, layout_.key_text(row), "", "", ""});
        }
    }

    const Layout& layout_;
    RowStream stream_;
    VerifyResult& result_;
    const std::function<void(uint64_t)>& progress_;
    std::optional<CanonicalRow> ahead_;
    Group source_{layout_, "source"};
    Group target_{layout_, "target"};
};

/// The boundary some rows after `low`; nothing when the rest is one range, or no ranges can be cut.
std::optional<std::string> next_boundary(const Layout& layout, MysqlConnection& source,
                                         const std::string& low, uint64_t range_rows) {
    if (layout.key.empty() || !layout.columns[layout.key[0]].is_integer()) return std::nullopt;
    std::string name = layout.columns[layout.key[0]].source_expression();
    std::string table = quote_table(layout.plan->source.database, layout.plan->source.name);
    std::string from = low.empty() ? "" : fmt::format(" AND {} >= {}", name, low);
    std::optional<std::string> found = source.query_value(
        fmt::format("SELECT {0} FROM {1} WHERE {0} IS NOT NULL{2} ORDER BY {0} LIMIT 1 OFFSET {3}", name,
                    table, from, range_rows));
    if (!found) return std::nullopt;
    // Many rows may share a value of a composite key's first column: go on to the next value.
    if (*found == low) {
        found = source.query_value(
            fmt::format("SELECT {0} FROM {1} WHERE {0} > {2} ORDER BY {0} LIMIT 1", name, table, low));
    }
    return found;
}

void verify_range(const Layout& layout, const KeyRange& range, MysqlConnection& source,
                  ClickHouseClient& target, VerifyResult& result,
                  const std::function<void(uint64_t)>& progress) {
    Merge merge(layout, source.stream(source_sql(layout, range)), result, progress);
    TargetRows rows(layout.columns.size());
    target.query_stream(
        target_sql(layout, range), {{"max_bytes_before_external_sort", "268435456"}},
        [&](ByteSpan bytes) { rows.take(bytes, [&](const auto& fields) { merge.on_target_row(fields); }); });
    if (!rows.empty()) layout.fail("the target's answer ends within a row");
    merge.finish();
}

}  // namespace

const char* difference_name(DifferenceKind kind) {
    switch (kind) {
        case DifferenceKind::kMissing:
            return "missing";
        case DifferenceKind::kExtra:
            return "extra";
        case DifferenceKind::kDifferent:
            return "different";
    }
    return "";
}

VerifyResult verify_table(const TablePlan& plan, MysqlConnection& source, ClickHouseClient& target,
                          const std::function<void(uint64_t rows)>& progress, uint64_t range_rows) {
    if (plan.engine == TableEngine::kNull) {
        throw Error(Disposition::kUsage, "verify", "a target of engine Null keeps no rows to compare with")
            .at_table(plan.source.qualified_name());
    }
    Layout layout(plan);
    VerifyResult result;
    // Older servers order by the first 1024 bytes only; the newer ones seen (9.7, 10.11) take them all.
    source.execute("SET SESSION max_sort_length = 65536");
    KeyRange range;
    for (;;) {
        std::optional<std::string> boundary = next_boundary(layout, source, range.low, range_rows);
        range.high = boundary.value_or("");
        verify_range(layout, range, source, target, result, progress);
        if (!boundary) return result;
        range.low = *boundary;
    }
}

}  // namespace penstock
