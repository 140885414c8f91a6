#include "decode/json_binary.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdlib>

#include "decode/event_types.h"
#include "decode/json_container.h"
#include "decode/packed_decimal.h"

namespace penstock {

namespace {

using namespace json_binary;

template <typename T>
void append_number(T value, std::string& out) {
    char text[24];
    out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

void append_padded(uint64_t value, int digits, std::string& out) {
    char text[20];
    for (int i = digits; i-- > 0; value /= 10) text[i] = static_cast<char>('0' + value % 10);
    out.append(text, static_cast<size_t>(digits));
}

void append_quoted(std::string_view text, std::string& out) {
    static const char kDigits[] = "0123456789abcdef";
    out += '"';
    size_t done = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        auto c = static_cast<uint8_t>(text[i]);
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        out.append(text, done, i - done);
        done = i + 1;
        out += '\\';
        switch (c) {
            case '"':
            case '\\':
                out += static_cast<char>(c);
                break;
            case '\b':
                out += 'b';
                break;
            case '\t':
                out += 't';
                break;
            case '\n':
                out += 'n';
                break;
            case '\f':
                out += 'f';
                break;
            case '\r':
                out += 'r';
                break;
            default:
                out += "u00";
                out += kDigits[c >> 4];
                out += kDigits[c & 15];
        }
    }
    out.append(text, done);
    out += '"';
}

// As the server's: a line break between lines of 76 characters.
std::string base64(ByteSpan bytes) {
    constexpr size_t kBytesPerLine = 57;
    static const char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve(bytes.size() / 3 * 4 + 4);
    for (size_t i = 0; i < bytes.size(); i += 3) {
        if (i > 0 && i % kBytesPerLine == 0) text += '\n';
        size_t n = std::min<size_t>(3, bytes.size() - i);
        uint32_t v = static_cast<uint32_t>(bytes[i]) << 16;
        if (n > 1) v |= static_cast<uint32_t>(bytes[i + 1]) << 8;
        if (n > 2) v |= bytes[i + 2];
        text += kDigits[v >> 18];
        text += kDigits[v >> 12 & 63];
        text += n > 1 ? kDigits[v >> 6 & 63] : '=';
        text += n > 2 ? kDigits[v & 63] : '=';
    }
    return text;
}

class Printer {
  public:
    // `budget`: the values, keys and bytes of an honest document's strings are no more than its bytes;
    // overlapping ones must not multiply.
    Printer(std::string& out, size_t& budget) : out_(out), budget_(budget) {}

    void value(uint8_t type, ByteSpan bytes, int depth) {
        spend(1);
        ByteReader reader(bytes, kWhat);
        switch (type) {
            case kSmallObject:
                return container<2>(bytes, true, depth);
            case kLargeObject:
                return container<4>(bytes, true, depth);
            case kSmallArray:
                return container<2>(bytes, false, depth);
            case kLargeArray:
                return container<4>(bytes, false, depth);
            case kLiteral:
                return literal(reader.u8());
            case kInt16:
                return append_number(static_cast<int16_t>(reader.u16()), out_);
            case kUInt16:
                return append_number(reader.u16(), out_);
            case kInt32:
                return append_number(static_cast<int32_t>(reader.u32()), out_);
            case kUInt32:
                return append_number(reader.u32(), out_);
            case kInt64:
                return append_number(static_cast<int64_t>(reader.u64()), out_);
            case kUInt64:
                return append_number(reader.u64(), out_);
            case kDouble:
                return append_json_double(std::bit_cast<double>(reader.u64()), out_);
            case kString:
                return append_quoted(as_text(sized(reader)), out_);
            case kOpaque: {
                uint8_t field_type = reader.u8();
                return opaque(field_type, sized(reader));
            }
            default:
                fail("unknown type");
        }
    }

  private:
    void spend(size_t bytes) {
        if (bytes > budget_) fail("values overlap");
        budget_ -= bytes;
    }

    ByteSpan sized(ByteReader& reader) {
        uint64_t size = 0;
        for (int shift = 0;; shift += 7) {
            if (shift > 28) reader.fail("length of more than 5 bytes");
            uint8_t byte = reader.u8();
            size |= static_cast<uint64_t>(byte & 0x7f) << shift;
            if ((byte & 0x80) == 0) break;
        }
        ByteSpan bytes = reader.bytes(size);
        spend(size);
        return bytes;
    }

    void literal(uint64_t number) {
        static const char* const kNames[] = {"null", "true", "false"};
        if (number > 2) fail("unknown literal");
        out_ += kNames[number];
    }

    template <int N>
    void container(ByteSpan bytes, bool is_object, int depth) {
        if (depth >= kMaxDepth) fail("nested more than 100 deep");
        out_ += is_object ? '{' : '[';
        bool first = true;
        each_entry<N>(bytes, is_object, [&](std::string_view key, uint8_t type, ByteSpan entry) {
            if (!first) out_ += ", ";
            first = false;
            if (is_object) {
                spend(key.size());
                append_quoted(key, out_);
                out_ += ": ";
            }
            value(type, entry, depth + 1);
        });
        out_ += is_object ? '}' : ']';
    }

    void opaque(uint8_t type, ByteSpan bytes) {
        ByteReader reader(bytes, kWhat);
        switch (type) {
            case kNewDecimalField: {
                uint8_t precision = reader.u8(), scale = reader.u8();
                return decimal(reader.bytes(checked_decimal_size(precision, scale)), precision, scale);
            }
            case kDateField:
            case kDateTimeField:
            case kTimestampField:
                return datetime(reader.u64(), type == kDateField);
            case kTimeField:
                return time(static_cast<int64_t>(reader.u64()));
            default:
                append_quoted("base64:type" + std::to_string(type) + ":" + base64(bytes), out_);
        }
    }

