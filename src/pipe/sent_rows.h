#pragma once
// Rows that the destination may hold already: see Repair.

#include "destination/clickhouse_client.h"
#include "model/block.h"

namespace penstock {

/// Drops the rows of the block up to version `until` that are in the target; with `incomplete` false, all of
/// them. Rows of a Null engine table leave nothing to look for: with `incomplete` they stay. Throws what
/// ClickHouseClient::query throws.
void leave_out_sent_rows(ClickHouseClient& client, Block& block, uint64_t until, bool incomplete);

}  // namespace penstock
