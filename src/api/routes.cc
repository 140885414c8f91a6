#include "api/routes.h"

#include <algorithm>
#include <cctype>

#include "api/key_routes.h"

namespace penstock {

namespace {

using nlohmann::json;

using Parts = ApiParts;
using Call = ApiCall;

json resync_tables(const json& body, PipeCommand command) {
    auto tables = body.find("tables");
    if (tables == body.end()) return json::array();
    if (command != PipeCommand::kResync) {
        throw RequestError(Refusal::kBadRequest, "tables: only with the command resync");
    }
    return *tables;
}

json change_state(Parts& parts, const Call& call) {
    const json& word = call.body["command"];
    PipeCommand command = word == "start"  ? PipeCommand::kStart
                          : word == "stop" ? PipeCommand::kStop
                                           : PipeCommand::kResync;
    return parts.pipes.command(call.service_id, call.pipe_id, command, resync_tables(call.body, command),
                               call.signed_in);
}

json remove_pipe(Parts& parts, const Call& call) {
    parts.pipes.remove(call.service_id, call.pipe_id);
    return json();
}

json remove_service(Parts& parts, const Call& call) {
    parts.services.remove(call.service_id);
    return json();
}

/// Answers when the catalog does.
json ready(Parts& parts, const Call&) {
    parts.catalog.find_pipe("");
    return {{"ready", true}};
}

#define ORGANIZATION "/v1/organizations/{organizationId}"
#define SERVICE ORGANIZATION "/services/{serviceId}"
#define PIPE SERVICE "/clickpipes/{clickPipeId}"

const Route kRoutes[] = {
    {"GET", "/healthz",
     [](Parts&, const Call&) {
         return json{{"healthy", true}};
     }},
    {"GET", "/readyz", ready},
    {"GET", "/v1/organizations", [](Parts& parts, const Call&) { return parts.services.organizations(); }},
    {"GET", ORGANIZATION,
     [](Parts& parts, const Call& call) { return parts.services.organization(call.organization_id); }},

    {"GET", ORGANIZATION "/keys", list_keys},
    {"POST", ORGANIZATION "/keys", create_key},
    {"DELETE", ORGANIZATION "/keys/{keyId}", revoke_key},

    {"GET", ORGANIZATION "/services", [](Parts& parts, const Call&) { return parts.services.list(); }},
    {"POST", ORGANIZATION "/services",
     [](Parts& parts, const Call& call) { return parts.pipes.create_service(call.body); }, true},
    {"GET", SERVICE, [](Parts& parts, const Call& call) { return parts.services.get(call.service_id); }},
    {"PATCH", SERVICE,
     [](Parts& parts, const Call& call) {
         return parts.pipes.edit_service(call.service_id, call.body, call.signed_in);
     },
     true},
    {"DELETE", SERVICE, remove_service},

    {"GET", SERVICE "/clickpipes",
     [](Parts& parts, const Call& call) { return json(parts.pipes.list(call.service_id)); }},
    {"POST", SERVICE "/clickpipes",
     [](Parts& parts, const Call& call) {
         return parts.pipes.create(call.service_id, call.body, call.signed_in);
     },
     true},
    {"GET", PIPE,
     [](Parts& parts, const Call& call) { return parts.pipes.get(call.service_id, call.pipe_id); }},
    {"PATCH", PIPE,
     [](Parts& parts, const Call& call) {
         return parts.pipes.patch(call.service_id, call.pipe_id, call.body, call.signed_in);
     },
     true},
    {"DELETE", PIPE, remove_pipe},
    {"GET", PIPE "/settings",
     [](Parts& parts, const Call& call) { return parts.pipes.settings(call.service_id, call.pipe_id); }},
    {"PUT", PIPE "/settings",
     [](Parts& parts, const Call& call) {
         return parts.pipes.put_settings(call.service_id, call.pipe_id, call.body);
     }},
    {"PATCH", PIPE "/scaling",
     [](Parts& parts, const Call& call) {
         return parts.pipes.patch_scaling(call.service_id, call.pipe_id, call.body);
     }},
    {"PATCH", PIPE "/state", change_state, true},
    {"GET", PIPE "/tables",
     [](Parts& parts, const Call& call) { return parts.pipes.tables(call.service_id, call.pipe_id); }},
    {"GET", PIPE "/partitions",
     [](Parts& parts, const Call& call) {
         return parts.pipes.partitions(call.service_id, call.pipe_id, call.query.value("table", ""));
     }},
    {"GET", PIPE "/batches",
     [](Parts& parts, const Call& call) {
         return parts.pipes.batches(call.service_id, call.pipe_id, call.query["limit"].get<uint64_t>());
     }},
    {"GET", PIPE "/events",
     [](Parts& parts, const Call& call) {
         const uint64_t before = call.query.value("before", UINT64_MAX);
         return parts.pipes.events(call.service_id, call.pipe_id, call.query["limit"].get<uint64_t>(),
                                   before);
     }},
    {"GET", PIPE "/progress",
     [](Parts& parts, const Call& call) { return parts.pipes.progress(call.service_id, call.pipe_id); }},

    {"GET", SERVICE "/clickpipesCdcScaling",
     [](Parts& parts, const Call& call) { return parts.pipes.cdc_scaling(call.service_id); }},
    {"PATCH", SERVICE "/clickpipesCdcScaling",
     [](Parts& parts, const Call& call) {
         return parts.pipes.patch_cdc_scaling(call.service_id, call.body);
     }},
    {"POST", SERVICE "/clickpipesCheck",
     [](Parts& parts, const Call& call) { return parts.pipes.check(call.service_id, call.body); }, true},
    {"POST", SERVICE "/clickpipesDiscovery/schemas",
     [](Parts& parts, const Call& call) { return parts.pipes.discover_schemas(call.body["source"]); }, true},
    {"POST", SERVICE "/clickpipesDiscovery/tables",
     [](Parts& parts, const Call& call) {
         return parts.pipes.discover_tables(call.body["source"], call.body["schema"].get<std::string>());
     },
     true},
    {"POST", SERVICE "/clickpipesDiscovery/columns",
     [](Parts& parts, const Call& call) {
         return parts.pipes.discover_columns(call.body["source"], call.body["schema"].get<std::string>(),
                                             call.body["table"].get<std::string>());
     },
     true},
};

#undef PIPE
#undef SERVICE
#undef ORGANIZATION

std::string_view next_segment(std::string_view& rest) {
    rest.remove_prefix(1);  // the slash
    std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(segment.size());
    return segment;
}

/// Whether the path is of the pattern, and the ids in it.
bool matches(std::string_view pattern, std::string_view path, ApiCall& call) {
    while (pattern.starts_with('/') && path.starts_with('/')) {
        std::string_view wanted = next_segment(pattern), segment = next_segment(path);
        if (!wanted.starts_with('{')) {
            if (segment != wanted) return false;
            continue;
        }
        if (segment.empty()) return false;
        std::string& id = wanted == "{organizationId}" ? call.organization_id
                          : wanted == "{serviceId}"    ? call.service_id
                          : wanted == "{clickPipeId}"  ? call.pipe_id
                                                       : call.key_id;
        id = segment;
        // RFC 9562: UUIDs are read in either case. The ids of keys are none.
        if (&id != &call.key_id) {
            std::transform(id.begin(), id.end(), id.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        }
    }
    return pattern.empty() && path.empty();
}

}  // namespace

std::span<const Route> routes() {
    return kRoutes;
}

std::vector<const Route*> find_routes(std::string_view path, ApiCall& call) {
    std::vector<const Route*> found;
    for (const Route& route : kRoutes) {
        ApiCall ids;
        if (!matches(route.path, path, ids)) continue;
        found.push_back(&route);
        call = std::move(ids);
    }
    return found;
}

}  // namespace penstock
