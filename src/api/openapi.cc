#include "api/openapi.h"

#include <cctype>

#include <nlohmann/json.hpp>

namespace penstock {

using nlohmann::json;

extern const std::string_view kOpenApiText;  // made from src/api/openapi.json by cmake/embed_text.cmake

std::string_view openapi_text() {
    return kOpenApiText;
}

const json& openapi_document() {
    static const json document = json::parse(kOpenApiText);
    return document;
}

const json* openapi_operation(std::string_view path, std::string_view method) {
    const json& paths = openapi_document().at("paths");
    auto item = paths.find(std::string(path));
    if (item == paths.end()) return nullptr;
    std::string key(method);
    for (char& c : key) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    auto operation = item->find(key);
    return operation == item->end() ? nullptr : &*operation;
}

const json* openapi_body_schema(const json& operation) {
    auto body = operation.find("requestBody");
    return body == operation.end() ? nullptr : &body->at("content").at("application/json").at("schema");
}

}  // namespace penstock
