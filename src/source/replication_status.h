#pragma once
// Whether a source that is itself a replica keeps up with the server that it copies.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "source/mysql_connection.h"
#include "source/server_info.h"

namespace penstock {

/// One channel (MariaDB: connection) through which the server copies another one.
struct ReplicationChannel {
    std::string name;   ///< empty: the only one, or the default
    std::string io;     ///< "Yes", "No", "Connecting": receives
    std::string sql;    ///< "Yes", "No": applies
    std::string error;  ///< the last one, of either
    std::optional<uint64_t> seconds_behind;

    bool runs() const { return io == "Yes" && sql == "Yes"; }
    bool operator==(const ReplicationChannel&) const = default;
};

/// nullopt when the user may not ask; empty for a server that is no replica. Throws kRetry for a lost link.
std::optional<std::vector<ReplicationChannel>> read_replication_channels(MysqlConnection& connection,
                                                                         const ServerInfo& info);
/// Pure: from the rows of SHOW REPLICA STATUS, by column. Group replication's channels are left out: they
/// rest while the group is well.
std::vector<ReplicationChannel> replication_channels(
    const std::vector<std::map<std::string, std::string>>& rows);

/// What does not run, as one line; empty when all does.
std::string replication_trouble(const std::vector<ReplicationChannel>& channels);
/// The greatest lag that a channel tells.
std::optional<uint64_t> replication_lag(const std::vector<ReplicationChannel>& channels);

}  // namespace penstock
