#include "decode/fixed_binary.h"

#include <gtest/gtest.h>

#include "base/byte_buffer.h"

namespace penstock {
namespace {

std::string hex(const std::array<uint8_t, 16>& bytes, size_t size = 16) {
    std::string text;
    for (size_t i = 0; i < size; ++i) {
        text += "0123456789abcdef"[bytes[i] >> 4];
        text += "0123456789abcdef"[bytes[i] & 15];
    }
    return text;
}

FixedBinary uuid(const std::string& text) {
    FixedBinary value;
    EXPECT_TRUE(parse_uuid_text(text, value)) << text;
    return value;
}

TEST(FixedBinary, UuidText) {
    EXPECT_EQ(hex(uuid("123e4567-E89B-12d3-a456-426655440000").bytes), "123e4567e89b12d3a456426655440000");
    FixedBinary value;
    for (const char* bad : {"", "123e4567-e89b-12d3-a456-42665544000",
                            "123e4567-e89b-12d3-a456-4266554400000", "123e4567+e89b-12d3-a456-426655440000",
                            "123e4567-e89b-12d3-a456-42665544000g", "123e4567e-89b-12d3-a456-426655440000"}) {
        EXPECT_FALSE(parse_uuid_text(bad, value)) << bad;
    }
    // ClickHouse has each half as a little-endian number.
    EXPECT_EQ(hex(uuid_target(uuid("00010203-0405-0607-0809-0a0b0c0d0e0f"))),
              "07060504030201000f0e0d0c0b0a0908");
}

TEST(FixedBinary, Addresses) {
    FixedBinary value;
    ASSERT_TRUE(parse_inet4_text("192.0.2.1", value));
    EXPECT_EQ(ipv4_target(value), 0xc0000201u);
    ASSERT_TRUE(parse_inet6_text("2001:db8::ffff:192.0.2.1", value));
    EXPECT_EQ(hex(value.bytes), "20010db8000000000000ffffc0000201");
    for (const char* bad : {"", "192.0.2", "192.0.2.256", "::1"})
        EXPECT_FALSE(parse_inet4_text(bad, value)) << bad;
    for (const char* bad : {"", ":", "1.2.3.4", "::12345"}) EXPECT_FALSE(parse_inet6_text(bad, value)) << bad;
    EXPECT_FALSE(parse_inet6_text(std::string(100, '1'), value));
    EXPECT_FALSE(parse_inet4_text(std::string_view("1.2.3.4\0", 8), value));
}

TEST(FixedBinary, ZerosAtTheEndAreLeftOut) {
    FixedBinary value;
    value.bytes.fill(9);
    const uint8_t stored[] = {10, 0, 7};
    ASSERT_TRUE(read_fixed(stored, 4, value));
    EXPECT_EQ(hex(value.bytes, 4), "0a000700");
    ASSERT_TRUE(read_fixed({}, 16, value));
    EXPECT_EQ(hex(value.bytes), std::string(32, '0'));
    EXPECT_FALSE(read_fixed(stored, 2, value));
}

}  // namespace
}  // namespace penstock
