#pragma once
// The end of the loads of ReplacingMergeTree targets.

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "pipe/context.h"
#include "pipe/load_check.h"

namespace penstock {

/// Tables whose partitions are all done are counted (find_wrong_rows), many small ones together, and stored
/// as loaded. Of one that lacks rows those partitions are opened again, with a warning: it is to be loaded
/// once more; when that was often in vain it is stopped.
class LoadFinisher {
  public:
    /// `context` outlives it.
    explicit LoadFinisher(PipeContext& context) : context_(context), client_(context.destination) {}

    /// Any thread: versions have been given to a load. The destination's ledger is told, so that a data
    /// directory of before is known for an old one (note_in_ledger); not each time where there are many
    /// tables.
    void planned();
    /// Any thread. It may be a while until the table is stored as loaded.
    void add(uint32_t table);
    /// When no thread adds any more: finishes what was added.
    void finish();

  private:
    void check_added();
    void settle(const LoadedTable& table, const WrongRows& wrong);

    PipeContext& context_;
    std::mutex mutex_;
    ClickHouseClient client_;  // guarded by mutex_, as all below
    std::vector<LoadedTable> added_;
    uint64_t rows_ = 0;  // of those added
    std::chrono::steady_clock::time_point noted_at_{};
    std::map<uint32_t, int> times_wrong_;
};

}  // namespace penstock
