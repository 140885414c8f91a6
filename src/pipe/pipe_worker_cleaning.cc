// What a worker ends and drops: statements of processes before, and tables that are of no use any more.
#include <algorithm>

#include <spdlog/spdlog.h>

#include "destination/pipe_ledger.h"
#include "destination/running_queries.h"
#include "pipe/load_target.h"
#include "pipe/pipe_merge.h"
#include "pipe/pipe_worker.h"

namespace penstock {

/// What a process before, which was killed, has sent for this pipe must not come in beside what we send.
void PipeWorker::end_predecessors(const std::stop_token& stop) {
    if (alone_) return;
    end_queries(destination_, query_ids(), stop);
    alone_ = true;
}

void PipeWorker::drop_intake(const IntakeRecord& intake) {
    end_queries(destination_, base_context(intake.id).destination.query_id_prefix, {});
    discard_targets_of(intake);
    catalog_.drop_intake(intake.id);
}

void PipeWorker::discard_targets_of(const IntakeRecord& intake) {
    const bool is_resync = intake.purpose == IntakePurpose::kResync;
    const std::vector<TableRecord> tables = catalog_.tables(intake.id);
    discard_targets(destination_, spec_.target_database, tables, is_resync);
    if (!is_resync || !tables.empty()) return;
    std::vector<std::string> names;  // of tables that may be made, but are not stored
    for (const TableMapping& mapping : mappings_within(intake, spec_.target_database)) {
        if (mapping.engine != TableEngine::kNull) names.push_back(mapping.target_table);
    }
    drop_left_over_targets(destination_, spec_.target_database, names, intake.id);
}

/// Loads of the pipe's own tables that leave it, or are replaced, are of no use any more.
void PipeWorker::drop_load_tables_but(const std::vector<MergedTable>& kept) {
    std::vector<TableRecord> gone = catalog_.tables(pipe_id_);
    std::erase_if(gone, [&](const TableRecord& table) {
        return table.load_table.empty() ||
               std::any_of(kept.begin(), kept.end(), [&](const MergedTable& stays) {
                   return !stays.from_intake && stays.table_index == table.table_index;
               });
    });
    drop_load_tables(destination_, spec_.target_database, gone);
}

void PipeWorker::leave_destination() {
    const std::vector<TableRecord> own = catalog_.tables(pipe_id_);
    if (own.empty() && !catalog_.intake_of(pipe_id_)) return;  // nothing was made
    try {
        destination_ = environment_.destination();
        end_queries(destination_, query_ids(), {});
        drop_load_tables(destination_, spec_.target_database, own);
        const std::optional<IntakeRecord> intake = catalog_.intake_of(pipe_id_);
        ClickHouseClient client(destination_);
        for (const std::string& id : {pipe_id_, intake ? intake->id : pipe_id_})
            erase_from_ledger(client, spec_.target_database, catalog_.destination_record(id).ledger_id);
        if (!intake) return;
        if (intake->purpose == IntakePurpose::kResync) {
            discard_targets_of(*intake);
        } else {  // the targets of added tables stay as they are
            drop_load_tables(destination_, spec_.target_database, catalog_.tables(intake->id));
        }
    } catch (const Error& e) {
        spdlog::warn(
            "{}; tables named *_load_* or *_resync_* may be left over, and statements of the pipe "
            "still run",
            e.what());
    }
}

}  // namespace penstock
