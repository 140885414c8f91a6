#include "pipe/pipe.h"

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "pipe/lifecycle.h"
#include "pipe/pipe_file.h"
#include "pipe/pipe_runner.h"

namespace penstock {

std::string open_pipe(const PipeSpec& spec, const ClickHouseEndpoint& destination, Catalog& catalog) {
    const std::string wanted = to_json(spec).dump();
    if (std::optional<PipeRecord> stored = catalog.find_pipe(spec.name)) {
        if (!stored->service_id.empty()) {
            throw Error(Disposition::kUsage, "run the pipe", "pipe '" + spec.name + "' belongs to a service",
                        "It is run by penstock serve; see penstock pipe start");
        }
        require_compatible(from_json(nlohmann::json::parse(stored->spec_json)), spec);
        if (stored->spec_json != wanted) catalog.update_spec(stored->id, wanted);
        return stored->id;
    }
    check_new_tables(spec, &destination);
    PipeRecord record;
    record.id = make_uuid();
    record.name = spec.name;
    record.spec_json = wanted;
    record.state = state_name(PipeState::kProvisioning);
    record.state_reason = "created";
    catalog.create_pipe(record);
    return record.id;
}

void require_compatible(const PipeSpec& before, const PipeSpec& now) {
    auto refuse = [&](const std::string& what) {
        throw Error(Disposition::kUsage, "run the pipe",
                    "pipe '" + now.name + "' exists already, with another " + what,
                    "Give the changed pipe another name, or put the old value back");
    };
    nlohmann::json a = to_json(before), b = to_json(now);
    const nlohmann::json::json_pointer mappings("/source/mysql/tableMappings");
    if (a.at(mappings) != b.at(mappings)) refuse("source.mysql.tableMappings");
    if (before.target_database != now.target_database) refuse("destination.database");
    const SourceSettings &s = before.settings, &t = now.settings;
    if (s.mode != t.mode) refuse("replicationMode");
    if (s.mechanism != t.mechanism) refuse("replicationMechanism");
    if (s.allow_nullable_columns != t.allow_nullable_columns) refuse("allowNullableColumns");
    if (s.delete_on_merge != t.delete_on_merge) refuse("deleteOnMerge");
    if (s.tinyint1_as_bool != t.tinyint1_as_bool) refuse("tinyInt1");
    if (s.geometry != t.geometry) refuse("geometry");
}

}  // namespace penstock
