#include "source/replication_status.h"

#include <algorithm>
#include <cstdlib>

namespace penstock {
namespace {

const char* statement_of(const ServerInfo& info) {
    if (info.mariadb()) return "SHOW ALL SLAVES STATUS";
    return info.at_least(8, 0, 22) ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS";
}

}  // namespace

std::optional<std::vector<ReplicationChannel>> read_replication_channels(MysqlConnection& connection,
                                                                         const ServerInfo& info) {
    try {
        return replication_channels(connection.query_by_name(statement_of(info)));
    } catch (const Error& e) {
        if (e.disposition() == Disposition::kRetry) throw;
        return std::nullopt;
    }
}

std::vector<ReplicationChannel> replication_channels(
    const std::vector<std::map<std::string, std::string>>& rows) {
    std::vector<ReplicationChannel> channels;
    for (const auto& row : rows) {
        const auto value = [&](std::initializer_list<const char*> names) -> std::optional<std::string> {
            for (const char* name : names) {
                if (const auto found = row.find(name); found != row.end()) return found->second;
            }
            return std::nullopt;
        };
        ReplicationChannel channel;
        channel.name = value({"Channel_Name", "Connection_name"}).value_or("");
        if (channel.name.starts_with("group_replication_")) continue;
        channel.io = value({"Replica_IO_Running", "Slave_IO_Running"}).value_or("");
        channel.sql = value({"Replica_SQL_Running", "Slave_SQL_Running"}).value_or("");
        channel.error = value({"Last_SQL_Error"}).value_or("");
        if (channel.error.empty()) channel.error = value({"Last_IO_Error"}).value_or("");
        if (const auto behind = value({"Seconds_Behind_Source", "Seconds_Behind_Master"}))
            channel.seconds_behind = std::strtoull(behind->c_str(), nullptr, 10);
        channels.push_back(std::move(channel));
    }
    return channels;
}

std::string replication_trouble(const std::vector<ReplicationChannel>& channels) {
    std::string text;
    for (const ReplicationChannel& channel : channels) {
        if (channel.runs()) continue;
        text += text.empty() ? "the source is a replica whose replication does not run: " : "; ";
        if (!channel.name.empty()) text += "channel " + channel.name + ", ";
        text += "receiving " + channel.io + ", applying " + channel.sql;
        if (!channel.error.empty()) text += " (" + channel.error + ")";
    }
    if (text.empty()) return text;
    return text +
           ". What the server before it changes does not arrive: start its replication, or forget it "
           "(RESET REPLICA ALL) where it copies nobody any more";
}

std::optional<uint64_t> replication_lag(const std::vector<ReplicationChannel>& channels) {
    std::optional<uint64_t> lag;
    for (const ReplicationChannel& channel : channels) {
        if (channel.seconds_behind) lag = std::max(lag.value_or(0), *channel.seconds_behind);
    }
    return lag;
}

}  // namespace penstock
