#pragma once
// Answers of ClickHouse as rows of texts, and questions about many tables.

#include <cstddef>
#include <string>
#include <vector>

#include "destination/clickhouse_client.h"
#include "destination/quoting.h"

namespace penstock {

/// What \c stands for, in TabSeparated output and in quoted names.
char unescaped(char c);

/// TargetState::altered_at, of system.tables. The server's clock is that of its files, which are no older
/// than a second then.
inline constexpr const char* kAlteredAt =
    "if(metadata_modification_time > now() - 2, 0, toUnixTimestamp(metadata_modification_time))";

/// Runs a SELECT (without FORMAT); throws as ClickHouseClient::query does.
std::vector<std::vector<std::string>> query_rows(ClickHouseClient& client, const std::string& sql,
                                                 const ClickHouseParameters& parameters = {});

/// The UUID that system.tables prints; empty for the one that means none.
std::string table_uuid(const std::string& text);

/// Calls `ask` with the names as a list of literals, no longer than a query (max_query_size, 256 KB) may be.
template <typename Ask>
void for_names(const std::vector<std::string>& names, const Ask& ask) {
    constexpr size_t kBytesAtOnce = 100'000;
    std::string list;
    for (size_t i = 0; i < names.size(); ++i) {
        list += (list.empty() ? "" : ", ") + quote_target_literal(names[i]);
        if (list.size() < kBytesAtOnce && i + 1 < names.size()) continue;
        ask(list);
        list.clear();
    }
}

}  // namespace penstock
