#pragma once
// Random tables, random rows and random changes of them, as SQL. A seed and a server give the same ones.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/mysql_connection.h"
#include "source/server_info.h"
#include "support/column_kinds.h"

namespace penstock::test {

/// What random tables are made of on one server.
struct TableMaterial {
    ServerInfo info;
    std::vector<ColumnKind> kinds;
    std::vector<std::pair<std::string, std::string>> collations;  ///< name, character set
};
TableMaterial read_table_material(MysqlConnection& connection);

/// One table and the statements on it, each of which the server may refuse (a duplicate key, for one).
class RandomTable {
  public:
    /// `keyless` allows a table without primary or unique key, now and then.
    RandomTable(const TableMaterial& material, std::string database, uint64_t seed, bool keyless);
    ~RandomTable();
    RandomTable(RandomTable&&) noexcept;

    const std::string& name() const { return name_; }
    uint64_t seed() const { return seed_; }
    /// CREATE TABLE, after what it needs of session settings.
    std::vector<std::string> create();
    /// One INSERT of as many rows, less those whose key is there already.
    std::string insert(size_t rows);
    /// What one transaction does, its BEGIN and COMMIT or ROLLBACK included: inserts, updates of values and
    /// keys, deletes, of one row or several.
    std::vector<std::string> transaction();

  private:
    struct Column;

    void add_column(const TableMaterial& material, size_t index);
    void add_generated_column(size_t index);
    void choose_key(bool keyless);
    std::string change();
    std::string value(Column& column);
    std::string some_rows();
    uint64_t below(uint64_t limit) { return test::below(random_, limit); }

    bool mysql_;
    Random random_;
    uint64_t seed_;
    std::string name_;       // as it is
    std::string qualified_;  // quoted, with the database
    std::vector<Column> columns_;
    std::vector<size_t> key_;
    std::string key_sql_;
    bool invisible_key_ = false;  // MySQL makes one where there is none
    bool compress_ = false;       // MySQL: this session compresses its transactions
};

}  // namespace penstock::test
