#pragma once
// The characters that are one letter in a name, as servers fold them. Used by name_fold.cc only.
//
// Groups with a space between them, in UTF-8; a character of no group is alone. Taken from MySQL 9.7 and
// MariaDB 10.11 and 11.8, which were asked for every character of the BMP; tests/names_test.cc asks again.

#include <string_view>

namespace penstock {

extern const std::string_view kLowerCase;
extern const std::string_view kGeneralCi;
extern const std::string_view kUnicode14;

}  // namespace penstock