    // The server stores a decimal as it lies in its memory, nine groups of nine digits at most: the digits in
    // front of the point may be rounded up to whole groups, so that DECIMAL(65) is of 72.
    static constexpr uint32_t kDigitsPerGroup = 9, kMostGroups = 9, kMostScale = 30;
    static size_t checked_decimal_size(uint32_t precision, uint32_t scale) {
        const auto groups = [](uint32_t digits) { return (digits + kDigitsPerGroup - 1) / kDigitsPerGroup; };
        if (precision < 1 || scale > kMostScale || scale > precision ||
            groups(precision - scale) + groups(scale) > kMostGroups) {
            fail("decimal outside (65,30)");
        }
        return packed_decimal_size(precision, scale);
    }

    void decimal(ByteSpan bytes, uint32_t precision, uint32_t scale) {
        char digits[kMostGroups * kDigitsPerGroup] = {};
        uint32_t size = 0;
        bool negative = false;
        bool good =
            unpack_decimal(bytes.data(), precision, scale, negative, [&](uint32_t count, uint32_t value) {
                for (uint32_t i = count; i-- > 0; value /= 10)
                    digits[size + i] = static_cast<char>('0' + value % 10);
                size += count;
            });
        if (!good) fail("bad decimal");
        if (negative) out_ += '-';
        uint32_t whole = precision - scale, start = 0;
        while (start < whole && digits[start] == '0') ++start;
        if (start == whole) out_ += '0';
        out_.append(digits + start, whole - start);
        if (scale > 0) {
            out_ += '.';
            out_.append(digits + whole, scale);
        }
    }

    // ((year * 13 + month) * 32 + day) * 2^17 + hour * 2^12 + minute * 2^6 + second, then 24 bits of
    // microseconds
    void datetime(uint64_t packed, bool date_only) {
        uint64_t micros = packed & 0xffffff, ymdhms = packed >> 24;
        uint64_t ymd = ymdhms >> 17, hms = ymdhms & 0x1ffff, ym = ymd >> 5;
        out_ += '"';
        append_padded(ym / 13, 4, out_);
        out_ += '-';
        append_padded(ym % 13, 2, out_);
        out_ += '-';
        append_padded(ymd & 31, 2, out_);
        if (!date_only) {
            out_ += ' ';
            clock(hms >> 12, hms, micros);
        }
        out_ += '"';
    }

    // hour * 2^12 + minute * 2^6 + second, then 24 bits of microseconds; negative as a whole
    void time(int64_t packed) {
        out_ += '"';
        uint64_t magnitude = static_cast<uint64_t>(packed);
        if (packed < 0) {
            out_ += '-';
            magnitude = 0 - magnitude;
        }
        uint64_t hms = magnitude >> 24;
        clock(hms >> 12 & 0x3ff, hms, magnitude & 0xffffff);
        out_ += '"';
    }

    void clock(uint64_t hours, uint64_t hms, uint64_t micros) {
        append_padded(hours, hours > 99 ? 3 : 2, out_);
        out_ += ':';
        append_padded(hms >> 6 & 63, 2, out_);
        out_ += ':';
        append_padded(hms & 63, 2, out_);
        out_ += '.';
        append_padded(micros, 6, out_);
    }

    std::string& out_;
    size_t& budget_;
};

}  // namespace

void append_json_double(double value, std::string& out) {
    // The shortest digits, as d.ddde[+-]xx; laid out by the server's rules (MySQL manual, "Type Conversion":
    // plain form while the point lies from 14 places before the first digit to 15 places after it, or there
    // are digits behind it).
    constexpr int kPlain = 15;
    char text[32];
    char* end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
    std::string_view all(text, static_cast<size_t>(end - text));
    if (all.front() == '-') {
        out += '-';
        all.remove_prefix(1);
    }
    size_t e = all.find('e');
    if (e == std::string_view::npos) ByteReader({}, kWhat).fail("double that is not a number");
    std::string digits(1, all[0]);
    if (e > 2) digits.append(all, 2, e - 2);
    int exponent = std::atoi(std::string(all.substr(e + 1)).c_str());
    auto count = static_cast<int>(digits.size());
    int point = exponent + 1;  // digits before the point
    if (value == 0) {
        out += "0.0";
    } else if (point < 1 - kPlain || (point > kPlain && count <= point)) {
        out += digits[0];
        if (count > 1) out.append(1, '.').append(digits, 1);
        out += 'e';
        append_number(exponent, out);
    } else if (point <= 0) {
        out += "0.";
        out.append(static_cast<size_t>(-point), '0').append(digits);
    } else if (point >= count) {
        out.append(digits).append(static_cast<size_t>(point - count), '0').append(".0");
    } else {
        out.append(digits, 0, static_cast<size_t>(point))
            .append(1, '.')
            .append(digits, static_cast<size_t>(point));
    }
}

void append_json_text(ByteSpan document, std::string& out) {
    if (document.empty()) {
        out += "null";
        return;
    }
    size_t budget = document.size();
    append_json_value(document[0], document.subspan(1), 0, budget, out);
}

void append_json_value(uint8_t type, ByteSpan bytes, int depth, size_t& budget, std::string& out) {
    Printer(out, budget).value(type, bytes, depth);
}

void append_json_string(std::string_view text, std::string& out) {
    append_quoted(text, out);
}

}  // namespace penstock
