#pragma once
// The query of a request, held against the parameters that the document gives an operation.

#include <map>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace penstock {

/// An object of the parameters: integers as numbers, defaults where nothing was sent. Throws ApiError(400):
/// an unknown parameter, a value that its schema does not allow.
nlohmann::json checked_query(const nlohmann::json& operation,
                             const std::multimap<std::string, std::string>& sent);

}  // namespace penstock
