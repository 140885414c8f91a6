#pragma once
// Is everything there that a pipe needs?

#include <optional>
#include <string>
#include <vector>

#include "destination/clickhouse_client.h"
#include "model/pipe_spec.h"
#include "model/table_plan.h"
#include "source/prerequisites.h"

namespace penstock {

/// The source's prerequisites and, where a target is given and the source's tables can be read, the
/// target's: reachable, and each target table absent or of our columns and, for a load, empty. Changes
/// nothing.
std::vector<Prerequisite> check_pipe(const PipeSpec& spec, const std::optional<ClickHouseEndpoint>& target);

/// Throws Error(kUsage) in one line for the first source prerequisite that failed, with its table and the SQL
/// that fixes it. Returns the warnings, one line each, which are in the log too.
std::vector<std::string> require_source(const PipeSpec& spec);

/// The same for what can have changed at a source since, before its log is opened again; kFailPipe.
void require_log(const PipeSpec& spec);

/// What was done, with the first kShownWarnings of what was found on the way and the number of the others:
/// the reason of a transition, which is how a pipe's events tell of warnings.
std::string with_warnings(const std::string& done, const std::vector<std::string>& warnings);

constexpr size_t kShownWarnings = 5;

struct FoundTargets {
    std::vector<const TablePlan*> absent;
    /// Of all rows in the others: what a pipe writes loses against a row of its key that has a higher one.
    uint64_t highest_version = 0;
};
/// Throws Error(kUsage) unless each target is absent, or ours to take: same columns, empty when the pipe will
/// load it, and with rows whose versions can be read and leave room for ours.
FoundTargets require_targets(ClickHouseClient& client, const PipeSpec& spec,
                             const std::vector<TablePlan>& plans);

/// One plan per mapping, in order. Throws as make_table_plan does.
std::vector<TablePlan> make_plans(const PipeSpec& spec, std::vector<TableSchema> schemas, bool has_time64);

/// (database, table) of each mapping, in order.
std::vector<std::pair<std::string, std::string>> source_tables(const PipeSpec& spec);

}  // namespace penstock
