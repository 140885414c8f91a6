#include "service/pipe_conflicts.h"

#include <map>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "pipe/pipe_file.h"
#include "service/request_error.h"
#include "service/service_url.h"

namespace penstock {

using nlohmann::json;

namespace {

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
    throw RequestError(Refusal::kBadRequest, message, hint);
}

/// A target that two pipes would share.
struct Clash {
    size_t mapping;            ///< of the pipe that was asked about
    std::string target, pipe;  ///< and the other pipe's name
};

/// The first target of a pipe's mappings, in a service that is at `place`, that another pipe has there.
std::optional<Clash> find_clash(const Catalog& catalog, const Services& services,
                                const std::string& service_id, const std::string& place,
                                const std::string& own_id, const std::string& database,
                                const std::vector<TableMapping>& mappings) {
    if (mappings.empty()) return std::nullopt;
    std::map<std::string, std::string> users;  // pipes by target table
    for (const PipeRecord& other : catalog.list_pipes()) {
        if (other.id == own_id || other.service_id.empty()) continue;
        if (other.service_id != service_id && services.place(other.service_id) != place) continue;
        const PipeSpec spec = from_json(json::parse(other.spec_json));
        if (spec.target_database != database) continue;
        for (const TableMapping& mapping : spec.mappings) users[mapping.target_table] = other.name;
    }
    for (size_t i = 0; i < mappings.size(); ++i) {
        const auto user = users.find(mappings[i].target_table);
        if (user != users.end()) return Clash{i, user->first, user->second};
    }
    return std::nullopt;
}

}  // namespace

void require_free_name(const Catalog& catalog, const std::string& name, const std::string& own_id) {
    std::optional<PipeRecord> other = catalog.find_pipe(name);
    if (!other || other->id == own_id) return;
    throw RequestError(Refusal::kConflict, "name: a pipe named \"" + name + "\" exists already",
                       other->service_id.empty() ? "It belongs to penstock run" : "");
}

void require_free_targets(const Catalog& catalog, const Services& services, const std::string& service_id,
                          const std::string& own_id, const std::string& database,
                          const std::vector<TableMapping>& mappings, const char* list) {
    const std::optional<Clash> clash =
        find_clash(catalog, services, service_id, services.place(service_id), own_id, database, mappings);
    if (!clash) return;
    refuse(std::string(list) + "[" + std::to_string(clash->mapping) + "].targetTable: \"" + clash->target +
               "\" is a target of the pipe \"" + clash->pipe + "\"",
           "Each target table belongs to one pipe: choose another name or another destination.database");
}

void require_free_place(const Catalog& catalog, const Services& services, const std::string& service_id,
                        const std::string& place) {
    for (const PipeRecord& pipe : catalog.list_pipes()) {
        if (pipe.service_id != service_id) continue;
        const PipeSpec spec = from_json(json::parse(pipe.spec_json));
        const std::optional<Clash> clash =
            find_clash(catalog, services, service_id, place, pipe.id, spec.target_database, spec.mappings);
        if (!clash) continue;
        throw RequestError(Refusal::kConflict,
                           "url: there the pipe \"" + pipe.name + "\" with its target \"" + clash->target +
                               "\" and the pipe \"" + clash->pipe + "\" with its target \"" + clash->target +
                               "\" would meet in one table of the database \"" + spec.target_database + "\"",
                           "Each target table belongs to one pipe: delete one of them first");
    }
}

void require_free_server_id(const Catalog& catalog, const std::string& own_id, const SourceEndpoint& source) {
    if (!source.server_id) return;
    const std::string address = normalized_address(source.host, source.port);
    for (const PipeRecord& other : catalog.list_pipes()) {
        if (other.id == own_id) continue;
        const SourceEndpoint used = from_json(json::parse(other.spec_json)).source;
        if (used.server_id != source.server_id || normalized_address(used.host, used.port) != address)
            continue;
        refuse("source.mysql.serverId: " + std::to_string(*source.server_id) + " is used by the pipe \"" +
                   other.name + "\" of the same source",
               "Each pipe of a source needs its own; without it Penstock chooses one");
    }
}

}  // namespace penstock
