#pragma once
// Which of the source's log files the views of a load have seen: a source that is put back during the load
// has other transactions at the places up to which tables count as loaded.

#include "model/position.h"
#include "pipe/context.h"

namespace penstock {

/// A view was opened, and shows nothing that is not before `position` in the log. Stores that (with
/// Catalog::raise_snapshot_high), and which file it was, by a look into the log for each file that is new.
/// Any thread. Throws as BinlogStream::open, kFailPipe when the file is another than before.
void note_seen(PipeContext& context, const Position& position);

/// Before a flow goes on: the files that the load has seen are the ones that are there. Forgets them when the
/// flow has passed them all. Throws kFailPipe when the source was put back.
void require_seen_log(PipeContext& context, const Position& from,
                      const std::optional<std::vector<LogFile>>& files);

}  // namespace penstock
