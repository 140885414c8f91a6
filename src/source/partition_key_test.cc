#include "source/partition_key.h"

#include "source/partition_planner.h"
#include "source/test_server.h"

namespace penstock {
namespace {

using State = Prerequisite::State;

class PartitionKeyTest : public ServerTest {
  protected:
    Prerequisite look(const std::string& table, const std::string& column) {
        return check_partition_key(*connection_, schema_of(table), column);
    }
    size_t partitions(const std::string& table, const std::string& column) {
        return plan_partitions(*connection_, schema_of(table), column, 1).size();
    }
};

TEST_P(PartitionKeyTest, SaysWhetherItDividesTheLoad) {
    sql("CREATE TABLE t (id INT PRIMARY KEY, a INT NOT NULL, b INT NOT NULL, day DATE, note VARCHAR(20),"
        " KEY (b, a), KEY (day))");
    sql("INSERT INTO t VALUES (1, 1, 1, '2020-01-01', 'x'), (2, 2, 2, '2020-01-02', 'y'), (3, 3, 3, NULL, "
        "'z')");
    for (const char* column : {"id", "b", "day"}) {
        EXPECT_EQ(
            look("t", column),
            (Prerequisite{"partition key of " + database_ + ".t", State::kOk,
                          std::string("partitionKey names column ") + column + ", which an index begins with",
                          "an index that begins with it: without one the table is read in one pass, not in "
                          "parts",
                          ""}));
        EXPECT_EQ(partitions("t", column), 3u) << column;
    }
    const Prerequisite none = look("t", "a");  // second in its index
    EXPECT_EQ(none.state, State::kWarning);
    EXPECT_EQ(none.found, "partitionKey names column a, which no index begins with");
    EXPECT_EQ(partitions("t", "a"), 1u);
    sql(none.fix_sql);
    EXPECT_EQ(look("t", "a").state, State::kOk);
    EXPECT_EQ(partitions("t", "a"), 3u);

    EXPECT_EQ(look("t", "note").state, State::kFailed);
    EXPECT_EQ(look("t", "note").found, "partitionKey names column note, which is varchar(20)");
    EXPECT_EQ(look("t", "nope").state, State::kFailed);
    EXPECT_EQ(look("t", "nope").found, "partitionKey names column nope, which the table does not have");
}

TEST_P(PartitionKeyTest, AnIndexThatTheOptimizerDoesNotUseIsNone) {
    const std::string hidden = mariadb() ? "IGNORED" : "INVISIBLE";
    sql("CREATE TABLE t (id INT PRIMARY KEY, a INT NOT NULL, KEY `on` (a) " + hidden + ", KEY pad (id))");
    sql("INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)");
    const Prerequisite item = look("t", "a");
    EXPECT_EQ(item.state, State::kWarning);
    EXPECT_EQ(item.found,
              "partitionKey names column a, whose index `on` is " + hidden + ": no query may use it");
    EXPECT_EQ(item.fix_sql, "ALTER TABLE `" + database_ + "`.`t` ALTER INDEX `on` " +
                                (mariadb() ? "NOT IGNORED" : "VISIBLE"));
    EXPECT_EQ(partitions("t", "a"), 1u);
    sql(item.fix_sql);
    EXPECT_EQ(look("t", "a").state, State::kOk);
    EXPECT_EQ(partitions("t", "a"), 3u);
}

INSTANTIATE_TEST_SUITE_P(Servers, PartitionKeyTest, testing::Values("MYSQL", "MARIADB"));

}  // namespace
}  // namespace penstock
