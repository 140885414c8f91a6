#pragma once
// Where a pipe may begin: a place in the log before which everything can be seen.
//
// A commit is in the log before any reader sees it: between the two the server waits for its disk, and for
// semi-synchronous replicas as long as they take. Who takes the log's end as the place and reads the tables
// then gets such a row from neither.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/pipe_spec.h"
#include "model/position.h"
#include "source/mysql_connection.h"
#include "source/server_info.h"

namespace penstock {

struct VisiblePosition {
    /// Everything at or before it is seen by every read view that is opened later. With the place, if known.
    Position position;
    /// Where the log goes on: nothing before it is missing from the position. GTIDs may hold more than what
    /// is before it. nullopt: the user may not ask (MySQL with GTIDs).
    std::optional<FilePosition> place;
    /// Why it is not proved, and what would prove it; empty when it is.
    std::string unproved{};
};

/// `connection`: in no transaction. `tables`: of the pipe. Position{} where the server writes no log.
/// - MariaDB: the place of a read view, which the server tells.
/// - MySQL with GTIDs: the log's end E; then all GTIDs that were owned at that time are waited for, those of
///   transactions that are under way. Where a long one is (a replica applies it), a stream of GTIDs may begin
///   at the head of E's file, which was begun when nothing was under way: what gtid_executed holds of it is
///   passed over. By file it is waited for: kRetry.
/// - MySQL without GTIDs: a read lock on the tables for a moment, which writers hold off until their commit
/// has
///   ended; kRetry while one does. Where the user may not lock, `unproved` says so.
VisiblePosition read_visible_position(const SourceEndpoint& endpoint, MysqlConnection& connection,
                                      const ServerInfo& info, ReplicationMechanism mechanism,
                                      const std::vector<std::pair<std::string, std::string>>& tables);

/// MariaDB: the log's place at the moment of the connection's read view; nullopt when there is none.
std::optional<FilePosition> place_of_view(MysqlConnection& connection);

/// @@GLOBAL.gtid_owned, "UUID:5#12:6#13,UUID:...", without the owners.
GtidSet parse_owned_gtids(std::string_view text);

}  // namespace penstock
