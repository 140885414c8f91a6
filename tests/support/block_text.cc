#include "support/block_text.h"

#include <array>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "base/byte_reader.h"

namespace penstock::test {
namespace {

template <typename T>
T number(ByteSpan bytes) {
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

// A little-endian integer in two's complement, of any width that is a multiple of 4 bytes.
std::string wide_integer(ByteSpan bytes) {
    std::vector<uint32_t> words(bytes.size() / 4);
    std::memcpy(words.data(), bytes.data(), bytes.size());
    bool negative = (words.back() >> 31) != 0;
    if (negative) {
        uint64_t carry = 1;
        for (uint32_t& word : words) {
            carry += static_cast<uint32_t>(~word);
            word = static_cast<uint32_t>(carry);
            carry >>= 32;
        }
    }
    std::string digits;
    for (bool more = true; more;) {
        uint64_t rest = 0;
        more = false;
        for (size_t i = words.size(); i-- > 0;) {
            rest = rest << 32 | words[i];
            words[i] = static_cast<uint32_t>(rest / 10);
            rest %= 10;
            more = more || words[i] != 0;
        }
        digits.insert(digits.begin(), static_cast<char>('0' + rest));
    }
    return (negative ? "-" : "") + digits;
}

std::string decimal(ByteSpan bytes, size_t scale) {
    std::string text = wide_integer(bytes);
    if (scale == 0) return text;
    size_t sign = text.front() == '-' ? 1 : 0;
    if (text.size() - sign <= scale) text.insert(sign, scale + 1 - (text.size() - sign), '0');
    return text.insert(text.size() - scale, ".");
}

std::string date(int64_t days) {
    std::chrono::year_month_day day{std::chrono::sys_days{std::chrono::days{days}}};
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                       static_cast<unsigned>(day.day()));
}

std::string clock(int64_t seconds, int64_t fraction, uint8_t scale) {
    std::string text = fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    return scale == 0 ? text : fmt::format("{}.{:0{}}", text, fraction, scale);
}

std::string date_time(int64_t ticks, uint8_t scale) {
    int64_t per_second = 1;
    for (uint8_t i = 0; i < scale; ++i) per_second *= 10;
    int64_t per_day = 86'400 * per_second;
    int64_t in_day = (ticks % per_day + per_day) % per_day;
    return date((ticks - in_day) / per_day) + " " + clock(in_day / per_second, in_day % per_second, scale);
}

std::string time_of_day(int64_t ticks, uint8_t scale) {
    int64_t per_second = 1;
    for (uint8_t i = 0; i < scale; ++i) per_second *= 10;
    int64_t size = ticks < 0 ? -ticks : ticks;
    return (ticks < 0 ? "-" : "") + clock(size / per_second, size % per_second, scale);
}

std::string text_of(const TargetType& type, SourceType source, ByteSpan bytes) {
    switch (type.kind) {
        case TargetKind::kBool:
            return bytes[0] == 0 ? "false" : "true";
        case TargetKind::kInt8:
            return std::to_string(number<int8_t>(bytes));
        case TargetKind::kInt16:
            return std::to_string(number<int16_t>(bytes));
        case TargetKind::kInt32:
            return std::to_string(number<int32_t>(bytes));
        case TargetKind::kInt64:
            return std::to_string(number<int64_t>(bytes));
        case TargetKind::kUInt8:
            return std::to_string(number<uint8_t>(bytes));
        case TargetKind::kUInt16:
            return std::to_string(number<uint16_t>(bytes));
        case TargetKind::kUInt32:
            return std::to_string(number<uint32_t>(bytes));
        case TargetKind::kUInt64:
            return std::to_string(number<uint64_t>(bytes));
        case TargetKind::kFloat32:
            return fmt::format("{}", number<float>(bytes));
        case TargetKind::kFloat64:
            return fmt::format("{}", number<double>(bytes));
        case TargetKind::kDecimal32:
        case TargetKind::kDecimal64:
        case TargetKind::kDecimal128:
        case TargetKind::kDecimal256:
            return decimal(bytes, type.scale);
        case TargetKind::kString:
        case TargetKind::kLowCardinalityString:
            return std::string(as_text(bytes));
        case TargetKind::kDate32:
            return date(number<int32_t>(bytes));
        case TargetKind::kDateTime64:
            if (source == SourceType::kTime) return std::to_string(number<int64_t>(bytes));
            return date_time(number<int64_t>(bytes), type.scale);
        case TargetKind::kTime64:
            return time_of_day(number<int64_t>(bytes), type.scale);
        case TargetKind::kUuid: {
            std::string hex =
                fmt::format("{:016x}{:016x}", number<uint64_t>(bytes), number<uint64_t>(bytes.subspan(8)));
            for (size_t at : {20, 16, 12, 8}) hex.insert(at, "-");
            return hex;
        }
        case TargetKind::kIpv4: {
            auto address = number<uint32_t>(bytes);
            return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 255, address >> 8 & 255,
                               address & 255);
        }
        case TargetKind::kIpv6: {
            char text[INET6_ADDRSTRLEN];
            return inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
        }
        default:
            throw std::runtime_error("block_text.cc does not know the type " + type.ddl_name());
    }
}

size_t string_size(ByteReader& reader) {
    size_t size = 0;
    for (int shift = 0;; shift += 7) {
        uint8_t byte = reader.u8();
        size |= static_cast<size_t>(byte & 0x7f) << shift;
        if (byte < 0x80) return size;
    }
}

std::string array_text(ByteSpan floats) {
    std::string text = "[";
    for (size_t at = 0; at < floats.size(); at += sizeof(float))
        text += (at > 0 ? "," : "") + fmt::format("{}", number<float>(floats.subspan(at)));
    return text + "]";
}

}  // namespace

std::vector<RowText> block_text(const Block& block) {
    std::vector<RowText> rows(block.rows, RowText(block.columns.size()));
    for (size_t c = 0; c < block.columns.size(); ++c) {
        const BlockColumn& column = block.columns[c];
        const TargetType& type = column.type();
        SourceType source = block.plan->source.columns[block.plan->columns[c].source].type;
        ByteReader reader(column.values(), "column");
        uint64_t array_begin = 0;
        for (size_t row = 0; row < block.rows; ++row) {
            if (type.kind == TargetKind::kFloat32Array) {
                auto array_end = number<uint64_t>(column.array_ends().subspan(row * sizeof(uint64_t)));
                rows[row][c] = array_text(reader.bytes((array_end - array_begin) * sizeof(float)));
                array_begin = array_end;
                continue;
            }
            size_t size = type.width() == 0 ? string_size(reader) : type.width();
            ByteSpan bytes = reader.bytes(size);
            if (type.nullable && column.nulls()[row] != 0) continue;
            rows[row][c] = text_of(type, source, bytes);
        }
        if (!reader.empty()) throw std::runtime_error("a column has more values than rows");
    }
    return rows;
}

}  // namespace penstock::test
