#include "destination/pipe_ledger.h"

#include <cstdlib>

#include <fmt/format.h>

#include "destination/query_rows.h"
#include "destination/quoting.h"

namespace penstock {

namespace {

uint64_t number(const std::string& text) {
    return std::strtoull(text.c_str(), nullptr, 10);
}

bool has_ledger(ClickHouseClient& client, const std::string& database) {
    return client.query(fmt::format("SELECT count() FROM system.tables WHERE database = {} AND name = {}",
                                    quote_target_literal(database), quote_target_literal(kLedgerTable))) !=
           "0";
}

}  // namespace

std::string create_ledger_sql(const std::string& database, const std::string& cluster) {
    const bool replicated = !cluster.empty();
    return fmt::format(
        "CREATE TABLE IF NOT EXISTS {}{} (id String, epoch UInt64, turn UInt64, tables_turn UInt64, owner "
        "String, position String, anchor String, next_version UInt64, next_batch UInt64, noted_at "
        "DateTime64(3, 'UTC') DEFAULT now64(3), gone UInt8 DEFAULT 0) ENGINE = {}ReplacingMergeTree(turn) "
        "ORDER BY (id, epoch) SETTINGS fsync_after_insert = 1, {} = 0 COMMENT 'how far the pipes of penstock "
        "are; see docs/lifecycle.md'",
        quoted_target(database, kLedgerTable),
        replicated ? " ON CLUSTER " + quote_target_identifier(cluster) : "", replicated ? "Replicated" : "",
        replicated ? "replicated_deduplication_window" : "non_replicated_deduplication_window");
}

void create_ledger(ClickHouseClient& client, const std::string& database) {
    if (has_ledger(client, database)) return;  // asked first: a user may write without the right to make one
    client.query(create_ledger_sql(database, client.endpoint().cluster));
}

std::optional<LedgerNote> read_ledger(ClickHouseClient& client, const std::string& database,
                                      const std::string& id) {
    if (!has_ledger(client, database)) return std::nullopt;
    const auto rows = query_rows(
        client,
        fmt::format("SELECT owned.epoch, owned.owner, far.turn, far.tables_turn, far.position, far.anchor, "
                    "far.next_version, far.next_batch, owned.gone FROM "
                    "(SELECT * FROM {0} WHERE id = {1} ORDER BY epoch DESC, turn DESC LIMIT 1) AS owned, "
                    "(SELECT * FROM {0} WHERE id = {1} ORDER BY turn DESC, epoch DESC LIMIT 1) AS far",
                    quoted_target(database, kLedgerTable), quote_target_literal(id)));
    if (rows.empty() || rows[0].at(8) != "0") return std::nullopt;
    const auto& row = rows[0];
    return LedgerNote{.epoch = number(row.at(0)),
                      .owner = row.at(1),
                      .turn = number(row.at(2)),
                      .tables_turn = number(row.at(3)),
                      .position = row.at(4),
                      .anchor = row.at(5),
                      .next_version = number(row.at(6)),
                      .next_batch = number(row.at(7))};
}

void write_ledger(ClickHouseClient& client, const std::string& database, const std::string& id,
                  const LedgerNote& note) {
    client.query(
        fmt::format("INSERT INTO {} (id, epoch, turn, tables_turn, owner, position, anchor, "
                    "next_version, next_batch) VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {})",
                    quoted_target(database, kLedgerTable), quote_target_literal(id), note.epoch, note.turn,
                    note.tables_turn, quote_target_literal(note.owner), quote_target_literal(note.position),
                    quote_target_literal(note.anchor), note.next_version, note.next_batch),
        {{"async_insert", "0"}});
}

void erase_from_ledger(ClickHouseClient& client, const std::string& database, const std::string& id) {
    if (!has_ledger(client, database)) return;
    client.query(
        fmt::format("INSERT INTO {0} (id, epoch, turn, gone) SELECT id, max(epoch) + 1, 0, 1 FROM "
                    "{0} WHERE id = {1} GROUP BY id",
                    quoted_target(database, kLedgerTable), quote_target_literal(id)));
}

}  // namespace penstock
