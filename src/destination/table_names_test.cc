#include "destination/table_names.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

constexpr const char* kId = "6f1f1c62-53f1-4d6a-8a77-000000000001";
constexpr const char* kOther = "6f1f1c62-53f1-4d6a-8a77-000000000002";

TEST(TableNames, a_temporary_name_is_of_its_table_and_its_id) {
    const std::string name = temporary_name("shop", "orders", "_load_", kId);
    EXPECT_EQ(name.substr(0, 12), "orders_load_");
    EXPECT_EQ(name.size(), 20u);
    EXPECT_EQ(name.find_first_not_of("0123456789abcdef", 12), name.npos) << name;
    EXPECT_EQ(name, temporary_name("shop", "orders", "_load_", kId));
    EXPECT_NE(name, temporary_name("shop", "orders", "_load_", kOther));
    EXPECT_NE(name.substr(12), temporary_name("shop", "order", "_load_", kId).substr(11));
}

TEST(TableNames, a_long_name_is_cut_between_characters_and_stays_distinct) {
    for (const std::string& database : {std::string("d"), std::string(150, 'd'), std::string(60, '-')}) {
        for (const std::string& letter : {std::string("t"), std::string("ä"), std::string("-")}) {
            std::string table;
            while (escaped_size(table + letter) <= kMaxTableName) table += letter;
            const std::string a = temporary_name(database, table + "a", "_resync_", kId);
            const std::string b = temporary_name(database, table + "b", "_resync_", kId);
            EXPECT_NE(a, b);
            EXPECT_LE(escaped_size(a), kMaxTableName);
            EXPECT_LE(escaped_size(a) + escaped_size(database), kMaxBothNames);
            const std::string kept = a.substr(0, a.find("_resync_"));
            EXPECT_EQ(kept.size() % letter.size(), 0u) << kept;
            EXPECT_EQ(table.substr(0, kept.size()), kept);
        }
    }
    EXPECT_EQ(temporary_name(std::string(kMaxBothNames - kTemporaryPart, 'd'), "t", "_resync_", kId).size(),
              kTemporaryPart);
}

}  // namespace
}  // namespace penstock
