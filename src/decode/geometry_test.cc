#include "decode/geometry.h"

#include <bit>

#include <gtest/gtest.h>

namespace penstock {
namespace {

class Wkb {
  public:
    explicit Wkb(uint32_t srid = 0) { le(srid, 4); }
    Wkb& le(uint64_t value, int bytes) {
        for (int i = 0; i < bytes; ++i) bytes_ += static_cast<char>(value >> 8 * i);
        return *this;
    }
    Wkb& be(uint64_t value, int bytes) {
        for (int i = bytes; i-- > 0;) bytes_ += static_cast<char>(value >> 8 * i);
        return *this;
    }
    Wkb& head(uint32_t kind) { return le(1, 1).le(kind, 4); }
    Wkb& xy(double x, double y) {
        return le(std::bit_cast<uint64_t>(x), 8).le(std::bit_cast<uint64_t>(y), 8);
    }
    const std::string& bytes() const { return bytes_; }

  private:
    std::string bytes_;
};

std::string wkt(const std::string& bytes, bool with_srid = false) {
    std::string out;
    append_wkt(as_bytes(bytes), with_srid, out);
    return out;
}

TEST(Geometry, Texts) {
    EXPECT_EQ(wkt(Wkb(4326).head(1).xy(0.1, -1e300).bytes()), "POINT(0.1 -1e+300)");
    EXPECT_EQ(wkt(Wkb(4326).head(1).xy(0.1, 2).bytes(), true), "SRID=4326;POINT(0.1 2)");
    EXPECT_EQ(wkt(Wkb().head(2).le(2, 4).xy(0, 0).xy(1, 1).bytes()), "LINESTRING(0 0,1 1)");
    EXPECT_EQ(wkt(Wkb().head(3).le(1, 4).le(1, 4).xy(5e-324, 1).bytes()), "POLYGON((5e-324 1))");
    EXPECT_EQ(wkt(Wkb().head(4).le(2, 4).head(1).xy(1, 2).head(1).xy(3, 4).bytes()),
              "MULTIPOINT((1 2),(3 4))");
    EXPECT_EQ(wkt(Wkb().head(7).le(0, 4).bytes()), "GEOMETRYCOLLECTION EMPTY");
    EXPECT_EQ(wkt(Wkb().head(7).le(2, 4).head(7).le(0, 4).head(1).xy(1, 2).bytes()),
              "GEOMETRYCOLLECTION(GEOMETRYCOLLECTION EMPTY,POINT(1 2))");
    EXPECT_EQ(wkt(Wkb().head(5).le(1, 4).head(2).le(0, 4).bytes()), "MULTILINESTRING(EMPTY)");
    // Big-endian inside, which no server stores.
    EXPECT_EQ(wkt(Wkb().be(0, 1).be(1, 4).be(std::bit_cast<uint64_t>(1.5), 8).be(0, 8).bytes()),
              "POINT(1.5 0)");
}

TEST(Geometry, DamageIsAnError) {
    const std::string whole =
        Wkb().head(7).le(2, 4).head(6).le(1, 4).head(3).le(1, 4).le(1, 4).xy(1, 2).head(1).xy(3, 4).bytes();
    EXPECT_EQ(wkt(whole), "GEOMETRYCOLLECTION(MULTIPOLYGON(((1 2))),POINT(3 4))");
    for (size_t size = 0; size < whole.size(); ++size) {
        // A copy of exactly that size, so that a sanitizer sees any read past it.
        EXPECT_THROW(wkt(std::string(whole.data(), size)), Error) << size;
    }
    EXPECT_THROW(wkt(whole + '\0'), Error);
    EXPECT_THROW(wkt(Wkb().head(8).xy(1, 2).bytes()), Error);
    EXPECT_THROW(wkt(Wkb().head(0).xy(1, 2).bytes()), Error);
    EXPECT_THROW(wkt(Wkb().head(4).le(1, 4).head(2).le(0, 4).bytes()), Error);   // not a point
    EXPECT_THROW(wkt(Wkb().head(2).le(0xffffffff, 4).xy(0, 0).bytes()), Error);  // more than there is
    EXPECT_THROW(wkt(Wkb().head(7).le(0xffffffff, 4).head(7).le(0, 4).bytes()), Error);
    Wkb deep;
    for (int i = 0; i < 100'000; ++i) deep.head(7).le(1, 4);
    EXPECT_THROW(wkt(deep.head(1).xy(1, 2).bytes()), Error);
}

}  // namespace
}  // namespace penstock
