#include "batch/collapse.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <string_view>

namespace penstock {
namespace {

constexpr uint64_t kFewestRows = 1024;  // below, ClickHouse's cost of an INSERT is all there is
constexpr size_t kBytesPerKey = 128;  // of the block, for each key in it: the set's memory is a part of them

/// Where the values of one key column lie.
class KeyColumn {
  public:
    KeyColumn(const BlockColumn& column, uint64_t rows)
        : nulls_(column.nulls()), values_(column.values()), width_(column.type().width()) {
        if (width_ != 0) return;
        ends_.reserve(rows);
        ByteReader reader(values_, "read a key column");
        for (uint64_t row = 0; row < rows; ++row) {
            reader.skip(static_cast<size_t>(reader.varint()));
            ends_.push_back(static_cast<uint32_t>(reader.position() - values_.data()));
        }
    }

    /// The value's bytes; of a string with its length in front, so that two columns cannot run together.
    std::string_view value(uint32_t row) const {
        if (width_ != 0) return as_text(values_.subspan(size_t{row} * width_, width_));
        const uint32_t begin = row == 0 ? 0 : ends_[row - 1];
        return as_text(values_.subspan(begin, ends_[row] - begin));
    }
    bool is_null(uint32_t row) const { return !nulls_.empty() && nulls_[row] != 0; }

  private:
    ByteSpan nulls_, values_;
    uint32_t width_;
    std::vector<uint32_t> ends_;  // of strings
};

class Keys {
  public:
    explicit Keys(const Block& block) {
        for (uint32_t index : block.plan->sorting_key)
            columns_.emplace_back(block.columns[index], block.rows);
    }

    uint32_t hash(uint32_t row) const {
        uint64_t sum = 0;
        for (const KeyColumn& column : columns_) {
            sum = (sum ^ std::hash<std::string_view>()(column.value(row))) * 0x9e37'79b9'7f4a'7c15;
        }
        return static_cast<uint32_t>(sum >> 32);
    }
    bool same(uint32_t a, uint32_t b) const {
        return std::all_of(columns_.begin(), columns_.end(), [&](const KeyColumn& column) {
            return column.value(a) == column.value(b) && column.is_null(a) == column.is_null(b);
        });
    }

  private:
    std::vector<KeyColumn> columns_;
};

/// A set of rows with distinct keys: open addressing, doubled when half full.
class RowSet {
  public:
    explicit RowSet(const Keys& keys) : keys_(keys), places_(1024) {}

    /// False when a row with the same key is in it.
    bool insert(uint32_t row) {
        const uint32_t hash = keys_.hash(row);
        Place* place = find(places_, hash);
        for (; place->used != 0; place = next(places_, place)) {
            if (place->hash == hash && keys_.same(place->used - 1, row)) return false;
        }
        *place = {hash, row + 1};
        if (++size_ * 2 > places_.size()) grow();
        return true;
    }
    size_t size() const { return size_; }

  private:
    struct Place {
        uint32_t hash = 0;
        uint32_t used = 0;  // the row's number + 1; 0: free
    };
    using Places = std::vector<Place>;

    static Place* find(Places& places, uint32_t hash) { return &places[hash & (places.size() - 1)]; }
    static Place* next(Places& places, Place* place) {
        return ++place == places.data() + places.size() ? places.data() : place;
    }
    void grow() {
        Places larger(places_.size() * 2);
        for (const Place& old : places_) {
            if (old.used == 0) continue;
            Place* place = find(larger, old.hash);
            while (place->used != 0) place = next(larger, place);
            *place = old;
        }
        places_.swap(larger);
    }

    const Keys& keys_;
    Places places_;
    size_t size_ = 0;
};

}  // namespace

std::optional<std::vector<uint32_t>> last_images(const Block& block) {
    if (block.plan->engine != TableEngine::kReplacingMergeTree || block.distinct_keys ||
        block.rows < kFewestRows || block.bytes() >= std::numeric_limits<uint32_t>::max()) {
        return std::nullopt;
    }
    const std::vector<uint32_t>& key = block.plan->sorting_key;
    const auto strings = static_cast<size_t>(std::count_if(
        key.begin(), key.end(), [&](uint32_t i) { return block.columns[i].type().width() == 0; }));
    if (block.rows * sizeof(uint32_t) * strings > block.bytes() / 4) return std::nullopt;
    const Keys keys(block);
    RowSet seen(keys);
    const uint64_t most = std::min(block.rows - block.rows / 4, block.bytes() / kBytesPerKey);
    std::vector<uint32_t> kept;
    for (auto row = static_cast<uint32_t>(block.rows); row-- > 0;) {
        if (!seen.insert(row)) continue;
        kept.push_back(row);
        if (kept.size() > most) return std::nullopt;
    }
    std::reverse(kept.begin(), kept.end());
    return kept;
}

}  // namespace penstock
