#pragma once
// A server that replicates from another one, by GTID.

#include <string>

#include <fmt/format.h>

#include "model/pipe_spec.h"
#include "source/mysql_connection.h"

namespace penstock::test {

/// Makes the server at `replica` follow `source`, and starts it. Neither has transactions of its own that the
/// other one lacks.
inline void replicate(MysqlConnection& replica, const SourceEndpoint& source, bool is_mysql) {
    if (is_mysql) {
        replica.execute(fmt::format(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{}', SOURCE_PORT = {}, SOURCE_USER = '{}', "
            "SOURCE_PASSWORD = '{}', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1",
            source.host, source.port, source.username, source.password));
        replica.execute("START REPLICA");
    } else {
        replica.execute(
            fmt::format("CHANGE MASTER TO MASTER_HOST = '{}', MASTER_PORT = {}, MASTER_USER = '{}', "
                        "MASTER_PASSWORD = '{}', MASTER_USE_GTID = slave_pos",
                        source.host, source.port, source.username, source.password));
        replica.execute("START SLAVE");
    }
}

/// Forgets the server's log.
inline void reset_log(MysqlConnection& server, bool is_mysql) {
    server.execute(is_mysql ? "RESET BINARY LOGS AND GTIDS" : "RESET MASTER");
}

/// True when `replica` has all that `source` has now; false after a minute.
inline bool wait_for_replica(MysqlConnection& source, MysqlConnection& replica, bool is_mysql) {
    if (is_mysql) {
        const auto set = source.query_value("SELECT @@GLOBAL.gtid_executed");
        return replica.query_value("SELECT WAIT_FOR_EXECUTED_GTID_SET('" + *set + "', 60)") == "0";
    }
    const auto place = source.query_value("SELECT @@GLOBAL.gtid_binlog_pos");
    return replica.query_value("SELECT MASTER_GTID_WAIT('" + *place + "', 60)") == "0";
}

}  // namespace penstock::test
