#include "decode/charset.h"

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <string>

#include <iconv.h>

#include "base/error.h"

namespace penstock {

namespace {

using Form = Transcoder::Form;

struct CharsetName {
    std::string_view mysql;
    const char* iconv;
    Form form;
};

// MySQL manual, "Supported Character Sets and Collations". The iconv set is the nearest one; where it
// differs, charset_overrides() has the server's mapping.
constexpr CharsetName kCharsets[] = {
    {"ascii", "ASCII", Form::kSingle},  // MariaDB stores bytes from 0x80 on in it, which are no characters
    {"latin1", "CP1252", Form::kSingle},
    {"latin2", "ISO-8859-2", Form::kSingle},
    {"latin5", "ISO-8859-9", Form::kSingle},
    {"latin7", "ISO-8859-13", Form::kSingle},
    {"cp1250", "CP1250", Form::kSingle},
    {"cp1251", "CP1251", Form::kSingle},
    {"cp1256", "CP1256", Form::kSingle},
    {"cp1257", "CP1257", Form::kSingle},
    {"cp850", "CP850", Form::kSingle},
    {"cp852", "CP852", Form::kSingle},
    {"cp866", "CP866", Form::kSingle},
    {"koi8r", "KOI8-R", Form::kSingle},
    {"koi8u", "KOI8-U", Form::kSingle},
    {"greek", "ISO-8859-7", Form::kSingle},
    {"hebrew", "ISO-8859-8", Form::kSingle},
    {"tis620", "TIS-620", Form::kSingle},
    {"macroman", "MACINTOSH", Form::kSingle},
    {"macce", "MAC-CENTRALEUROPE", Form::kSingle},
    {"armscii8", "ARMSCII-8", Form::kSingle},
    {"hp8", "HP-ROMAN8", Form::kSingle},
    {"dec8", "DEC-MCS", Form::kSingle},
    {"swe7", "SEN_850200_C", Form::kSingle},
    {"geostd8", "GEORGIAN-PS", Form::kSingle},
    {"keybcs2", "CP437", Form::kSingle},
    {"sjis", "SHIFT_JIS", Form::kShiftJis},
    {"cp932", "CP932", Form::kShiftJis},
    {"ujis", "EUC-JP-MS", Form::kEuc},
    {"eucjpms", "EUC-JP-MS", Form::kEuc},
    {"euckr", "UHC", Form::kDouble},
    {"gb2312", "GB2312", Form::kDouble},
    {"gbk", "GBK", Form::kDouble},
    {"big5", "BIG5", Form::kDouble},
    {"gb18030", "GB18030", Form::kGb18030},
    {"ucs2", "UCS-2BE", Form::kUcs2},
    {"utf16", "UTF-16BE", Form::kUtf16},
    {"utf16le", "UTF-16LE", Form::kUtf16Le},
    {"utf32", "UTF-32BE", Form::kUtf32},
};

// UTF-8 of a character; returns its size.
size_t encode(uint32_t unicode, uint8_t* out) {
    if (unicode < 0x80) {
        out[0] = static_cast<uint8_t>(unicode);
        return 1;
    }
    if (unicode < 0x800) {
        out[0] = static_cast<uint8_t>(0xc0 | unicode >> 6);
        out[1] = static_cast<uint8_t>(0x80 | (unicode & 63));
        return 2;
    }
    if (unicode < 0x10000) {
        out[0] = static_cast<uint8_t>(0xe0 | unicode >> 12);
        out[1] = static_cast<uint8_t>(0x80 | (unicode >> 6 & 63));
        out[2] = static_cast<uint8_t>(0x80 | (unicode & 63));
        return 3;
    }
    out[0] = static_cast<uint8_t>(0xf0 | unicode >> 18);
    out[1] = static_cast<uint8_t>(0x80 | (unicode >> 12 & 63));
    out[2] = static_cast<uint8_t>(0x80 | (unicode >> 6 & 63));
    out[3] = static_cast<uint8_t>(0x80 | (unicode & 63));
    return 4;
}

bool is_ascii(std::string_view bytes) {
    const auto* p = reinterpret_cast<const uint8_t*>(bytes.data());
    size_t i = 0;
    uint64_t high = 0;
    for (; i + 8 <= bytes.size(); i += 8) high |= load_le<8>(p + i);
    for (; i < bytes.size(); ++i) high |= p[i];
    return (high & 0x8080'8080'8080'8080) == 0;
}

}  // namespace

bool is_utf8(std::string_view charset) {
    return charset == "utf8mb4" || charset == "utf8mb3" || charset == "utf8" || charset == "binary" ||
           charset.empty();
}

bool has_blank_nbsp(std::string_view charset) {
    static constexpr std::string_view kSets[] = {"armscii8", "cp1250", "cp852",  "cp866",   "dec8",
                                                 "geostd8",  "greek",  "hebrew", "keybcs2", "latin1",
                                                 "latin2",   "latin5", "latin7"};
    return std::find(std::begin(kSets), std::end(kSets), charset) != std::end(kSets);
}

std::unique_ptr<Transcoder> Transcoder::make(std::string_view charset) {
    const auto* name = std::find_if(std::begin(kCharsets), std::end(kCharsets),
                                    [&](const CharsetName& entry) { return entry.mysql == charset; });
    if (name == std::end(kCharsets)) return nullptr;
    iconv_t descriptor = iconv_open("UTF-8", name->iconv);
    if (descriptor == reinterpret_cast<iconv_t>(-1)) return nullptr;  // not installed
    std::unique_ptr<Transcoder> transcoder(new Transcoder);
    transcoder->iconv_ = descriptor;
    transcoder->form_ = name->form;
    transcoder->overrides_ = charset_overrides(charset);
    if (name->form == Form::kSingle) transcoder->fill_table();
    if (name->form < Form::kUcs2) {
        std::string ascii(128, '\0');
        std::iota(ascii.begin(), ascii.end(), '\0');
        uint64_t replaced = 0;
        transcoder->keeps_ascii_ = transcoder->convert(ascii, replaced) == ascii && replaced == 0;
    }
    return transcoder;
}

Transcoder::~Transcoder() {
    if (iconv_ != nullptr) iconv_close(iconv_);
}

void Transcoder::fill_table() {
    table_ = std::make_unique<Table>();
    for (unsigned byte = 0; byte < 256; ++byte) {
        Sequence& sequence = (*table_)[byte];
        char from = static_cast<char>(byte), to[8];
        if (const CharsetOverride* found = override_of({&from, 1})) {
            if (found->unicode != '?') {
                sequence.size = static_cast<uint8_t>(encode(found->unicode, sequence.bytes.data()));
            }
            continue;
        }
        char *in = &from, *out = to;
        size_t in_left = 1, out_left = sizeof to;
        iconv(iconv_, nullptr, nullptr, nullptr, nullptr);
        if (iconv(iconv_, &in, &in_left, &out, &out_left) == static_cast<size_t>(-1)) continue;
        iconv(iconv_, nullptr, nullptr, &out, &out_left);  // some sets hold a character back to compose it
        auto size = static_cast<size_t>(out - to);
        if (size < 1 || size > sequence.bytes.size()) continue;
        sequence.size = static_cast<uint8_t>(size);
        std::memcpy(sequence.bytes.data(), to, size);
    }
    iconv_close(iconv_);
    iconv_ = nullptr;
}

std::string_view Transcoder::convert(std::string_view bytes, uint64_t& replaced) {
    if (keeps_ascii_ && is_ascii(bytes)) return bytes;
    buffer_.clear();
    if (form_ == Form::kSingle) return convert_single(bytes, replaced);
    if (form_ == Form::kUcs2) return convert_ucs2(bytes);
    if (form_ == Form::kUtf32) return convert_utf32(bytes, replaced);
    return convert_multi(bytes, replaced);
}

// As the server does it: halves of surrogate pairs are characters like any other.
std::string_view Transcoder::convert_ucs2(std::string_view bytes) {
    uint8_t* begin = buffer_.extend(bytes.size() / 2 * 3);
    uint8_t* out = begin;
    for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
        out += encode(static_cast<uint16_t>(load_be(as_bytes(bytes).data() + i, 2)), out);
    }
    return {reinterpret_cast<const char*>(begin), static_cast<size_t>(out - begin)};
}

// Halves of surrogate pairs are characters here too, where the server stores them (MariaDB).
std::string_view Transcoder::convert_utf32(std::string_view bytes, uint64_t& replaced) {
    uint8_t* begin = buffer_.extend(bytes.size() + 4);
    uint8_t* out = begin;
    for (size_t i = 0; i < bytes.size(); i += 4) {
        uint64_t unicode = bytes.size() - i < 4 ? UINT64_MAX : load_be(as_bytes(bytes).data() + i, 4);
        if (unicode > 0x10ffff) {
            unicode = '?';
            ++replaced;
        }
        out += encode(static_cast<uint32_t>(unicode), out);
    }
    return {reinterpret_cast<const char*>(begin), static_cast<size_t>(out - begin)};
}

std::string_view Transcoder::convert_single(std::string_view bytes, uint64_t& replaced) {
    uint8_t* begin = buffer_.extend(bytes.size() * 3);
    uint8_t* out = begin;
    for (char c : bytes) {
        const Sequence& sequence = (*table_)[static_cast<uint8_t>(c)];
        if (sequence.size == 0) {
            *out++ = '?';
            ++replaced;
            continue;
        }
        for (uint8_t i = 0; i < sequence.size; ++i) *out++ = sequence.bytes[i];
    }
    return {reinterpret_cast<const char*>(begin), static_cast<size_t>(out - begin)};
}

// Bytes of the first character, going by its first two; not more than there are.
size_t Transcoder::character_size(std::string_view bytes) const {
    auto first = static_cast<uint8_t>(bytes[0]);
    auto second = static_cast<uint8_t>(bytes.size() > 1 ? bytes[1] : 0);
    size_t size = 1;
    switch (form_) {
        case Form::kSingle:
            break;
        case Form::kShiftJis:
            size = (first >= 0x81 && first <= 0x9f) || (first >= 0xe0 && first <= 0xfc) ? 2 : 1;
            break;
        case Form::kEuc:
            size = first == 0x8f                                       ? 3
                   : first == 0x8e && second >= 0xa1 && second <= 0xdf ? 2
                   : first >= 0xa1                                     ? 2
                                                                       : 1;
            break;
        case Form::kDouble:
            size = first >= 0x81 && first <= 0xfe ? 2 : 1;
            break;
        case Form::kGb18030:
            size = first < 0x81 || first > 0xfe ? 1 : second >= 0x30 && second <= 0x39 ? 4 : 2;
            break;
        case Form::kUcs2:
            size = 2;
            break;
        case Form::kUtf16:
            size = first >= 0xd8 && first <= 0xdb ? 4 : 2;
            break;
        case Form::kUtf16Le:
            size = second >= 0xd8 && second <= 0xdb ? 4 : 2;
            break;
        case Form::kUtf32:
            size = 4;
            break;
    }
    return std::min(size, bytes.size());
}

const CharsetOverride* Transcoder::override_of(std::string_view character) const {
    auto code = static_cast<uint32_t>(load_be(as_bytes(character).data(), character.size()));
    auto found =
        std::lower_bound(overrides_.begin(), overrides_.end(), code,
                         [](const CharsetOverride& entry, uint32_t value) { return entry.code < value; });
    return found != overrides_.end() && found->code == code ? &*found : nullptr;
}

std::string_view Transcoder::convert_multi(std::string_view bytes, uint64_t& replaced) {
    size_t done = 0;
    for (size_t i = 0; !overrides_.empty() && i < bytes.size();) {
        std::string_view character = bytes.substr(i, character_size(bytes.substr(i)));
        if (const CharsetOverride* found = override_of(character)) {
            convert_run(bytes.substr(done, i - done), replaced);
            uint8_t utf8[4];
            buffer_.append(utf8, encode(found->unicode, utf8));
            if (found->unicode == '?') ++replaced;
            done = i + character.size();
        }
        i += character.size();
    }
    convert_run(bytes.substr(done), replaced);
    return as_text(buffer_.span());
}

// Appends the conversion of whole characters, none of them overridden.
void Transcoder::convert_run(std::string_view run, uint64_t& replaced) {
    iconv(iconv_, nullptr, nullptr, nullptr, nullptr);
    while (!run.empty()) {
        // No set needs more than 3 bytes of UTF-8 for one of its own.
        size_t before = buffer_.size(), capacity = run.size() * 3 + 16;
        auto* begin = reinterpret_cast<char*>(buffer_.extend(capacity));
        char *in = const_cast<char*>(run.data()), *out = begin;
        size_t in_left = run.size(), out_left = capacity;
        bool good = iconv(iconv_, &in, &in_left, &out, &out_left) != static_cast<size_t>(-1);
        if (!good && errno == E2BIG) {
            throw Error(Disposition::kFailPipe, "decode", "text grew more than its character set allows");
        }
        iconv(iconv_, nullptr, nullptr, &out, &out_left);
        buffer_.truncate(before + static_cast<size_t>(out - begin));
        if (good) return;
        run = run.substr(run.size() - in_left);
        run = run.substr(character_size(run));
        buffer_.push_back('?');
        ++replaced;
    }
}

}  // namespace penstock
