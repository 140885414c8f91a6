#include "batch/undone_rows.h"

#include <algorithm>
#include <utility>

#include "decode/statement.h"

namespace penstock {

bool UndoneRows::feed(const Event& event) {
    if (std::holds_alternative<GtidEvent>(event) || std::holds_alternative<MariadbGtidEvent>(event))
        return !std::exchange(begun_, true);
    if (std::holds_alternative<XidEvent>(event) || std::holds_alternative<XaPrepareEvent>(event))
        return false;
    bool more = true;
    if (const auto* query = std::get_if<QueryEvent>(&event)) {
        more = take_statement(*query);
    } else if (!std::holds_alternative<RowsEvent>(event)) {
        return true;
    }
    ++place_;
    return more;
}

bool UndoneRows::take_statement(const QueryEvent& event) {
    LogStatement statement = read_statement(event);
    switch (statement.kind) {
        case LogStatement::Kind::kCommit:
            return false;
        case LogStatement::Kind::kRollback:
            undo(0);
            return false;
        case LogStatement::Kind::kSavepoint: {
            std::string name = fold_name(statement.savepoint, fold_);
            auto [place, is_new] = savepoints_.try_emplace(name, place_);
            if (!is_new) by_place_.erase(std::exchange(place->second, place_));
            by_place_[place_] = std::move(name);
            return true;
        }
        case LogStatement::Kind::kRollbackToSavepoint: {
            auto found = savepoints_.find(fold_name(statement.savepoint, fold_));
            if (found == savepoints_.end()) return true;
            const uint64_t from = found->second;
            const auto later = by_place_.upper_bound(from);
            for (auto it = later; it != by_place_.end(); ++it) savepoints_.erase(it->second);
            by_place_.erase(later, by_place_.end());
            undo(from);
            return true;
        }
        default:
            return true;
    }
}

void UndoneRows::undo(uint64_t from) {
    while (!ranges_.empty() && ranges_.back().begin >= from) ranges_.pop_back();
    ranges_.push_back({from, place_});
}

const UndoneRows::Range* UndoneRows::find(uint64_t place) const {
    auto after = std::upper_bound(ranges_.begin(), ranges_.end(), place,
                                  [](uint64_t p, const Range& range) { return p < range.begin; });
    if (after == ranges_.begin()) return nullptr;
    const Range& range = *std::prev(after);
    return place < range.end ? &range : nullptr;
}

}  // namespace penstock
