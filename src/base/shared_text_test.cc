#include "base/shared_text.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(SharedText, IsOneForAllThatAreEqual) {
    const SharedText a("customer_id"), b(std::string("customer_") + "id"), other("customer_ID");
    EXPECT_EQ(&a.str(), &b.str());
    EXPECT_EQ(a, b);
    EXPECT_NE(a, other);
    EXPECT_EQ(a, "customer_id");
    EXPECT_EQ(a + "," + other, "customer_id,customer_ID");
    EXPECT_EQ(SharedText(), SharedText(""));
    EXPECT_TRUE(SharedText().empty());
    EXPECT_EQ(SharedText(std::string_view("a\0b", 3)).str().size(), 3u);
}

TEST(SharedText, IsMadeByManyThreads) {
    constexpr int kTexts = 1000;
    std::vector<std::vector<const std::string*>> found(4);
    {
        std::vector<std::jthread> threads;
        threads.reserve(found.size());
        for (auto& mine : found) {
            threads.emplace_back([&mine] {
                for (int i = 0; i < kTexts; ++i)
                    mine.push_back(&SharedText("of_many_" + std::to_string(i)).str());
            });
        }
    }
    for (const auto& other : found) EXPECT_EQ(other, found[0]);
    for (int i = 0; i < kTexts; ++i)
        EXPECT_EQ(*found[0][static_cast<size_t>(i)], "of_many_" + std::to_string(i));
}

}  // namespace
}  // namespace penstock
