#include "pipe/sent_rows.h"

#include <algorithm>
#include <vector>

#include "base/byte_reader.h"
#include "destination/versions.h"

namespace penstock {

void leave_out_sent_rows(ClickHouseClient& client, Block& block, uint64_t until, uint64_t incomplete_from) {
    if (block.rows == 0) return;
    const auto version = [&](uint64_t row) { return load_le<8>(block.version.data() + row * 8); };
    const uint64_t first = version(0), last = version(block.rows - 1);
    if (first > until) return;
    const TablePlan& plan = *block.plan;
    const bool incomplete = incomplete_from != 0 && incomplete_from <= std::min(last, until);
    std::vector<uint64_t> there;
    if (incomplete && plan.engine != TableEngine::kNull) {
        there = versions_between(client, plan.target_database, plan.target_table,
                                 std::max(first, incomplete_from), std::min(last, until));
    }
    const auto was_sent = [&](uint64_t of) {
        if (of > until) return false;
        return !incomplete || of < incomplete_from || std::binary_search(there.begin(), there.end(), of);
    };
    std::vector<uint32_t> kept;
    for (uint64_t row = 0; row < block.rows; ++row) {
        if (!was_sent(version(row))) kept.push_back(static_cast<uint32_t>(row));
    }
    if (kept.size() < block.rows) block.keep_rows(kept);
}

}  // namespace penstock
