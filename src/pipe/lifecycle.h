#pragma once
// The life of a pipe: one table of (state, event) -> state. Pure: no I/O, no clock, no threads. The table is
// shown in docs/lifecycle.md, which a test holds against it.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "model/pipe_spec.h"

namespace penstock {

/// The numbers and the names (state_name) are stored and shown by the API: never change them.
enum class PipeState : uint8_t {
    kProvisioning = 1,  ///< source and destination are reached and checked
    kSetup = 2,         ///< definitions recorded, start position stored, targets created
    kSnapshot = 3,      ///< the initial load
    kRunning = 4,       ///< changes flow; the target is consistent
    kPausing = 5,       ///< the batch in flight is finished or dropped
    kPaused = 6,
    kModifying = 7,  ///< settings or tables are changed
    kResync = 8,     ///< the new targets are exchanged with the old ones
    kCompleted = 9,  ///< a snapshot-only pipe has loaded everything
    kFailed = 10,    ///< needs a person
    kDegraded = 11,  ///< in trouble, retrying by itself
};

enum class PipeEvent : uint8_t {
    kReady = 1,         ///< Provisioning's checks passed
    kSetupDoneLoad,     ///< setup is done and there is a snapshot to take
    kSetupDoneFlow,     ///< setup is done and changes flow at once
    kSnapshotDoneFlow,  ///< all loaded and the log has passed the newest position of any snapshot reader
    kSnapshotDoneEnd,   ///< all loaded and there is nothing to follow
    kStop,              ///< a person or a signal asks for a pause
    kStopped,           ///< nothing is in flight any more
    kStart,             ///< a person asks to go on
    kFail,              ///< an error that does not go away by itself
    kRetry,             ///< an error that may go away: the pipe tries again
    kRecovered,         ///< the retried work succeeded
    kModify,            ///< a person removes tables or changes settings
    kModified,          ///< they are removed or changed
    kAddTables,         ///< a person adds tables, or Modifying has found some to add
    kReload,            ///< a person wants tables loaded anew ("resync")
    kSnapshotDoneSwap,  ///< the new targets are loaded and level with the old ones
    kSwappedFlow,       ///< they have taken their place, and changes flow
    kSwappedEnd,        ///< they have taken their place, and there is nothing to follow
};

/// The state after `event` in `state`; nothing when the event makes no sense there. kStart returns to
/// `resume`, which is what resume_state_after gave for the last active state.
std::optional<PipeState> next_state(PipeState state, PipeEvent event, PipeState resume);

/// Where a later kStart returns to, given that the pipe is now in `state`: the state itself when it is
/// Provisioning, Setup, Snapshot or Running; Running for Degraded; else `resume` as it was.
PipeState resume_state_after(PipeState state, PipeState resume);

/// Which events snapshot and resync end with, by the pipe's mode.
PipeEvent snapshot_done_event(ReplicationMode mode);
PipeEvent swapped_event(ReplicationMode mode);

/// Nothing happens in the state until a person asks for it: Paused, Completed, Failed.
bool is_at_rest(PipeState state);

/// "Running", ... and back; nothing for an unknown name.
std::string_view state_name(PipeState state);
std::optional<PipeState> parse_state(std::string_view name);
/// "stop", "setup done (load)", ... as in docs/lifecycle.md.
std::string_view event_name(PipeEvent event);

/// All of them, in the order of their numbers.
std::span<const PipeState> all_states();
std::span<const PipeEvent> all_events();

}  // namespace penstock
