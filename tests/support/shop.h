#pragma once
// Four tables with every kind of key and every column type, and a random writer on them.

#include <atomic>
#include <cstdint>
#include <random>
#include <string>

#include "source/mysql_connection.h"

namespace penstock::test {

/// Creates `database` with the tables by_int (integer key), by_pair (composite key), by_text (string key in a
/// case-insensitive collation) and every_type, each with `rows` rows.
void create_shop(MysqlConnection& connection, const std::string& database, uint32_t rows);

/// Random changes on the shop's tables: single rows, many rows, transactions of several statements, key
/// changes, deletes, rollbacks. The same seed gives the same statements.
class ShopWriter {
  public:
    ShopWriter(MysqlConnection& connection, std::string database, uint32_t rows, uint64_t seed);

    /// Makes at least `changes` row changes, or fewer when `stop` becomes true. Returns how many.
    uint64_t run(uint64_t changes, const std::atomic<bool>& stop);

  private:
    void transaction();
    void statement();
    uint32_t below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }
    std::string key_condition(const std::string& table);
    std::string every_type_values(uint32_t id);

    MysqlConnection& connection_;
    std::string database_;
    uint32_t rows_;
    uint32_t next_id_;
    std::mt19937_64 random_;
    uint64_t changes_ = 0;
};

}  // namespace penstock::test
