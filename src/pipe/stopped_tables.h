#pragma once
// Tables that are out of the flow (see TableRecord::stop_reason), and what a pipe says about them.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "catalog/records.h"
#include "pipe/context.h"

namespace penstock {

/// Takes tables out of the flow (Catalog::stop_tables), and tells the log and the pipe's progress.
void stop_tables(PipeContext& context, const std::vector<StoppedTable>& stops);

/// Stops the tables whose targets are gone, do not fit any more, or refuse their rows, above what may be
/// inserted already: a replay has to cut the same blocks of the others. Sets context.lost_targets.
void stop_lost_targets(PipeContext& context);

/// Stops tables that are altered at the source and not in its log, by TablePlan::id, each with what is
/// different; above what may be inserted already.
void stop_altered_tables(PipeContext& context, const std::map<uint32_t, std::string>& altered);

/// Before an open batch is given up, whose rows will come again under other versions: stops the append-only
/// tables that rows of it may be in already.
void stop_half_inserted_tables(PipeContext& context, const Intent& intent);

/// One line for people; empty when no table is stopped.
std::string stopped_text(const std::vector<TableRecord>& tables);
/// There are tables, and each is stopped.
bool all_stopped(const std::vector<TableRecord>& tables);
/// The error of a pipe whose tables are all stopped: kFailPipe, with their reasons.
Error all_stopped_error(const std::vector<TableRecord>& tables);
/// The error of a pipe that only loads and has stopped tables: kFailPipe, with their reasons.
Error incomplete_load_error(const std::vector<TableRecord>& tables);

}  // namespace penstock
