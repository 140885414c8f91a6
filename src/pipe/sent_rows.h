#pragma once
// Rows that the destination may hold already: see Repair.

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "catalog/records.h"
#include "destination/clickhouse_client.h"
#include "model/block.h"

namespace penstock {

/// What a flow finds of a repair in its targets. A target is asked once for many blocks: the server reads a
/// whole column for each answer. Any thread.
class SentRows {
  public:
    /// `tables`: of the pipe.
    SentRows(const Repair& repair, const std::vector<TableRecord>& tables);

    const std::string& salt() const { return salt_; }  ///< of the repair
    /// The block holds rows of the repair.
    bool concerns(const Block& block) const;
    /// Drops the rows of the block that are in its target: those below the table's `incomplete_from`, all
    /// where that is 0, and of the others those that are found there. Rows of a Null engine table leave
    /// nothing to look for: they stay from there on. Throws what ClickHouseClient::query throws.
    void leave_out(ClickHouseClient& client, Block& block);

  private:
    /// Versions that a target holds, ascending, of those from `first` to `last`.
    struct Found {
        uint64_t first = 1, last = 0;
        std::vector<uint64_t> versions;
    };
    struct Table {
        uint64_t incomplete_from = 0;
        Found found;  // guarded by mutex_
    };

    const uint64_t until_;
    const std::string salt_;
    std::mutex mutex_;
    std::map<uint32_t, Table> tables_;  // by TablePlan::id
};

}  // namespace penstock
