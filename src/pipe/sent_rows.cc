#include "pipe/sent_rows.h"

#include <algorithm>

#include "base/byte_reader.h"
#include "destination/versions.h"

namespace penstock {
namespace {

constexpr uint64_t kAskedAtOnce = 4'000'000;  // versions; of 8 bytes

uint64_t version_of(const Block& block, uint64_t row) {
    return load_le<8>(block.version.data() + row * 8);
}

}  // namespace

SentRows::SentRows(const Repair& repair, const std::vector<TableRecord>& tables)
    : until_(repair.until), salt_(repair.salt) {
    for (const TableRecord& table : tables)
        tables_[table.table_index].incomplete_from = table.incomplete_from;
}

bool SentRows::concerns(const Block& block) const {
    return block.rows > 0 && until_ != 0 && version_of(block, 0) <= until_;
}

void SentRows::leave_out(ClickHouseClient& client, Block& block) {
    if (!concerns(block)) return;
    const TablePlan& plan = *block.plan;
    const uint64_t last = std::min(version_of(block, block.rows - 1), until_);
    std::lock_guard lock(mutex_);
    const uint64_t incomplete_from = tables_.at(plan.id).incomplete_from;
    Found& found = tables_.at(plan.id).found;
    const bool incomplete = incomplete_from != 0 && incomplete_from <= last;
    const bool tells = plan.engine != TableEngine::kNull;
    if (incomplete && tells) {
        const uint64_t first = std::max(version_of(block, 0), incomplete_from);
        if (first < found.first || last > found.last) {
            const uint64_t end = std::min(until_, std::max(last, first + kAskedAtOnce));
            found = {first, end,
                     versions_between(client, plan.target_database, plan.target_table, first, end)};
        }
    }
    const auto is_there = [&](uint64_t version) {
        if (version > until_) return false;
        if (!incomplete || version < incomplete_from) return true;
        return tells && std::binary_search(found.versions.begin(), found.versions.end(), version);
    };
    std::vector<uint32_t> kept;
    for (uint64_t row = 0; row < block.rows; ++row) {
        if (!is_there(version_of(block, row))) kept.push_back(static_cast<uint32_t>(row));
    }
    if (kept.size() < block.rows) block.keep_rows(kept);
}

}  // namespace penstock
