#pragma once
// The ledger: a small table of ours beside the targets, in which each pipe notes how far it is and which
// process works on it. A catalog that is behind it is an old one; another process in it works on a copy.

#include <cstdint>
#include <optional>
#include <string>

#include "destination/clickhouse_client.h"

namespace penstock {

/// Its name in the database of the targets.
inline constexpr const char* kLedgerTable = "_penstock_ledger";

/// What is known of a pipe: who works on it, and how far it is. A process that has just taken it up may be
/// not so far as the one before.
struct LedgerNote {
    uint64_t epoch = 0;        ///< grows by one whenever another process takes the pipe up
    std::string owner{};       ///< the process that did it last
    uint64_t turn = 0;         ///< DestinationRecord::turn
    uint64_t tables_turn = 0;  ///< likewise
    std::string position{};  ///< the checkpoint, as the catalog has it: everything up to it is in the targets
    std::string anchor{};
    uint64_t next_version = 0, next_batch = 0;
};

/// Makes it, on all servers of a cluster, unless it is there. Throws what ClickHouseClient::query throws.
void create_ledger(ClickHouseClient& client, const std::string& database);
/// The pipe's note; none where it has none, or there is no ledger.
std::optional<LedgerNote> read_ledger(ClickHouseClient& client, const std::string& database,
                                      const std::string& id);
/// On disk when it returns: a server that loses power has it, or lost more than it.
void write_ledger(ClickHouseClient& client, const std::string& database, const std::string& id,
                  const LedgerNote& note);
/// A pipe that is deleted leaves no note.
void erase_from_ledger(ClickHouseClient& client, const std::string& database, const std::string& id);

std::string create_ledger_sql(const std::string& database, const std::string& cluster);

}  // namespace penstock
