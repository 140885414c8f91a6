#pragma once
// Faults for the tests. Throws std::bad_alloc where $PENSTOCK_THROW_IN says. Ends the process as `kill -9`
// does, for the tests of what survives that. Off unless $PENSTOCK_CRASH_IN names a state ("Resync", or
// "Resync:25" for that many milliseconds after the state was entered), or "block:3": when so many blocks of
// changes have been inserted and acknowledged, before anything is noted of the last one.

#include <string_view>

#include "pipe/lifecycle.h"

namespace penstock {

/// Called when a transition into `state` has been stored, and when a pipe is taken up in it.
void crash_if_asked(PipeState state);

/// Throws std::bad_alloc when $PENSTOCK_THROW_IN is `place`. Called once a piece of work, not once a row.
void throw_if_asked(std::string_view place);

/// Called when a block of changes is acknowledged.
void crash_after_block_if_asked();

}  // namespace penstock
