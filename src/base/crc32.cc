#include "base/crc32.h"

#include <libdeflate.h>

namespace penstock {

uint32_t crc32(ByteSpan bytes, uint32_t before) {
    return libdeflate_crc32(before, bytes.data(), bytes.size());
}

}  // namespace penstock
