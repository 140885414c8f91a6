#include "encode/compress.h"

#include <string>

#include <gtest/gtest.h>
#include <lz4frame.h>
#include <zstd.h>

namespace penstock {
namespace {

std::string unpack_zstd(ByteSpan bytes, size_t room) {
    std::string out(room, '\0');
    size_t n = ZSTD_decompress(out.data(), out.size(), bytes.data(), bytes.size());
    EXPECT_FALSE(ZSTD_isError(n)) << ZSTD_getErrorName(n);
    out.resize(ZSTD_isError(n) ? 0 : n);
    return out;
}

std::string unpack_lz4(ByteSpan bytes, size_t size) {
    LZ4F_dctx* context = nullptr;
    LZ4F_createDecompressionContext(&context, LZ4F_VERSION);
    std::string out(size, '\0');
    size_t in = 0, made = 0, left = 1;
    while (in < bytes.size() && left != 0) {
        size_t taken = bytes.size() - in, room = out.size() - made;
        left = LZ4F_decompress(context, out.data() + made, &room, bytes.data() + in, &taken, nullptr);
        EXPECT_FALSE(LZ4F_isError(left)) << LZ4F_getErrorName(left);
        if (LZ4F_isError(left)) break;
        in += taken;
        made += room;
    }
    EXPECT_EQ(left, 0u) << "the frame is not complete";
    EXPECT_EQ(in, bytes.size());
    LZ4F_freeDecompressionContext(context);
    out.resize(made);
    return out;
}

/// `size` bytes are expected; one more is room for a mistake.
std::string unpack(Compression compression, ByteSpan bytes, size_t size) {
    switch (compression) {
        case Compression::kNone:
            return std::string(as_text(bytes));
        case Compression::kLz4:
            return unpack_lz4(bytes, size + 1);
        case Compression::kZstd:
            return unpack_zstd(bytes, size + 1);
    }
    return "";
}

/// Text that compresses a little, unlike zeros and unlike noise.
std::string sample(size_t size) {
    std::string text;
    uint64_t state = 1;
    while (text.size() < size) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        text += std::to_string(state >> 44);
    }
    text.resize(size);
    return text;
}

class CompressTest : public testing::TestWithParam<Compression> {};

TEST_P(CompressTest, RoundTripInPiecesOfAnySize) {
    Compressor compressor(GetParam());
    for (size_t size :
         {size_t{0}, size_t{1}, size_t{100}, size_t{65536}, size_t{262144}, size_t{5'000'000}}) {
        std::string text = sample(size);
        for (size_t piece : {size_t{7}, size_t{1000}, size_t{300'000}, size_t{1} << 30}) {
            if (size / piece > 100'000) continue;
            ByteBuffer out;
            compressor.begin(out);
            for (size_t at = 0; at < size; at += std::min(piece, size - at)) {
                compressor.write(std::string_view(text).substr(at, piece));
            }
            compressor.finish();
            ASSERT_EQ(unpack(GetParam(), out.span(), size), text) << size << " in pieces of " << piece;
        }
    }
}

TEST_P(CompressTest, FramesAreAppendedAndAnOpenOneIsDropped) {
    Compressor compressor(GetParam());
    ByteBuffer out;
    out.append("before");
    compressor.begin(out);
    compressor.write("dropped");
    out.clear();
    out.append("before");
    compressor.begin(out);
    compressor.write("kept");
    compressor.finish();
    ASSERT_EQ(as_text(out.span()).substr(0, 6), "before");
    EXPECT_EQ(unpack(GetParam(), out.span().subspan(6), 4), "kept");
}

TEST_P(CompressTest, AMovedCompressorGoesOn) {
    Compressor first(GetParam());
    Compressor second = std::move(first);
    ByteBuffer out;
    second.begin(out);
    second.write("text");
    second.finish();
    EXPECT_EQ(unpack(GetParam(), out.span(), 4), "text");
}

INSTANTIATE_TEST_SUITE_P(All, CompressTest,
                         testing::Values(Compression::kNone, Compression::kLz4, Compression::kZstd),
                         [](const auto& compression) {
                             std::string name = content_encoding(compression.param);
                             return name.empty() ? "none" : name;
                         });

}  // namespace
}  // namespace penstock
