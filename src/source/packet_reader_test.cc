#include "source/packet_reader.h"

#include <string>

#include "source/test_server.h"

namespace penstock {
namespace {

constexpr size_t kWholePacket = 0xff'ffff;

class PacketReaderTest : public ServerTest {
  protected:
    /// The link as it is, over a socket, encrypted where the server offers it, compressed.
    std::vector<SourceEndpoint> links() {
        SourceEndpoint plain = endpoint_;
        plain.disable_tls = true;
        SourceEndpoint socket = plain, compressed = plain, encrypted = plain;
        socket.host = socket_;
        compressed.use_compression = true;
        encrypted.disable_tls = false;
        return {plain, socket, compressed, encrypted};
    }
    static std::string value(const RowStream& rows, size_t i) {
        return rows.values()[i] == nullptr ? "NULL" : std::string(rows.values()[i], rows.lengths()[i]);
    }
};

TEST_P(PacketReaderTest, RowsAroundTheSizesOfPacketsAndBuffers) {
    for (const SourceEndpoint& link : links()) {
        auto connection = MysqlConnection::open(link);
        // Of the payload 4 bytes are the first value's length, 2 the second; a packet holds 2^24 - 1.
        for (size_t payload : {kWholePacket, kWholePacket - 1, size_t{256} << 10, (size_t{256} << 10) - 4}) {
            // Connector/C loses a compressed link over a packet that is full to the byte.
            if (payload == kWholePacket && link.use_compression) continue;
            const size_t size = payload - 6;
            RowStream rows = connection.stream("SELECT RPAD(_binary'begin', " + std::to_string(size) +
                                               ", _binary'x'), 'z' UNION ALL SELECT 'last', NULL");
            ASSERT_TRUE(rows.next());
            EXPECT_EQ(rows.lengths()[0], size);
            EXPECT_TRUE(value(rows, 0) == "begin" + std::string(size - 5, 'x'));  // too long to be shown
            EXPECT_EQ(value(rows, 1), "z");
            ASSERT_TRUE(rows.next());
            EXPECT_EQ(value(rows, 0) + value(rows, 1), "lastNULL");
            EXPECT_FALSE(rows.next());
        }
        RowStream rows = connection.stream(
            "SELECT RPAD(_binary'x', 10000000, _binary'y'), RPAD(_binary'u', 15000000, _binary'u'), 'end'");
        ASSERT_TRUE(rows.next());
        EXPECT_TRUE(value(rows, 0) == "x" + std::string(9'999'999, 'y')) << rows.lengths()[0];
        EXPECT_TRUE(value(rows, 1) == std::string(15'000'000, 'u')) << rows.lengths()[1];
        EXPECT_EQ(value(rows, 2), "end");
        EXPECT_FALSE(rows.next());
        EXPECT_EQ(connection.query_value("SELECT 7"), "7");  // the library takes over where the reader ended
    }
}

TEST_P(PacketReaderTest, ManyRowsOfManySizes) {
    sql("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)");
    sql("INSERT INTO t VALUES (1, '')");
    for (int i = 0; i < 12; ++i) {
        sql("INSERT INTO t SELECT id + (SELECT MAX(id) FROM t), REPEAT(CHAR(97 + id % 26), (id * 7919) % "
            "700) FROM t");
    }
    for (const SourceEndpoint& link : links()) {
        auto connection = MysqlConnection::open(link);
        RowStream rows = connection.stream("SELECT id, v, CRC32(v) FROM " + database_ + ".t ORDER BY id");
        auto sums = connection_->query("SELECT v, CRC32(v) FROM t ORDER BY id");
        size_t n = 0;
        for (; rows.next(); ++n) {
            ASSERT_EQ(value(rows, 0), std::to_string(n + 1));
            ASSERT_EQ(value(rows, 1), sums.at(n).at(0).value());
            ASSERT_EQ(value(rows, 2), sums.at(n).at(1).value());
        }
        EXPECT_EQ(n, 4096u);
    }
}

TEST_P(PacketReaderTest, AnErrorBetweenRowsIsTheServers) {
    sql("CREATE TABLE t (a INT)");
    sql("INSERT INTO t VALUES (1), (2), (2)");
    for (const SourceEndpoint& link : links()) {
        auto connection = MysqlConnection::open(link);
        Error e = error_of([&] {
            RowStream rows = connection.stream("SELECT (SELECT b.a FROM " + database_ +
                                               ".t b WHERE b.a = t.a) FROM " + database_ + ".t");
            while (rows.next()) {
            }
        });
        EXPECT_NE(e.message().find("(error 1242)"), std::string::npos) << e.what();
        EXPECT_NE(e.message().find("Subquery returns more than 1 row"), std::string::npos) << e.what();
        EXPECT_EQ(connection.query_value("SELECT 8"), "8");
    }
}

TEST_P(PacketReaderTest, ASilentServerIsALostLink) {
    ConnectionOptions options;
    options.read_timeout = std::chrono::seconds(1);
    for (const SourceEndpoint& link : links()) {
        auto connection = MysqlConnection::open(link, options);
        // More than the server holds back, then nothing.
        RowStream rows = connection.stream("SELECT REPEAT('x', 100000) UNION ALL SELECT SLEEP(60)");
        ASSERT_TRUE(rows.next());
        Error e = error_of([&] { rows.next(); });
        EXPECT_EQ(e.disposition(), Disposition::kRetry) << e.what();
    }
}

TEST_P(PacketReaderTest, AKilledLinkIsLost) {
    for (const SourceEndpoint& link : links()) {
        auto connection = MysqlConnection::open(link);
        const std::string id = connection.query_value("SELECT CONNECTION_ID()").value();
        RowStream rows = connection.stream("SELECT REPEAT('x', 100000) UNION ALL SELECT SLEEP(60)");
        ASSERT_TRUE(rows.next());
        sql("KILL " + id);
        EXPECT_EQ(error_of([&] { rows.next(); }).disposition(), Disposition::kRetry);
    }
}

INSTANTIATE_TEST_SUITE_P(Servers, PacketReaderTest, testing::Values("MYSQL", "MARIADB"));

}  // namespace
}  // namespace penstock
