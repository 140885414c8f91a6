#include "source/log_prerequisites.h"

#include <algorithm>
#include <cstdlib>

namespace penstock {
namespace {

using State = Prerequisite::State;

bool same(std::string_view a, std::string_view b) {
    auto upper = [](char c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return upper(x) == upper(y); });
}

std::string shown(const std::string& value) {
    return value.empty() ? "(empty)" : value;
}

std::string set_global(const ServerInfo& info, const std::string& assignment) {
    const bool persist = !info.mariadb() && info.at_least(8, 0);  // survives a restart
    return std::string("SET ") + (persist ? "PERSIST " : "GLOBAL ") + assignment;
}

Prerequisite item(std::string name, bool fulfilled, std::string found, std::string needed,
                  std::string fix_sql = {}) {
    return {std::move(name), fulfilled ? State::kOk : State::kFailed, std::move(found), std::move(needed),
            fulfilled ? std::string() : std::move(fix_sql)};
}

}  // namespace

std::vector<Prerequisite> check_log_settings(const ServerInfo& info, const SourceSettings& settings) {
    std::vector<Prerequisite> items;
    auto require = [&](std::string name, bool fulfilled, std::string found, std::string needed,
                       std::string assignment) {
        items.push_back(item(std::move(name), fulfilled, std::move(found), std::move(needed),
                             assignment.empty() ? assignment : set_global(info, assignment)));
    };
    require("log_bin", info.log_bin, info.log_bin ? "ON" : "OFF",
            "ON: changes are read from the binary log (log_bin in the server's configuration, then a "
            "restart; on RDS "
            "turn automated backups on)",
            "");
    require("server_id", info.server_id != 0, std::to_string(info.server_id),
            "not 0: without an id the server sends its log to nobody", "server_id = 1");
    require("binlog_format", same(info.binlog_format, "ROW"), shown(info.binlog_format),
            "ROW: other formats log statements, not rows (sessions that are open keep theirs)",
            "binlog_format = 'ROW'");
    if (!info.binlog_row_image.empty()) {
        require("binlog_row_image", same(info.binlog_row_image, "FULL"), info.binlog_row_image,
                "FULL: every column of every change", "binlog_row_image = 'FULL'");
    }
    if (info.has_row_metadata()) {
        const bool full = same(info.binlog_row_metadata, "FULL");
        items.push_back(
            {"binlog_row_metadata", full ? State::kOk : State::kWarning, shown(info.binlog_row_metadata),
             "FULL: column names in the log. Without them columns are matched by their place in the recorded "
             "definition, which each table map is checked against: a table that was altered unseen stops, "
             "but "
             "two columns of one type that changed places are not told apart",
             full ? std::string() : set_global(info, "binlog_row_metadata = 'FULL'")});
    } else {
        items.push_back(
            {"binlog_row_metadata", State::kWarning, "(not there)",
             "FULL, which this version does not have: columns are matched by place, so change tables with "
             "care",
             ""});
    }
    if (info.mariadb()) return items;
    if (settings.mechanism == ReplicationMechanism::kGtid) {
        items.push_back(item(
            "gtid_mode", same(info.gtid_mode, "ON"), shown(info.gtid_mode),
            "ON for replicationMechanism GTID (FILE_POS does without)",
            "SET GLOBAL enforce_gtid_consistency = ON; SET GLOBAL gtid_mode = OFF_PERMISSIVE; SET GLOBAL "
            "gtid_mode = ON_PERMISSIVE; SET GLOBAL gtid_mode = ON"));
    }
    return items;
}

std::optional<Prerequisite> check_log_retention(const ServerInfo& info,
                                                const std::optional<std::string>& rds_hours) {
    constexpr uint64_t kDay = 86400;
    Prerequisite retention{"log retention", State::kWarning, "",
                           "the log kept for 24 hours or longer, so that a pause does not cost a resync", ""};
    if (rds_hours) {
        retention.found = *rds_hours == "NULL" ? "purged at once" : *rds_hours + " hours";
        if (std::strtoull(rds_hours->c_str(), nullptr, 10) >= 24) retention.state = State::kOk;
        retention.fix_sql = "CALL mysql.rds_set_configuration('binlog retention hours', 72)";
    } else {
        if (!info.retention_seconds) return std::nullopt;
        const uint64_t seconds = *info.retention_seconds;
        retention.found = seconds == 0 ? "never purged by age" : std::to_string(seconds) + " seconds";
        if (seconds == 0 || seconds >= kDay) retention.state = State::kOk;
        const bool by_days = info.mariadb() ? !info.at_least(10, 6, 1) : !info.at_least(8, 0);
        retention.fix_sql =
            set_global(info, by_days ? "expire_logs_days = 3" : "binlog_expire_logs_seconds = 259200");
    }
    if (retention.state == State::kOk) retention.fix_sql.clear();
    return retention;
}

}  // namespace penstock
