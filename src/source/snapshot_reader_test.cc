#include "source/snapshot_reader.h"

#include <atomic>
#include <thread>

#include "source/binlog_stream.h"
#include "source/test_server.h"

namespace penstock {
namespace {

class SnapshotReaderTest : public ServerTest {
  protected:
    std::vector<std::string> read_all(SnapshotReader& reader, const TableSchema& schema,
                                      const std::string& predicate = "") {
        std::vector<std::string> values;
        RowStream rows = reader.read(schema, {"`a`", "`b` + 0"}, predicate);
        while (rows.next()) {
            values.push_back(
                std::string(rows.values()[0], rows.lengths()[0]) + "/" +
                (rows.values()[1] == nullptr ? "NULL" : std::string(rows.values()[1], rows.lengths()[1])));
        }
        return values;
    }
    /// The number in the first row that the log has after `position`.
    size_t first_number_after(const Position& position) {
        auto stream = BinlogStream::open(endpoint_, info_, position);
        const std::string marker = database_ + "#";
        for (int events = 0; events < 100'000; ++events) {
            const std::string_view event = as_text(stream.next());
            const size_t at = event.find(marker);
            if (at == std::string_view::npos) continue;
            return std::stoul(std::string(event.substr(at + marker.size(), 10)));
        }
        return 0;
    }
};

TEST_P(SnapshotReaderTest, SeesOneStateWhateverComesLater) {
    sql("CREATE TABLE t (a INT PRIMARY KEY, b INT)");
    sql("INSERT INTO t VALUES (1, 10), (2, NULL)");
    const TableSchema schema = schema_of("t");
    const Position before = current_position(*connection_, info_, ReplicationMechanism::kGtid);
    auto reader = SnapshotReader::open(endpoint_, info_, ReplicationMechanism::kGtid);
    sql("INSERT INTO t VALUES (3, 30)");
    sql("UPDATE t SET b = 11 WHERE a = 1");
    EXPECT_EQ(read_all(reader, schema), (std::vector<std::string>{"1/10", "2/NULL"}));
    EXPECT_EQ(read_all(reader, schema, "`a` >= 2"), (std::vector<std::string>{"2/NULL"}));
    EXPECT_TRUE(reader.position_after().reached(before));
    EXPECT_FALSE(
        reader.position_after().reached(current_position(*connection_, info_, ReplicationMechanism::kGtid)));
    EXPECT_EQ(error_of([&] {
                  reader.connection().execute("INSERT INTO " + database_ + ".t VALUES (9, 9)");
              }).disposition(),
              Disposition::kFailPipe);
}

TEST_P(SnapshotReaderTest, AGlobalReadCommittedDoesNotTakeTheViewAway) {
    // As a server that is set to READ COMMITTED would: the session's level at the start is not ours to trust.
    auto reader = SnapshotReader::open(endpoint_, info_, ReplicationMechanism::kGtid);
    EXPECT_EQ(reader.connection().query_value(mariadb() ? "SELECT @@tx_isolation"
                                                        : "SELECT @@transaction_isolation"),
              "REPEATABLE-READ");
}

TEST_P(SnapshotReaderTest, AMissingTableIsNamed) {
    auto reader = SnapshotReader::open(endpoint_, info_, ReplicationMechanism::kFilePos);
    EXPECT_NE(reader.position_after().file(), nullptr);
    TableSchema gone;
    gone.database = database_;
    gone.name = "gone";
    EXPECT_EQ(error_of([&] { reader.read(gone, {"1"}, ""); }).table(), database_ + ".gone");
}

TEST_P(SnapshotReaderTest, ExactSnapshotsAgreeUnderWrites) {
    // Each transaction writes the next number into both tables: every view must see the same numbers, and a
    // dump from the position must go on with the next one.
    sql("CREATE TABLE x (a INT PRIMARY KEY, b VARCHAR(80))");
    sql("CREATE TABLE y LIKE x");
    const std::vector<TableSchema> tables{schema_of("x"), schema_of("y")};
    std::atomic<bool> stop{false};
    std::thread writer([&] {
        auto connection = MysqlConnection::open(endpoint_);
        connection.execute("USE " + database_);
        for (int n = 1; !stop; ++n) {
            const std::string row =
                "(" + std::to_string(n) + ", '" + database_ + "#" + std::to_string(n) + "#')";
            connection.execute("BEGIN");
            connection.execute("INSERT INTO x VALUES " + row);
            connection.execute("INSERT INTO y VALUES " + row);
            connection.execute("COMMIT");
        }
    });
    int unlocked = 0;
    for (int round = 0; round < 10; ++round) {
        const auto mechanism = round % 2 == 0 ? ReplicationMechanism::kGtid : ReplicationMechanism::kFilePos;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        try {
            ExactSnapshots snapshots = open_exact_snapshots(endpoint_, info_, mechanism, 3, tables);
            ASSERT_EQ(snapshots.readers.size(), 3u);
            // A writer that never rests may leave MariaDB no gap between two commits: then it is the lock.
            EXPECT_TRUE(mariadb() || snapshots.method == "LOCK TABLES") << snapshots.method;
            unlocked += snapshots.method == "no lock" ? 1 : 0;
            std::vector<size_t> counts;
            for (SnapshotReader& reader : snapshots.readers) {
                EXPECT_EQ(reader.position_after(), snapshots.position);
                counts.push_back(read_all(reader, tables[0]).size());
                counts.push_back(read_all(reader, tables[1]).size());
            }
            for (size_t count : counts) EXPECT_EQ(count, counts[0]);
            EXPECT_EQ(first_number_after(snapshots.position), counts[0] + 1)
                << snapshots.position.to_string();
        } catch (const Error& e) {
            ADD_FAILURE() << e.what();
        }
    }
    stop = true;
    writer.join();
    EXPECT_EQ(unlocked > 0, mariadb());
}

TEST_P(SnapshotReaderTest, WithoutLocksItIsSaid) {
    if (mariadb()) return;  // needs none
    sql("CREATE TABLE t (a INT PRIMARY KEY, b INT)");
    SourceEndpoint reader = new_user("nolock", {"SELECT, REPLICATION CLIENT ON *.*"});
    Error e = error_of(
        [&] { open_exact_snapshots(reader, info_, ReplicationMechanism::kGtid, 2, {schema_of("t")}); });
    EXPECT_EQ(e.disposition(), Disposition::kFailPipe);
    EXPECT_NE(e.hint().find("GRANT LOCK TABLES"), std::string::npos) << e.what();
    SourceEndpoint locker = new_user("reload", {"SELECT, RELOAD ON *.*"});
    auto snapshots = open_exact_snapshots(locker, info_, ReplicationMechanism::kGtid, 2, {schema_of("t")});
    EXPECT_EQ(snapshots.method, "FLUSH TABLES WITH READ LOCK");
}

INSTANTIATE_TEST_SUITE_P(Servers, SnapshotReaderTest, testing::Values("MYSQL", "MARIADB", "MARIADB11"));

}  // namespace
}  // namespace penstock
