// Intakes: tables on their way into a pipe, and the merge that puts them there.
#include <algorithm>
#include <optional>
#include <string>

#include "base/error.h"
#include "catalog/catalog.h"
#include "catalog/session.h"

namespace penstock {

namespace {

constexpr const char* kNoPipe = "the catalog has no such pipe";
constexpr const char* kNoIntake = "the catalog has no such intake";

/// The first version and batch that a pipe (or intake) has not given out.
struct Next {
    uint64_t version = 0, batch = 0;

    Next above(const Next& other) const {
        return {.version = std::max(version, other.version), .batch = std::max(batch, other.batch)};
    }
};

template <typename Transaction>
Next next_of(Transaction& write, std::string_view pipe_id) {
    Statement row = write.prepare(
        "SELECT next_version, next_batch FROM checkpoints WHERE pipe_id = ?1"
        " UNION ALL SELECT last_version + 1, batch + 1 FROM intents WHERE pipe_id = ?1");
    Next next;
    row.bind(pipe_id);
    while (row.step()) next = next.above({.version = row.number(0), .batch = row.number(1)});
    return next;
}

template <typename Transaction>
std::optional<Position> position_of(Transaction& write, std::string_view pipe_id) {
    Statement row = write.prepare("SELECT position FROM checkpoints WHERE pipe_id = ?");
    if (!row.bind(pipe_id).step()) return std::nullopt;
    return Position::parse(row.text(0));
}

template <typename Transaction>
bool finds(Transaction& write, std::string_view sql, std::string_view id) {
    return write.prepare(sql).bind(id).step();
}
template <typename Transaction>
bool finds(Transaction& write, std::string_view sql, std::string_view id, std::string_view other) {
    return write.prepare(sql).bind(id, other).step();
}

}  // namespace

bool Catalog::exchange_resync_wanted(std::string_view pipe_id, std::string_view before,
                                     std::string_view now) {
    Write write(*this, "change the pipe");
    if (!finds(write, "SELECT 1 FROM pipes WHERE id = ? AND resync_wanted = ?", pipe_id, before))
        return false;
    write.run("UPDATE pipes SET resync_wanted = ? WHERE id = ?", now, pipe_id);
    write.commit();
    return true;
}

void Catalog::create_intake(std::string_view pipe_id, const IntakeRecord& intake, std::string_view taken) {
    Write write(*this, "create the intake");
    if (finds(write, "SELECT 1 FROM pipes WHERE parent_id = ?1 OR (id = ?1 AND parent_id IS NOT NULL)",
              pipe_id)) {
        write.fail("the pipe has an intake already, or is one");
    }
    int64_t now = write.now();
    write.run(
        "INSERT INTO pipes (id, name, state, state_reason, resume_state, parent_id, purpose, created_at,"
        " updated_at) VALUES (?1, ?2, 'Setup', '', '', ?3, ?4, ?5, ?5)",
        intake.id, "intake " + intake.id, pipe_id, intake.purpose, now);
    write.run("INSERT INTO specs (pipe_id, spec) VALUES (?, ?)", intake.id, intake.mappings_json);
    write.run("UPDATE pipes SET resync_wanted = '' WHERE id = ? AND resync_wanted = ?", pipe_id, taken);
    write.commit();
}

std::optional<IntakeRecord> Catalog::intake_of(std::string_view pipe_id) const {
    Read read(*this, "find the intake");
    Statement row = read.prepare(
        "SELECT id, purpose, spec, state FROM pipes JOIN specs ON pipe_id = id WHERE parent_id = ?");
    if (!row.bind(pipe_id).step()) return std::nullopt;
    return IntakeRecord{.id = row.text(0),
                        .purpose = static_cast<IntakePurpose>(row.integer(1)),
                        .mappings_json = row.text(2),
                        .merging = row.text(3) == "Resync"};
}

void Catalog::set_merging(std::string_view intake_id) {
    Write write(*this, "begin the merge");
    write.run_on(kNoIntake, "UPDATE pipes SET state = 'Resync' WHERE id = ? AND parent_id IS NOT NULL",
                 intake_id);
    write.commit();
}

void Catalog::drop_intake(std::string_view intake_id) {
    Write write(*this, "drop the intake");
    std::string parent;
    {
        Statement row = write.prepare("SELECT parent_id FROM pipes WHERE id = ? AND parent_id IS NOT NULL");
        if (!row.bind(intake_id).step()) write.fail(kNoIntake);
        parent = row.text(0);
    }
    // Not into the checkpoint: the pipe may have a batch open, whose replay counts on as it began.
    write.run("UPDATE pipes SET version_floor = max(version_floor, ?) WHERE id = ?",
              next_of(write, intake_id).version, parent);
    write.run("DELETE FROM pipes WHERE id = ?", intake_id);
    write.commit();
}

void Catalog::merge_tables(std::string_view pipe_id, std::string_view intake_id,
                           const std::vector<MergedTable>& tables) {
    Write write(*this, "merge the tables");
    if (!finds(write, "SELECT 1 FROM pipes WHERE id = ?", pipe_id)) write.fail(kNoPipe);
    if (!intake_id.empty() &&
        !finds(write, "SELECT 1 FROM pipes WHERE id = ? AND parent_id = ?", intake_id, pipe_id)) {
        write.fail(kNoIntake);
    }
    // What is stopped needs no place in the log.
    bool stays = intake_id.empty(), comes = false;
    for (const MergedTable& table : tables) {
        if (!table.stop_reason.empty()) continue;
        Statement row =
            write.prepare("SELECT 1 FROM tables WHERE pipe_id = ? AND table_index = ? AND stop_reason = ''");
        const bool flows = row.bind(table.from_intake ? intake_id : pipe_id, table.table_index).step();
        (table.from_intake ? comes : stays) |= flows;
    }
    const Next next = next_of(write, pipe_id).above(next_of(write, intake_id));
    // What the pipe had begun is of no use any more, but its versions are taken.
    if (!stays) write.run("DELETE FROM intents WHERE pipe_id = ?", pipe_id);
    {
        Statement open = write.prepare("SELECT 1 FROM intents WHERE pipe_id IN (?, ?)");
        if (open.bind(pipe_id, intake_id).step()) write.fail("a batch is still open");
    }
    // Indexes are changed in two steps, by way of numbers that nobody uses.
    constexpr uint32_t kFar = 1u << 30;
    write.run("PRAGMA defer_foreign_keys = ON");
    auto move = [&](std::string_view from, uint32_t index, uint32_t to) {
        for (const char* child : {"tables", "schemas", "partitions", "adjusted_columns"}) {
            write.run(std::string("UPDATE ") + child +
                          " SET pipe_id = ?1, table_index = ?2 WHERE pipe_id = ?3 AND table_index = ?4",
                      pipe_id, to, from, index);
        }
    };
    for (uint32_t i = 0; i < tables.size(); ++i) {
        move(tables[i].from_intake ? intake_id : pipe_id, tables[i].table_index, kFar + i);
    }
    write.run("DELETE FROM tables WHERE pipe_id = ? AND table_index < ?", pipe_id, kFar);
    for (uint32_t i = 0; i < tables.size(); ++i) {
        move(pipe_id, kFar + i, i);
        write.run_on("the catalog has no such table",
                     "UPDATE tables SET target_table = ?, mapping = ?"
                     " WHERE pipe_id = ? AND table_index = ?",
                     tables[i].target_table, tables[i].mapping_json, pipe_id, i);
        if (tables[i].stop_reason.empty()) continue;
        write.run(
            "UPDATE tables SET stopped_from = iif(stop_reason = '', ?1, stopped_from), stop_reason = ?2,"
            " stop_position = '', stopped_at = ?3 WHERE pipe_id = ?4 AND table_index = ?5",
            next.version, tables[i].stop_reason, write.now(), pipe_id, i);
    }
    if (!intake_id.empty()) {
        const std::optional<Position> own = position_of(write, pipe_id);
        const std::optional<Position> taken = position_of(write, intake_id);
        if (own && !taken) write.fail("the intake has no checkpoint");
        if (stays) {
            // What the pipe has read past would be missing from the new tables that flow.
            if (own && comes && !taken->reached(*own)) {
                write.fail("the intake, at " + taken->to_string() + ", is behind the pipe, at " +
                           own->to_string());
            }
            for (uint32_t i = 0; taken && i < tables.size(); ++i) {
                if (!tables[i].from_intake) continue;
                write.run(
                    "UPDATE tables SET exact_position = ?1, joined_position = ?1"
                    " WHERE pipe_id = ?2 AND table_index = ?3",
                    taken->to_string(), pipe_id, i);
            }
        } else {
            write.run("DELETE FROM checkpoints WHERE pipe_id = ?", pipe_id);
            write.run("UPDATE checkpoints SET pipe_id = ? WHERE pipe_id = ?", pipe_id, intake_id);
            write.run(
                "UPDATE pipes SET start_position = i.start_position, keeps_all_batches = 0, snapshot_high = "
                "i.snapshot_high, seen_log = i.seen_log,"
                " source_identity = i.source_identity, ledger_id = i.ledger_id,"
                " turn = max(pipes.turn, i.turn) + 1, tables_turn = max(pipes.turn, i.turn) + 1,"
                " repair_until = i.repair_until, repair_salt = i.repair_salt"
                " FROM (SELECT start_position, snapshot_high, seen_log, source_identity, turn, repair_until,"
                " repair_salt, iif(ledger_id = '', id, ledger_id) AS ledger_id FROM pipes WHERE id = ?2) AS i"
                " WHERE id = ?1",
                pipe_id, intake_id);
        }
        write.run("UPDATE checkpoints SET next_version = ?, next_batch = ? WHERE pipe_id = ?", next.version,
                  next.batch, pipe_id);
        write.run("DELETE FROM pipes WHERE id = ?", intake_id);
    }
    write.commit();
}

}  // namespace penstock
