#pragma once
// Holds JSON values against schemas of src/api/openapi.json.
//
// The keywords that are understood (JSON Schema 2020-12): type (one or a list), enum, required, properties,
// additionalProperties: false, items, minimum, maximum, multipleOf, minLength, maxLength (in code
// points), minItems, uniqueItems, oneOf of one schema and {"type": "null"}, $ref into the same document,
// format: password (the value is never shown) and date-time. description, default, deprecated, writeOnly and
// other formats say nothing about what is allowed.
//
// Stricter than JSON Schema: a number with a point is no integer, and no text holds a zero byte.

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace penstock {

/// What is wrong, in one line: "source.mysql.port: must be 1 to 65535, not 70000; ..." with the first five
/// problems and the number of the others; empty: nothing is.
/// `name` is what the value itself is called ("the body", a query parameter); its fields go without it.
std::string schema_problems(const nlohmann::json& document, const nlohmann::json& schema,
                            const nlohmann::json& value, std::string_view name);

}  // namespace penstock
