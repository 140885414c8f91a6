#pragma once
// Reading a table's rows in one read view, for the initial load.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model/pipe_spec.h"
#include "model/position.h"
#include "model/table_schema.h"
#include "source/mysql_connection.h"
#include "source/server_info.h"

namespace penstock {

/// A connection inside START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY. One thread at a time, except
/// interrupt(). Reads what was committed when it opened, however long it lives (InnoDB only).
class SnapshotReader {
  public:
    /// Connects and opens the read view. Throws as MysqlConnection does.
    static SnapshotReader open(const SourceEndpoint& endpoint, const ServerInfo& info,
                               ReplicationMechanism mechanism);

    /// Ends the read view and opens another. No row stream may be open.
    void renew(const ServerInfo& info, ReplicationMechanism mechanism);

    /// Ends the read view: an old one keeps the server from forgetting old rows. Nothing is read before
    /// renew.
    void end_view() { connection_.execute("COMMIT"); }

    /// The log's end read just after the view was opened: the view holds nothing that is not before it, so a
    /// pipe that replayed the log up to here has at least all that this reader shows. Position{} where the
    /// server writes no log.
    const Position& position_after() const { return position_after_; }

    /// SELECT `expressions` FROM the table WHERE `predicate` ("" is all rows), no ORDER BY. One at a time.
    /// Expressions are SQL given by the caller (decode's select_expression).
    RowStream read(const TableSchema& table, const std::vector<std::string>& expressions,
                   const std::string& predicate);

    MysqlConnection& connection() { return connection_; }
    void interrupt() noexcept { connection_.interrupt(); }

  private:
    friend struct ExactSnapshotOpener;
    SnapshotReader(MysqlConnection connection, Position position_after)
        : connection_(std::move(connection)), position_after_(std::move(position_after)) {}

    MysqlConnection connection_;
    Position position_after_;
};

struct ExactSnapshots {
    Position position;                    ///< the views hold exactly what is at or before it
    std::vector<SnapshotReader> readers;  ///< all in the same state
    std::string method;                   ///< how it was done, for the log: "no lock", "LOCK TABLES", ...
};

/// `count` readers whose views are at one exact position of the log, as far as `tables` are concerned: what
/// append-only targets need, where a change read twice would stay twice.
///
/// MariaDB gives each view's position (Binlog_snapshot_file, _position): views are opened until all agree.
/// MySQL does not, and equal GTID sets before and after do not prove it (a commit is visible before it is in
/// gtid_executed), so writers of these tables are held off for the moment of opening: LOCK TABLES ... READ
/// (8.0+), else FLUSH TABLES WITH READ LOCK, each waited for a few seconds only. Throws kRetry when the
/// lock cannot be had in time, kFailPipe with the GRANT when neither is allowed.
ExactSnapshots open_exact_snapshots(const SourceEndpoint& endpoint, const ServerInfo& info,
                                    ReplicationMechanism mechanism, uint32_t count,
                                    const std::vector<TableSchema>& tables);

}  // namespace penstock
