#pragma once
// The document that describes the API (src/api/openapi.json, built in), and what requests are checked by.

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace penstock {

std::string_view openapi_text();

/// Parsed once.
const nlohmann::json& openapi_document();

/// The object that describes a method ("GET") of a path as the document writes it
/// ("/v1/organizations/{organizationId}"); null when it has none.
const nlohmann::json* openapi_operation(std::string_view path, std::string_view method);

/// The schema of its JSON body; null when it takes none.
const nlohmann::json* openapi_body_schema(const nlohmann::json& operation);

}  // namespace penstock
