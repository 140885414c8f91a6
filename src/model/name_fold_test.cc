#include "model/name_fold.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

// Which of these are one was tried with tables, columns and savepoints: tests/names_test.cc.
TEST(NameFold, SaysWhatIsOneName) {
    struct Case {
        const char *a, *b;
        bool lower, general, unicode;
    };
    for (const Case& c : {Case{"Orders", "oRDERS", true, true, true},
                          {"É", "é", true, true, true},
                          {"é", "e", false, true, false},
                          {"ß", "s", false, true, false},
                          {"ß", "ss", false, false, false},
                          {"ς", "Σ", false, true, true},
                          {"İ", "i", true, true, false},
                          {"ı", "I", false, true, true},
                          {"Ⴀ", "ⴀ", false, false, true},
                          {"ж", "Ж", true, true, true},
                          {"a ", "a", false, false, false},
                          {"日", "本", false, false, false},
                          {"\xff", "\xfe", false, false, false},
                          {"a\xc3", "A\xc3", true, true, true},
                          {"", "", true, true, true}}) {
        EXPECT_EQ(same_name(c.a, c.b, NameFold::kLowerCase), c.lower) << c.a << ' ' << c.b;
        EXPECT_EQ(same_name(c.a, c.b, NameFold::kGeneralCi), c.general) << c.a << ' ' << c.b;
        EXPECT_EQ(same_name(c.a, c.b, NameFold::kUnicode14), c.unicode) << c.a << ' ' << c.b;
        EXPECT_EQ(same_name(c.a, c.b, NameFold::kExact), std::string_view(c.a) == c.b);
    }
    EXPECT_TRUE(same_name("\U0001d4d0", "?", NameFold::kGeneralCi));
}

}  // namespace
}  // namespace penstock
