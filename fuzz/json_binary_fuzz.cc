// MySQL's binary JSON. Input: a document.

#include <nlohmann/json.hpp>

#include "decode/json_binary.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace penstock;
    std::string text;
    if (!survives([&] { append_json_text({data, size}, text); })) return 0;
    // A byte becomes 6 at most (a control character), an inlined number of 5 bytes 13.
    require(text.size() <= 8 * size + 64, "text in proportion to the document");
    for (char& c : text) {
        if (static_cast<uint8_t>(c) >= 0x80) c = '?';  // bytes of strings are passed on as they are
    }
    require(nlohmann::json::accept(text), "the text is JSON");
    return 0;
}
