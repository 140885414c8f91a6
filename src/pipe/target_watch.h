#pragma once
// The targets of a flow, held against what is known of them: before rows go into them and after.

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "catalog/records.h"
#include "destination/clickhouse_client.h"
#include "destination/target_state.h"
#include "model/table_plan.h"
#include "pipe/context.h"

namespace penstock {

/// One flow's. look_before and look_after are called by one thread; the rest may be called from any while
/// rows are inserted.
class TargetWatch {
  public:
    /// Knows what the catalog has noted (reconcile_destination). The context outlives it.
    explicit TargetWatch(PipeContext& context);

    /// Before rows of these tables are inserted. Throws kRetry when a target is another table than the one
    /// that is known, or has lost rows, or ClickHouse was started anew: what to do is found out by
    /// reconcile_destination and stop_lost_targets when the flow begins anew.
    void look_before(const std::vector<const TablePlan*>& plans);
    /// Between two attempts to insert into it: false also where the server was started anew. Throws kRetry
    /// only while it does not answer.
    bool is_unchanged(const TablePlan& plan) const;
    /// A materialized view read the table when it was looked at last.
    bool has_views(const TablePlan& plan) const;
    /// The server is known and was not started anew. False too where a target is gone by which to ask it.
    bool lives_on() const;
    /// When everything that was sent to these tables is acknowledged: what the catalog is to note. Throws
    /// kRetry as look_before, and UnfitTarget (target_forms.h) for one that was altered so that it does not
    /// hold every value.
    std::vector<TargetMark> look_after(const std::vector<uint32_t>& tables);

  private:
    TargetStates look(const std::vector<const TablePlan*>& plans, ClickHouseClient& client) const;
    bool was_started_anew(const TargetStates& found) const;
    void require_same_life(const TargetStates& found) const;
    std::string change_of(const TablePlan& plan, const TargetState& state) const;
    void require_same(const TablePlan& plan, const TargetState& state) const;

    PipeContext& context_;
    ClickHouseClient client_;
    mutable std::mutex mutex_;
    std::map<uint32_t, TargetMark> known_;  // guarded by mutex_, as the next
    std::map<uint32_t, bool> views_;
};

}  // namespace penstock
