#pragma once
// Reads a group of the log once more, on a connection of its own, while the pipe's stream is behind it.

#include <functional>
#include <stop_token>

#include "batch/change_batcher.h"
#include "batch/undone_rows.h"
#include "model/pipe_spec.h"
#include "source/server_info.h"

namespace penstock {

/// Where the group of a prepared transaction begins: what `wanted` says, or else it is searched for, in the
/// file of `before` up to there, then in the files before it, newest first, so that it is found wherever it
/// lies in what the source still has. Throws Error: kRetry for a lost link or a stop, kFailPipe when it is
/// not in the source's log any more.
FilePosition find_prepared_transaction(const SourceEndpoint& source, const ServerInfo& info,
                                       const PreparedTransaction& wanted, const FilePosition& before,
                                       const std::stop_token& stop);

/// Calls `take` for each event of the group of `wanted`, which begins at `start`. Holds one event at a time.
/// Throws as find_prepared_transaction does.
void read_prepared_transaction(const SourceEndpoint& source, const ServerInfo& info,
                               const PreparedTransaction& wanted, const FilePosition& start,
                               const std::stop_token& stop, const std::function<void(const Event&)>& take);

/// What the group that begins at `start` takes back of itself; its rows are passed over. `head`: the digest
/// of its first event, 0 when it is not known. Throws as find_prepared_transaction does.
UndoneRows read_undone_rows(const SourceEndpoint& source, const ServerInfo& info, const FilePosition& start,
                            uint64_t head, const std::stop_token& stop);

}  // namespace penstock
