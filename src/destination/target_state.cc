#include "destination/target_state.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "base/error.h"
#include "destination/query_rows.h"

namespace penstock {

namespace {

/// Only these number their blocks alone and upwards.
bool numbers_its_blocks(const std::string& engine) {
    return engine == "MergeTree" || engine == "ReplacingMergeTree";
}

}  // namespace

bool is_another_life(int64_t before, int64_t now) {
    return std::abs(before - now) > 1;
}

TargetStates read_target_states(ClickHouseClient& client, const std::string& database,
                                const std::vector<std::string>& tables) {
    TargetStates found;
    const std::string of = quote_target_literal(database);
    bool sees_parts = true;
    for_names(tables, [&](const std::string& names) {
        auto ask = [&](bool with_parts) {
            std::string blocks = "-1, -1", join;
            if (with_parts) {
                blocks = "if(p.table = '', -1, p.last_block), if(m.table = '', -1, m.last_mutation)";
                join = fmt::format(
                    " LEFT JOIN (SELECT table, max(max_block_number) AS last_block FROM system.parts WHERE "
                    "active AND rows > 0 AND database = {0} AND table IN ({1}) GROUP BY table) AS p "
                    "ON p.table = t.name "
                    "LEFT JOIN (SELECT table, max(arrayMax(block_numbers.number)) AS last_mutation FROM "
                    "system.mutations WHERE database = {0} AND table IN ({1}) GROUP BY table) AS m "
                    "ON m.table = t.name",
                    of, names);
            }
            return query_rows(
                client,
                fmt::format(
                    "SELECT t.name, toString(t.uuid), notEmpty(t.dependencies_table), "
                    "t.engine, position(t.engine_full, ' TTL ') > 0, {}, "
                    "toUnixTimestamp(now()) - uptime(), {}, hostName() FROM system.tables AS t{} WHERE "
                    "t.database = {} AND t.name IN ({})",
                    blocks, kAlteredAt, join, of, names));
        };
        std::vector<std::vector<std::string>> rows;
        try {
            rows = ask(sees_parts);
        } catch (const Error&) {
            if (!sees_parts || !client.was_denied()) throw;
            sees_parts = false;
            rows = ask(false);
        }
        for (const auto& row : rows) {
            TargetState& state = found.tables[row.at(0)];
            state.uuid = table_uuid(row.at(1));
            state.has_views = row.at(2) == "1";
            state.counts_blocks = sees_parts && numbers_its_blocks(row.at(3)) && row.at(4) == "0";
            if (state.counts_blocks) state.last_block = std::strtoll(row.at(5).c_str(), nullptr, 10);
            state.last_mutation = std::strtoll(row.at(6).c_str(), nullptr, 10);
            state.altered_at = std::strtoll(row.at(8).c_str(), nullptr, 10);
            found.server = row.at(9);
            found.life = std::strtoll(row.at(7).c_str(), nullptr, 10);
        }
    });
    return found;
}

}  // namespace penstock
