#pragma once
// Ends the process as `kill -9` does, for the tests of what survives that. Off unless $PENSTOCK_CRASH_IN
// names a state ("Resync", or "Resync:25" for that many milliseconds after the state was entered).

#include "pipe/lifecycle.h"

namespace penstock {

/// Called when a transition into `state` has been stored, and when a pipe is taken up in it.
void crash_if_asked(PipeState state);

}  // namespace penstock
