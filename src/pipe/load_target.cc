#include "pipe/load_target.h"

#include <optional>

#include <spdlog/spdlog.h>

#include "base/error.h"
#include "destination/running_queries.h"
#include "destination/schema.h"
#include "destination/table_names.h"
#include "pipe/cannot_load.h"
#include "pipe/each_target.h"

namespace penstock {
namespace {

constexpr const char* kLoadPart = "_load_";
constexpr const char* kNoUuid = "00000000-0000-0000-0000-000000000000";  // of databases that cannot exchange

std::string loads_prefix(const PipeContext& context) {
    return context.destination.query_id_prefix + "load-";
}

/// The UUID of the table, or nothing when there is none of that name.
std::optional<std::string> uuid_of(ClickHouseClient& client, const std::string& database,
                                   const std::string& table) {
    const auto found = identify_tables(client, database, {table});
    if (found.empty()) return std::nullopt;
    return found.begin()->second.uuid;
}

}  // namespace

LoadTarget::LoadTarget(PipeContext& context, const TablePlan& plan)
    : context_(context), target_(plan), plan_(plan), endpoint_(context.destination) {
    endpoint_.query_id_prefix = loads_prefix(context) + std::to_string(plan.id) + "-";
}

void LoadTarget::clear(const TableRecord& record, const std::stop_token& stop) {
    const std::string& database = target_.target_database;
    ClickHouseClient client(endpoint_);
    end_queries(context_.destination, endpoint_.query_id_prefix, stop);
    const bool in_target =
        record.load_table.empty() || uuid_of(client, database, target_.target_table) == record.load_uuid;
    if (!record.load_table.empty()) drop_table(client, database, record.load_table);
    if (in_target && target_.engine != TableEngine::kNull) {
        truncate_table(client, database, target_.target_table);
    }
    context_.catalog->reset_load(context_.pipe_id, target_.id);
}

void LoadTarget::begin() {
    plan_.target_table = target_.target_table;
    definition_.clear();
    if (target_.engine == TableEngine::kNull) return;
    const std::string& database = target_.target_database;
    ClickHouseClient client(endpoint_);
    const auto target = describe_table(client, database, target_.target_table);
    if (const std::string problem = problem_with_target(target ? &*target : nullptr, target_);
        !problem.empty()) {
        throw CannotLoad{
            Error(Disposition::kFailPipe, "load the table", problem, "Resync the table, or remove it")
                .at_table(target_.source.qualified_name())};
    }
    if (tables_with_views(client, database).contains(target_.target_table)) return;
    if (uuid_of(client, database, target_.target_table).value_or(kNoUuid) == kNoUuid) return;

    const std::string name = temporary_name(database, target_.target_table, kLoadPart, make_uuid());
    definition_ = table_definition(client, database, target_.target_table);
    context_.catalog->put_load_table(context_.pipe_id, target_.id, name);
    create_table_like_target(client, target_, name);
    context_.catalog->put_load_table(context_.pipe_id, target_.id, name,
                                     uuid_of(client, database, name).value_or(kNoUuid));
    plan_.target_table = name;
}

void LoadTarget::resume(const TableRecord& record) {
    definition_.clear();
    plan_.target_table = record.load_table.empty() ? target_.target_table : record.load_table;
}

std::string LoadTarget::place_of_rows(const TableRecord& record) {
    if (record.load_table.empty()) return target_.target_table;
    ClickHouseClient client(endpoint_);
    const bool in_place = uuid_of(client, target_.target_database, target_.target_table) == record.load_uuid;
    return in_place ? target_.target_table : record.load_table;
}

bool LoadTarget::put_in_place(const TableRecord& record) {
    if (record.load_table.empty()) return true;
    const std::string &database = target_.target_database, &target = target_.target_table;
    ClickHouseClient client(endpoint_);
    const std::optional<std::string> there = uuid_of(client, database, target);
    if (there != record.load_uuid) {
        if (!there) {
            rename_table(client, database, record.load_table, target);
        } else {
            if (!definition_.empty() && table_definition(client, database, target) != definition_) {
                spdlog::warn("{}: {} was altered while it was loaded; loading it again",
                             target_.source.qualified_name(), target);
                return false;
            }
            if (const uint64_t rows = count_rows(client, database, target); rows != 0) {
                throw CannotLoad{Error(Disposition::kFailPipe, "put the loaded table in place",
                                       quoted_target(database, target) + " has got " + std::to_string(rows) +
                                           " rows that are not of its load",
                                       "Save them if they are of use, then resync the table")
                                     .at_table(target_.source.qualified_name())};
            }
            exchange_tables(client, database, target, record.load_table);
        }
    }
    drop_table(client, database, record.load_table);
    if (uuid_of(client, database, target) != record.load_uuid) {
        throw Error(Disposition::kRetry, "put the loaded table in place",
                    quoted_target(database, target) + " is not the table that was loaded")
            .at_table(target_.source.qualified_name());
    }
    context_.catalog->put_target_uuid(context_.pipe_id, target_.id, record.load_uuid);
    return true;
}

void end_loads(const PipeContext& context, const std::stop_token& stop) {
    end_queries(context.destination, loads_prefix(context), stop);
}

void drop_load_tables(const ClickHouseEndpoint& endpoint, const std::string& database,
                      const std::vector<TableRecord>& tables) {
    std::vector<const TableRecord*> left_over;
    for (const TableRecord& table : tables) {
        if (!table.load_table.empty()) left_over.push_back(&table);
    }
    for_each_target(endpoint, left_over, {}, [&](ClickHouseClient& client, const TableRecord& table) {
        const std::optional<std::string> target = uuid_of(client, database, table.target_table);
        const std::optional<std::string> there = uuid_of(client, database, table.load_table);
        // Not the loaded rows themselves, where a crash came between the exchange and what is stored of it.
        if (there && (target == table.load_uuid || there == table.load_uuid || table.load_uuid.empty())) {
            drop_table(client, database, table.load_table);
        }
    });
}

}  // namespace penstock
