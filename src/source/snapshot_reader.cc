#include "source/snapshot_reader.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "source/visible_position.h"

namespace penstock {

namespace {

void prepare_for_view(MysqlConnection& connection) {
    connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");  // else there is no view
    if (connection.is_mariadb()) {
        // A reader held back by a slow destination is idle, not dead.
        try {
            connection.execute(
                "SET SESSION idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0");
        } catch (const Error& e) {
            if (e.disposition() == Disposition::kRetry) throw;  // before 10.3 there are none
        }
    }
}

/// Ends the view that the connection had, if any.
void open_view(MysqlConnection& connection) {
    connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
}

constexpr std::chrono::seconds kLockWait{3};  // writers queue behind a lock that waits: not for long
constexpr int kAttempts = 5;
constexpr int kUnlockedAttempts = 200;  // a few statements each: a second or two in all

}  // namespace

SnapshotReader SnapshotReader::open(const SourceEndpoint& endpoint, const ServerInfo& info,
                                    ReplicationMechanism mechanism) {
    MysqlConnection connection = MysqlConnection::open(endpoint);
    prepare_for_view(connection);
    open_view(connection);
    Position position = current_position(connection, info, mechanism);
    return {std::move(connection), std::move(position)};
}

void SnapshotReader::renew(const ServerInfo& info, ReplicationMechanism mechanism) {
    open_view(connection_);
    position_after_ = current_position(connection_, info, mechanism);
}

RowStream SnapshotReader::read(const TableSchema& table, const std::vector<std::string>& expressions,
                               const std::string& predicate) {
    std::string sql = "SELECT ";
    for (size_t i = 0; i < expressions.size(); ++i) sql += (i == 0 ? "" : ", ") + expressions[i];
    if (expressions.empty()) sql += "1";
    sql += " FROM " + quote_table(table.database, table.name);
    if (!predicate.empty()) sql += " WHERE " + predicate;
    try {
        return connection_.stream(sql);
    } catch (Error& e) {
        e.at_table(table.qualified_name());
        throw;
    }
}

struct ExactSnapshotOpener {
    const SourceEndpoint& endpoint;
    const ServerInfo& info;
    ReplicationMechanism mechanism;
    const std::vector<TableSchema>& tables;
    std::vector<MysqlConnection> connections;

    /// MariaDB keeps the binlog's place at the moment of each view; equal places are one state.
    bool views_at_one_place(FilePosition& place) {
        for (size_t i = 0; i < connections.size(); ++i) {
            const std::optional<FilePosition> here = place_of_view(connections[i]);
            if (!here || (i > 0 && !(*here == place))) return false;
            place = *here;
        }
        return true;
    }

    void open_views() {
        for (MysqlConnection& connection : connections) open_view(connection);
    }

    std::optional<Position> without_lock() {
        if (!info.mariadb() || !info.log_bin) return std::nullopt;
        for (int attempt = 0; attempt < kUnlockedAttempts; ++attempt) {
            open_views();
            FilePosition place;
            if (!views_at_one_place(place)) continue;
            if (mechanism == ReplicationMechanism::kFilePos) return Position(place);
            if (auto gtids = gtid_position_at(connections[0], place)) {
                Position position(*std::move(gtids));
                position.set_place(info.identity(), place.file, place.offset);
                return position;
            }
        }
        return std::nullopt;
    }

    /// Opens the views while `lock` (one statement) holds. False when the user may not take it.
    std::optional<Position> under_lock(const std::string& lock) {
        ConnectionOptions options;
        options.lock_wait_timeout = kLockWait;
        MysqlConnection locker = MysqlConnection::open(endpoint, options);
        for (int attempt = 1;; ++attempt) {
            try {
                locker.execute(lock);
                break;
            } catch (const Error& e) {
                if (e.disposition() != Disposition::kRetry) return std::nullopt;
                if (attempt == kAttempts) throw;
                std::this_thread::sleep_for(kLockWait);
            }
        }
        open_views();
        Position position = current_position(locker, info, mechanism);
        locker.execute("UNLOCK TABLES");
        return position;
    }

    std::string lock_tables() const {
        std::string sql;
        for (const TableSchema& table : tables) {
            sql += (sql.empty() ? "LOCK TABLES " : ", ") + quote_table(table.database, table.name) + " READ";
        }
        return sql;
    }

    ExactSnapshots finish(Position position, std::string method) {
        ExactSnapshots result{position, {}, std::move(method)};
        for (MysqlConnection& connection : connections) {
            result.readers.push_back(SnapshotReader(std::move(connection), position));
        }
        return result;
    }
};

ExactSnapshots open_exact_snapshots(const SourceEndpoint& endpoint, const ServerInfo& info,
                                    ReplicationMechanism mechanism, uint32_t count,
                                    const std::vector<TableSchema>& tables) {
    ExactSnapshotOpener opener{endpoint, info, mechanism, tables, {}};
    for (uint32_t i = 0; i < count; ++i) {
        opener.connections.push_back(MysqlConnection::open(endpoint));
        prepare_for_view(opener.connections.back());
    }

    if (auto position = opener.without_lock()) return opener.finish(*position, "no lock");
    // Before 8.0 a foreign key's cascade writes a child table without taking its lock.
    if (!info.mariadb() && info.at_least(8, 0) && !tables.empty()) {
        if (auto position = opener.under_lock(opener.lock_tables()))
            return opener.finish(*position, "LOCK TABLES");
    }
    if (auto position = opener.under_lock("FLUSH TABLES WITH READ LOCK")) {
        return opener.finish(*position, "FLUSH TABLES WITH READ LOCK");
    }
    const std::string user = "'" + endpoint.username + "'@'%'";
    throw Error(
        Disposition::kFailPipe, "open an exact snapshot of " + opener.connections.front().address(),
        "append-only targets (MergeTree, Null) need a moment without writes, and this user may not lock",
        "GRANT LOCK TABLES ON the databases TO " + user + ", or GRANT RELOAD ON *.* TO " + user +
            ", or use ReplacingMergeTree");
}

}  // namespace penstock
