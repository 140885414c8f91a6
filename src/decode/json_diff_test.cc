#include "decode/json_diff.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace penstock {
namespace {

using namespace std::string_literals;

// Documents in binary form, written out by hand (layout: json_binary.h).
// {"a": 1, "b": [true, "x"]}
const std::string kDocument =
    "\x00"s                             // small object
    "\x02\x00\x20\x00"s                 // 2 members, 32 bytes
    "\x12\x00\x01\x00\x13\x00\x01\x00"  // keys at 18 and 19, one byte each
    "\x05\x01\x00"                      // int16 1
    "\x02\x14\x00"s                     // small array at 20
    "ab"
    "\x02\x00\x0c\x00"s  // 2 cells, 12 bytes
    "\x04\x01\x00"s      // true
    "\x0c\x0a\x00"s      // string at 10
    "\x01x";
const std::string kSeven = "\x05\x07\x00"s;
const std::string kText = "\x0c\x03new"s;
const std::string kEmptyArray = "\x02\x00\x00\x04\x00"s;

enum Operation : char { kReplace, kInsert, kRemove };

std::string diff(Operation operation, const std::string& path, const std::string& value = "") {
    std::string bytes(1, operation);
    bytes += static_cast<char>(path.size());
    bytes += path;
    if (operation != kRemove) {
        bytes += static_cast<char>(value.size());
        bytes += value;
    }
    return bytes;
}

std::string after(const std::string& diffs, const std::string& document = kDocument) {
    std::string out;
    append_json_text(as_bytes(document), as_bytes(diffs), out);
    return out;
}

TEST(JsonDiff, EachOperationOnMembersAndCells) {
    EXPECT_EQ(after(""), R"({"a": 1, "b": [true, "x"]})");
    EXPECT_EQ(after(diff(kReplace, "$.a", kSeven)), R"({"a": 7, "b": [true, "x"]})");
    EXPECT_EQ(after(diff(kReplace, "$.b[1]", kText)), R"({"a": 1, "b": [true, "new"]})");
    EXPECT_EQ(after(diff(kReplace, "$.b[last-1]", kText)), R"({"a": 1, "b": ["new", "x"]})");
    EXPECT_EQ(after(diff(kReplace, "$", kSeven)), "7");
    EXPECT_EQ(after(diff(kRemove, "$.a")), R"({"b": [true, "x"]})");
    EXPECT_EQ(after(diff(kRemove, "$.b[0]")), R"({"a": 1, "b": ["x"]})");
    EXPECT_EQ(after(diff(kInsert, "$.b[2]", kSeven)), R"({"a": 1, "b": [true, "x", 7]})");
    EXPECT_EQ(after(diff(kInsert, "$.b[0]", kSeven)), R"({"a": 1, "b": [7, true, "x"]})");
    EXPECT_EQ(after(diff(kInsert, "$.b[99]", kSeven)), R"({"a": 1, "b": [true, "x", 7]})");
    EXPECT_EQ(after(diff(kReplace, "$.a[0]", kSeven)), R"({"a": 7, "b": [true, "x"]})");  // as of a cell
}

TEST(JsonDiff, KeysAreKeptInTheServersOrder) {
    // Shorter ones first.
    EXPECT_EQ(after(diff(kInsert, "$.aa", kSeven)), R"({"a": 1, "b": [true, "x"], "aa": 7})");
    EXPECT_EQ(after(diff(kInsert, "$.B", kSeven)), R"({"B": 7, "a": 1, "b": [true, "x"]})");
    EXPECT_EQ(after(diff(kInsert, R"($."q \"\u00e9\ud83d\ude00")", kSeven)),
              "{\"a\": 1, \"b\": [true, \"x\"], \"q \\\"\u00e9\U0001F600\": 7}");
}

TEST(JsonDiff, DiffsBuildOnEachOther) {
    EXPECT_EQ(
        after(diff(kInsert, "$.c", kEmptyArray) + diff(kInsert, "$.c[0]", kText) +
              diff(kInsert, "$.c[1]", kDocument) + diff(kReplace, "$.c[1].a", kSeven) + diff(kRemove, "$.a")),
        R"({"b": [true, "x"], "c": ["new", {"a": 7, "b": [true, "x"]}]})");
}

TEST(JsonDiff, WhatDoesNotFitIsAnError) {
    for (const std::string& diffs :
         {diff(kReplace, "$.nothing", kSeven), diff(kReplace, "$.b[2]", kSeven), diff(kRemove, "$.b[2]"),
          diff(kRemove, "$"), diff(kInsert, "$.a", kSeven), diff(kInsert, "$.a.b", kSeven),
          diff(kInsert, "$.a[1]", kSeven), diff(kReplace, "$.a[1]", kSeven), diff(kReplace, "a", kSeven),
          diff(kReplace, "$.b[", kSeven), diff(kReplace, "$.b[x]", kSeven), diff(kReplace, "$.", kSeven),
          diff(kReplace, "$.\"a", kSeven), diff(kReplace, "", kSeven), "\x03\x01$"s, "\x00"s, "\x00\x03$.a"s,
          diff(kReplace, "$.a", "\x0c\x7fshort"s)}) {
        EXPECT_THROW(after(diffs), Error) << diffs;
    }
    const std::string whole = diff(kInsert, "$.b[0]", kText);
    for (size_t i = 1; i < whole.size(); ++i) EXPECT_THROW(after(whole.substr(0, i)), Error) << i;
}

}  // namespace
}  // namespace penstock
