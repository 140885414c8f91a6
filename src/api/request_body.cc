#include "api/request_body.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/api_error.h"

namespace penstock {

namespace {

using nlohmann::json;

constexpr int kMaxDepth = 32;

/// To JSON Schema 64.0 is an integer.
void make_whole(json& value) {
    if (value.is_structured()) {
        for (json& part : value) make_whole(part);
    } else if (value.is_number_float()) {
        constexpr double kExact = 1ULL << 53;  // every whole number up to here is one
        const double number = value.get<double>();
        if (number == std::trunc(number) && std::abs(number) <= kExact) value = static_cast<int64_t>(number);
    }
}

}  // namespace

json parse_body(const std::string& text) {
    std::vector<std::set<std::string>> names;  // of the objects that are open
    auto watch = [&](int depth, json::parse_event_t event, json& value) {
        bool opens = event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
        if (opens && depth >= kMaxDepth)
            throw ApiError(400, fmt::format("the body is nested more than {} deep", kMaxDepth));
        if (event == json::parse_event_t::object_start) names.emplace_back();
        if (event == json::parse_event_t::object_end) names.pop_back();
        if (event == json::parse_event_t::key && !names.back().insert(value.get<std::string>()).second) {
            throw ApiError(400, value.dump() + ": the field is given twice");
        }
        return true;
    };
    try {
        json body = json::parse(text, watch);
        make_whole(body);
        return body;
    } catch (const json::parse_error& e) {
        // The parser's own message quotes the text, which may be a password.
        throw ApiError(400,
                       fmt::format("the body is not JSON in UTF-8; what is wrong begins at byte {}", e.byte));
    } catch (const json::exception&) {
        throw ApiError(400, "the body holds a number that is too large");
    }
}

bool is_json_type(const std::string& content_type) {
    std::string type = content_type.substr(0, content_type.find(';'));
    type.erase(
        std::find_if(type.rbegin(), type.rend(), [](unsigned char c) { return !std::isspace(c); }).base(),
        type.end());
    std::transform(type.begin(), type.end(), type.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return type == "application/json";
}

}  // namespace penstock
