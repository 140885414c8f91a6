#pragma once
// YAML or JSON text as one JSON value.

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace penstock {

/// Reads one document. Plain YAML scalars take the types of YAML 1.2's core schema (null, true and false,
/// integers, floats), quoted ones are text; text that begins with `{` is read as JSON when it is JSON, and an
/// origin that ends in ".json" must be. Throws Error(kUsage) with line and column for bad syntax, a field
/// given twice, more than one document, or no document. No value of the text is part of the error.
nlohmann::json parse_document(std::string_view text, const std::string& origin);

}  // namespace penstock
