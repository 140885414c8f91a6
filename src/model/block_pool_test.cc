#include "model/block_pool.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

TablePlan plan_of(uint32_t id) {
    TablePlan plan;
    plan.id = id;
    plan.columns.resize(1);
    plan.columns[0].type.kind = TargetKind::kString;
    return plan;
}

Block filled(const TablePlan& plan, size_t bytes) {
    Block block(plan);
    block.columns[0].append_string(std::string(bytes, 'x'));
    block.finish_row(1, false);
    block.distinct_keys = false;
    return block;
}

TEST(BlockPool, GivesTheMemoryOfATableBackToItEmpty) {
    TablePlan a = plan_of(0), b = plan_of(1);
    BlockPool pool(size_t{4} << 20);
    Block used = filled(a, size_t{1} << 20);
    const uint8_t* memory = used.columns[0].values().data();
    pool.give_back(std::move(used));
    EXPECT_EQ(pool.take(b).capacity(), 0u);
    Block again = pool.take(a);
    EXPECT_EQ(again.columns[0].values().data(), memory);
    EXPECT_GE(again.capacity(), size_t{1} << 20);
    EXPECT_EQ(again.plan, &a);
    EXPECT_EQ(again.rows, 0u);
    EXPECT_EQ(again.bytes(), 0u);
    EXPECT_TRUE(again.distinct_keys);
    EXPECT_EQ(pool.take(a).capacity(), 0u);  // it was the only one
}

TEST(BlockPool, DropsTheOldestBeyondItsLimitAndWhatIsSmallOrTooLarge) {
    TablePlan a = plan_of(0), b = plan_of(1);
    BlockPool pool(size_t{4} << 20);
    pool.give_back(filled(b, 1000));
    pool.give_back(filled(b, size_t{5} << 20));
    EXPECT_EQ(pool.take(b).capacity(), 0u);
    pool.give_back(filled(a, size_t{3} << 20));
    pool.give_back(filled(b, size_t{2} << 20));
    EXPECT_EQ(pool.take(a).capacity(), 0u);
    EXPECT_GE(pool.take(b).capacity(), size_t{2} << 20);
    pool.give_back(filled(a, size_t{3} << 20));  // what was taken does not count any more
    EXPECT_GE(pool.take(a).capacity(), size_t{3} << 20);
}

}  // namespace
}  // namespace penstock
