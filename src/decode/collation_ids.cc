// Collation numbers of MySQL and MariaDB, as information_schema.COLLATIONS lists them (MySQL 9.7,
// MariaDB 10.11 and 11.8, which agree). Only the character sets that a client can send statements in and
// whose bytes are not UTF-8: ucs2, utf16 and utf32 cannot be a client's.

#include <algorithm>
#include <initializer_list>

#include "decode/charset.h"

namespace penstock {

namespace {

struct Collations {
    std::string_view charset;
    std::initializer_list<uint16_t> ids;
};

const Collations kCollations[] = {
    {"armscii8", {32, 64}},
    {"ascii", {11, 65}},
    {"big5", {1, 84}},
    {"cp1250", {26, 34, 44, 66, 99}},
    {"cp1251", {14, 23, 50, 51, 52}},
    {"cp1256", {57, 67}},
    {"cp1257", {29, 58, 59}},
    {"cp850", {4, 80}},
    {"cp852", {40, 81}},
    {"cp866", {36, 68}},
    {"cp932", {95, 96}},
    {"dec8", {3, 69}},
    {"eucjpms", {97, 98}},
    {"euckr", {19, 85}},
    {"gb18030", {248, 249, 250}},
    {"gb2312", {24, 86}},
    {"gbk", {28, 87}},
    {"geostd8", {92, 93}},
    {"greek", {25, 70}},
    {"hebrew", {16, 71}},
    {"hp8", {6, 72}},
    {"keybcs2", {37, 73}},
    {"koi8r", {7, 74}},
    {"koi8u", {22, 75}},
    {"latin1", {5, 8, 15, 31, 47, 48, 49, 94}},
    {"latin2", {2, 9, 21, 27, 77}},
    {"latin5", {30, 78}},
    {"latin7", {20, 41, 42, 79}},
    {"macce", {38, 43}},
    {"macroman", {39, 53}},
    {"sjis", {13, 88}},
    {"swe7", {10, 82}},
    {"tis620", {18, 89}},
    {"ujis", {12, 91}},
};

}  // namespace

std::string_view charset_of_collation(uint16_t id) {
    constexpr uint16_t kNoPad = 1024;  // MariaDB: the same collation without padding
    if (id >= kNoPad && id < 2 * kNoPad) id = static_cast<uint16_t>(id - kNoPad);
    for (const Collations& collations : kCollations) {
        if (std::find(collations.ids.begin(), collations.ids.end(), id) != collations.ids.end())
            return collations.charset;
    }
    return {};
}

}  // namespace penstock
