// Values that have a format of their own. Input: a byte that says which (0 geometry, 1 geometry with its
// SRID, 2 a COMPRESSED column, 3 UUID text, 4 INET4 text, 5 INET6 text), then the value.

#include <algorithm>

#include "decode/compressed_column.h"
#include "decode/fixed_binary.h"
#include "decode/geometry.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace penstock;
    if (size == 0) return 0;
    const ByteSpan value(data + 1, size - 1);
    FixedBinary fixed;
    switch (data[0]) {
        case 0:
        case 1: {
            std::string text;
            if (!survives([&] { append_wkt(value, data[0] == 1, text); })) return 0;
            require(text.size() <= 8 * size + 64, "text in proportion to the geometry");
            require(std::count(text.begin(), text.end(), '(') == std::count(text.begin(), text.end(), ')'),
                    "every bracket is closed");
            return 0;
        }
        case 2: {
            ColumnInflater inflater;
            survives([&] { touch(inflater.inflate(value)); });
            return 0;
        }
        case 3:
            if (parse_uuid_text(as_text(value), fixed))
                require(value.size() == 36, "a UUID has 36 characters");
            return 0;
        case 4:
            parse_inet4_text(as_text(value), fixed);
            return 0;
        case 5:
            parse_inet6_text(as_text(value), fixed);
            return 0;
        default:
            return 0;
    }
}
