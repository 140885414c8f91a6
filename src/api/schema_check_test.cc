#include "api/schema_check.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace penstock {

namespace {

using nlohmann::json;

std::string problems(const char* schema, const char* value, const char* document = "{}") {
    return schema_problems(json::parse(document), json::parse(schema), json::parse(value), "the body");
}

TEST(SchemaCheck, Types) {
    EXPECT_EQ(problems(R"({"type": "object"})", "{}"), "");
    EXPECT_EQ(problems(R"({"type": "object"})", "[]"), "the body: must be an object, not a list");
    EXPECT_EQ(problems(R"({"type": "array"})", "3"), "the body: must be a list, not the number 3");
    EXPECT_EQ(problems(R"({"type": "string"})", "true"), "the body: must be text, not true");
    EXPECT_EQ(problems(R"({"type": "boolean"})", R"("true")"),
              "the body: must be true or false, not the text \"true\"");
    EXPECT_EQ(problems(R"({"type": "integer"})", "-7"), "");
    EXPECT_EQ(problems(R"({"type": "integer"})", "7.0"),
              "the body: must be a whole number, not the number 7.0");
    EXPECT_EQ(problems(R"({"type": "number"})", "7"), "");
    EXPECT_EQ(problems(R"({"type": "number"})", "0.5"), "");
    EXPECT_EQ(problems(R"({"type": "string"})", "null"), "the body: must be text, not null");
}

TEST(SchemaCheck, ListOfTypes) {
    EXPECT_EQ(problems(R"({"type": ["integer", "null"], "minimum": 1})", "null"), "");
    EXPECT_EQ(problems(R"({"type": ["integer", "null"], "minimum": 1})", "1"), "");
    EXPECT_EQ(problems(R"({"type": ["integer", "null"], "minimum": 1})", "0"),
              "the body: must be at least 1, not 0");
    EXPECT_EQ(problems(R"({"type": ["integer", "null"]})", R"("1")"),
              "the body: must be a whole number or null, not the text \"1\"");
}

TEST(SchemaCheck, EnumNamesWhatIsAllowed) {
    const char* schema = R"({"type": "string", "enum": ["cdc", "snapshot", "cdc_only"]})";
    EXPECT_EQ(problems(schema, R"("cdc")"), "");
    EXPECT_EQ(problems(schema, R"("CDC")"),
              "the body: the text \"CDC\" is not allowed; allowed: cdc, snapshot, cdc_only");
    EXPECT_EQ(problems(schema, "1"),
              "the body: must be text, not the number 1; allowed: cdc, snapshot, cdc_only");
    const char* nullable = R"({"type": ["string", "null"], "enum": ["a", null]})";
    EXPECT_EQ(problems(nullable, "null"), "");
    EXPECT_EQ(problems(nullable, R"("b")"), "the body: the text \"b\" is not allowed; allowed: a");
}

TEST(SchemaCheck, Numbers) {
    const char* port = R"({"type": "integer", "minimum": 1, "maximum": 65535})";
    EXPECT_EQ(problems(port, "1"), "");
    EXPECT_EQ(problems(port, "65535"), "");
    EXPECT_EQ(problems(port, "65536"), "the body: must be 1 to 65535, not 65536");
    EXPECT_EQ(problems(port, "-1"), "the body: must be 1 to 65535, not -1");
    EXPECT_EQ(problems(port, "18446744073709551615"),
              "the body: must be 1 to 65535, not 18446744073709551615");
    EXPECT_EQ(problems(port, "-9223372036854775808"),
              "the body: must be 1 to 65535, not -9223372036854775808");
    EXPECT_EQ(problems(R"({"maximum": 8})", "8.5"), "the body: must be at most 8, not 8.5");
    EXPECT_EQ(problems(R"({"minimum": 0.5})", "0.25"), "the body: must be at least 0.5, not 0.25");
    const char* memory = R"({"type": "number", "minimum": 4, "maximum": 128, "multipleOf": 4})";
    EXPECT_EQ(problems(memory, "8"), "");
    EXPECT_EQ(problems(memory, "8.0"), "");
    EXPECT_EQ(problems(memory, "6"), "the body: must be a multiple of 4, 4 to 128, not 6");
    EXPECT_EQ(problems(memory, "8.5"), "the body: must be a multiple of 4, 4 to 128, not 8.5");
}

TEST(SchemaCheck, TextLengthIsCountedInCharacters) {
    const char* schema = R"({"type": "string", "minLength": 1, "maxLength": 3})";
    EXPECT_EQ(problems(schema, R"("a")"), "");
    EXPECT_EQ(problems(schema, R"("äöü")"), "");
    EXPECT_EQ(problems(schema, R"("")"), "the body: must not be empty");
    EXPECT_EQ(problems(schema, R"("äöüß")"), "the body: must have at most 3 characters, not 4");
    EXPECT_EQ(problems(R"({"minLength": 2})", R"("a")"), "the body: must have at least 2 characters");
    EXPECT_EQ(problems(schema, R"("a\u0000")"), "the body: must not hold a zero byte");
}

TEST(SchemaCheck, DateTime) {
    const char* schema = R"({"type": "string", "format": "date-time"})";
    EXPECT_EQ(problems(schema, R"("2030-01-31T12:00:00Z")"), "");
    EXPECT_EQ(problems(schema, R"("2030-02-31T12:00:00Z")"),
              "the body: must be a time as 2030-01-31T12:00:00Z, not the text \"2030-02-31T12:00:00Z\"");
}

constexpr const char* kPipe = R"({
    "type": "object", "additionalProperties": false, "required": ["name", "source"],
    "properties": {
        "name": {"type": "string"},
        "source": {"type": "object", "additionalProperties": false, "required": ["tables"], "properties": {
            "password": {"type": "string", "format": "password"},
            "tables": {"type": "array", "minItems": 1, "items": {
                "type": "object", "additionalProperties": false, "required": ["engine"],
                "properties": {"engine": {"type": "string", "enum": ["MergeTree", "Null"]},
                               "keys": {"type": "array", "uniqueItems": true, "items": {"type": "string"}}}}}}}}})";

