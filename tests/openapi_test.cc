// The body of the POST of a pipe is described twice: in src/api/openapi.json for the API and in
// src/pipe/pipe_file_fields.cc for pipe files. Both say the same.

#include "api/openapi.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pipe/pipe_file_fields.h"

namespace penstock {

namespace {

using nlohmann::json;

/// A schema without the wrappings that say where it is written or that null is allowed too.
const json& bare(const json& schema) {
    if (schema.contains("$ref")) {
        return bare(openapi_document().at(json::json_pointer(schema["$ref"].get<std::string>().substr(1))));
    }
    if (!schema.contains("oneOf")) return schema;
    for (const json& choice : schema["oneOf"]) {
        if (choice.value("type", json()) != "null") return bare(choice);
    }
    return schema;
}

const json& body_schema() {
    static const json reference = {{"$ref", "#/components/schemas/ClickPipePostRequest"}};
    return bare(reference);
}

/// The schema of the object that holds the field of `path`, and the field's own; null when there is none.
struct Found {
    const json* parent = nullptr;
    const json* field = nullptr;
};
Found find(std::string_view path) {
    Found found{nullptr, &body_schema()};
    while (!path.empty() && found.field != nullptr) {
        std::string name(path.substr(0, path.find('.')));
        path.remove_prefix(std::min(path.size(), name.size() + 1));
        bool in_list = name.ends_with("[]");
        if (in_list) name.resize(name.size() - 2);
        found.parent = found.field;
        auto property = found.parent->at("properties").find(name);
        found.field = property == found.parent->at("properties").end() ? nullptr : &bare(*property);
        if (in_list && found.field != nullptr) found.field = &bare(found.field->at("items"));
    }
    return found;
}

std::string type_of(const json& schema) {
    const json& type = schema.at("type");
    return type.is_array() ? type.at(0).get<std::string>() : type.get<std::string>();
}

const char* type_of(FieldKind kind) {
    switch (kind) {
        case FieldKind::kText:
            return "string";
        case FieldKind::kInteger:
            return "integer";
        case FieldKind::kBoolean:
            return "boolean";
        case FieldKind::kObject:
            return "object";
        case FieldKind::kObjectList:
        case FieldKind::kTextList:
            return "array";
    }
    return "";
}

bool is_required(const Found& found, std::string_view path) {
    json required = found.parent->value("required", json::array());
    std::string name(path.substr(path.rfind('.') + 1));
    return std::find(required.begin(), required.end(), name) != required.end();
}

TEST(OpenApi, EveryFieldOfAPipeFileIsInTheDocumentAndMeansTheSame) {
    for (const PipeField& field : pipe_fields()) {
        SCOPED_TRACE(std::string(field.path));
        Found found = find(field.path);
        ASSERT_NE(found.field, nullptr);
        const json& schema = *found.field;
        EXPECT_EQ(type_of(schema), type_of(field.kind));
        EXPECT_EQ(is_required(found, field.path), field.required);
        EXPECT_EQ(schema.value("format", "") == "password", field.secret);
        EXPECT_EQ(schema.value("uniqueItems", false), field.unique);
        const char* least = field.kind == FieldKind::kText ? "minLength" : "minItems";
        EXPECT_EQ(schema.value(least, 0), field.may_be_empty ? 0 : 1);
        if (field.kind == FieldKind::kInteger) {
            EXPECT_EQ(schema.at("minimum").get<int64_t>(), field.minimum);
            EXPECT_EQ(schema.at("maximum").get<int64_t>(), field.maximum);
        }
        if (field.kind == FieldKind::kTextList) {
            EXPECT_EQ(bare(schema.at("items")), (json{{"type", "string"}, {"minLength", 1}}));
        }
        std::set<std::string> words, allowed(field.allowed.begin(), field.allowed.end());
        for (const json& word : schema.value("enum", json::array())) {
            if (!word.is_null()) words.insert(word.get<std::string>());
        }
        EXPECT_EQ(words, allowed);
        EXPECT_EQ(schema.value("default", json()), field.preset.empty() ? json() : json::parse(field.preset));
    }
}

void expect_known(const json& schema, const std::string& path) {
    if (schema.contains("items")) return expect_known(bare(schema["items"]), path + "[]");
    if (!schema.contains("properties")) return;
    for (const auto& [name, property] : schema["properties"].items()) {
        std::string at = path.empty() ? name : fmt::format("{}.{}", path, name);
        const PipeField* field = nullptr;
        for (const PipeField& row : pipe_fields()) {
            if (row.path == at) field = &row;
        }
        ASSERT_NE(field, nullptr) << at << " is in the document and no field of a pipe file";
        if (!field->unchecked_inside) expect_known(bare(property), at);
    }
}

TEST(OpenApi, EveryFieldOfTheDocumentIsOneOfAPipeFile) {
    expect_known(body_schema(), "");
}

const json& schema_named(const std::string& name) {
    return openapi_document().at("components").at("schemas").at(name);
}

bool takes_null(const json& schema) {
    if (schema.contains("oneOf")) return schema["oneOf"].back() == json{{"type", "null"}};
    const json& type = schema.value("type", json());
    return type.is_array() && std::find(type.begin(), type.end(), "null") != type.end();
}

/// Clients send whole objects back, those that they have sent and those that were answered, and parts of
/// them.
void expect_repeatable(const json& known, const json& patch, const std::string& path) {
    EXPECT_EQ(patch.value("required", json::array()), json::array()) << path;
    for (const auto& [name, property] : known.at("properties").items()) {
        const std::string at = path + "." + name;
        ASSERT_TRUE(patch.at("properties").contains(name)) << at << " cannot be repeated in a PATCH";
        const json& repeated = patch["properties"][name];
        EXPECT_TRUE(takes_null(repeated)) << at;
        const json &read = bare(property), &written = bare(repeated);
        EXPECT_EQ(type_of(written), type_of(read)) << at;
        for (const char* limit : {"minimum", "maximum", "minLength", "maxLength", "multipleOf"}) {
            if (!read.contains(limit)) continue;
            EXPECT_EQ(written.value(limit, json()), read[limit]) << at;
        }
        if (&read != &written && read.contains("properties")) expect_repeatable(read, written, at);
        if (!read.contains("items") || !bare(read["items"]).contains("properties")) continue;
        for (const auto& element : bare(read["items"])["properties"].items()) {
            EXPECT_TRUE(bare(written["items"]).at("properties").contains(element.key())) << at;
        }
    }
}

TEST(OpenApi, WhatIsSentOrAnsweredMayBeRepeatedInAPatch) {
    const std::pair<const char*, const char*> known[] = {
        {"ClickPipePostRequest", "ClickPipePatchRequest"},
        {"ClickPipe", "ClickPipePatchRequest"},
        {"ServicePostRequest", "ServicePatchRequest"},
        {"Service", "ServicePatchRequest"},
        {"ClickPipesCdcScaling", "ClickPipesCdcScalingPatchRequest"}};
    for (const auto& [read, patch] : known) {
        SCOPED_TRACE(read);
        expect_repeatable(schema_named(read), schema_named(patch), "");
    }
    // A removal names a whole mapping, as it was added.
    const json& removal = schema_named("ClickPipePatchMySQLPipeRemoveTableMapping");
    for (const auto& field : schema_named("ClickPipeMySQLPipeTableMapping")["properties"].items()) {
        EXPECT_TRUE(removal["properties"].contains(field.key())) << field.key();
    }
}

}  // namespace

}  // namespace penstock
