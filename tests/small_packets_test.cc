// A source that takes statements of 1 MB at most, as many do: nothing that is asked of it may be longer.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "source/partition_planner.h"
#include "source/server_info.h"
#include "source/table_definition.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;

class SmallPackets : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        admin_.emplace(MysqlConnection::open(source_endpoint(GetParam())));
        before_ = admin_->query_value("SELECT @@GLOBAL.max_allowed_packet").value();
        admin_->execute("SET GLOBAL max_allowed_packet = 1048576");
        connection_.emplace(MysqlConnection::open(source_endpoint(GetParam())));
    }
    void TearDown() override {
        set_counted_rows_for_tests(0);
        admin_->execute("SET GLOBAL max_allowed_packet = " + before_);
    }

    std::optional<MysqlConnection> admin_, connection_;
    std::string before_;
};

TEST_P(SmallPackets, TablesWithLongKeysAreCut) {
    constexpr int kRows = 4000;
    connection_->execute("DROP DATABASE IF EXISTS small_packets");
    connection_->execute("CREATE DATABASE small_packets");
    connection_->execute("CREATE TABLE small_packets.t (k VARCHAR(700) CHARACTER SET utf8mb4 PRIMARY KEY)");
    for (int first = 0; first < kRows; first += 200) {
        std::string values;
        for (int n = first; n < first + 200; ++n)
            values +=
                fmt::format("{}(CONCAT(REPEAT('k', 690), LPAD({}, 8, '0')))", n == first ? "" : ", ", n);
        connection_->execute("INSERT INTO small_packets.t VALUES " + values);
    }
    connection_->execute("ANALYZE TABLE small_packets.t");
    set_counted_rows_for_tests(100);
    const ServerInfo info = read_server_info(*connection_);
    const TableSchema schema = read_table_schema(*connection_, info, "small_packets", "t");
    int rows = 0;
    const auto partitions = plan_partitions(*connection_, schema, "", 20);
    for (const Partition& p : partitions) {
        rows += std::stoi(
            connection_->query_value("SELECT COUNT(*) FROM small_packets.t WHERE " + p.predicate).value());
    }
    EXPECT_EQ(rows, kRows);
    EXPECT_GE(partitions.size(), 100u);
    connection_->execute("DROP DATABASE small_packets");
}

INSTANTIATE_TEST_SUITE_P(Servers, SmallPackets, testing::Values("MYSQL", "MARIADB"));

}  // namespace
}  // namespace penstock
