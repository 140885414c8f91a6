#include "batch/collapse.h"

#include <string>

#include <gtest/gtest.h>

namespace penstock {
namespace {

constexpr uint32_t kRows = 4000;

TargetType nullable(TargetKind kind) {
    TargetType type{kind};
    type.nullable = true;
    return type;
}

TablePlan make_plan(std::vector<uint32_t> sorting_key) {
    TablePlan plan;
    plan.columns = {{"id", TargetType{TargetKind::kInt32}, 0},
                    {"name", nullable(TargetKind::kString), 1},
                    {"vector", TargetType{TargetKind::kFloat32Array}, 2},
                    {"amount", nullable(TargetKind::kInt64), 3}};
    plan.sorting_key = std::move(sorting_key);
    return plan;
}

/// Row `n` as text, whatever became of the rows in front of it.
std::string row_text(const Block& block, size_t n) {
    auto name = [&]() -> std::string {
        if (block.columns[1].nulls()[n] != 0) return "NULL";
        ByteReader reader(block.columns[1].values(), "test");
        for (size_t i = 0; i < n; ++i) reader.skip(reader.varint());
        return std::string(as_text(reader.bytes(reader.varint())));
    };
    auto vector = [&] {
        ByteSpan ends = block.columns[2].array_ends();
        const uint64_t begin = n == 0 ? 0 : load_le<8>(ends.data() + 8 * (n - 1));
        const uint64_t end = load_le<8>(ends.data() + 8 * n);
        std::string text;
        for (uint64_t i = begin; i < end; ++i) {
            float value;
            std::memcpy(&value, block.columns[2].values().data() + 4 * i, 4);
            text += std::to_string(static_cast<int>(value)) + ",";
        }
        return text;
    };
    const auto id = static_cast<int32_t>(load_le<4>(block.columns[0].values().data() + 4 * n));
    const bool null = block.columns[3].nulls()[n] != 0;
    const auto amount = static_cast<int64_t>(load_le<8>(block.columns[3].values().data() + 8 * n));
    return std::to_string(id) + "|" + name() + "|" + vector() + "|" +
           (null ? "NULL" : std::to_string(amount)) + "|" + std::to_string(block.is_deleted.data()[n]) + "|" +
           std::to_string(load_le<8>(block.version.data() + 8 * n));
}

/// What the block's rows are made of, by number.
struct Made {
    int32_t id;
    std::string name;
    bool null_name;
};

Block make_block(const TablePlan& plan, Made (*make)(uint32_t)) {
    Block block(plan);
    block.distinct_keys = false;
    for (uint32_t n = 0; n < kRows; ++n) {
        const Made made = make(n);
        block.columns[0].append<int32_t>(made.id);
        if (made.null_name) {
            block.columns[1].append_null();
        } else {
            block.columns[1].append_string(made.name);
        }
        const std::vector<float> floats(n % 4, static_cast<float>(n));
        block.columns[2].append_floats({reinterpret_cast<const uint8_t*>(floats.data()), floats.size() * 4});
        if (n % 3 == 0) {
            block.columns[3].append_null();
        } else {
            block.columns[3].append<int64_t>(-int64_t{n});
        }
        block.finish_row(10 + n, n % 5 == 0);
    }
    return block;
}

/// Collapses, and holds what is left against the last row of each key, in the order of the rows.
void expect_last_of_each(const TablePlan& plan, Made (*make)(uint32_t), size_t expected,
                         std::string (*key)(const Made&)) {
    Block block = make_block(plan, make);
    std::vector<std::string> wanted;
    for (uint32_t n = 0; n < kRows; ++n) {
        bool again = false;
        for (uint32_t later = n + 1; later < kRows && !again; ++later)
            again = key(make(n)) == key(make(later));
        if (!again) wanted.push_back(row_text(block, n));
    }
    ASSERT_EQ(wanted.size(), expected);

    auto kept = last_images(block);
    ASSERT_TRUE(kept.has_value());
    block.keep_rows(*kept);
    ASSERT_EQ(block.rows, wanted.size());
    for (size_t n = 0; n < wanted.size(); ++n) ASSERT_EQ(row_text(block, n), wanted[n]) << n;
}

TEST(Collapse, KeepsTheLastRowOfAnIntegerKey) {
    expect_last_of_each(
        make_plan({0}),
        [](uint32_t n) {
            return Made{static_cast<int32_t>(n * 7 % 300) - 150, "x", false};
        },
        300, [](const Made& made) { return std::to_string(made.id); });
}

TEST(Collapse, KeepsTheLastRowOfAStringKey) {
    // Lengths of one and of two bytes in front.
    expect_last_of_each(
        make_plan({1}),
        [](uint32_t n) {
            return Made{static_cast<int32_t>(n), std::string(n * 7 % 260, 'k'), false};
        },
        260, [](const Made& made) { return made.name; });
}

TEST(Collapse, NullIsAKeyOfItsOwn) {
    expect_last_of_each(
        make_plan({1, 0}),
        [](uint32_t n) {
            return Made{static_cast<int32_t>(n % 5), n % 3 == 0 ? "" : "a", n % 6 == 0};
        },
        15,
        [](const Made& made) {
            return std::to_string(made.id) + (made.null_name ? "NULL" : "'" + made.name + "'");
        });
}

TEST(Collapse, OneHotRow) {
    expect_last_of_each(
        make_plan({0}),
        [](uint32_t) {
            return Made{1, "hot", false};
        },
        1, [](const Made& made) { return std::to_string(made.id); });
}

TEST(Collapse, LeavesBlocksThatWouldHardlyShrink) {
    TablePlan plan = make_plan({0});
    auto mostly_distinct = [](uint32_t n) { return Made{static_cast<int32_t>(n % 3500), "x", false}; };
    EXPECT_FALSE(last_images(make_block(plan, mostly_distinct)).has_value());
    // Half of the rows could go: of wide ones, not of narrow ones.
    auto narrow = [](uint32_t n) { return Made{static_cast<int32_t>(n % 2000), "x", false}; };
    EXPECT_FALSE(last_images(make_block(plan, narrow)).has_value());
    auto wide = [](uint32_t n) { return Made{static_cast<int32_t>(n % 2000), std::string(100, 'x'), false}; };
    EXPECT_EQ(last_images(make_block(plan, wide)).value().size(), 2000u);
    // Narrow rows with a key of strings: their places would take as much as they do.
    auto places = [](uint32_t n) { return Made{1, std::string(1, static_cast<char>('a' + n % 3)), false}; };
    TablePlan of_strings = make_plan({1});
    EXPECT_TRUE(last_images(make_block(of_strings, places)).has_value());
    of_strings.sorting_key = {1, 1, 1};
    EXPECT_FALSE(last_images(make_block(of_strings, places)).has_value());
    auto hot = [](uint32_t) { return Made{1, "x", false}; };
    Block distinct = make_block(plan, hot);
    distinct.distinct_keys = true;
    EXPECT_FALSE(last_images(distinct).has_value());
    plan.engine = TableEngine::kMergeTree;  // keeps every row
    EXPECT_FALSE(last_images(make_block(plan, hot)).has_value());
}

}  // namespace
}  // namespace penstock
