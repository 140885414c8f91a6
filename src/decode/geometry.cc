#include "decode/geometry.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

namespace penstock {

namespace {

constexpr int kMaxDepth = 1000;  // a collection in a collection in ...; a level takes 10 bytes of the value
constexpr size_t kPointBytes = 16;

enum Kind : uint32_t {
    kAny = 0,
    kPoint = 1,
    kLineString = 2,
    kPolygon = 3,
    kMultiPoint = 4,
    kMultiLineString = 5,
    kMultiPolygon = 6,
    kCollection = 7,
};
constexpr std::array<const char*, 8> kNames = {
    "",           "POINT",           "LINESTRING",   "POLYGON",
    "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON", "GEOMETRYCOLLECTION"};

class WktWriter {
  public:
    WktWriter(ByteReader wkb, std::string& out) : wkb_(wkb), out_(out) {}

    /// One WKB, which must be of `wanted` unless that is kAny. Members of a MULTI... have no name.
    void geometry(Kind wanted, bool named, int depth) {
        if (depth > kMaxDepth) wkb_.fail("nested too deep");
        big_endian_ = wkb_.u8() == 0;
        uint32_t kind = u32();
        if (kind < kPoint || kind > kCollection) wkb_.fail("unknown kind of geometry");
        if (wanted != kAny && kind != wanted) wkb_.fail("a member is not of its collection's kind");
        if (named) out_ += kNames[kind];
        switch (kind) {
            case kPoint:
                out_ += '(';
                point();
                out_ += ')';
                return;
            case kLineString:
                return points();
            case kPolygon:
                return list([this] { points(); }, 4);
            default:
                break;
        }
        // MULTIPOINT to MULTIPOLYGON are three above their members.
        Kind member = kind == kCollection ? kAny : static_cast<Kind>(kind - 3);
        list([=, this] { geometry(member, member == kAny, depth + 1); }, 9);
    }

    bool empty() const { return wkb_.empty(); }
    [[noreturn]] void fail(const char* message) const { wkb_.fail(message); }

  private:
    uint32_t u32() {
        ByteSpan bytes = wkb_.bytes(4);
        return static_cast<uint32_t>(big_endian_ ? load_be(bytes.data(), 4) : load_le<4>(bytes.data()));
    }

    void number() {
        ByteSpan bytes = wkb_.bytes(8);
        auto value = std::bit_cast<double>(big_endian_ ? load_be(bytes.data(), 8) : load_le<8>(bytes.data()));
        char text[32];
        auto [end, code] = std::to_chars(text, text + sizeof text, value);
        out_.append(text, end);
    }

    void point() {
        number();
        out_ += ' ';
        number();
    }

    void points() {
        list([this] { point(); }, kPointBytes);
    }

    /// A count and as many members, each of at least `least` bytes.
    template <typename Member>
    void list(Member&& member, size_t least) {
        uint32_t count = u32();
        if (count > wkb_.remaining() / least) wkb_.fail("more members than bytes");
        if (count == 0) {
            out_ += out_.empty() || out_.back() == '(' || out_.back() == ',' ? "EMPTY" : " EMPTY";
            return;
        }
        out_ += '(';
        for (uint32_t i = 0; i < count; ++i) {
            if (i > 0) out_ += ',';
            member();
        }
        out_ += ')';
    }

    ByteReader wkb_;
    std::string& out_;
    bool big_endian_ = false;
};

}  // namespace

void append_wkt(ByteSpan value, bool with_srid, std::string& out) {
    ByteReader reader(value, "geometry");
    uint32_t srid = reader.u32();
    if (with_srid) out += "SRID=" + std::to_string(srid) + ';';
    WktWriter writer(reader, out);
    writer.geometry(kAny, true, 0);
    if (!writer.empty()) writer.fail("bytes are left over");
}

}  // namespace penstock
