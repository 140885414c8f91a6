#include "api/request_query.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "api/api_error.h"
#include "api/openapi.h"
#include "api/schema_check.h"

namespace penstock {

using nlohmann::json;

json checked_query(const json& operation, const std::multimap<std::string, std::string>& sent) {
    const json none = json::array();
    auto found = operation.find("parameters");
    const json& known = found == operation.end() ? none : *found;
    json query = json::object();
    for (const json& parameter : known) {
        if (parameter["schema"].contains("default"))
            query[parameter["name"]] = parameter["schema"]["default"];
    }
    for (const auto& [name, text] : sent) {
        auto parameter = std::find_if(known.begin(), known.end(),
                                      [&name = name](const json& p) { return p["name"] == name; });
        if (parameter == known.end()) {
            std::string names;
            for (const json& p : known) names += (names.empty() ? "" : ", ") + p["name"].get<std::string>();
            throw ApiError(400,
                           json(name).dump(-1, ' ', false, json::error_handler_t::replace) +
                               ": unknown query parameter; known here: " + (names.empty() ? "none" : names));
        }
        json value = text;
        int64_t number = 0;
        auto end = std::from_chars(text.data(), text.data() + text.size(), number);
        bool is_number = end.ec == std::errc() && end.ptr == text.data() + text.size();
        if ((*parameter)["schema"]["type"] == "integer" && is_number) value = number;
        std::string problems = schema_problems(openapi_document(), (*parameter)["schema"], value, name);
        if (!problems.empty()) throw ApiError(400, problems);
        query[name] = value;
    }
    return query;
}

}  // namespace penstock
