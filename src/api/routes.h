#pragma once
// What each method of each path does. The paths are those of src/api/openapi.json; a test holds both level.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "catalog/catalog.h"
#include "secrets/api_keys.h"
#include "service/pipe_manager.h"
#include "service/services.h"

namespace penstock {

struct ApiParts {
    Catalog& catalog;
    ApiKeys& keys;
    Services& services;
    PipeManager& pipes;
};

/// A request that has been checked against the document.
struct ApiCall {
    std::string organization_id, service_id, pipe_id, key_id;  ///< of the path; empty: it has none
    nlohmann::json query = nlohmann::json::object();           ///< integers as numbers
    nlohmann::json body;                                       ///< null: the method takes none
    std::string signed_in;                                     ///< the id of the key that asks
};

struct Route {
    std::string_view method, path;
    /// The result; null where the answer has none. Throws RequestError, ApiError, Error.
    nlohmann::json (*answer)(ApiParts& parts, const ApiCall& call) = nullptr;
    /// An Error is about a source or a service that the request names: 400, not 500.
    bool reaches_servers = false;
};

std::span<const Route> routes();

/// The routes of the path that a request names, with the ids in it in `call`.
std::vector<const Route*> find_routes(std::string_view path, ApiCall& call);

}  // namespace penstock
