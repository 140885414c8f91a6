#include "decode/transaction_payload.h"

#include <algorithm>
#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <zstd.h>

namespace penstock {
namespace {

constexpr size_t kEvent = size_t{64} << 10;

/// Peak of the process's resident memory, in bytes.
size_t peak_memory() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<size_t>(usage.ru_maxrss) * 1024;
}

/// An event of `size` bytes, all `filling` but its size.
std::vector<uint8_t> event_of(size_t size, uint8_t filling) {
    std::vector<uint8_t> event(size, filling);
    for (size_t i = 0; i < 4; ++i) event[9 + i] = static_cast<uint8_t>(size >> 8 * i);
    return event;
}

/// The body of a payload event: `bytes` bytes that were packed, or are as they were.
std::vector<uint8_t> body_of(const std::vector<uint8_t>& packed, uint64_t bytes, bool zstd) {
    std::vector<uint8_t> body;
    auto number = [&](uint64_t value) {  // length-encoded, 8 bytes
        body.push_back(0xfe);
        for (int i = 0; i < 8; ++i) body.push_back(static_cast<uint8_t>(value >> 8 * i));
    };
    auto field = [&](uint8_t type, uint64_t value) {
        body.insert(body.end(), {type, 9});
        number(value);
    };
    field(1, packed.size());
    field(2, zstd ? 0 : 255);
    field(3, bytes);
    body.push_back(0);
    body.insert(body.end(), packed.begin(), packed.end());
    return body;
}

/// The body of a payload event with `count` equal events of 64 KiB, made without holding them.
std::vector<uint8_t> payload_of(size_t count) {
    const std::vector<uint8_t> event = event_of(kEvent, 0x5a);
    std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
    std::vector<uint8_t> packed(ZSTD_CStreamOutSize()), all;
    for (size_t i = 0; i < count; ++i) {
        ZSTD_inBuffer in{event.data(), event.size(), 0};
        const bool last = i + 1 == count;
        for (size_t left = 1; last ? left != 0 : in.pos < in.size;) {
            ZSTD_outBuffer out{packed.data(), packed.size(), 0};
            left = ZSTD_compressStream2(context.get(), &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
            EXPECT_FALSE(ZSTD_isError(left));
            all.insert(all.end(), packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(out.pos));
        }
    }
    return body_of(all, count * kEvent, true);
}

TEST(TransactionPayload, EventsOfAnySizeLieAcrossWhatIsUnpackedAtOnce) {
    std::vector<std::vector<uint8_t>> events;
    std::vector<uint8_t> bytes;
    for (size_t size : {19u, 100u, 262'000u, 20u, 3'000'001u, 19u, 70'001u, 524'288u, 262'144u, 1000u}) {
        events.push_back(event_of(size, static_cast<uint8_t>(events.size())));
        bytes.insert(bytes.end(), events.back().begin(), events.back().end());
    }
    std::vector<uint8_t> packed(ZSTD_compressBound(bytes.size()));
    packed.resize(ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 3));
    const std::vector<uint8_t> few(bytes.begin(), bytes.begin() + 119);
    TransactionPayload payload;
    for (bool zstd : {true, false, true}) {  // the same again is not disturbed by what was there before
        SCOPED_TRACE(zstd);
        const std::vector<uint8_t> body = body_of(zstd ? packed : bytes, bytes.size(), zstd);
        payload.open(ByteReader(body, "test"));
        for (const std::vector<uint8_t>& event : events) {
            const ByteSpan got = payload.next();
            ASSERT_TRUE(std::equal(got.begin(), got.end(), event.begin(), event.end())) << event.size();
        }
        EXPECT_TRUE(payload.next().empty());
        const std::vector<uint8_t> short_body = body_of(few, few.size(), false);
        payload.open(ByteReader(short_body, "test"));  // left in the middle
        EXPECT_EQ(payload.next().size(), 19u);
    }
}

TEST(TransactionPayload, MemoryDoesNotGrowWithWhatIsCompressed) {
    // A quarter of a megabyte is held, or one event that is larger, and zstd's window; a payload of many
    // gigabytes is no different from this.
    constexpr size_t kEvents = 8192;  // 512 MiB
    const std::vector<uint8_t> body = payload_of(kEvents);
    ASSERT_LT(body.size(), size_t{4} << 20);
    TransactionPayload payload;
    const size_t before = peak_memory();
    payload.open(ByteReader(body, "test"));
    size_t events = 0, bytes = 0;
    for (ByteSpan event = payload.next(); !event.empty(); event = payload.next()) {
        ++events;
        bytes += event.size();
        ASSERT_EQ(event.back(), 0x5a);
    }
    EXPECT_EQ(events, kEvents);
    EXPECT_EQ(bytes, kEvents * kEvent);
    EXPECT_LT(peak_memory() - before, size_t{32} << 20);
}

}  // namespace
}  // namespace penstock
