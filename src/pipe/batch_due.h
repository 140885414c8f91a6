#pragma once
// When a batch of changes that may close, between two transactions, does.

#include <chrono>
#include <cstdint>

namespace penstock {

struct OpenBatch {
    uint64_t rows = 0;               ///< row changes in it
    bool moved = false;              ///< the position moved since the batch before
    bool earlier_under_way = false;  ///< ClickHouse is still taking what came before
    bool more_waits = false;         ///< the source had another event at once
    std::chrono::milliseconds open_for{};
    std::chrono::seconds age{};  ///< of its newest commit, as the source's clock and ours have it
};

/// Few large parts cost ClickHouse less than many small ones. So a batch goes on growing while an earlier one
/// is inserted, and past `full_rows` while the pipe is so far behind that nobody would see the rows in time
/// anyhow; its byte budget and `interval` still end it.
inline bool is_due(const OpenBatch& batch, uint64_t full_rows, std::chrono::milliseconds interval) {
    constexpr std::chrono::seconds kFarBehind{60};
    if (batch.earlier_under_way) return false;
    if (batch.moved && batch.open_for >= interval) return true;
    return batch.rows >= full_rows && !(batch.more_waits && batch.age >= kFarBehind);
}

}  // namespace penstock
