#include "decode/json_binary.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

namespace penstock {
namespace {

using Bytes = std::vector<uint8_t>;

std::string text_of(const Bytes& document) {
    std::string text;
    append_json_text(document, text);
    return text;
}

std::string error_of(const Bytes& document) {
    try {
        return text_of(document);
    } catch (const Error& error) {
        return error.what();
    }
}

std::string number(double value) {
    std::string text;
    append_json_double(value, text);
    return text;
}

TEST(JsonBinaryTest, Scalars) {
    EXPECT_EQ(text_of({}), "null");
    EXPECT_EQ(text_of({4, 0}), "null");
    EXPECT_EQ(text_of({4, 1}), "true");
    EXPECT_EQ(text_of({4, 2}), "false");
    EXPECT_EQ(text_of({5, 0xff, 0xff}), "-1");
    EXPECT_EQ(text_of({6, 0xff, 0xff}), "65535");
    EXPECT_EQ(text_of({7, 0, 0, 0, 0x80}), "-2147483648");
    EXPECT_EQ(text_of({8, 0xff, 0xff, 0xff, 0xff}), "4294967295");
    EXPECT_EQ(text_of({9, 0, 0, 0, 0, 0, 0, 0, 0x80}), "-9223372036854775808");
    EXPECT_EQ(text_of({10, 255, 255, 255, 255, 255, 255, 255, 255}), "18446744073709551615");
    EXPECT_EQ(text_of({12, 3, 'a', '"', '\n'}), "\"a\\\"\\n\"");
    EXPECT_EQ(text_of({12, 4, 1, '/', 0x7f, '\\'}), "\"\\u0001/\x7f\\\\\"");
    Bytes long_string = {12, 0xac, 0x02};  // 300 in 7-bit groups
    long_string.insert(long_string.end(), 300, 'x');
    EXPECT_EQ(text_of(long_string), '"' + std::string(300, 'x') + '"');
}

// The server's own output, MySQL 9.7.
TEST(JsonBinaryTest, Doubles) {
    EXPECT_EQ(number(1e14), "100000000000000.0");
    EXPECT_EQ(number(1e15), "1e15");
    EXPECT_EQ(number(0.1), "0.1");
    EXPECT_EQ(number(-2209647656655684.8), "-2209647656655684.8");
    EXPECT_EQ(number(1000000000000000.1), "1000000000000000.1");
    EXPECT_EQ(number(9999999999999998.0), "9.999999999999998e15");
    EXPECT_EQ(number(1e-15), "0.000000000000001");
    EXPECT_EQ(number(1e-16), "1e-16");
    EXPECT_EQ(number(123456789012345678.0), "1.2345678901234568e17");
    EXPECT_EQ(number(12345.6789e100), "1.23456789e104");
    EXPECT_EQ(number(-0.0), "-0.0");
    EXPECT_EQ(number(0), "0.0");
    EXPECT_EQ(number(-2.5), "-2.5");
    EXPECT_EQ(number(5e-324), "5e-324");
    EXPECT_THROW(number(std::nan("")), Error);
}

TEST(JsonBinaryTest, SmallObjectAndArray) {
    // {"a": 1, "b": [true, "x"]}
    Bytes object = {0,  2, 0,   33,  0, 18, 0,  1, 0, 19, 0, 1,  0,  5, 1, 0,   2,
                    20, 0, 'a', 'b', 2, 0,  13, 0, 4, 1,  0, 12, 10, 0, 1, 'x', 0};
    EXPECT_EQ(text_of(object), "{\"a\": 1, \"b\": [true, \"x\"]}");
    EXPECT_EQ(text_of({0, 0, 0, 4, 0}), "{}");
    EXPECT_EQ(text_of({2, 0, 0, 4, 0}), "[]");
}

TEST(JsonBinaryTest, LargeArrayHasWiderInlinedNumbers) {
    EXPECT_EQ(text_of({3, 2, 0, 0, 0, 18, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff, 8, 0, 0, 0, 0x80}),
              "[-1, 2147483648]");
}

TEST(JsonBinaryTest, OpaqueValues) {
    EXPECT_EQ(text_of({15, 246, 4, 3, 2, 0x81, 50}), "1.50");
    EXPECT_EQ(text_of({15, 246, 4, 3, 2, 0x7e, 0xcd}), "-1.50");
    EXPECT_EQ(text_of({15, 246, 3, 2, 2, 0x85}), "0.05");
    // 2024-02-03 04:05:06.780000
    uint64_t packed = ((((2024ull * 13 + 2) << 5 | 3) << 17 | (4 << 12 | 5 << 6 | 6)) << 24) | 780000;
    Bytes datetime = {15, 12, 8};
    for (int i = 0; i < 8; ++i) datetime.push_back(static_cast<uint8_t>(packed >> 8 * i));
    EXPECT_EQ(text_of(datetime), "\"2024-02-03 04:05:06.780000\"");
    datetime[1] = 10;
    EXPECT_EQ(text_of(datetime), "\"2024-02-03\"");
    uint64_t time = 0 - ((uint64_t{838} << 12 | 59 << 6 | 59) << 24 | 500000);
    Bytes negative = {15, 11, 8};
    for (int i = 0; i < 8; ++i) negative.push_back(static_cast<uint8_t>(time >> 8 * i));
    EXPECT_EQ(text_of(negative), "\"-838:59:59.500000\"");
    EXPECT_EQ(text_of({15, 252, 2, 0, 0xff}), "\"base64:type252:AP8=\"");
    Bytes blob = {15, 15, 58};
    blob.insert(blob.end(), 58, 'a');
    std::string line;
    for (int i = 0; i < 19; ++i) line += "YWFh";
    EXPECT_EQ(text_of(blob), "\"base64:type15:" + line + "\\nYQ==\"");
}

TEST(JsonBinaryTest, DamageIsAnError) {
    EXPECT_NE(error_of({99}).find("unknown type"), std::string::npos);
    EXPECT_NE(error_of({4, 3}).find("unknown literal"), std::string::npos);
    EXPECT_NE(error_of({12, 5, 'a'}).find("cut short"), std::string::npos);
    EXPECT_NE(error_of({12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}).find("5 bytes"), std::string::npos);
    EXPECT_NE(error_of({2, 1, 0, 9, 0}).find("longer than its bytes"), std::string::npos);
    EXPECT_NE(error_of({2, 1, 0, 7, 0, 12, 7, 0}).find("outside its container"), std::string::npos);
    EXPECT_NE(error_of({0, 1, 0, 11, 0, 11, 0, 1, 0, 4, 1, 0}).find("key outside"), std::string::npos);
    // An array that is its own element.
    EXPECT_NE(error_of({2, 1, 0, 7, 0, 2, 0, 0}).find("JSON"), std::string::npos);
    // Arrays whose two elements are one and the same array, 40 deep: 2^40 values if all were printed.
    Bytes nested = {0, 0, 4, 0};
    for (int depth = 0; depth < 40; ++depth) {
        Bytes outer = {2,
                       0,
                       static_cast<uint8_t>(10 + nested.size()),
                       static_cast<uint8_t>((10 + nested.size()) >> 8),
                       2,
                       10,
                       0,
                       2,
                       10,
                       0};
        outer.insert(outer.end(), nested.begin(), nested.end());
        nested = outer;
    }
    nested.insert(nested.begin(), 2);
    EXPECT_NE(error_of(nested).find("values overlap"), std::string::npos);
}

TEST(JsonBinaryTest, OverlappingTextDoesNotMultiply) {
    // An array of 20 strings, and an object of 20 keys, all of them at the same 100 bytes.
    constexpr uint8_t kCount = 20, kSize = 100;
    Bytes array = {2, kCount, 0, 4 + 3 * kCount + 1 + kSize, 0};
    for (int i = 0; i < kCount; ++i) array.insert(array.end(), {12, 4 + 3 * kCount, 0});
    array.push_back(kSize);
    array.insert(array.end(), kSize, 's');
    EXPECT_NE(error_of(array).find("values overlap"), std::string::npos);

    constexpr uint8_t kKeys = 4 + 7 * kCount;
    Bytes object = {0, kCount, 0, kKeys + kSize, 0};
    for (int i = 0; i < kCount; ++i) object.insert(object.end(), {kKeys, 0, kSize, 0});
    for (int i = 0; i < kCount; ++i) object.insert(object.end(), {4, 0, 0});
    object.insert(object.end(), kSize, 'k');
    EXPECT_NE(error_of(object).find("values overlap"), std::string::npos);
}

TEST(JsonBinaryTest, EveryCutIsAnError) {
    Bytes object = {0,  2, 0,   33,  0, 18, 0,  1, 0, 19, 0, 1,  0,  5, 1, 0,   2,
                    20, 0, 'a', 'b', 2, 0,  13, 0, 4, 1,  0, 12, 10, 0, 1, 'x', 0};
    for (size_t size = 1; size < object.size(); ++size) {
        Bytes cut(object.begin(), object.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_THROW(text_of(cut), Error) << size;
    }
}

}  // namespace
}  // namespace penstock
