// What a pipe knows of its destination, and checkpoints that are moved to where that is.
#include <algorithm>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "catalog/session.h"

namespace penstock {

namespace {

constexpr const char* kNoPipe = "the catalog has no such pipe";

template <typename Transaction>
void start_repair(Transaction& write, std::string_view pipe_id, uint64_t until, std::string_view salt,
                  const std::vector<IncompleteTable>& tables) {
    write.run_on(kNoPipe,
                 "UPDATE pipes SET repair_until = max(repair_until, ?), repair_salt = ? WHERE id = ?", until,
                 salt, pipe_id);
    for (const IncompleteTable& table : tables) {
        write.run_on("the catalog has no such table",
                     "UPDATE tables SET incomplete = iif(incomplete = 0, ?3, min(incomplete, ?3))"
                     " WHERE pipe_id = ?1 AND table_index = ?2",
                     pipe_id, table.table_index, table.from_version);
    }
}

}  // namespace

DestinationRecord Catalog::destination_record(std::string_view pipe_id) const {
    Read read(*this, "read what is known of the destination");
    Statement row = read.prepare(
        "SELECT iif(ledger_id = '', id, ledger_id), turn, tables_turn, destination_life, repair_until,"
        " repair_salt, destination_server, safe_version FROM pipes WHERE id = ?");
    if (!row.bind(pipe_id).step()) return {};
    return {.ledger_id = row.text(0),
            .turn = row.number(1),
            .tables_turn = row.number(2),
            .server = row.text(6),
            .life = row.integer(3),
            .safe_version = row.number(7),
            .repair = {.until = row.number(4), .salt = row.text(5)}};
}

void Catalog::put_destination_life(std::string_view pipe_id, std::string_view server, int64_t life) {
    Write write(*this, "store when the destination started");
    write.run_on(kNoPipe, "UPDATE pipes SET destination_server = ?, destination_life = ? WHERE id = ?",
                 server, life, pipe_id);
    write.commit();
}

void Catalog::put_target_marks(std::string_view pipe_id, const std::vector<TargetMark>& marks) {
    if (marks.empty()) return;
    Write write(*this, "store what was seen of the targets");
    write.mark_targets(pipe_id, marks);
    write.commit();
}

void Catalog::put_safe_version(std::string_view pipe_id, uint64_t version) {
    Write write(*this, "store what a power cut does not take", Synced::kLater);
    write.run_on(kNoPipe, "UPDATE pipes SET safe_version = ? WHERE id = ?", version, pipe_id);
    write.commit();
}

void Catalog::begin_repair(std::string_view pipe_id, const Repair& repair,
                           const std::vector<IncompleteTable>& tables) {
    Write write(*this, "begin to repair the targets");
    start_repair(write, pipe_id, repair.until, repair.salt, tables);
    write.commit();
}

void Catalog::adopt_checkpoint(std::string_view pipe_id, const Checkpoint& checkpoint, uint64_t turn) {
    Write write(*this, "take over the destination's checkpoint");
    write.run("DELETE FROM intents WHERE pipe_id = ?", pipe_id);
    write.run_on("the catalog has no such checkpoint",
                 "UPDATE checkpoints SET position = ?, next_version = ?, next_batch = ?, anchor = ?"
                 " WHERE pipe_id = ?",
                 checkpoint.position.to_string(), checkpoint.next_version, checkpoint.next_batch,
                 checkpoint.anchor.to_string(), pipe_id);
    write.run("UPDATE pipes SET turn = max(turn, ?), keeps_all_batches = 0 WHERE id = ?", turn, pipe_id);
    write.run("UPDATE batches SET tables_turn = -1 WHERE pipe_id = ?", pipe_id);  // no way back over the gap
    write.commit();
}

bool Catalog::rewind(std::string_view pipe_id, const Rewind& back) {
    // Where a batch ended, and the first version after it: the one that the next batch began with. Versions
    // follow from the log alone while nothing else changed that they depend on (tables_turn).
    struct Place {
        std::string position, anchor;
        uint64_t batch = 0, next_version = 0;
        int64_t finished_at = 0;
    };
    Write write(*this, "go back to an older checkpoint");
    std::vector<Place> places;  // oldest first
    uint64_t given_out = 0, next_batch = 0, safe_version = 0;
    bool closed = true, starts_whole = false;  // the first place is the start
    {
        Statement row = write.prepare(
            "SELECT c.next_version - 1, c.next_batch, i.last_version, i.batch + 1, ifnull(i.closed, 1),"
            " p.safe_version FROM checkpoints AS c JOIN pipes AS p ON p.id = c.pipe_id"
            " LEFT JOIN intents AS i ON i.pipe_id = c.pipe_id WHERE c.pipe_id = ?");
        if (!row.bind(pipe_id).step()) return false;
        given_out = std::max(row.number(0), row.number(2));
        next_batch = std::max(row.number(1), row.number(3));
        closed = row.integer(4) != 0;
        safe_version = row.number(5);
    }
    {
        Statement row = write.prepare(
            "SELECT b.batch, b.to_position, b.next_version, b.first_version, b.finished_at,"
            " b.tables_turn = p.tables_turn, p.start_position, b.anchor, p.keeps_all_batches FROM batches AS "
            "b JOIN pipes AS p ON "
            "p.id = b.pipe_id"
            " WHERE b.pipe_id = ? ORDER BY b.batch");
        row.bind(pipe_id);
        for (bool first = true; row.step(); first = false) {
            if (row.integer(5) == 0) {
                places.clear();
                starts_whole = false;
                continue;
            }
            starts_whole = starts_whole || (first && row.integer(8) != 0);
            if (first && row.integer(8) != 0) places.push_back({row.text(6), "", 0, 0, INT64_MAX});
            if (!places.empty()) places.back().next_version = row.number(3);
            places.push_back({row.text(1), row.text(7), row.number(0), row.number(2), row.integer(4)});
        }
    }
    if (back.from_version <= safe_version) safe_version = 0;  // it is an older state that came back
    while (!places.empty() && places.back().next_version > back.from_version) places.pop_back();
    if (places.empty()) return false;
    const int64_t safe_time = places.back().finished_at - back.margin_ms;
    const auto place = std::find_if(places.rbegin(), places.rend(), [&](const Place& p) {
        return p.finished_at <= safe_time || p.next_version <= safe_version + 1;
    });
    const bool to_oldest = back.as_far_as_kept || (starts_whole && back.start_is_safe);
    if (place == places.rend() && !to_oldest) return false;
    const Place& to = place == places.rend() ? places.front() : *place;
    start_repair(write, pipe_id, given_out, back.salt, back.tables);
    write.mark_targets(pipe_id, back.marks);
    write.run("UPDATE pipes SET safe_version = ? WHERE id = ?", safe_version, pipe_id);
    // Numbers of batches are not given twice: they are in the tokens.
    write.run(
        "UPDATE checkpoints SET position = ?, anchor = ?, next_version = ?, next_batch = ? WHERE pipe_id = ?",
        to.position, to.anchor, to.next_version, next_batch, pipe_id);
    // All that is read again is one open batch, for whoever asks what versions are given out.
    write.run(
        "INSERT OR REPLACE INTO intents (pipe_id, batch, from_position, first_version, last_version, "
        "block_bytes, closed)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        pipe_id, next_batch, to.position, to.next_version, given_out, back.block_bytes, closed);
    write.run("DELETE FROM batches WHERE pipe_id = ? AND batch > ?", pipe_id, to.batch);
    write.commit();
    return true;
}

}  // namespace penstock
