#pragma once
// What a source has to offer, read from its information_schema, in the API's words (DiscoveredTable,
// DiscoveredColumn of src/api/openapi.json).

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "model/pipe_spec.h"

namespace penstock {

// Each opens a connection of its own, only reads, and throws Error as MysqlConnection does.

/// Names of the databases that the user can see, without the server's own, sorted.
nlohmann::json discovered_schemas(const SourceEndpoint& source);

/// Tables of a database, sorted by name; views are none.
nlohmann::json discovered_tables(const SourceEndpoint& source, const std::string& schema);

/// Columns of a table in their order, with the types that they would get under these settings where the
/// target has Time64. A table that is not there is Error(kFailPipe).
nlohmann::json discovered_columns(const SourceEndpoint& source, const SourceSettings& settings,
                                  const std::string& schema, const std::string& table);

}  // namespace penstock
