#pragma once
// The real servers that ./dev test started, from its PENSTOCK_TEST_* environment.

#include <string>

#include "destination/clickhouse_client.h"
#include "model/pipe_spec.h"

namespace penstock::test {

/// `server` is "MYSQL", "MARIADB", ... Throws when the environment does not name it: run ./dev test.
SourceEndpoint source_endpoint(const std::string& server);
ClickHouseEndpoint clickhouse_endpoint();

/// A variable that must be there.
std::string required_environment(const std::string& name);

}  // namespace penstock::test
