// What the log takes back: rows behind a savepoint, whole groups, and the stops that they brought with them.

#include <algorithm>

#include "batch/change_batcher_table.h"

namespace penstock {

/// A group begins, or one is read again from its begin.
void ChangeBatcher::restart_counting() {
    savepoints_.clear();
    group_event_ = events_;
    group_version_ = next_version_;
    group_is_whole_ = true;
    only_rows_ = wants_undone_ = false;
    undone_.reset();
}

void ChangeBatcher::set_savepoint(const std::string& written) {
    if (is_only_prepared() || undone_) return;
    const std::string name = fold_name(written, names_.savepoints);
    std::erase_if(savepoints_, [&](const Savepoint& savepoint) { return savepoint.name == name; });
    if (savepoints_.size() == kMostSavepoints) {
        if (may_be_undone()) {
            wants_undone_ = true;
            return;
        }
        savepoints_.pop_front();
    }
    Savepoint& savepoint = savepoints_.emplace_back(Savepoint{name, next_version_, events_, {}});
    for (auto& table : tables_) {
        const TableCounts& counts = counts_[table->mapped.plan->id];
        if (counts.inserted + counts.updated + counts.deleted == 0) continue;
        Savepoint::Place& place = savepoint.places.emplace_back();
        place = {table.get(), {}, table->changed, counts.inserted, counts.updated, counts.deleted};
        table->block.mark(place.mark);
    }
}

void ChangeBatcher::roll_back_to(const std::string& written) {
    if (is_only_prepared() || undone_) return;  // undone rows are passed over as they come
    const std::string name = fold_name(written, names_.savepoints);
    auto found = std::find_if(savepoints_.begin(), savepoints_.end(),
                              [&](const Savepoint& savepoint) { return savepoint.name == name; });
    if (found == savepoints_.end()) return stop_changed_tables();  // their rows are handed over already
    roll_back_to(*found);
    savepoints_.erase(found + 1, savepoints_.end());
}

void ChangeBatcher::roll_back_to(const Savepoint& savepoint) {
    for (Table* table : changed_) {
        auto place = std::find_if(savepoint.places.begin(), savepoint.places.end(),
                                  [&](const Savepoint::Place& p) { return p.table == table; });
        TableCounts& counts = counts_[table->mapped.plan->id];
        if (place != savepoint.places.end()) {
            table->block.roll_back(place->mark);
            table->changed = place->changed;
            counts.inserted = place->inserted;
            counts.updated = place->updated;
            counts.deleted = place->deleted;
        } else {
            table->block.clear();
            table->changed = false;
            counts = TableCounts{};
        }
        measure(*table);
    }
    std::erase_if(changed_, [](const Table* table) { return !table->changed; });
    forget_undone(savepoint.version, savepoint.event);
}

// ROLLBACK at the end of a group.
void ChangeBatcher::roll_back_group() {
    if (is_only_prepared() || undone_) return;
    if (!group_is_whole_) return stop_changed_tables();
    roll_back_to_begin();
}

void ChangeBatcher::roll_back_to_begin() {
    for (Table* table : changed_) {
        table->block.roll_back(table->begin);
        table->changed = false;
        TableCounts& counts = counts_[table->mapped.plan->id];
        counts.inserted = table->begin_counts.inserted;
        counts.updated = table->begin_counts.updated;
        counts.deleted = table->begin_counts.deleted;
        measure(*table);
    }
    changed_.clear();
    forget_undone(group_version_, group_event_);
}

void ChangeBatcher::forget_undone(uint64_t version, uint64_t event) {
    next_version_ = version;
    std::erase_if(stops_, [&](const OpenStop& open) {
        if (!open.of_rows || open.event < event) return false;
        tables_[open.stop.table]->stopped = false;
        ++flowing_;
        return true;
    });
    for (OpenStop& open : stops_) open.stop.from_version = std::min(open.stop.from_version, version);
    for (auto& table : tables_) {  // that were stopped before what is replayed
        if (!table->stopped || !table->mapped.stopped_from || version >= *table->mapped.stopped_from)
            continue;
        table->stopped = false;
        ++flowing_;
    }
}

void ChangeBatcher::take_undone(UndoneRows undone) {
    wants_undone_ = false;
    undone_ = std::move(undone);
    // What is in memory of a range that goes on. One that is behind already was taken back as it came.
    const uint64_t next = events_ - group_event_;
    const UndoneRows::Range* open = next == 0 ? nullptr : undone_->find(next - 1);
    if (open != nullptr && open->end >= next) {
        auto found = std::find_if(savepoints_.begin(), savepoints_.end(), [&](const Savepoint& savepoint) {
            return savepoint.event - group_event_ == open->begin;
        });
        if (found != savepoints_.end()) {
            roll_back_to(*found);
        } else if (open->begin == 0) {
            roll_back_to_begin();
        }
    }
    savepoints_.clear();
    for (const OpenStop& stop : stops_) {
        if (stop.unexpected) throw *stop.unexpected;
    }
    for (Table* table : changed_) cut_if_full(*table);
}

void ChangeBatcher::stop_changed_tables() {
    for (Table* table : changed_) {
        if (table->stopped) continue;
        stop(*table, "changes of the table that are handed over already were rolled back in the log",
             "Resync the table");
    }
}

void ChangeBatcher::stop(Table& table, const Error& cause, bool of_rows) {
    if (cause.disposition() != Disposition::kFailPipe) throw cause;
    Error located = cause;
    located.at_table(table.name()).at_position(log_coordinates());
    OpenStop open{
        {table.mapped.plan->id, next_version_, located.what(), log_coordinates()}, of_rows, events_, {}};
    if (replay_ && next_version_ <= replay_->last_version) {
        if (!of_rows || !may_be_undone()) throw located;
        open.unexpected = std::move(located);
    }
    stops_.push_back(std::move(open));
    table.stopped = true;
    --flowing_;
}

void ChangeBatcher::stop(Table& table, const std::string& message, const std::string& hint) {
    stop(table, error(message, hint), false);
}

}  // namespace penstock
