#include "pipe/resync_wanted.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(ResyncWanted, KeepsEveryNameApart) {
    const ResyncWanted wanted{.targets = {"*", "a\nb", "true", "\"q\""}};
    const ResyncWanted stored = ResyncWanted::parse(wanted.to_text());
    EXPECT_FALSE(stored.all);
    EXPECT_EQ(stored.targets, wanted.targets);
    EXPECT_TRUE(stored.wants("a\nb"));
    EXPECT_FALSE(stored.wants("a"));
}

TEST(ResyncWanted, AllIsNeverNarrowed) {
    for (bool first : {true, false}) {
        ResyncWanted wanted{.all = first, .targets = {}};
        if (!first) wanted.targets = {"b"};
        wanted.join(first ? ResyncWanted{.targets = {"b"}} : ResyncWanted{.all = true});
        EXPECT_TRUE(ResyncWanted::parse(wanted.to_text()).wants("c"));
    }
}

TEST(ResyncWanted, NothingIsEmpty) {
    EXPECT_EQ(ResyncWanted{}.to_text(), "");
    EXPECT_TRUE(ResyncWanted::parse("").none());
    ResyncWanted wanted{.targets = {"a"}};
    wanted.join({.targets = {"a", "b"}});
    EXPECT_EQ(wanted.to_text(), R"(["a","b"])");
}

}  // namespace
}  // namespace penstock
