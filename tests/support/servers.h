#pragma once
// The real servers that ./dev test started, from its PENSTOCK_TEST_* environment.

#include <string>

#include "destination/clickhouse_client.h"
#include "model/pipe_spec.h"
#include "source/mysql_connection.h"

namespace penstock::test {

/// `server` is "MYSQL", "MARIADB", ... Throws when the environment does not name it: run ./dev test.
SourceEndpoint source_endpoint(const std::string& server);
ClickHouseEndpoint clickhouse_endpoint();

/// The same server through a new account of that name with every privilege, so that its connections can be
/// told from those of other tests.
SourceEndpoint account_of_its_own(const std::string& server, const std::string& username);
/// Ends the connections through which that account reads the log.
void kill_log_readers(MysqlConnection& admin, const std::string& username);

/// A variable that must be there.
std::string required_environment(const std::string& name);

}  // namespace penstock::test
