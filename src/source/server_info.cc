#include "source/server_info.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>

namespace penstock {
namespace {

bool is_on(const std::string& value) {
    return value == "ON" || value == "1";
}

/// "10.11.6-MariaDB-log" gives 101106; parts that are missing count as 0.
uint32_t parse_version(const std::string& text) {
    uint32_t parts[3] = {0, 0, 0};
    const char* p = text.data();
    const char* end = p + text.size();
    for (uint32_t& part : parts) {
        auto [stop, error] = std::from_chars(p, end, part);
        if (error != std::errc() || stop == end) break;
        if (*stop != '.') break;
        p = stop + 1;
    }
    return parts[0] * 10000 + parts[1] * 100 + parts[2];
}

std::string value_of(const MysqlConnection::Row& row, size_t i) {
    return i < row.size() && row[i] ? *row[i] : std::string();
}

std::optional<uint64_t> retention(const std::map<std::string, std::string>& variables) {
    auto find = [&](const char* name) -> std::optional<double> {
        auto it = variables.find(name);
        if (it == variables.end()) return std::nullopt;
        return std::strtod(it->second.c_str(), nullptr);
    };
    if (auto purge = variables.find("binlog_expire_logs_auto_purge");
        purge != variables.end() && !is_on(purge->second)) {
        return 0;
    }
    std::optional<double> seconds = find("binlog_expire_logs_seconds");
    if (std::optional<double> days = find("expire_logs_days"); days && (!seconds || *seconds == 0)) {
        seconds = *days * 86400;
    }
    if (!seconds) return std::nullopt;
    return static_cast<uint64_t>(std::llround(*seconds));
}

const char* log_status_statement(const ServerInfo& info) {
    return !info.mariadb() && info.at_least(8, 2) ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
}

uint64_t to_uint64(const std::string& text) {
    return std::strtoull(text.c_str(), nullptr, 10);
}

constexpr const char* kResyncHint = "Resync the pipe, and keep the log longer than the longest pause";

void check_file(MysqlConnection& connection, const FilePosition& wanted) {
    auto fail = [&](const std::string& what) {
        throw Error(Disposition::kFailPipe, "resume from " + connection.address(), what, kResyncHint)
            .at_position(wanted.file + ":" + std::to_string(wanted.offset));
    };
    auto logs = connection.query("SHOW BINARY LOGS");
    if (logs.empty()) fail("the source has no log files");
    for (const auto& row : logs) {
        if (value_of(row, 0) != wanted.file) continue;
        const uint64_t size = to_uint64(value_of(row, 1));
        if (wanted.offset <= size) return;
        fail("the source's file " + wanted.file + " has only " + std::to_string(size) + " bytes");
    }
    fail("the source no longer has the file " + wanted.file + "; its log begins with " +
         value_of(logs.front(), 0) + " and ends with " + value_of(logs.back(), 0));
}

void check_mariadb_gtids(MysqlConnection& connection, const MariadbGtidPos& wanted, bool known_server) {
    const std::string operation = "resume from " + connection.address();
    // Not by comparing the numbers of a domain: without gtid_strict_mode they may go down.
    const auto state = connection.query_value("SELECT @@GLOBAL.gtid_binlog_state").value_or("");
    if (const auto missing = gtids_not_logged(wanted, state); !missing.empty()) {
        std::string list;
        for (const std::string& gtid : missing) list += (list.empty() ? "" : ", ") + gtid;
        if (known_server) {
            throw Error(Disposition::kFailPipe, operation,
                        "the source's log no longer has what this pipe has read: " + list,
                        "It was reset or restored from a backup: resync the pipe")
                .at_position(wanted.to_string());
        }
        throw Error(
            Disposition::kRetry, operation,
            "the source has not yet applied transactions that this pipe has read: " + list,
            "It is a replica that lags behind; where it will never have them, because it belongs to another "
            "set of servers or the domain was deleted, resync the pipe")
            .at_position(wanted.to_string());
    }
    // Where the oldest file begins: its GTID list. Without the privilege to ask, the dump itself will tell.
    MariadbGtidPos begin;
    try {
        auto logs = connection.query("SHOW BINARY LOGS");
        if (logs.empty()) return;
        begin = gtid_position_at(connection, {value_of(logs[0], 0), 4}).value_or(MariadbGtidPos());
    } catch (const Error& e) {
        if (e.disposition() == Disposition::kRetry) throw;
        return;
    }
    if (wanted.contains(begin)) return;
    throw Error(Disposition::kFailPipe, operation,
                "the source has purged transactions that this pipe has not read: those after \"" +
                    wanted.to_string() + "\" up to \"" + begin.to_string() + "\"",
                kResyncHint)
        .at_position(wanted.to_string());
}

}  // namespace

namespace {

/// Nothing where the user may not ask.
template <typename Ask>
auto where_allowed(const Ask& ask) -> decltype(std::optional(ask())) {
    try {
        return ask();
    } catch (const Error& e) {
        if (e.disposition() == Disposition::kRetry) throw;
        return std::nullopt;
    }
}

void check_purged(const GtidSet& wanted, const GtidSet& purged, const std::string& address) {
    const GtidSet missing = purged.minus(wanted);
    if (missing.empty()) return;
    throw Error(Disposition::kFailPipe, "resume from " + address,
                "the source has purged transactions that this pipe has not read: " + missing.to_string(),
                kResyncHint)
        .at_position(wanted.to_string());
}

}  // namespace

std::optional<std::vector<LogFile>> read_log_files(MysqlConnection& connection) {
    const auto rows = where_allowed([&] { return connection.query("SHOW BINARY LOGS"); });
    if (!rows) return std::nullopt;
    std::vector<LogFile> files;
    for (const auto& row : *rows) files.push_back({value_of(row, 0), to_uint64(value_of(row, 1))});
    return files;
}

std::optional<FilePosition> read_log_end(MysqlConnection& connection, const ServerInfo& info) {
    const auto rows = where_allowed([&] { return connection.query(log_status_statement(info)); });
    if (!rows || rows->empty()) return std::nullopt;
    return FilePosition{value_of(rows->front(), 0), to_uint64(value_of(rows->front(), 1))};
}

void check_nothing_purged_unseen(MysqlConnection& connection, const Position& position) {
    if (position.mysql() == nullptr) return;
    check_purged(*position.mysql(),
                 GtidSet::parse(connection.query_value("SELECT @@GLOBAL.gtid_purged").value_or("")),
                 connection.address());
}

std::vector<std::string> gtids_not_logged(const MariadbGtidPos& wanted, std::string_view binlog_state) {
    std::map<std::pair<uint32_t, uint32_t>, uint64_t> logged;  // by domain and server
    while (!binlog_state.empty()) {
        const size_t comma = binlog_state.find(',');
        const MariadbGtid gtid = MariadbGtid::parse(binlog_state.substr(0, comma));
        logged[{gtid.domain, gtid.server_id}] = gtid.sequence;
        binlog_state = comma == std::string_view::npos ? std::string_view() : binlog_state.substr(comma + 1);
    }
    std::vector<std::string> missing;
    for (const auto& [domain, gtid] : wanted.last()) {
        const auto found = logged.find({domain, gtid.server_id});
        if (found != logged.end() && found->second >= gtid.sequence) continue;
        missing.push_back(
            gtid.to_string() +
            (found == logged.end()
                 ? " (it has none of that domain and server)"
                 : " (it has " + MariadbGtid{domain, gtid.server_id, found->second}.to_string() + ")"));
    }
    return missing;
}

std::optional<MariadbGtidPos> gtid_position_at(MysqlConnection& connection, const FilePosition& place) {
    const auto gtids = connection.query_value("SELECT BINLOG_GTID_POS(" + quote_string(place.file) + ", " +
                                              std::to_string(place.offset) + ")");
    if (!gtids) return std::nullopt;
    return MariadbGtidPos::parse(*gtids);
}

void check_gtids_available(const GtidSet& wanted, const GtidSet& purged, const GtidSet& executed,
                           const std::string& server_uuid, const std::string& address) {
    const std::string operation = "resume from " + address;
    check_purged(wanted, purged, address);
    GtidSet unknown = wanted.minus(executed);
    if (unknown.empty()) return;
    const auto& sources = unknown.intervals();
    const bool its_own = std::any_of(sources.begin(), sources.end(), [&](const auto& entry) {
        return GtidSource{entry.first.uuid, {}}.to_string() == server_uuid;
    });
    if (its_own) {
        throw Error(Disposition::kFailPipe, operation,
                    "the source no longer knows transactions of its own that this pipe has read: " +
                        unknown.to_string(),
                    "It was reset or restored from a backup: resync the pipe")
            .at_position(wanted.to_string());
    }
    throw Error(Disposition::kRetry, operation,
                "the source has not yet applied transactions that this pipe has read: " + unknown.to_string(),
                "It is a replica that lags behind, or belongs to another set of servers")
        .at_position(wanted.to_string());
}

std::string ServerInfo::identity() const {
    if (!mariadb()) return server_uuid;
    return std::to_string(server_id) + "-" + std::to_string(gtid_domain_id);
}

std::string ServerInfo::display_name() const {
    return std::string(mariadb() ? "MariaDB " : "MySQL ") + std::to_string(version / 10000) + "." +
           std::to_string(version / 100 % 100) + "." + std::to_string(version % 100);
}

bool ServerInfo::has_row_metadata() const {
    return mariadb() ? at_least(10, 5) : at_least(8, 0, 1);
}

NameRules ServerInfo::names() const {
    NameRules rules;
    if (lower_case_table_names != 0) rules.tables = NameFold::kLowerCase;
    if (has_unicode14_names) rules.columns = rules.savepoints = NameFold::kUnicode14;
    return rules;
}

ServerInfo read_server_info(MysqlConnection& connection) {
    ServerInfo info;
    std::map<std::string, std::string> variables;
    for (const auto& row : connection.query(
             "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'version_comment', 'log_bin', "
             "'binlog_format', "
             "'binlog_row_image', 'binlog_row_metadata', 'binlog_row_value_options', 'binlog_checksum', "
             "'gtid_mode', "
             "'enforce_gtid_consistency', 'binlog_transaction_compression', 'log_bin_compress', "
             "'log_replica_updates', 'log_slave_updates', 'server_id', 'server_uuid', 'gtid_domain_id', "
             "'binlog_expire_logs_seconds', 'binlog_expire_logs_auto_purge', 'expire_logs_days', "
             "'lower_case_table_names')")) {
        variables[value_of(row, 0)] = value_of(row, 1);
    }
    info.version_text = variables["version"];
    info.version = parse_version(info.version_text);
    // MariaDB has said so in its version since 5.x; a vendor's fork may say it in the comment alone.
    const bool mariadb = info.version_text.find("MariaDB") != std::string::npos ||
                         variables["version_comment"].find("MariaDB") != std::string::npos ||
                         variables.contains("gtid_domain_id");
    info.flavour = mariadb ? Flavour::kMariadb : Flavour::kMysql;
    info.log_bin = is_on(variables["log_bin"]);
    info.binlog_format = variables["binlog_format"];
    info.binlog_row_image = variables["binlog_row_image"];
    info.binlog_row_metadata = variables["binlog_row_metadata"];
    info.binlog_row_value_options = variables["binlog_row_value_options"];
    info.binlog_checksum = variables["binlog_checksum"];
    info.gtid_mode = variables["gtid_mode"];
    info.enforce_gtid_consistency = variables["enforce_gtid_consistency"];
    info.binlog_transaction_compression = is_on(variables["binlog_transaction_compression"]);
    info.log_bin_compress = is_on(variables["log_bin_compress"]);
    info.log_replica_updates =
        is_on(variables["log_replica_updates"]) || is_on(variables["log_slave_updates"]);
    info.server_id = static_cast<uint32_t>(to_uint64(variables["server_id"]));
    info.server_uuid = variables["server_uuid"];
    info.gtid_domain_id = static_cast<uint32_t>(to_uint64(variables["gtid_domain_id"]));
    info.lower_case_table_names = static_cast<int>(to_uint64(variables["lower_case_table_names"]));
    info.retention_seconds = retention(variables);
    if (mariadb) {
        info.has_unicode14_names = connection
                                       .query_value(
                                           "SELECT 1 FROM information_schema.COLLATIONS WHERE "
                                           "COLLATION_NAME = 'utf8mb3_general1400_as_ci'")
                                       .has_value();
    }
    return info;
}

Position current_position(MysqlConnection& connection, const ServerInfo& info,
                          ReplicationMechanism mechanism) {
    if (!info.log_bin) return {};
    if (mechanism == ReplicationMechanism::kFilePos) {
        auto rows = connection.query(log_status_statement(info));
        if (rows.empty()) return {};
        return Position(FilePosition{value_of(rows[0], 0), to_uint64(value_of(rows[0], 1))});
    }
    if (!info.mariadb() && info.gtid_mode != "ON") {
        throw Error(Disposition::kFailPipe, "read the position of " + connection.address(),
                    "gtid_mode is " + (info.gtid_mode.empty() ? std::string("not there") : info.gtid_mode),
                    "Turn GTIDs on (OFF_PERMISSIVE, ON_PERMISSIVE, then ON), or set replicationMechanism to "
                    "FILE_POS");
    }
    const std::optional<FilePosition> place = read_log_end(connection, info);
    const std::string gtids =
        connection
            .query_value(info.mariadb() ? "SELECT @@GLOBAL.gtid_binlog_pos" : "SELECT @@GLOBAL.gtid_executed")
            .value_or("");
    Position end = info.mariadb() ? Position(MariadbGtidPos::parse(gtids)) : Position(GtidSet::parse(gtids));
    if (place) end.set_place(info.identity(), place->file, place->offset);
    return end;
}

void check_position_available(MysqlConnection& connection, const ServerInfo& info, const Position& position,
                              bool known_server) {
    if (info.mariadb() ? position.mysql() != nullptr : position.mariadb() != nullptr) {
        throw Error(Disposition::kFailPipe, "check the position of the log",
                    std::string("the pipe stands at GTIDs of ") + (info.mariadb() ? "MySQL" : "MariaDB") +
                        ", and the source is " + info.display_name(),
                    "Point the pipe at the server it began with, or resync the pipe");
    }
    if (const GtidSet* set = position.mysql()) {
        auto rows = connection.query("SELECT @@GLOBAL.gtid_purged, @@GLOBAL.gtid_executed");
        check_gtids_available(*set, GtidSet::parse(value_of(rows.at(0), 0)),
                              GtidSet::parse(value_of(rows.at(0), 1)), info.server_uuid,
                              connection.address());
    } else if (const MariadbGtidPos* pos = position.mariadb()) {
        check_mariadb_gtids(connection, *pos, known_server);
    } else if (const FilePosition* file = position.file()) {
        check_file(connection, *file);
    }
}

}  // namespace penstock
