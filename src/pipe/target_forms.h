#pragma once
// How the targets of a pipe take their rows now: people alter tables while a pipe runs.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "destination/schema.h"
#include "model/column_form.h"

namespace penstock {

/// What was seen of the targets, by TablePlan::id. Any thread.
class TargetForms {
  public:
    /// Null: as planned, or not seen yet.
    std::shared_ptr<const TableForm> of(uint32_t table) const;
    /// The target has been looked at and takes the plan's rows.
    void take(const TablePlan& plan, const ExistingTable& target);
    /// It had the same definition when it was looked at. `altered_at`: of TargetState.
    bool is_seen(uint32_t table, int64_t altered_at) const;

  private:
    struct Seen {
        std::shared_ptr<const TableForm> form;
        int64_t altered_at = 0;
    };
    mutable std::mutex mutex_;
    std::map<uint32_t, Seen> seen_;  // guarded by mutex_
};

/// Thrown where ClickHouse refuses rows for their target's own trouble: it is not what it was (gone, or with
/// a column that does not hold all of them), or, `refused`, something that its definition does not tell (a
/// constraint, a view). It concerns its table alone.
struct UnfitTarget {
    Error why;
    bool refused = false;
};

/// Called where an error that waiting does not cure is caught, of rows that were sent to a target in the form
/// `sent` (null: as planned). Returns when the target has been altered, holds every value and `forms` has its
/// new form: they can be sent again. Throws UnfitTarget, else the error that is caught.
void require_altered(const ClickHouseEndpoint& destination, TargetForms& forms, const TablePlan& plan,
                     const TableForm* sent);

/// Calls `insert` with the form of the plan's target, again after require_altered.
/// Throws UnfitTarget, else what `insert` threw.
void insert_in_form(const ClickHouseEndpoint& destination, TargetForms& forms, const TablePlan& plan,
                    const std::function<void(const TableForm*)>& insert);

/// Looks closer at the plans' targets, all of one database, which were altered since they were seen. Not
/// every alteration makes ClickHouse refuse rows: it drops the values of a column that is EPHEMERAL now, and
/// takes 7 for a Bool. Throws UnfitTarget.
void look_at_altered(ClickHouseClient& client, TargetForms& forms,
                     const std::vector<const TablePlan*>& plans);

/// The reason for which the table of a target is stopped that is not what it was.
Error unfit_target_error(const TablePlan& plan, const std::string& problem);

}  // namespace penstock
