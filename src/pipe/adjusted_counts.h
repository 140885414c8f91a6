#pragma once
// How many values of a load's rows a policy has changed, by column.

#include <cstdint>
#include <numeric>
#include <vector>

#include "catalog/records.h"
#include "model/block.h"
#include "model/table_plan.h"

namespace penstock {

/// Empty while nothing was changed.
class AdjustedCounts {
  public:
    void add(const Block& block) {
        for (size_t i = 0; i < block.columns.size(); ++i) add(i, block.columns[i].adjusted());
    }
    void add(const AdjustedCounts& other) {
        for (size_t i = 0; i < other.values_.size(); ++i) add(i, other.values_[i]);
    }
    uint64_t sum() const { return std::accumulate(values_.begin(), values_.end(), uint64_t{0}); }
    std::vector<AdjustedColumn> records(const TablePlan& plan) const {
        std::vector<AdjustedColumn> records;
        for (size_t i = 0; i < values_.size(); ++i) {
            if (values_[i] != 0) records.push_back({plan.id, plan.columns[i].name, values_[i]});
        }
        return records;
    }

  private:
    void add(size_t column, uint64_t values) {
        if (values == 0) return;
        if (values_.size() <= column) values_.resize(column + 1);
        values_[column] += values;
    }

    std::vector<uint64_t> values_;  // by index in TablePlan::columns
};

}  // namespace penstock
