#include "decode/transaction_payload.h"

#include <algorithm>
#include <cstring>

#include <zstd.h>

namespace penstock {

namespace {

constexpr const char* kWhat = "binlog: transaction payload event";

[[noreturn]] void damaged(const std::string& why) {
    throw Error(Disposition::kFailPipe, kWhat, why,
                "The bytes do not follow the format; the source or the network damaged them");
}

}  // namespace

struct TransactionPayload::Stream {
    Stream() : context(ZSTD_createDCtx()) {
        if (context == nullptr) throw std::bad_alloc();
    }
    ~Stream() { ZSTD_freeDCtx(context); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    ZSTD_DCtx* context;
    ZSTD_inBuffer in{};
};

TransactionPayload::TransactionPayload() = default;
TransactionPayload::~TransactionPayload() = default;

void TransactionPayload::open(ByteReader body) {
    uint64_t size = 0, compression = 255;
    bool has_size = false;
    left_.reset();
    for (;;) {
        uint64_t type = body.lenenc();
        if (type == 0) break;
        ByteReader value(body.lenenc_bytes(), kWhat);
        if (type == 1) {
            size = value.lenenc();
            has_size = true;
        } else if (type == 2) {
            compression = value.lenenc();
        } else if (type == 3) {
            left_ = value.lenenc();
        }
    }
    if (!has_size || size != body.remaining()) body.fail("payload size is not what is there");
    if (compression != 0 && compression != 255) {
        throw Error(Disposition::kFailPipe, kWhat, "unknown compression " + std::to_string(compression),
                    "SET GLOBAL binlog_transaction_compression=OFF at the source, then resync the pipe");
    }
    payload_ = body.rest();
    unpacked_.clear();
    begin_ = 0;
    zstd_ = compression == 0;
    if (!zstd_) return;
    if (stream_ == nullptr) stream_ = std::make_unique<Stream>();
    ZSTD_DCtx_reset(stream_->context, ZSTD_reset_session_only);
    stream_->in = ZSTD_inBuffer{payload_.data(), payload_.size(), 0};
}

// Decompresses up to `size` bytes; fewer only at the end of the payload.
size_t TransactionPayload::unpack(uint8_t* to, size_t size) {
    if (!zstd_) {
        size = std::min(size, payload_.size());
        std::copy_n(payload_.begin(), size, to);
        payload_ = payload_.subspan(size);
        return size;
    }
    ZSTD_outBuffer out{to, size, 0};
    while (out.pos < out.size) {
        size_t in_before = stream_->in.pos, out_before = out.pos;
        size_t code = ZSTD_decompressStream(stream_->context, &out, &stream_->in);
        if (ZSTD_isError(code)) damaged(std::string("zstd says ") + ZSTD_getErrorName(code));
        if (stream_->in.pos == in_before && out.pos == out_before) break;
    }
    return out.pos;
}

// At least `wanted` unread bytes in one piece; false where the payload ends before. Much is unpacked at once:
// a call costs more than a small event, and a payload that says its size and fits is unpacked without zstd's
// window in between. A claimed size gets its memory only as bytes really come.
bool TransactionPayload::fetch(size_t wanted) {
    constexpr size_t kAhead = size_t{256} << 10;
    if (unread() >= wanted) return true;
    if (begin_ != 0) {
        std::memmove(unpacked_.data(), unpacked_.data() + begin_, unread());
        unpacked_.truncate(unread());
        begin_ = 0;
    }
    while (unread() < wanted) {
        const size_t before = unpacked_.size();
        const size_t room = std::max(kAhead, std::min(before, wanted - before));
        const size_t got = unpack(unpacked_.extend(room), room);
        unpacked_.truncate(before + got);
        if (got < room) break;
    }
    return unread() >= wanted;
}

ByteSpan TransactionPayload::next() {
    constexpr size_t kHeader = 19;
    if (!fetch(kHeader)) {
        if (unread() != 0) damaged("ends inside an event");
        if (left_.value_or(0) != 0) damaged("ends before its last event");
        return {};
    }
    const size_t size = load_le<4>(unpacked_.data() + begin_ + 9);
    if (size < kHeader) damaged("holds an event shorter than its header");
    if (!fetch(size)) damaged("ends inside an event");
    if (left_) {
        if (size > *left_) damaged("holds more than its size says");
        *left_ -= size;
    }
    const ByteSpan event(unpacked_.data() + begin_, size);
    begin_ += size;
    return event;
}

}  // namespace penstock
