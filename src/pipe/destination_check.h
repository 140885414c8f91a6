#pragma once
// Before anything is inserted: do the catalog and the destination know the same? Either may have been put
// back to an older state (a restored backup, a disk that was replaced, a power cut before data was on disk).
//
// - The destination's ledger (destination/pipe_ledger.h) is ahead of the catalog: the catalog is an old one.
//   The pipe goes on from the ledger's place where no version depends on what the catalog lacks, else fails.
// - A target has fewer blocks than when its last rows were acknowledged: rows are missing. The pipe goes back
//   to an older checkpoint and sends what is missing again, under the same versions; where that is not
//   possible the table stops.
// - The server was started anew: what it had acknowledged in the minutes before may be gone, so that is
//   looked for, and sent again where it is missing.

#include <chrono>
#include <cstdint>
#include <vector>

#include "pipe/context.h"

namespace penstock {

/// Does all of that; the catalog's checkpoint may be another afterwards. Notes in the ledger that this
/// process works on the pipe. Throws kFailPipe where the catalog is too old to go on, or the rows that an
/// intake lacks cannot be sent again. Not while a flow or load of the pipe runs.
void reconcile_destination(PipeContext& context);

/// Of tables that are loaded and that nothing of the log was sent to yet: puts them on disk; those that lack
/// rows of their load are to be loaded again. True when there are any. Throws as ClickHouseClient::query
/// does.
bool reset_damaged_loads(PipeContext& context);

/// Stores what the targets of these tables hold now.
void mark_targets(PipeContext& context, const std::vector<uint32_t>& tables);

/// Notes the catalog's checkpoint in the ledger. Does nothing where there is none. Throws kFailPipe when
/// another process has taken the pipe up.
void note_in_ledger(PipeContext& context, ClickHouseClient& client);
/// How long a process goes on inserting between two looks at the ledger, at most.
inline constexpr std::chrono::seconds kOwnedFor{1};
/// The check of note_in_ledger alone.
void require_ownership(PipeContext& context, ClickHouseClient& client);

}  // namespace penstock
