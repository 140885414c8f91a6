#pragma once
// The JSON of a request, before anything is known about it.

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace penstock {

/// Throws ApiError(400): no JSON, no UTF-8, a field given twice, more than 32 levels. The text is not quoted.
nlohmann::json parse_body(const std::string& text);

/// Whether a Content-Type is application/json, with any parameters.
bool is_json_type(const std::string& content_type);

}  // namespace penstock
