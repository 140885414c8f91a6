#include "pipe/pipe_check.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include <spdlog/spdlog.h>

#include "destination/schema.h"
#include "destination/versions.h"
#include "pipe/each_target.h"
#include "source/server_info.h"
#include "source/table_definition.h"

namespace penstock {

std::vector<std::pair<std::string, std::string>> source_tables(const PipeSpec& spec) {
    std::vector<std::pair<std::string, std::string>> names;
    for (const TableMapping& m : spec.mappings) names.emplace_back(m.source_database, m.source_table);
    return names;
}

std::vector<TablePlan> make_plans(const PipeSpec& spec, std::vector<TableSchema> schemas, bool has_time64) {
    std::vector<TablePlan> plans;
    plans.reserve(schemas.size());
    for (uint32_t i = 0; i < schemas.size(); ++i) {
        plans.push_back(make_table_plan(i, std::move(schemas[i]), spec.mappings[i], spec, has_time64));
    }
    return plans;
}

namespace {

/// Throws for the first item that failed.
void require(const std::vector<Prerequisite>& items, Disposition disposition) {
    size_t failed = 0;
    const Prerequisite* first = nullptr;
    for (const Prerequisite& item : items) {
        if (item.state != Prerequisite::State::kFailed) continue;
        if (failed++ == 0) first = &item;
    }
    if (first == nullptr) return;
    std::string message = first->found;  // of the connection: the error itself
    if (first->name != "connection")
        message = first->name + ": found " + first->found + ", needed " + first->needed;
    if (failed > 1) message += " (and " + std::to_string(failed - 1) + " more; penstock check lists them)";
    Error error(first->may_pass ? Disposition::kRetry : disposition, "check the source", message,
                first->fix_sql.empty() ? "" : "Fix: " + first->fix_sql);
    throw error.at_table(first->table);
}

}  // namespace

std::vector<std::string> require_source(const PipeSpec& spec) {
    const std::vector<Prerequisite> items =
        check_source(spec.source, spec.settings, spec.mappings, Listed::kProblems);
    require(items, Disposition::kUsage);
    std::vector<std::string> warnings;
    for (const Prerequisite& item : items) {
        if (item.state != Prerequisite::State::kWarning) continue;
        // Without the SQL that mends it, which may name the account: readers of the API see this too.
        warnings.push_back(item.name + ": found " + item.found + ", needed " + item.needed);
        spdlog::warn("{}", warnings.back());
    }
    return warnings;
}

void require_log(const PipeSpec& spec) {
    require(check_log_source(spec.source, spec.settings, spec.mappings), Disposition::kFailPipe);
}

std::string with_warnings(const std::string& done, const std::vector<std::string>& warnings) {
    std::string text = done;
    for (size_t i = 0; i < warnings.size() && i < kShownWarnings; ++i) text += "; warning: " + warnings[i];
    if (warnings.size() > kShownWarnings) {
        text += "; and " + std::to_string(warnings.size() - kShownWarnings) +
                " more warnings (penstock check lists them)";
    }
    return text;
}

namespace {

// Tools that write the time in nanoseconds are below for another century; above, the catalog, whose numbers
// are signed, still has room for more changes than any pipe makes.
constexpr uint64_t kHighestVersion = uint64_t{1} << 62;

uint64_t require_readable_version(ClickHouseClient& client, const TablePlan& plan) {
    const std::string table = quoted_target(plan.target_database, plan.target_table);
    auto refuse = [&](const std::string& found, const std::string& hint) {
        throw Error(Disposition::kUsage, "check the target",
                    "table " + table + " holds rows, and a pipe has to begin above their highest " +
                        MetaColumns::kVersion + ": " + found,
                    hint)
            .at_table(plan.source.qualified_name());
    };
    uint64_t version = 0;
    try {
        version = highest_version(client, plan.target_database, plan.target_table);
    } catch (const Error& e) {
        if (e.disposition() == Disposition::kRetry) throw;
        refuse("it cannot be read (" + e.message() + ")",
               "Fix: GRANT SELECT ON " + table + ", or choose another targetTable");
    }
    if (version > kHighestVersion) {
        refuse("it is " + std::to_string(version) + ", which leaves too few for the changes to come",
               "Give those rows lower versions, or choose another targetTable");
    }
    return version;
}

}  // namespace

FoundTargets require_targets(ClickHouseClient& client, const PipeSpec& spec,
                             const std::vector<TablePlan>& plans) {
    FoundTargets found;
    std::vector<const TablePlan*> with_rows;
    look_at_targets(client, plans, [&](const TablePlan& plan, const ExistingTable* target) {
        if (target == nullptr) return found.absent.push_back(&plan);
        require_fit(*target, plan);
        if (plan.engine == TableEngine::kNull || target->rows == 0) return;
        if (spec.settings.mode == ReplicationMode::kCdcOnly) return with_rows.push_back(&plan);
        if (uint64_t rows = count_rows(client, plan.target_database, plan.target_table); rows != 0) {
            throw Error(Disposition::kUsage, "check the target",
                        "table " + plan.target_database + "." + plan.target_table + " already holds " +
                            std::to_string(rows) + " rows; a load needs an empty one",
                        "Fix: TRUNCATE TABLE " + quoted_target(plan.target_database, plan.target_table) +
                            ", or choose another targetTable");
        }
    });
    std::mutex mutex;
    for_each_target(client.endpoint(), with_rows, {}, [&](ClickHouseClient& own, const TablePlan& plan) {
        const uint64_t version = require_readable_version(own, plan);
        std::lock_guard lock(mutex);
        found.highest_version = std::max(found.highest_version, version);
    });
    return found;
}

std::vector<Prerequisite> check_pipe(const PipeSpec& spec, const std::optional<ClickHouseEndpoint>& target) {
    using State = Prerequisite::State;
    std::vector<Prerequisite> items = check_source(spec.source, spec.settings, spec.mappings);
    auto add = [&](std::string name, State state, std::string found, std::string needed = {},
                   std::string fix = {}) {
        items.push_back({std::move(name), state, std::move(found), std::move(needed), std::move(fix)});
    };
    bool has_time64 = true;
    if (target) {
        try {
            ClickHouseClient client(*target);
            DestinationInfo info = read_destination_info(client);
            has_time64 = info.has_time64;
            add("target", State::kOk, "ClickHouse " + info.version);
        } catch (const Error& e) {
            add("target", State::kFailed, e.message(), "a ClickHouse that answers", e.hint());
            return items;
        }
    }
    if (!all_passed(items)) return items;
    try {
        MysqlConnection connection = MysqlConnection::open(spec.source);
        ServerInfo server = read_server_info(connection);
        std::vector<TablePlan> plans =
            make_plans(spec, read_table_schemas(connection, server, source_tables(spec)), has_time64);
        add("columns and keys", State::kOk,
            "every mapped column has a ClickHouse type and every target a key");
        if (target) {
            ClickHouseClient client(*target);
            require_targets(client, spec, plans);
            add("target tables", State::kOk, "absent, or ready to take");
        }
    } catch (const Error& e) {
        std::string where = e.table().empty() ? "mapping" : "mapping of " + e.table();
        add(where, State::kFailed, e.message(), e.hint());
    }
    return items;
}

}  // namespace penstock
