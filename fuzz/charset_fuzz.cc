// Texts in the servers' character sets. Input: a byte that chooses the set, then the text.

#include <memory>
#include <string>

#include "decode/charset.h"
#include "fuzz.h"

namespace penstock {
namespace {

constexpr std::string_view kNames[] = {
    "ascii", "armscii8", "big5",    "cp1250", "cp1251",  "cp1256", "cp1257",  "cp850",   "cp852", "cp866",
    "cp932", "dec8",     "eucjpms", "euckr",  "gb18030", "gb2312", "gbk",     "geostd8", "greek", "hebrew",
    "hp8",   "keybcs2",  "koi8r",   "koi8u",  "latin1",  "latin2", "latin5",  "latin7",  "macce", "macroman",
    "sjis",  "swe7",     "tis620",  "ucs2",   "ujis",    "utf16",  "utf16le", "utf32"};

// Bytes of the UTF-8 character at the front; 0 when there is none. Surrogates are let through, as the server
// stores them in ucs2 and utf32.
size_t utf8_size(std::string_view text) {
    auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0u; };
    auto next = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
    if (byte(0) < 0x80) return 1;
    if (byte(0) >= 0xc2 && byte(0) < 0xe0 && next(1)) return 2;
    if (byte(0) >= 0xe0 && byte(0) < 0xf0 && next(1) && next(2) && (byte(0) != 0xe0 || byte(1) >= 0xa0))
        return 3;
    bool in_range = byte(0) == 0xf0 ? byte(1) >= 0x90 : byte(0) == 0xf4 ? byte(1) < 0x90 : byte(0) < 0xf4;
    return byte(0) >= 0xf0 && in_range && next(1) && next(2) && next(3) ? 4 : 0;
}

}  // namespace
}  // namespace penstock

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace penstock;
    static std::unique_ptr<Transcoder> transcoders[std::size(kNames)];
    ByteSpan input(data, size);
    size_t index = take_byte(input) % std::size(kNames);
    auto& transcoder = transcoders[index];
    if (transcoder == nullptr) transcoder = Transcoder::make(kNames[index]);
    require(transcoder != nullptr, "every set is known");
    uint64_t replaced = 0, again = 0;
    std::string text(transcoder->convert(as_text(input), replaced));
    require(text.size() <= 3 * input.size() + 1, "no set needs more than three bytes for one of its own");
    require(replaced <= input.size(), "what is replaced was there");
    for (std::string_view rest = text; !rest.empty();) {
        size_t character = utf8_size(rest);
        require(character != 0, "the text is UTF-8");
        rest.remove_prefix(character);
    }
    require(transcoder->convert(as_text(input), again) == text && again == replaced, "the same again");
    return 0;
}
