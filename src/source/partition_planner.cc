#include "source/partition_planner.h"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <optional>

#include "source/key_interpolation.h"
#include "source/key_literal.h"
#include "source/key_space.h"

namespace penstock {
namespace {

using Key = KeySpace::Key;

/// Above this many rows (the server's estimate), keys are guessed instead of counted: counting along a
/// clustered index reads every page of the table once. Here that takes 50 ms, guesses some queries more.
constexpr uint64_t kCountedRows = 200'000;
std::atomic<uint64_t> counted_rows{kCountedRows};

constexpr size_t kSample = 32;    // keys at each end of a range, for the characters they are made of
constexpr uint64_t kFiner = 2;    // pieces of a partition, as guesses do not cut evenly
constexpr uint64_t kFewest = 16;  // pieces of a range at once: they cost little, another cut six queries
constexpr uint64_t kMost = 256;
constexpr size_t kMostSql = size_t{512} << 10;  // bytes of a query: a server's max_allowed_packet can be 1 MB
constexpr uint32_t kUselessCuts = 8;            // one after the other, before a range is counted

/// Keys from `from` on, up to the next part; the first part begins with the table.
struct Part {
    std::optional<KeyBound> from;
    uint64_t rows;
};

/// A range that may be cut. `useless` counts the cuts in a row that left most of the rows in one piece.
struct Piece {
    KeyRange keys;
    uint64_t rows;
    uint32_t useless = 0;
};

/// Cuts a range every `rows` rows, counted along the index, while there are fewer parts than `limit`.
void walk(KeySpace& space, KeyRange keys, uint64_t rows, size_t limit, std::vector<Part>& parts) {
    while (parts.size() + 1 < limit) {
        std::optional<KeyBound> next = space.step(keys, rows);
        if (!next || next == keys.from) break;
        parts.push_back({std::move(keys.from), rows});
        keys.from = std::move(next);
    }
    const uint64_t rest = space.count_up_to(keys, rows);
    parts.push_back({std::move(keys.from), rest});
}

/// `values` of key column `column` as bounds, behind what `first` has in the columns before it.
std::vector<KeyBound> bounds_at(const KeyBound& first, size_t column,
                                const std::vector<std::string>& values) {
    std::vector<KeyBound> bounds;
    for (const std::string& value : values) {
        bounds.emplace_back(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(column))
            .push_back(value);
    }
    return bounds;
}

/// Pieces of a range, cut at guesses or at keys near them, with the optimizer's estimates of their rows; none
/// when the key has no guesses or they found no key. To look up the first key behind a guess costs MySQL 2 ms
/// for an integer: its engine reads 128 KB of keys ahead, whatever LIMIT says.
std::vector<Piece> cut(KeySpace& space, const Piece& piece, uint64_t rows) {
    auto sample = space.first_keys(piece.keys, kSample);
    const auto last_keys = space.last_keys(piece.keys, kSample);
    if (sample.empty() || last_keys.empty()) return {};
    sample.insert(sample.begin() + 1, last_keys.begin(), last_keys.end());
    const size_t column = static_cast<size_t>(
        std::mismatch(sample[0].begin(), sample[0].end(), sample[1].begin()).first - sample[0].begin());
    if (column == space.key().size()) return {};

    std::vector<std::string> values;
    values.reserve(sample.size());
    for (const auto& key : sample) values.push_back(key[column]);
    const KeyInterpolation interpolation(*space.key()[column], values);
    const KeyBound first = space.bound(sample[0]), last = space.bound(sample[1]);
    size_t sql = 256;  // of one guess: its literals four times
    for (const KeyBound* key : {&first, &last})
        for (const std::string& literal : *key) sql += 2 * literal.size();
    const uint64_t wanted =
        std::min<uint64_t>(std::clamp<uint64_t>((kFiner * piece.rows + rows - 1) / rows, kFewest, kMost),
                           std::max<uint64_t>(kMostSql / sql, 2));
    const std::vector<std::string> guesses =
        interpolation.guesses(wanted, space.ranks(column, interpolation.characters()));
    const std::vector<KeyBound> cuts = interpolation.guesses_ascend()
                                           ? bounds_at(first, column, guesses)
                                           : space.keys_near(first, last, column, guesses);
    if (cuts.empty()) return {};

    const std::vector<uint64_t> estimates = space.estimates(first, last, column, cuts);
    const uint64_t sum = std::accumulate(estimates.begin(), estimates.end(), uint64_t{0});
    if (sum == 0) return {};
    // As shares of what the whole was taken for: InnoDB doubles what it estimates for ranges of many pages,
    // and estimates that are no good cannot make the pieces more and more.
    const double share = static_cast<double>(piece.rows) / static_cast<double>(sum);
    std::vector<Piece> pieces;
    for (size_t i = 0; i < estimates.size(); ++i) {
        Piece part{piece.keys, static_cast<uint64_t>(share * static_cast<double>(estimates[i]))};
        if (i > 0) part.keys.from = cuts[i - 1];
        if (i < cuts.size()) part.keys.until = cuts[i];
        if (part.rows > piece.rows / 4 * 3) part.useless = piece.useless + 1;
        pieces.push_back(std::move(part));
    }
    return pieces;
}

/// Cuts a range until each part is estimated at no more than `rows`: dense parts of a skewed key are cut
/// again and again. One that guesses do not divide is counted.
void cut_again(KeySpace& space, const Piece& piece, uint64_t rows, std::vector<Part>& parts) {
    if (piece.rows <= rows + rows / 2) {
        parts.push_back({piece.keys.from, piece.rows});
        return;
    }
    const std::vector<Piece> pieces =
        piece.useless < kUselessCuts ? cut(space, piece, rows) : std::vector<Piece>();
    if (pieces.empty()) walk(space, piece.keys, rows, SIZE_MAX, parts);
    for (const Piece& next : pieces) cut_again(space, next, rows, parts);
}

/// Puts neighbours together until they hold about `rows`.
std::vector<Part> gather(std::vector<Part> parts, uint64_t rows, size_t limit) {
    std::vector<Part> gathered;
    for (Part& part : parts) {
        if (gathered.empty() || (gathered.back().rows + part.rows / 2 >= rows && gathered.size() < limit)) {
            gathered.push_back(std::move(part));
        } else {
            gathered.back().rows += part.rows;
        }
    }
    return gathered;
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

}  // namespace

void set_counted_rows_for_tests(uint64_t rows) {
    counted_rows = rows == 0 ? kCountedRows : rows;
}

std::vector<Partition> plan_partitions(MysqlConnection& connection, const TableSchema& schema,
                                       const std::string& partition_column, uint64_t rows_per_partition,
                                       uint32_t max_partitions) {
    KeySpace space(connection, schema, choose_key(schema, partition_column));
    const uint64_t total = space.estimated_rows();
    const size_t limit = std::max<uint32_t>(max_partitions, 1);
    const uint64_t rows = std::max({rows_per_partition, total / limit, uint64_t{1}});

    std::vector<Part> parts;
    const bool ordered = !space.key().empty() && (limit == 1 || space.use_index());
    if (space.key().empty() || (!ordered && !space.ranges_use_index())) {
        parts.push_back({std::nullopt, total});
    } else if (!ordered) {
        parts.push_back({std::nullopt, rows});
        for (KeyBound& bound : space.sort_and_pick(rows, limit - 1))
            parts.push_back({std::move(bound), rows});
        parts.back().rows = space.count_up_to({parts.back().from, std::nullopt}, rows);
    } else if (limit > 1 && total > counted_rows) {
        cut_again(space, {{}, total}, rows, parts);
        parts = gather(std::move(parts), rows, limit);
    } else {
        walk(space, {}, rows, limit, parts);
    }

    std::vector<Partition> partitions;
    for (size_t i = 0; i < parts.size(); ++i) {
        std::string predicate;
        if (i > 0) predicate = at_or_after(space.key(), *parts[i].from);
        if (i + 1 < parts.size())
            predicate += (i > 0 ? " AND " : "") + before(space.key(), *parts[i + 1].from);
        partitions.push_back({static_cast<uint32_t>(i), std::move(predicate), parts[i].rows});
    }
    if (space.nullable() && parts.size() > 1) {  // the only partition has them
        partitions.push_back({static_cast<uint32_t>(partitions.size()),
                              quote_identifier(space.key()[0]->name) + " IS NULL", 0});
    }
    return partitions;
}

}  // namespace penstock
