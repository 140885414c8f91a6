// Positions, checkpoint, intent and the batches behind them.
#include <string>

#include "catalog/catalog.h"
#include "catalog/position_merge.h"
#include "catalog/session.h"

namespace penstock {

namespace {

std::vector<LogAnchor> anchors_of(std::string_view text) {
    std::vector<LogAnchor> anchors;
    for (size_t end; (end = text.find('\n')) != text.npos; text.remove_prefix(end + 1))
        anchors.push_back(LogAnchor::parse(text.substr(0, end)));
    return anchors;
}

constexpr const char* kNoPipe = "the catalog has no such pipe";

/// Once the checkpoint is past what was sent before.
template <typename Transaction>
void end_repair(Transaction& write, std::string_view pipe_id, uint64_t next_version) {
    write.run(
        "UPDATE pipes SET repair_until = 0, repair_salt = ''"
        " WHERE id = ? AND repair_until BETWEEN 1 AND ? - 1",
        pipe_id, next_version);
    if (write.changes() == 0) return;
    write.run("UPDATE tables SET incomplete = 0 WHERE pipe_id = ? AND incomplete", pipe_id);
}

/// Stores the checkpoint within a transaction that the caller commits.
template <typename Transaction>
void move_checkpoint(Transaction& write, std::string_view pipe_id, const Checkpoint& checkpoint) {
    {
        Statement stored =
            write.prepare("SELECT next_version, next_batch FROM checkpoints WHERE pipe_id = ?");
        if (stored.bind(pipe_id).step() &&
            (checkpoint.next_version < stored.number(0) || checkpoint.next_batch < stored.number(1))) {
            write.fail("the checkpoint would go back from version " + stored.text(0) + ", batch " +
                       stored.text(1) + " to version " + std::to_string(checkpoint.next_version) +
                       ", batch " + std::to_string(checkpoint.next_batch));
        }
    }
    write.run(
        "INSERT INTO checkpoints (pipe_id, position, next_version, next_batch, anchor) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (pipe_id) DO UPDATE SET position = excluded.position,"
        " next_version = excluded.next_version, next_batch = excluded.next_batch, anchor = excluded.anchor",
        pipe_id, checkpoint.position.to_string(), checkpoint.next_version, checkpoint.next_batch,
        checkpoint.anchor.to_string());
    end_repair(write, pipe_id, checkpoint.next_version);
}

RowCounts total(const BatchStats& stats) {
    RowCounts sum;
    for (const TableBatchCounts& table : stats.tables) {
        sum.inserted += table.counts.inserted;
        sum.updated += table.counts.updated;
        sum.deleted += table.counts.deleted;
        sum.adjusted += table.counts.adjusted;
    }
    return sum;
}

}  // namespace

void Catalog::put_first_version(std::string_view pipe_id, uint64_t version) {
    Write write(*this, "store the first version");
    write.run_on(kNoPipe, "UPDATE pipes SET first_version = ? WHERE id = ?", version, pipe_id);
    write.commit();
}

uint64_t Catalog::first_version(std::string_view pipe_id) const {
    Read read(*this, "read the first version");
    Statement row = read.prepare("SELECT first_version FROM pipes WHERE id = ?");
    return row.bind(pipe_id).step() ? row.number(0) : 0;
}

void Catalog::put_start_position(std::string_view pipe_id, const Position& position) {
    Write write(*this, "store the start position");
    write.run_on(kNoPipe, "UPDATE pipes SET start_position = ?, keeps_all_batches = 1 WHERE id = ?",
                 position.to_string(), pipe_id);
    write.commit();
}

Position Catalog::start_position(std::string_view pipe_id) const {
    Read read(*this, "read the start position");
    Statement row = read.prepare("SELECT start_position FROM pipes WHERE id = ?");
    return row.bind(pipe_id).step() ? Position::parse(row.text(0)) : Position();
}

void Catalog::raise_snapshot_high(std::string_view pipe_id, const Position& seen) {
    Write write(*this, "store the newest snapshot position", Synced::kLater);
    Statement row = write.prepare("SELECT snapshot_high FROM pipes WHERE id = ?");
    if (!row.bind(pipe_id).step()) write.fail(kNoPipe);
    Position merged = merge_positions(Position::parse(row.text(0)), seen);
    write.run("UPDATE pipes SET snapshot_high = ? WHERE id = ?", merged.to_string(), pipe_id);
    write.commit();
}

Position Catalog::snapshot_high_position(std::string_view pipe_id) const {
    Read read(*this, "read the newest snapshot position");
    Statement row = read.prepare("SELECT snapshot_high FROM pipes WHERE id = ?");
    return row.bind(pipe_id).step() ? Position::parse(row.text(0)) : Position();
}

void Catalog::clear_snapshot_high(std::string_view pipe_id) {
    Write write(*this, "clear the newest snapshot position");
    write.run_on(kNoPipe, "UPDATE pipes SET snapshot_high = '', seen_log = '' WHERE id = ?", pipe_id);
    write.commit();
}

std::vector<LogAnchor> Catalog::seen_log(std::string_view pipe_id) const {
    Read read(*this, "read what a load has seen of the log");
    Statement row = read.prepare("SELECT seen_log FROM pipes WHERE id = ?");
    return row.bind(pipe_id).step() ? anchors_of(row.text(0)) : std::vector<LogAnchor>();
}

void Catalog::raise_seen_log(std::string_view pipe_id, const LogAnchor& seen) {
    Write write(*this, "store what a load has seen of the log", Synced::kLater);
    std::vector<LogAnchor> files;
    {
        Statement row = write.prepare("SELECT seen_log FROM pipes WHERE id = ?");
        if (!row.bind(pipe_id).step()) write.fail(kNoPipe);
        files = anchors_of(row.text(0));
    }
    const auto same = std::find_if(files.begin(), files.end(), [&](const LogAnchor& known) {
        return known.server == seen.server && known.file == seen.file;
    });
    if (same == files.end()) {
        files.push_back(seen);
    } else if (same->head != seen.head) {
        throw Error(Disposition::kFailPipe, "load",
                    "the source was put back (restored or reset) during the load: its file " + seen.file +
                        " is another than the one of that name before",
                    "What was loaded before is not in the source any more: resync the pipe");
    } else {
        same->end = std::max(same->end, seen.end);
    }
    std::string text;
    for (const LogAnchor& file : files) text += file.to_string() + "\n";
    write.run("UPDATE pipes SET seen_log = ? WHERE id = ?", text, pipe_id);
    write.commit();
}

void Catalog::clear_seen_log(std::string_view pipe_id) {
    Write write(*this, "forget what a load has seen of the log");
    write.run_on(kNoPipe, "UPDATE pipes SET seen_log = '' WHERE id = ?", pipe_id);
    write.commit();
}

void Catalog::put_checkpoint(std::string_view pipe_id, const Checkpoint& checkpoint) {
    Write write(*this, "store the checkpoint");
    move_checkpoint(write, pipe_id, checkpoint);
    write.commit();
}

void Catalog::raise_next_version(std::string_view pipe_id, uint64_t version) {
    Write write(*this, "raise the next version");
    if (write.prepare("SELECT 1 FROM intents WHERE pipe_id = ?").bind(pipe_id).step()) {
        write.fail("a batch is still open");
    }
    write.run("UPDATE checkpoints SET next_version = max(next_version, ?) WHERE pipe_id = ?", version,
              pipe_id);
    write.commit();
}

std::optional<Checkpoint> Catalog::checkpoint(std::string_view pipe_id) const {
    Read read(*this, "read the checkpoint");
    // An open batch is replayed with the versions that it began with, whatever an intake has given out since.
    Statement row = read.prepare(
        "SELECT position, CASE WHEN EXISTS (SELECT 1 FROM intents AS i WHERE i.pipe_id = c.pipe_id)"
        " THEN next_version ELSE max(next_version, version_floor) END, next_batch, anchor"
        " FROM checkpoints AS c JOIN pipes AS p ON p.id = c.pipe_id WHERE c.pipe_id = ?");
    if (!row.bind(pipe_id).step()) return std::nullopt;
    return Checkpoint{.position = Position::parse(row.text(0)),
                      .next_version = row.number(1),
                      .next_batch = row.number(2),
                      .anchor = LogAnchor::parse(row.text(3))};
}

void Catalog::put_intent(std::string_view pipe_id, const Intent& intent) {
    Write write(*this, "store the intent");
    write.run(
        "INSERT OR REPLACE INTO intents"
        " (pipe_id, batch, from_position, first_version, last_version, block_bytes, closed)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        pipe_id, intent.batch, intent.from.to_string(), intent.first_version, intent.last_version,
        intent.block_bytes, intent.closed);
    write.commit();
}

std::optional<Intent> Catalog::intent(std::string_view pipe_id) const {
    Read read(*this, "read the intent");
    Statement row = read.prepare(
        "SELECT batch, from_position, first_version, last_version, block_bytes, closed FROM intents"
        " WHERE pipe_id = ?");
    if (!row.bind(pipe_id).step()) return std::nullopt;
    return Intent{.batch = row.number(0),
                  .from = Position::parse(row.text(1)),
                  .first_version = row.number(2),
                  .last_version = row.number(3),
                  .block_bytes = row.number(4),
                  .closed = row.integer(5) != 0};
}

void Catalog::commit_batch(std::string_view pipe_id, const Checkpoint& checkpoint, const BatchStats& stats) {
    Write write(*this, "commit the batch");
    if (checkpoint.next_batch == 0) write.fail("no batch comes before batch 0");
    uint64_t batch = checkpoint.next_batch - 1;
    {
        Statement intended = write.prepare("SELECT batch FROM intents WHERE pipe_id = ?");
        if (intended.bind(pipe_id).step() && intended.number(0) != batch) {
            write.fail("batch " + std::to_string(batch) + " is not the intended batch " + intended.text(0));
        }
    }
    move_checkpoint(write, pipe_id, checkpoint);
    write.run("DELETE FROM intents WHERE pipe_id = ?", pipe_id);
    RowCounts sum = total(stats);
    write.run(
        "INSERT INTO batches (pipe_id, batch, to_position, next_version, started_at, finished_at, blocks,"
        " bytes, inserted, updated, deleted, adjusted, anchor, first_version, tables_turn)"
        " SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, tables_turn FROM pipes WHERE id = ?1",
        pipe_id, batch, checkpoint.position.to_string(), checkpoint.next_version, stats.started_at,
        stats.finished_at, stats.blocks, stats.bytes, sum.inserted, sum.updated, sum.deleted, sum.adjusted,
        checkpoint.anchor.to_string(), stats.first_version);
    write.mark_targets(pipe_id, stats.marks);
    write.run(
        "DELETE FROM batches WHERE pipe_id = ?1 AND batch <= (SELECT batch FROM batches WHERE pipe_id = ?1"
        " ORDER BY batch DESC LIMIT 1 OFFSET ?2) AND finished_at < ?3",
        pipe_id, kKeptBatches, stats.finished_at - kKeptBatchesMs);
    if (write.changes() != 0) write.run("UPDATE pipes SET keeps_all_batches = 0 WHERE id = ?", pipe_id);
    {
        Statement add = write.prepare(
            "UPDATE tables SET inserted = inserted + ?, updated = updated + ?, deleted = deleted + ?,"
            " adjusted = adjusted + ? WHERE pipe_id = ? AND table_index = ?");
        for (const TableBatchCounts& table : stats.tables) {
            add.run(table.counts.inserted, table.counts.updated, table.counts.deleted, table.counts.adjusted,
                    pipe_id, table.table_index);
            if (write.changes() == 0) write.fail("the catalog has no such table");
        }
    }
    write.add_adjusted(pipe_id, stats.adjusted_columns);
    write.commit();
}

std::vector<BatchRecord> Catalog::batches(std::string_view pipe_id, uint64_t limit) const {
    Read read(*this, "list the batches");
    Statement row = read.prepare(
        "SELECT batch, to_position, next_version, started_at, finished_at, blocks, bytes, inserted, updated,"
        " deleted, adjusted, anchor FROM batches WHERE pipe_id = ? ORDER BY batch DESC LIMIT ?");
    std::vector<BatchRecord> list;
    row.bind(pipe_id, limit);
    while (row.step()) {
        list.push_back({.batch = row.number(0),
                        .to = Position::parse(row.text(1)),
                        .next_version = row.number(2),
                        .started_at = row.integer(3),
                        .finished_at = row.integer(4),
                        .blocks = row.number(5),
                        .bytes = row.number(6),
                        .counts = {.inserted = row.number(7),
                                   .updated = row.number(8),
                                   .deleted = row.number(9),
                                   .adjusted = row.number(10)},
                        .anchor = LogAnchor::parse(row.text(11))});
    }
    return list;
}

}  // namespace penstock
