#include "base/byte_reader.h"

#include <bit>

namespace penstock {

static_assert(std::endian::native == std::endian::little, "load_le copies bytes as they are");

void ByteReader::fail(const char* message) const {
    throw Error(Disposition::kFailPipe, what_, message,
                "The bytes do not follow the format; the source or the network damaged them");
}

}  // namespace penstock
