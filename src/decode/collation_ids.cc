// Collation numbers of MySQL and MariaDB, as information_schema.COLLATIONS lists them (MySQL 9.7,
// MariaDB 10.11 and 11.8, which agree). First the character sets that a client can send statements in and
// whose bytes are not UTF-8, then those of columns only and of many collations, by ranges that no other
// set is in.

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

struct CollationRange {
    uint16_t first, last;
    std::string_view charset;
};

const CollationRange kRanges[] = {
    {33, 33, "utf8mb3"},   {76, 76, "utf8mb3"},   {83, 83, "utf8mb3"},     {192, 215, "utf8mb3"},
    {223, 223, "utf8mb3"}, {576, 579, "utf8mb3"}, {2048, 2303, "utf8mb3"}, {45, 46, "utf8mb4"},
    {224, 247, "utf8mb4"}, {255, 323, "utf8mb4"}, {608, 611, "utf8mb4"},   {2304, 2559, "utf8mb4"},
    {35, 35, "ucs2"},      {90, 90, "ucs2"},      {128, 151, "ucs2"},      {159, 159, "ucs2"},
    {640, 643, "ucs2"},    {2560, 2815, "ucs2"},  {54, 55, "utf16"},       {101, 124, "utf16"},
    {672, 675, "utf16"},   {2816, 3071, "utf16"}, {56, 56, "utf16le"},     {62, 62, "utf16le"},
    {60, 61, "utf32"},     {160, 183, "utf32"},   {736, 739, "utf32"},     {3072, 3327, "utf32"},
    {63, 63, "binary"},
};

uint16_t with_padding(uint16_t id) {
    constexpr uint16_t kNoPad = 1024;  // MariaDB: the same collation without padding
    return id >= kNoPad && id < 2 * kNoPad ? static_cast<uint16_t>(id - kNoPad) : id;
}

}  // namespace

std::string_view column_charset_of_collation(uint16_t id) {
    id = with_padding(id);
    for (const CollationRange& range : kRanges) {
        if (id >= range.first && id <= range.last) return range.charset;
    }
    return charset_of_collation(id);
}

std::string_view charset_of_collation(uint16_t id) {
    id = with_padding(id);
    for (const Collations& collations : kCollations) {
        if (std::find(collations.ids.begin(), collations.ids.end(), id) != collations.ids.end())
            return collations.charset;
    }
    return {};
}

}  // namespace penstock
