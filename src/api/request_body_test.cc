#include "api/request_body.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/api_error.h"

namespace penstock {

namespace {

std::string refusal(const std::string& text) {
    try {
        parse_body(text);
    } catch (const ApiError& e) {
        EXPECT_EQ(e.status(), 400);
        return e.what();
    }
    return "";
}

std::string nested(int depth) {
    return std::string(static_cast<size_t>(depth), '[') + std::string(static_cast<size_t>(depth), ']');
}

TEST(RequestBody, Parses) {
    EXPECT_EQ(parse_body(R"({"a": {"a": "ä"}, "b": [{"a": 1}, {"a": 2}]})")["b"][1]["a"], 2);
    EXPECT_EQ(refusal(nested(32)), "");
}

TEST(RequestBody, WholeNumbersMayBeWrittenWithAPoint) {
    const auto body = parse_body(R"({"a": 64.0, "b": [2e3, -0.0, 1.5, 1e15, 1e17]})");
    EXPECT_TRUE(body["a"].is_number_integer());
    EXPECT_EQ(body["a"], 64);
    EXPECT_EQ(body["b"].dump(), "[2000,0,1.5,1000000000000000,1e+17]");
}

TEST(RequestBody, RefusesWithoutQuoting) {
    EXPECT_EQ(refusal(""), "the body is not JSON in UTF-8; what is wrong begins at byte 1");
    EXPECT_EQ(refusal(R"({"password": "hunter2)"),
              "the body is not JSON in UTF-8; what is wrong begins at byte 22");
    EXPECT_EQ(refusal("{\"a\": \"\xff\"}"), "the body is not JSON in UTF-8; what is wrong begins at byte 8");
    EXPECT_EQ(refusal("{} {}"), "the body is not JSON in UTF-8; what is wrong begins at byte 4");
    EXPECT_EQ(refusal("{\"a\": 1e999}"), "the body holds a number that is too large");
    EXPECT_EQ(refusal(nested(33)), "the body is nested more than 32 deep");
    EXPECT_EQ(refusal(nested(1'000'000)), "the body is nested more than 32 deep");
    EXPECT_EQ(refusal(R"({"a": 1, "b": {"a": 1, "a": 2}})"), "\"a\": the field is given twice");
}

TEST(RequestBody, ContentType) {
    EXPECT_TRUE(is_json_type("application/json"));
    EXPECT_TRUE(is_json_type("application/json; charset=utf-8"));
    EXPECT_TRUE(is_json_type("Application/JSON ;charset=UTF-8"));
    EXPECT_FALSE(is_json_type(""));
    EXPECT_FALSE(is_json_type("text/plain"));
    EXPECT_FALSE(is_json_type("application/jsonx"));
}

}  // namespace

}  // namespace penstock
