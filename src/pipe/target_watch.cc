#include "pipe/target_watch.h"

#include "base/error.h"
#include "destination/schema.h"
#include "pipe/target_forms.h"

namespace penstock {

TargetWatch::TargetWatch(PipeContext& context) : context_(context), client_(context.destination) {
    for (const TableRecord& record : context.catalog->tables(context.pipe_id)) {
        known_[record.table_index] = {record.table_index, {}, -1};
        if (record.stopped())
            continue;  // whatever has become of its target: what is open for it may go there
        known_[record.table_index] = {record.table_index, record.target_uuid, record.last_block};
    }
}

TargetStates TargetWatch::look(const std::vector<const TablePlan*>& plans, ClickHouseClient& client) const {
    std::vector<std::string> names;
    names.reserve(plans.size());
    for (const TablePlan* plan : plans) names.push_back(plan->target_table);
    return read_target_states(client, context_.spec.target_database, names);
}

bool TargetWatch::was_started_anew(const TargetStates& found) const {
    const auto known = context_.server_lives.find(found.server);
    return known != context_.server_lives.end() && found.life != 0 &&
           is_another_life(known->second, found.life);
}

void TargetWatch::require_same_life(const TargetStates& found) const {
    if (!was_started_anew(found)) return;
    throw Error(Disposition::kRetry, "insert",
                "ClickHouse was started anew: looking at what it holds before going on");
}

bool TargetWatch::lives_on() const {
    if (context_.plans.empty()) return false;
    ClickHouseClient client(context_.destination);
    const TargetStates found = look({&context_.plans.front()}, client);
    return found.life != 0 && context_.server_lives.contains(found.server) && !was_started_anew(found);
}

/// Empty when there is none.
std::string TargetWatch::change_of(const TablePlan& plan, const TargetState& state) const {
    if (context_.lost_targets.contains(plan.id)) return {};
    std::lock_guard lock(mutex_);
    const TargetMark& known = known_.at(plan.id);
    if (!known.uuid.empty() && !state.uuid.empty() && known.uuid != state.uuid)
        return " is another table than before";
    // Some are left, and the server has not been down: somebody has dropped a partition.
    if (state.last_block >= 0) return {};
    // Without any: all may have been deleted ones.
    if (state.lacks(known.last_block) && !plan.delete_on_merge) return " has lost rows";
    return {};
}

void TargetWatch::require_same(const TablePlan& plan, const TargetState& state) const {
    const std::string what = change_of(plan, state);
    if (what.empty()) return;
    throw Error(Disposition::kRetry, "insert", quoted_target(plan.target_database, plan.target_table) + what)
        .at_table(plan.source.qualified_name());
}

void TargetWatch::look_before(const std::vector<const TablePlan*>& plans) {
    if (plans.empty()) return;
    const TargetStates found = look(plans, client_);
    require_same_life(found);
    for (const TablePlan* plan : plans) {
        const auto there = found.tables.find(plan->target_table);
        if (there == found.tables.end()) continue;  // the insert finds out
        require_same(*plan, there->second);
        std::lock_guard lock(mutex_);
        views_[plan->id] = there->second.has_views;
    }
}

bool TargetWatch::is_unchanged(const TablePlan& plan) const {
    ClickHouseClient client(context_.destination);
    const TargetStates found = look({&plan}, client);
    if (was_started_anew(found)) return false;
    const auto there = found.tables.find(plan.target_table);
    return there == found.tables.end() || change_of(plan, there->second).empty();
}

bool TargetWatch::has_views(const TablePlan& plan) const {
    std::lock_guard lock(mutex_);
    const auto found = views_.find(plan.id);
    return found != views_.end() && found->second;
}

std::vector<TargetMark> TargetWatch::look_after(const std::vector<uint32_t>& tables) {
    std::vector<const TablePlan*> plans;
    for (const uint32_t table : tables) {
        if (!context_.lost_targets.contains(table)) plans.push_back(&context_.plans[table]);
    }
    std::vector<TargetMark> marks;
    if (plans.empty()) return marks;
    const TargetStates found = look(plans, client_);
    require_same_life(found);
    std::vector<const TablePlan*> altered;
    for (const TablePlan* plan : plans) {
        const auto there = found.tables.find(plan->target_table);
        if (there == found.tables.end() || !context_.forms->is_seen(plan->id, there->second.altered_at))
            altered.push_back(plan);
        if (there == found.tables.end()) continue;
        require_same(*plan, there->second);
        const TargetMark mark{plan->id, there->second.uuid, there->second.last_block};
        std::lock_guard lock(mutex_);
        if (known_[plan->id] != mark) marks.push_back(known_[plan->id] = mark);
    }
    look_at_altered(client_, *context_.forms, altered);
    return marks;
}

}  // namespace penstock
