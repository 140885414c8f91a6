#include "pipe/target_forms.h"

#include <utility>

#include <spdlog/spdlog.h>

#include "destination/clickhouse_errors.h"
#include "destination/quoting.h"

namespace penstock {
namespace {

bool is_same(const TableForm* a, const TableForm* b) {
    return a == b || (a != nullptr && b != nullptr && a->columns == b->columns);
}

void take_or_throw(TargetForms& forms, const TablePlan& plan, const ExistingTable* target) {
    const std::string problem = problem_with_target(target, plan);
    if (!problem.empty()) throw UnfitTarget{unfit_target_error(plan, problem)};
    forms.take(plan, *target);
}

}  // namespace

std::shared_ptr<const TableForm> TargetForms::of(uint32_t table) const {
    std::lock_guard lock(mutex_);
    const auto found = seen_.find(table);
    return found == seen_.end() ? nullptr : found->second.form;
}

void TargetForms::take(const TablePlan& plan, const ExistingTable& target) {
    Seen seen{form_of_target(plan, target), target.altered_at};
    std::lock_guard lock(mutex_);
    seen_[plan.id] = std::move(seen);
}

bool TargetForms::is_seen(uint32_t table, int64_t altered_at) const {
    std::lock_guard lock(mutex_);
    const auto found = seen_.find(table);
    return altered_at != 0 && found != seen_.end() && found->second.altered_at == altered_at;
}

void require_altered(const ClickHouseEndpoint& destination, TargetForms& forms, const TablePlan& plan,
                     const TableForm* sent) {
    ClickHouseClient client(destination);
    // A service that turns everything away throws here.
    const auto target = describe_table(client, plan.target_database, plan.target_table);
    take_or_throw(forms, plan, target ? &*target : nullptr);
    if (!is_same(sent, forms.of(plan.id).get())) {
        spdlog::info("{}: the target was altered and holds every value; going on",
                     quoted_target(plan.target_database, plan.target_table));
        return;
    }
    try {
        throw;
    } catch (const ClickHouseRefusal& refusal) {
        Error why(Disposition::kFailPipe, refusal.operation(), refusal.message(),
                  "Mend that, then resync the table");
        throw UnfitTarget{why.at_table(plan.source.qualified_name()), true};
    }
}

void insert_in_form(const ClickHouseEndpoint& destination, TargetForms& forms, const TablePlan& plan,
                    const std::function<void(const TableForm*)>& insert) {
    while (true) {
        const std::shared_ptr<const TableForm> form = forms.of(plan.id);
        try {
            return insert(form.get());
        } catch (const Error& e) {
            if (e.disposition() == Disposition::kRetry) throw;
            require_altered(destination, forms, plan, form.get());
        }
    }
}

void look_at_altered(ClickHouseClient& client, TargetForms& forms,
                     const std::vector<const TablePlan*>& plans) {
    if (plans.empty()) return;
    std::vector<std::string> names;
    for (const TablePlan* plan : plans) names.push_back(plan->target_table);
    const auto found = describe_tables(client, plans.front()->target_database, names);
    for (const TablePlan* plan : plans) {
        const auto target = found.find(plan->target_table);
        take_or_throw(forms, *plan, target == found.end() ? nullptr : &target->second);
    }
}

Error unfit_target_error(const TablePlan& plan, const std::string& problem) {
    return Error(Disposition::kFailPipe, "find the target", problem, "Resync the table, or remove it")
        .at_table(plan.source.qualified_name());
}

}  // namespace penstock
