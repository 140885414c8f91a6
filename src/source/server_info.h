#pragma once
// What a source server is, where its log stands, and whether a stored position can still be read.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/name_fold.h"
#include "model/pipe_spec.h"
#include "model/position.h"
#include "source/mysql_connection.h"

namespace penstock {

enum class Flavour : uint8_t { kMysql = 1, kMariadb = 2 };

/// Variables are as the server prints them; empty when it does not have the variable.
struct ServerInfo {
    Flavour flavour = Flavour::kMysql;
    std::string version_text;  ///< @@version
    uint32_t version = 0;      ///< major * 10000 + minor * 100 + patch: 9.7.1 is 90701

    bool log_bin = false;
    std::string binlog_format;                    ///< ROW, STATEMENT, MIXED
    std::string binlog_row_image;                 ///< FULL, MINIMAL, NOBLOB, FULL_NODUP (MariaDB)
    std::string binlog_row_metadata;              ///< FULL, MINIMAL, NO_LOG (MariaDB); empty: older than it
    std::string binlog_row_value_options;         ///< PARTIAL_JSON or empty
    std::string binlog_checksum;                  ///< CRC32, NONE
    std::string gtid_mode;                        ///< ON, OFF, ...; empty on MariaDB
    std::string enforce_gtid_consistency;         ///< MySQL
    bool binlog_transaction_compression = false;  ///< MySQL 8.0.20+
    bool log_bin_compress = false;                ///< MariaDB
    bool log_replica_updates = false;
    uint32_t server_id = 0;
    std::string server_uuid;                    ///< MySQL
    uint32_t gtid_domain_id = 0;                ///< MariaDB
    std::optional<uint64_t> retention_seconds;  ///< 0: never purged by age; nullopt: unknown
    int lower_case_table_names = 0;
    bool has_unicode14_names = false;  ///< names compare by utf8mb3_general1400_as_ci: MariaDB 11.5+

    bool mariadb() const { return flavour == Flavour::kMariadb; }
    bool at_least(uint32_t major, uint32_t minor, uint32_t patch = 0) const {
        return version >= major * 10000 + minor * 100 + patch;
    }
    /// Who the server is, to be compared on each reconnect: its UUID; on MariaDB "server_id-domain_id".
    std::string identity() const;
    /// "MySQL 9.7.1" or "MariaDB 10.11.6".
    std::string display_name() const;
    /// The row images of UPDATE and DELETE hold generated columns too. MariaDB 11.8 leaves them out, stored
    /// ones as well (10.11 does not), whatever binlog_row_image says.
    bool logs_generated_columns() const { return !mariadb() || !at_least(11, 8); }
    NameRules names() const;  ///< how it compares names
    /// Tables maps can carry names, signs and charsets (MySQL 8.0.1+, MariaDB 10.5+).
    bool has_row_metadata() const;
};

/// A file of the server's log.
struct LogFile {
    std::string name;
    uint64_t size = 0;
    bool operator==(const LogFile&) const = default;
};

/// Oldest first; nullopt when the user may not ask (REPLICATION CLIENT), or the server writes no log.
std::optional<std::vector<LogFile>> read_log_files(MysqlConnection& connection);
/// Where the file that is being written ends; nullopt as above.
std::optional<FilePosition> read_log_end(MysqlConnection& connection, const ServerInfo& info);

/// A few queries of global variables. Throws as MysqlConnection does.
ServerInfo read_server_info(MysqlConnection& connection);

/// The end of the server's log now: everything that any read view opened before the call shows is in it.
/// kGtid: @@gtid_executed or @@gtid_binlog_pos, with the place where the user may ask (a commit is seen
/// before it is in gtid_executed, but not before it is in the log); kFilePos: file and offset of the log
/// being written. Not a place to begin at: see visible_position.h. Position{} when the server writes no log.
/// Throws Error(kFailPipe) where the mechanism is kGtid and gtid_mode is not ON, or the privilege is missing.
Position current_position(MysqlConnection& connection, const ServerInfo& info,
                          ReplicationMechanism mechanism);

/// MariaDB: what was committed before `place` of the log, as far as the server knows it (BINLOG_GTID_POS).
/// Throws as MysqlConnection does, also without the privilege to ask (BINLOG MONITOR).
std::optional<MariadbGtidPos> gtid_position_at(MysqlConnection& connection, const FilePosition& place);

/// Throws Error(kFailPipe) when a dump from `position` is impossible, naming what is missing: purged GTIDs
/// or files, or transactions of this very server that it no longer knows (restored from a backup). kRetry
/// when the server is only behind (a replica after a failover). `known_server`: the position was read there.
void check_position_available(MysqlConnection& connection, const ServerInfo& info, const Position& position,
                              bool known_server);

/// MariaDB: those of `wanted` that a server with this @@gtid_binlog_state (the last GTID of each domain and
/// server) has not logged, each told as "GTID (what it has)". Pure.
std::vector<std::string> gtids_not_logged(const MariadbGtidPos& wanted, std::string_view binlog_state);

/// MySQL: throws kFailPipe where gtid_purged has what the position lacks, which is in no file. Nothing for
/// other kinds of positions.
void check_nothing_purged_unseen(MysqlConnection& connection, const Position& position);

/// The check of a MySQL GTID set, pure: `address` is for the message only.
void check_gtids_available(const GtidSet& wanted, const GtidSet& purged, const GtidSet& executed,
                           const std::string& server_uuid, const std::string& address);

}  // namespace penstock
