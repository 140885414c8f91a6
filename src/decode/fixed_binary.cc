#include "decode/fixed_binary.h"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>

namespace penstock {

namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool parse_address(int family, std::string_view text, FixedBinary& value) {
    char terminated[INET6_ADDRSTRLEN + 1];
    if (text.size() >= sizeof terminated || text.find('\0') != text.npos) return false;
    std::memcpy(terminated, text.data(), text.size());
    terminated[text.size()] = '\0';
    return inet_pton(family, terminated, value.bytes.data()) == 1;
}

}  // namespace

bool read_fixed(ByteSpan stored, size_t width, FixedBinary& value) {
    if (stored.size() > width) return false;
    value.bytes.fill(0);
    if (!stored.empty()) std::memcpy(value.bytes.data(), stored.data(), stored.size());
    return true;
}

bool parse_uuid_text(std::string_view text, FixedBinary& value) {
    if (text.size() != 36) return false;
    size_t at = 0;
    for (size_t i = 0; i < text.size();) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i++] != '-') return false;
            continue;
        }
        int high = hex_value(text[i]), low = hex_value(text[i + 1]);
        if (high < 0 || low < 0) return false;
        value.bytes[at++] = static_cast<uint8_t>(high << 4 | low);
        i += 2;
    }
    return true;
}

bool parse_inet4_text(std::string_view text, FixedBinary& value) {
    return parse_address(AF_INET, text, value);
}

bool parse_inet6_text(std::string_view text, FixedBinary& value) {
    return parse_address(AF_INET6, text, value);
}

std::array<uint8_t, 16> uuid_target(const FixedBinary& value) {
    std::array<uint8_t, 16> target = value.bytes;
    std::reverse(target.begin(), target.begin() + 8);
    std::reverse(target.begin() + 8, target.end());
    return target;
}

uint32_t ipv4_target(const FixedBinary& value) {
    return static_cast<uint32_t>(load_be(value.bytes.data(), 4));
}

}  // namespace penstock
