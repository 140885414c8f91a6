#pragma once
// Streaming compression of request bodies, as HTTP names it in Content-Encoding.
// Formats: zstd frame (RFC 8878); LZ4 frame (lz4_Frame_format.md), which ClickHouse calls "lz4".

#include <memory>

#include "base/byte_buffer.h"

namespace penstock {

enum class Compression : uint8_t { kNone, kLz4, kZstd };

/// The Content-Encoding value; empty for kNone.
const char* content_encoding(Compression compression);

/// Compresses pieces into one frame, straight into the output buffer. The context is kept between frames,
/// so that a frame allocates nothing but the growth of its output. One thread at a time.
class Compressor {
  public:
    /// zstd runs at level 1 and lz4 at its fastest: the network here is short and the cores are shared.
    explicit Compressor(Compression compression = Compression::kZstd);
    ~Compressor();
    Compressor(Compressor&&) noexcept;
    Compressor& operator=(Compressor&&) noexcept;

    Compression compression() const { return compression_; }
    const char* encoding() const { return content_encoding(compression_); }

    /// Starts a frame at the end of `out`, which outlives the frame. A frame left open is dropped.
    void begin(ByteBuffer& out);
    /// Adds bytes to the frame. Throws Error(kFailPipe) when the library refuses.
    void write(ByteSpan bytes);
    void write(std::string_view text) { write(as_bytes(text)); }
    /// Completes the frame.
    void finish();

  private:
    struct Context;
    Compression compression_;
    std::unique_ptr<Context> context_;
    ByteBuffer* out_ = nullptr;
};

}  // namespace penstock
