#include "decode/compressed_column.h"

#include <zlib.h>

namespace penstock {

namespace {

constexpr uint64_t kMaxRatio = 1032;  // zlib, "Technical Details": the most that deflate can reach

}  // namespace

struct ColumnInflater::Stream {
    z_stream z{};
    Stream() {
        if (inflateInit(&z) != Z_OK) throw std::bad_alloc();
    }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    ~Stream() { inflateEnd(&z); }
};

ColumnInflater::ColumnInflater() = default;
ColumnInflater::ColumnInflater(ColumnInflater&&) noexcept = default;
ColumnInflater& ColumnInflater::operator=(ColumnInflater&&) noexcept = default;
ColumnInflater::~ColumnInflater() = default;

std::string_view ColumnInflater::inflate(ByteSpan stored) {
    if (stored.empty()) return {};
    ByteReader reader(stored, "compressed column");
    uint8_t head = reader.u8();
    if (head >> 4 == 0) return as_text(reader.rest());
    if (head >> 4 != 8) reader.fail("unknown method of compression");
    size_t length_bytes = head & 7;
    if (length_bytes < 1 || length_bytes > 4) reader.fail("bad length");
    uint64_t length = load_be(reader.bytes(length_bytes).data(), length_bytes);
    ByteSpan body = reader.rest();
    if (length > body.size() * kMaxRatio) reader.fail("claims more than its bytes can hold");

    if (stream_ == nullptr) stream_ = std::make_unique<Stream>();
    z_stream& z = stream_->z;
    if (inflateReset2(&z, (head & 8) != 0 ? -MAX_WBITS : MAX_WBITS) != Z_OK)
        reader.fail("zlib does not start");
    // Room for one byte more: a stream that goes on past its length is seen.
    value_.resize(static_cast<size_t>(length) + 1);
    z.next_in = const_cast<Bytef*>(body.data());  // zlib does not write there
    z.avail_in = static_cast<uInt>(body.size());
    z.next_out = reinterpret_cast<Bytef*>(value_.data());
    z.avail_out = static_cast<uInt>(value_.size());
    int result = ::inflate(&z, Z_FINISH);
    if (result != Z_STREAM_END || z.avail_out != 1) reader.fail("damaged, or not as long as it claims");
    return {value_.data(), static_cast<size_t>(length)};
}

}  // namespace penstock
