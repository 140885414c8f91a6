#pragma once
// Reads the group of a transaction that XA PREPARE has put into the log once more, when XA COMMIT wants it.

#include <functional>
#include <stop_token>

#include "batch/change_batcher.h"
#include "model/pipe_spec.h"
#include "source/server_info.h"

namespace penstock {

/// Calls `take` for each event of the group of `wanted`, on a connection of its own. A group whose place is
/// not known is searched for: the file of `before` up to there, then the files before it, newest first, so
/// that it is found wherever it lies in what the source still has. Holds one event at a time. Throws Error:
/// kRetry for a lost link or a stop, kFailPipe when the group is not in the source's log any more.
void read_prepared_transaction(const SourceEndpoint& source, const ServerInfo& info,
                               const PreparedTransaction& wanted, const FilePosition& before,
                               const std::stop_token& stop, const std::function<void(const Event&)>& take);

}  // namespace penstock
