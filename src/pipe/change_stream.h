#pragma once
// Change data capture: from the source's log to acknowledged rows, batch by batch.

#include <functional>
#include <stop_token>

#include "pipe/context.h"

namespace penstock {

/// Follows the log from the catalog's checkpoint until a stop is requested; on a stop the batch being
/// inserted is finished and the rest dropped (it is read again next time). Two threads: one reads, decodes
/// and batches, one inserts. Link losses and overloads are waited out, shown as trouble, and continued from
/// the checkpoint; throws the first error that waiting does not cure.
/// `on_caught_up` is called once, from either thread, when everything up to the newest position that a
/// snapshot reader saw is acknowledged (at once when nothing is missing).
void follow_changes(PipeContext& context, std::stop_token stop, const std::function<void()>& on_caught_up);

}  // namespace penstock
