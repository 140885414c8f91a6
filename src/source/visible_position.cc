#include "source/visible_position.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

namespace penstock {
namespace {

using Clock = std::chrono::steady_clock;
using Tables = std::vector<std::pair<std::string, std::string>>;

constexpr std::chrono::seconds kPatience{5};  // for what is under way
constexpr std::chrono::milliseconds kBetweenLooks{20};
constexpr std::chrono::seconds kLockWait{3};  // writers queue behind a lock that waits: not for long
constexpr const char* kWhat = "find a place in the log to begin at";

Position with_place(Position position, const ServerInfo& info, const FilePosition& place) {
    position.set_place(info.identity(), place.file, place.offset);
    return position;
}

VisiblePosition of_mariadb(MysqlConnection& connection, const ServerInfo& info,
                           ReplicationMechanism mechanism) {
    constexpr int kAttempts = 5;  // the file of the view may be purged before it is looked at
    connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
        const std::optional<FilePosition> place = place_of_view(connection);
        connection.execute("COMMIT");
        if (!place) continue;
        if (mechanism == ReplicationMechanism::kFilePos) return {Position(*place), place};
        if (auto gtids = gtid_position_at(connection, *place))
            return {with_place(Position(*std::move(gtids)), info, *place), place};
    }
    throw Error(Disposition::kRetry, kWhat, "the server does not tell the place of a read view in its log");
}

GtidSet owned(MysqlConnection& connection) {
    return parse_owned_gtids(connection.query_value("SELECT @@GLOBAL.gtid_owned").value_or(""));
}

/// Those of `some` that are under way still when patience ends.
GtidSet wait_for_end(MysqlConnection& connection, const GtidSet& some) {
    GtidSet left = some;
    for (const auto end = Clock::now() + kPatience; !left.empty() && Clock::now() < end;) {
        std::this_thread::sleep_for(kBetweenLooks);
        left = left.minus(left.minus(owned(connection)));
    }
    return left;
}

VisiblePosition of_mysql_with_gtids(MysqlConnection& connection, const ServerInfo& info,
                                    ReplicationMechanism mechanism) {
    const bool by_file = mechanism == ReplicationMechanism::kFilePos;
    std::optional<FilePosition> place = read_log_end(connection, info);
    if (place) {
        const GtidSet under_way = wait_for_end(connection, owned(connection));
        if (!under_way.empty() && by_file) {
            throw Error(
                Disposition::kRetry, kWhat,
                "transactions have not ended that may be in the log already: " + under_way.to_string(),
                "By file and offset nothing can be loaded before they have; by GTID it can");
        }
        if (!under_way.empty()) place->offset = 4;
    }
    if (by_file) return {place ? Position(*place) : Position(), place};
    Position executed(GtidSet::parse(connection.query_value("SELECT @@GLOBAL.gtid_executed").value_or("")));
    return {place ? with_place(std::move(executed), info, *place) : executed, place};
}

/// False where the user may not.
bool lock_for_a_moment(const SourceEndpoint& endpoint, const Tables& tables) {
    std::string sql;
    for (const auto& [database, table] : tables)
        sql += (sql.empty() ? "LOCK TABLES " : ", ") + quote_table(database, table) + " READ";
    if (sql.empty()) return true;
    ConnectionOptions options;
    options.lock_wait_timeout = kLockWait;
    MysqlConnection locker = MysqlConnection::open(endpoint, options);
    try {
        locker.execute(sql);
    } catch (const Error& e) {
        if (e.disposition() != Disposition::kRetry) return false;
        throw Error(Disposition::kRetry, kWhat,
                    "a transaction that writes the pipe's tables has not ended (" + e.message() + ")",
                    "Nothing can be loaded before it has");
    }
    locker.execute("UNLOCK TABLES");
    return true;
}

VisiblePosition of_mysql_without_gtids(const SourceEndpoint& endpoint, MysqlConnection& connection,
                                       const ServerInfo& info, const Tables& tables) {
    const Position end = current_position(connection, info, ReplicationMechanism::kFilePos);
    if (end.none()) return {};
    VisiblePosition found{end, *end.file()};
    if (!lock_for_a_moment(endpoint, tables)) {
        found.unproved =
            "a commit that is in the log and not yet to be seen cannot be ruled out: this user may "
            "not lock the tables (GRANT LOCK TABLES ON the databases)";
    }
    return found;
}

}  // namespace

std::optional<FilePosition> place_of_view(MysqlConnection& connection) {
    FilePosition place;
    for (const auto& row : connection.query("SHOW STATUS LIKE 'Binlog_snapshot_%'")) {
        const std::string name = row.at(0).value_or(""), value = row.at(1).value_or("");
        if (name == "Binlog_snapshot_file") place.file = value;
        if (name == "Binlog_snapshot_position") place.offset = std::strtoull(value.c_str(), nullptr, 10);
    }
    if (place.file.empty() || place.file == "none") return std::nullopt;
    return place;
}

GtidSet parse_owned_gtids(std::string_view text) {
    std::string gtids;
    bool owner = false;
    for (char c : text) {
        owner = c == '#' || (owner && c >= '0' && c <= '9');
        if (!owner) gtids += c;
    }
    return GtidSet::parse(gtids);
}

VisiblePosition read_visible_position(const SourceEndpoint& endpoint, MysqlConnection& connection,
                                      const ServerInfo& info, ReplicationMechanism mechanism,
                                      const Tables& tables) {
    if (!info.log_bin) return {};
    if (info.mariadb()) return of_mariadb(connection, info, mechanism);
    if (mechanism == ReplicationMechanism::kGtid)
        current_position(connection, info, mechanism);  // gtid_mode is ON
    if (info.gtid_mode == "ON") return of_mysql_with_gtids(connection, info, mechanism);
    return of_mysql_without_gtids(endpoint, connection, info, tables);
}

}  // namespace penstock
