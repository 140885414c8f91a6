// Partial updates of MySQL's binary JSON. Input: length of the document in 2 bytes, the document, the diffs.

#include <algorithm>

#include "decode/json_diff.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace penstock;
    if (size < 2) return 0;
    const size_t length = std::min<size_t>(load_le<2>(data), size - 2);
    const ByteSpan document(data + 2, length), diffs(data + 2 + length, size - 2 - length);
    std::string text;
    if (!survives([&] { append_json_text(document, diffs, text); })) return 0;
    // As for a whole document, but keys of what a path leads through are printed from both.
    require(text.size() <= 16 * size + 64, "text in proportion to the bytes");
    return 0;
}
