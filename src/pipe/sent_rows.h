#pragma once
// Rows that the destination may hold already: see Repair.

#include "destination/clickhouse_client.h"
#include "model/block.h"

namespace penstock {

/// Drops the rows of the block up to version `until` that are in the target: those below version
/// `incomplete_from`, all with 0, and of the others those that are found there. Rows of a Null engine table
/// leave nothing to look for: they stay from `incomplete_from` on. Throws what ClickHouseClient::query
/// throws.
void leave_out_sent_rows(ClickHouseClient& client, Block& block, uint64_t until, uint64_t incomplete_from);

}  // namespace penstock
