#pragma once
// MySQL's character sets, to UTF-8: by iconv(3), corrected where the server's mapping is another one (latin1
// is cp1252 with its five undefined bytes as control characters; see charset_overrides.cc).

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/byte_buffer.h"
#include "decode/charset_overrides.h"

namespace penstock {

/// True for the sets whose bytes are UTF-8 already: utf8mb4, utf8mb3 (also named utf8), binary.
bool is_utf8(std::string_view charset);

/// The set of a statement whose client collation has this number (SHOW COLLATION), by MySQL's name; empty
/// where its bytes are UTF-8 or the number is not known.
std::string_view charset_of_collation(uint16_t id);
/// The set of a column whose collation has this number, also "utf8mb4", "utf16" or "binary"; empty where the
/// number is not known (MySQL lets people add some).
std::string_view column_charset_of_collation(uint16_t id);

/// A client's set in which servers take U+00A0 for a blank between words, and not for a letter.
bool has_blank_nbsp(std::string_view charset);

/// Turns values of one column into UTF-8. Allocates when built, and afterwards only to grow its buffer.
class Transcoder {
  public:
    /// `charset` by MySQL's name ("latin1", "sjis", ...). Null when Penstock does not know it.
    static std::unique_ptr<Transcoder> make(std::string_view charset);
    ~Transcoder();
    Transcoder(const Transcoder&) = delete;
    Transcoder& operator=(const Transcoder&) = delete;

    /// The text as UTF-8, valid until the next call and no longer than `bytes`, which it may be. Like the
    /// server, gives '?' for a character that the set does not define and adds the number of these to
    /// `replaced`.
    std::string_view convert(std::string_view bytes, uint64_t& replaced);

    /// How the bytes of a set divide into characters.
    enum class Form : uint8_t {
        kSingle,
        kShiftJis,
        kEuc,
        kDouble,
        kGb18030,
        kUcs2,
        kUtf16,
        kUtf16Le,
        kUtf32
    };

  private:
    struct Sequence {
        uint8_t size = 0;  // 0: not defined
        std::array<uint8_t, 3> bytes{};
    };
    using Table = std::array<Sequence, 256>;

    Transcoder() = default;
    std::string_view convert_single(std::string_view bytes, uint64_t& replaced);
    std::string_view convert_ucs2(std::string_view bytes);
    std::string_view convert_utf32(std::string_view bytes, uint64_t& replaced);
    std::string_view convert_multi(std::string_view bytes, uint64_t& replaced);
    void convert_run(std::string_view run, uint64_t& replaced);
    size_t character_size(std::string_view bytes) const;
    const CharsetOverride* override_of(std::string_view character) const;
    void fill_table();

    void* iconv_ = nullptr;  // iconv_t; null once the table is made
    Form form_ = Form::kSingle;
    bool keeps_ascii_ = false;  // ASCII text is itself; not in swe7, nor where characters are wider
    std::span<const CharsetOverride> overrides_;
    std::unique_ptr<Table> table_;  // of a single-byte set
    ByteBuffer buffer_;
};

}  // namespace penstock
