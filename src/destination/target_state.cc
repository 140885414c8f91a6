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

const ClickHouseParameters kOneThread{{"max_threads", "1"}};

}  // namespace

bool is_another_life(int64_t before, int64_t now) {
    return std::abs(before - now) > 1;
}

TargetStates read_target_states(ClickHouseClient& client, const std::string& database,
                                const std::vector<std::string>& tables) {
    TargetStates found;
    bool sees_parts = true;
    for_names(tables, [&](const std::string& names) {
        const std::string of = fmt::format("database = {} AND", quote_target_literal(database));
        const std::string rows_of_tables = fmt::format(
            "SELECT name, toString(uuid), notEmpty(dependencies_table), engine,"
            " position(engine_full, ' TTL ') > 0, {}, toUnixTimestamp(now()) - uptime(), hostName(),"
            " -1, -1 FROM system.tables WHERE {} name IN ({})"
            // A database in memory gets another UUID at each start; 0 where it gets none.
            " UNION ALL SELECT '', '', 0, '', 0, 0, if(uuid = toUUIDOrZero(''), 0,"
            " toInt64(bitShiftRight(cityHash64(toString(uuid)), 1))), '', -1, -1 FROM system.databases"
            " WHERE name = 'INFORMATION_SCHEMA' AND engine = 'Memory'",
            kAlteredAt, of, names);
        // Joined here: for the server a JOIN would be more work than all the rest.
        const std::string rows_of_parts = fmt::format(
            " UNION ALL SELECT table, '', 0, '', 0, 0, 0, '', max(max_block_number), -1 FROM system.parts"
            " WHERE {0} active AND rows > 0 AND table IN ({1}) GROUP BY table"
            " UNION ALL SELECT table, '', 0, '', 0, 0, 0, '', -1, max(arrayMax(block_numbers.number))"
            " FROM system.mutations WHERE {0} table IN ({1}) GROUP BY table",
            of, names);
        std::vector<std::vector<std::string>> rows;
        try {
            rows = query_rows(client, rows_of_tables + (sees_parts ? rows_of_parts : ""), kOneThread);
        } catch (const Error&) {
            if (!sees_parts || !client.was_denied()) throw;
            sees_parts = false;
            rows = query_rows(client, rows_of_tables, kOneThread);
        }
        const auto number = [](const std::string& text) { return std::strtoll(text.c_str(), nullptr, 10); };
        std::map<std::string, std::pair<int64_t, int64_t>> blocks;  // newest block and mutation, by table
        for (const auto& row : rows) {
            auto& [block, mutation] = blocks.try_emplace(row.at(0), -1, -1).first->second;
            block = std::max<int64_t>(block, number(row.at(8)));
            mutation = std::max<int64_t>(mutation, number(row.at(9)));
        }
        int64_t of_uuid = 0;
        for (const auto& row : rows) {
            if (row.at(0).empty()) of_uuid = number(row.at(6));
            if (row.at(3).empty()) continue;
            TargetState& state = found.tables[row.at(0)];
            state.uuid = table_uuid(row.at(1));
            state.has_views = row.at(2) == "1";
            state.counts_blocks = sees_parts && numbers_its_blocks(row.at(3)) && row.at(4) == "0";
            state.altered_at = number(row.at(5));
            if (state.counts_blocks) state.last_block = blocks.at(row.at(0)).first;
            state.last_mutation = blocks.at(row.at(0)).second;
            found.life = number(row.at(6));
            found.server = row.at(7);
        }
        if (of_uuid != 0 && found.life != 0) found.life = of_uuid;
    });
    return found;
}

}  // namespace penstock
