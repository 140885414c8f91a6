#include "decode/compressed_column.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace penstock {
namespace {

/// As the server writes it, with zlib's head or without.
std::string stored(const std::string& value, bool wrapped, uint64_t claimed) {
    z_stream z{};
    deflateInit2(&z, 6, Z_DEFLATED, wrapped ? MAX_WBITS : -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    std::string body(deflateBound(&z, value.size()), '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(value.data()));
    z.avail_in = static_cast<uInt>(value.size());
    z.next_out = reinterpret_cast<Bytef*>(body.data());
    z.avail_out = static_cast<uInt>(body.size());
    deflate(&z, Z_FINISH);
    body.resize(z.total_out);
    deflateEnd(&z);
    std::string head(1, static_cast<char>(0x84 + (wrapped ? 0 : 8)));
    for (int shift = 24; shift >= 0; shift -= 8) head += static_cast<char>(claimed >> shift);
    return head + body;
}

std::string inflated(ColumnInflater& inflater, const std::string& bytes) {
    return std::string(inflater.inflate(as_bytes(std::string(bytes.data(), bytes.size()))));
}

TEST(CompressedColumn, Forms) {
    ColumnInflater inflater;
    EXPECT_EQ(inflated(inflater, ""), "");
    EXPECT_EQ(inflated(inflater, std::string("\0", 1)), "");
    EXPECT_EQ(inflated(inflater, std::string("\0abc", 4)), "abc");
    const std::string value = std::string(5000, 'x') + "end";
    EXPECT_EQ(inflated(inflater, stored(value, true, value.size())), value);
    EXPECT_EQ(inflated(inflater, stored(value, false, value.size())), value);
    EXPECT_EQ(inflated(inflater, stored("y", true, 1)), "y");
}

TEST(CompressedColumn, DamageIsAnError) {
    ColumnInflater inflater;
    const std::string value(3000, 'x');
    const std::string whole = stored(value, true, value.size());
    for (size_t size = 1; size < whole.size(); ++size)
        EXPECT_THROW(inflated(inflater, whole.substr(0, size)), Error) << size;
    EXPECT_THROW(inflated(inflater, stored(value, true, value.size() - 1)), Error);
    EXPECT_THROW(inflated(inflater, stored(value, true, value.size() + 1)), Error);
    EXPECT_THROW(inflated(inflater, stored(value, true, 0xffffffff)), Error);  // claims more than can be
    for (int head : {0x10, 0x70, 0x90, 0xf0, 0x80, 0x87}) {
        std::string bad = whole;
        bad[0] = static_cast<char>(head);
        EXPECT_THROW(inflated(inflater, bad), Error) << int{head};
    }
    EXPECT_EQ(inflated(inflater, whole), value);  // it goes on after an error
}

}  // namespace
}  // namespace penstock