TEST(SchemaCheck, FieldsAreNamedByTheirPath) {
    EXPECT_EQ(problems(kPipe, R"({"name": "p", "source": {"tables": [{"engine": "Null"}]}})"), "");
    EXPECT_EQ(
        problems(kPipe, R"({"name": "p", "source": {"tables": [{"engine": "Null"}, {"engine": "Log"}]}})"),
        "source.tables[1].engine: the text \"Log\" is not allowed; allowed: MergeTree, Null");
    EXPECT_EQ(problems(kPipe, R"({"source": {"tables": [{}]}})"),
              "source.tables[0].engine: is required; allowed: MergeTree, Null; name: is required");
    EXPECT_EQ(problems(kPipe, R"({"name": "p", "source": {"tables": []}})"),
              "source.tables: must have at least 1 entry");
    EXPECT_EQ(problems(kPipe, R"({"name": "p", "source": {"table": [], "tables": [{"engine": "Null"}]}})"),
              "source.table: unknown field; did you mean tables?");
    EXPECT_EQ(
        problems(kPipe,
                 R"({"name": "p", "source": {"tables": [{"engine": "Null", "keys": ["a", "b", "a"]}]}})"),
        "source.tables[0].keys[2]: the text \"a\" is in the list already, at [0]");
    EXPECT_EQ(
        problems(kPipe, R"({"name": "p", "source": {"hostname": "h", "tables": [{"engine": "Null"}]}})"),
        "source.hostname: unknown field; known here: password, tables");
    EXPECT_EQ(problems(kPipe, R"({"name": "p", "source": {"tables": [7]}})"),
              "source.tables[0]: must be an object, not a number");
}

TEST(SchemaCheck, SecretsAreNotShown) {
    std::string text =
        problems(kPipe, R"({"name": "p", "source": {"password": 271828, "tables": [{"engine": "Null"}]}})");
    EXPECT_EQ(text, "source.password: must be text, not a number");
    // A whole address in the place of the object that it belongs into.
    text = problems(kPipe, R"({"name": "p", "source": "mysql://root:hunter2@db"})");
    EXPECT_EQ(text, "source: must be an object, not text");
    text = problems(R"({"type": "string", "format": "password", "minLength": 9})", R"("hunter2")");
    EXPECT_EQ(text, "the body: must have at least 9 characters");
    text = problems(R"({"type": "string", "format": "password", "enum": ["x"]})", R"("hunter2")");
    EXPECT_EQ(text, "the body: text is not allowed; allowed: x");
}

TEST(SchemaCheck, AFieldsNameIsOneLineWhateverItHolds) {
    EXPECT_EQ(problems(R"({"type": "object", "additionalProperties": false})", R"({"a\nb\"c": 1})"),
              R"(a\nb\"c: unknown field; none is known here)");
    std::string text =
        problems(R"({"additionalProperties": false})", ("{\"" + std::string(900, 'x') + "\": 1}").c_str());
    EXPECT_EQ(text, std::string(40, 'x') + "...: unknown field; none is known here");
}

TEST(SchemaCheck, FiveProblemsAreShownAndTheOthersCounted) {
    json value = json::object();
    for (int i = 0; i < 8; ++i) value[std::to_string(i)] = i;
    std::string text = schema_problems({}, json::parse(R"({"additionalProperties": {"type": "string"},
        "properties": {"0": {"type": "string"}, "1": {"type": "string"}, "2": {"type": "string"},
                       "3": {"type": "string"}, "4": {"type": "string"}, "5": {"type": "string"},
                       "6": {"type": "string"}}})"),
                                       value, "the body");
    EXPECT_EQ(text.substr(text.rfind(';')), "; and 2 more");
    EXPECT_EQ(std::count(text.begin(), text.end(), ';'), 5);
}

TEST(SchemaCheck, References) {
    const char* document = R"({"components": {"schemas": {
        "Port": {"type": "integer", "minimum": 1}, "Alias": {"$ref": "#/components/schemas/Port"}}}})";
    const char* schema =
        R"({"properties": {"port": {"$ref": "#/components/schemas/Alias"}}, "required": ["port"]})";
    EXPECT_EQ(problems(schema, R"({"port": 1})", document), "");
    EXPECT_EQ(problems(schema, R"({"port": 0})", document), "port: must be at least 1, not 0");
    EXPECT_EQ(problems(schema, "{}", document), "port: is required");
}

TEST(SchemaCheck, OneOfWithNull) {
    const char* schema =
        R"({"properties": {"a": {"oneOf": [{"type": "object", "required": ["b"]}, {"type": "null"}]}}})";
    EXPECT_EQ(problems(schema, R"({"a": null})"), "");
    EXPECT_EQ(problems(schema, R"({"a": {"b": 1}})"), "");
    EXPECT_EQ(problems(schema, R"({"a": {}})"), "a.b: is required");
    EXPECT_EQ(problems(schema, R"({"a": 1})"), "a: must be an object, not the number 1");
}

}  // namespace

}  // namespace penstock
