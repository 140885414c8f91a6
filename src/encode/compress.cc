#include "encode/compress.h"

#include <algorithm>

#include <lz4frame.h>
#include <zstd.h>

#include "base/error.h"

namespace penstock {

namespace {

// lz4 compresses a piece only into room for its worst case: pieces are cut so that this room stays small.
constexpr size_t kLz4Piece = size_t{256} << 10;

[[noreturn]] void fail(const char* reason) {
    throw Error(Disposition::kFailPipe, "compress a block", reason);
}

LZ4F_preferences_t lz4_preferences() {
    LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
    preferences.frameInfo.blockSizeID = LZ4F_max256KB;
    preferences.frameInfo.blockMode = LZ4F_blockLinked;
    return preferences;
}

size_t lz4_checked(size_t code) {
    if (LZ4F_isError(code)) fail(LZ4F_getErrorName(code));
    return code;
}

size_t zstd_checked(size_t code) {
    if (ZSTD_isError(code)) fail(ZSTD_getErrorName(code));
    return code;
}

}  // namespace

struct Compressor::Context {
    ZSTD_CCtx* zstd = nullptr;
    LZ4F_cctx* lz4 = nullptr;

    ~Context() {
        ZSTD_freeCCtx(zstd);
        LZ4F_freeCompressionContext(lz4);
    }

    /// Feeds the input to zstd until it is taken (`directive` continue) or the frame is complete (end).
    void zstd_feed(ByteSpan bytes, ZSTD_EndDirective directive, ByteBuffer& out) {
        ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
        for (;;) {
            size_t before = out.size();
            size_t room = std::max(ZSTD_CStreamOutSize(), out.capacity() - before);
            ZSTD_outBuffer output{out.extend(room), room, 0};
            size_t left = ZSTD_compressStream2(zstd, &output, &input, directive);
            out.truncate(before + output.pos);
            zstd_checked(left);
            if (directive == ZSTD_e_end ? left == 0 : input.pos == input.size) return;
        }
    }
};

const char* content_encoding(Compression compression) {
    switch (compression) {
        case Compression::kNone:
            return "";
        case Compression::kLz4:
            return "lz4";
        case Compression::kZstd:
            return "zstd";
    }
    return "";
}

Compressor::Compressor(Compression compression)
    : compression_(compression), context_(std::make_unique<Context>()) {
    if (compression == Compression::kZstd) {
        context_->zstd = ZSTD_createCCtx();
        if (context_->zstd == nullptr) throw std::bad_alloc();
        zstd_checked(ZSTD_CCtx_setParameter(context_->zstd, ZSTD_c_compressionLevel, 1));
    } else if (compression == Compression::kLz4) {
        lz4_checked(LZ4F_createCompressionContext(&context_->lz4, LZ4F_VERSION));
    }
}

Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;

void Compressor::begin(ByteBuffer& out) {
    out_ = &out;
    if (compression_ == Compression::kZstd) {
        zstd_checked(ZSTD_CCtx_reset(context_->zstd, ZSTD_reset_session_only));
    } else if (compression_ == Compression::kLz4) {
        LZ4F_preferences_t preferences = lz4_preferences();
        size_t before = out.size();
        uint8_t* header = out.extend(LZ4F_HEADER_SIZE_MAX);
        out.truncate(before + lz4_checked(LZ4F_compressBegin(context_->lz4, header, LZ4F_HEADER_SIZE_MAX,
                                                             &preferences)));
    }
}

void Compressor::write(ByteSpan bytes) {
    switch (compression_) {
        case Compression::kNone:
            out_->append(bytes);
            return;
        case Compression::kZstd:
            context_->zstd_feed(bytes, ZSTD_e_continue, *out_);
            return;
        case Compression::kLz4:
            break;
    }
    LZ4F_preferences_t preferences = lz4_preferences();
    while (!bytes.empty()) {
        ByteSpan piece = bytes.first(std::min(bytes.size(), kLz4Piece));
        bytes = bytes.subspan(piece.size());
        size_t room = LZ4F_compressBound(piece.size(), &preferences);
        size_t before = out_->size();
        uint8_t* to = out_->extend(room);
        out_->truncate(before + lz4_checked(LZ4F_compressUpdate(context_->lz4, to, room, piece.data(),
                                                                piece.size(), nullptr)));
    }
}

void Compressor::finish() {
    if (compression_ == Compression::kZstd) {
        context_->zstd_feed({}, ZSTD_e_end, *out_);
    } else if (compression_ == Compression::kLz4) {
        LZ4F_preferences_t preferences = lz4_preferences();
        size_t room = LZ4F_compressBound(0, &preferences);
        size_t before = out_->size();
        uint8_t* to = out_->extend(room);
        out_->truncate(before + lz4_checked(LZ4F_compressEnd(context_->lz4, to, room, nullptr)));
    }
    out_ = nullptr;
}

}  // namespace penstock
