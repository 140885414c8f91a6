#pragma once
// Statements that run at ClickHouse, found by the ids that they were sent with.

#include <stop_token>
#include <string>

#include "destination/clickhouse_client.h"

namespace penstock {

/// Ends the statements whose ids begin with `prefix` (ClickHouseEndpoint::query_id_prefix), whoever has sent
/// them, and returns when none runs any more. Throws Error(kRetry) that says how many, and why they cannot be
/// ended where the server refuses that, when some are still there after a while or a stop was requested: they
/// may end by themselves. What is still on its way to ClickHouse is not found. `endpoint`: its own prefix is
/// not looked at.
void end_queries(const ClickHouseEndpoint& endpoint, const std::string& prefix, const std::stop_token& stop);

}  // namespace penstock
