#include "source/mysql_connection.h"

#include <chrono>
#include <thread>

#include <sys/socket.h>
#include <unistd.h>

#include "source/mysql_errors.h"
#include "source/test_server.h"

namespace penstock {
namespace {

using std::chrono::steady_clock;

class MysqlConnectionTest : public ServerTest {};

TEST_P(MysqlConnectionTest, ReadsValuesAndNulls) {
    auto rows = connection_->query("SELECT 1, NULL, '', 'a\\0b' UNION ALL SELECT 2, 'x', 'y', 'z'");
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0][0], "1");
    EXPECT_EQ(rows[0][1], std::nullopt);
    EXPECT_EQ(rows[0][2], "");
    EXPECT_EQ(rows[0][3], std::string("a\0b", 3));
    EXPECT_EQ(connection_->query_value("SELECT 1 WHERE 1 = 0"), std::nullopt);
    EXPECT_EQ(connection_->query_value("SELECT NULL"), std::nullopt);
}

TEST_P(MysqlConnectionTest, SessionIsAsDocumented) {
    auto row = connection_->query(
        "SELECT @@time_zone, @@sql_mode, @@character_set_client, @@character_set_results, "
        "@@lock_wait_timeout, @@net_write_timeout, @@autocommit")[0];
    EXPECT_EQ(row[0], "+00:00");
    EXPECT_EQ(row[1], "");
    EXPECT_EQ(row[2], "utf8mb4");
    EXPECT_EQ(row[3], "utf8mb4");
    EXPECT_EQ(row[4], "10");
    EXPECT_EQ(row[5], "7200");
    EXPECT_EQ(row[6], "1");
    EXPECT_EQ(connection_->is_mariadb(), mariadb());
}

TEST_P(MysqlConnectionTest, TheServersOptimizerIsNotOurs) {
    if (mariadb()) return;  // has one
    sql("SET GLOBAL optimizer_switch = 'hypergraph_optimizer=on'");
    auto connection = MysqlConnection::open(endpoint_);
    const std::string has = connection.query_value("SELECT @@optimizer_switch").value_or("");
    const size_t columns = connection.query("EXPLAIN FORMAT=TRADITIONAL SELECT 1")[0].size();
    sql("SET GLOBAL optimizer_switch = 'hypergraph_optimizer=off'");
    EXPECT_NE(has.find("hypergraph_optimizer=off"), std::string::npos) << has;
    EXPECT_EQ(columns, 12u);
}

TEST_P(MysqlConnectionTest, EntersOverTheSocket) {
    SourceEndpoint local = endpoint_;
    local.host = socket_;
    auto connection = MysqlConnection::open(local);
    EXPECT_EQ(connection.query_value("SELECT 1"), "1");
    EXPECT_EQ(connection.address(), socket_);
    EXPECT_EQ(connection.tls_cipher(), "");
}

TEST_P(MysqlConnectionTest, LocalhostIsTcp) {
    SourceEndpoint by_name = endpoint_;
    by_name.host = "localhost";
    auto connection = MysqlConnection::open(by_name);
    EXPECT_EQ(connection.query_value("SELECT @@port"), std::to_string(endpoint_.port));
}

TEST_P(MysqlConnectionTest, EntersWithAndWithoutTls) {
    // A user that has never entered makes caching_sha2_password ask for the full exchange.
    for (bool disable : {true, false}) {
        SourceEndpoint user = new_user(disable ? "plain" : "tls", {});
        user.disable_tls = disable;
        auto connection = MysqlConnection::open(user);
        EXPECT_EQ(connection.query_value("SELECT 1"), "1");
        // The Debian MariaDB 10.11 of the tests offers no TLS; MySQL has a certificate that signs itself.
        EXPECT_EQ(connection.tls_cipher().empty(), disable || mariadb()) << connection.tls_cipher();
    }
}

TEST_P(MysqlConnectionTest, ACertificateOfAnotherAuthorityIsRefused) {
    SourceEndpoint strict = endpoint_;
    // A valid self-signed certificate that signed no server: P-256, CN=nobody.
    strict.ca_certificate = R"(-----BEGIN CERTIFICATE-----
MIIBeTCCAR+gAwIBAgIUZxyEbdHxQnb0wO6ZtrxK/O26HUowCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbm9ib2R5MCAXDTI2MTEyMjIwNDc0OVoYDzIxMjYxMDI5MjA0
NzQ5WjARMQ8wDQYDVQQDDAZub2JvZHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AATa1gTWkscci7o6LEgnmVFfvRcKHraCtsiqMgQU1X+p2/JZondmHcTrOdTmuc8U
AP0a9JMdbqTjqYM2xBvH3spfo1MwUTAdBgNVHQ4EFgQUM/BtnmxUUWyCwEvFPhuT
u0CD6uUwHwYDVR0jBBgwFoAUM/BtnmxUUWyCwEvFPhuTu0CD6uUwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAxCHR1Yv+oS1JXajKgZtU/+Bwtyd0
Ase9iZkorxYBeJwCIFj8lBe2aMIzKus1R3SdiW1s0dwInvQsWNvoNqVmDTul
-----END CERTIFICATE-----
)";
    Error e = error_of([&] { MysqlConnection::open(strict); });
    EXPECT_EQ(e.disposition(), Disposition::kFailPipe) << e.what();
    EXPECT_NE(e.hint(), "") << e.what();
    strict.tls_host = "no-such-host.invalid";
    EXPECT_NE(std::string(error_of([&] { MysqlConnection::open(strict); }).what()).find("tlsHost"),
              std::string::npos);
    strict.tls_host.clear();
    strict.skip_cert_verification = true;
    EXPECT_EQ(MysqlConnection::open(strict).query_value("SELECT 1"), "1");
}

TEST_P(MysqlConnectionTest, AServerThatMayBeAnywhereIsVerified) {
    SourceEndpoint far = endpoint_;
    far.host = "0.0.0.0";  // leads to loopback, but is no address of it
    Error e = error_of([&] { MysqlConnection::open(far); });
    EXPECT_EQ(e.disposition(), Disposition::kFailPipe) << e.what();
    // MySQL's certificate is of no authority that the system knows; MariaDB has no TLS here.
    EXPECT_NE(e.hint().find(mariadb() ? "disableTls" : "caCertificate"), std::string::npos) << e.what();
    EXPECT_EQ(e.hint().find("skipCertVerification") == std::string::npos, mariadb()) << e.what();

    far.skip_cert_verification = true;
    if (mariadb()) {
        Error without = error_of([&] { MysqlConnection::open(far); });
        EXPECT_EQ(without.disposition(), Disposition::kFailPipe) << without.what();
        EXPECT_NE(without.hint().find("disableTls"), std::string::npos) << without.what();
    } else {
        EXPECT_NE(MysqlConnection::open(far).tls_cipher(), "");
    }
    far.skip_cert_verification = false;
    far.disable_tls = true;
    EXPECT_EQ(MysqlConnection::open(far).tls_cipher(), "");
}

TEST_P(MysqlConnectionTest, LoopbackIsVerifiedOnlyWhenAsked) {
    for (const char* host : {"127.0.0.1", "LocalHost"}) {
        SourceEndpoint near = endpoint_;
        near.host = host;
        EXPECT_EQ(MysqlConnection::open(near).query_value("SELECT 1"), "1") << host;
    }
    SourceEndpoint named = endpoint_;
    named.tls_host = "localhost";
    Error e = error_of([&] { MysqlConnection::open(named); });
    EXPECT_EQ(e.disposition(), Disposition::kFailPipe) << e.what();
    EXPECT_NE(e.hint(), "") << e.what();
}

TEST_P(MysqlConnectionTest, ATlsHostThatWouldGoUncheckedIsRefused) {
    for (int way = 0; way < 3; ++way) {
        SourceEndpoint endpoint = endpoint_;
        endpoint.tls_host = "localhost";
        if (way == 0) endpoint.disable_tls = true;
        if (way == 1) endpoint.skip_cert_verification = true;
        if (way == 2) endpoint.host = socket_;
        Error e = error_of([&] { MysqlConnection::open(endpoint); });
        EXPECT_EQ(e.disposition(), Disposition::kFailPipe);
        EXPECT_NE(std::string(e.what()).find("tlsHost localhost cannot be checked"), std::string::npos)
            << e.what();
    }
}

TEST_P(MysqlConnectionTest, CompressesWhenAsked) {
    SourceEndpoint compressed = endpoint_;
    compressed.use_compression = true;
    auto connection = MysqlConnection::open(compressed);
    EXPECT_EQ(connection.query("SHOW SESSION STATUS LIKE 'Compression'")[0][1], "ON");
    EXPECT_EQ(connection.query_value("SELECT REPEAT('x', 100000)")->size(), 100000u);
}

TEST_P(MysqlConnectionTest, WrongPasswordIsOneLineWithoutThePassword) {
    SourceEndpoint wrong = endpoint_;
    wrong.password = "not-the-secret";
    Error e = error_of([&] { MysqlConnection::open(wrong); });
    EXPECT_EQ(e.disposition(), Disposition::kFailPipe);
    const std::string line = e.what();
    EXPECT_NE(line.find(endpoint_.host + ":" + std::to_string(endpoint_.port)), std::string::npos) << line;
    EXPECT_NE(line.find("1045"), std::string::npos) << line;
    EXPECT_EQ(line.find("not-the-secret"), std::string::npos) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
}

TEST_P(MysqlConnectionTest, NobodyThereIsRetried) {
    SourceEndpoint closed = endpoint_;
    closed.port = 1;
    EXPECT_EQ(error_of([&] { MysqlConnection::open(closed); }).disposition(), Disposition::kRetry);
    SourceEndpoint unknown = endpoint_;
    unknown.host = "no-such-host.invalid";
    Error e = error_of([&] { MysqlConnection::open(unknown); });
    EXPECT_EQ(e.disposition(), Disposition::kRetry);
    EXPECT_NE(std::string(e.what()).find("no-such-host.invalid"), std::string::npos) << e.what();
}

TEST_P(MysqlConnectionTest, ServerErrorsFailThePipeWithAHint) {
    Error missing = error_of([&] { connection_->query("SELECT * FROM " + database_ + ".nothing"); });
    EXPECT_EQ(missing.disposition(), Disposition::kFailPipe);
    EXPECT_NE(missing.hint(), "");
    Error syntax = error_of([&] { connection_->query("SELEKT"); });
    EXPECT_EQ(syntax.disposition(), Disposition::kFailPipe);
    EXPECT_EQ(connection_->query_value("SELECT 1"), "1");  // the connection is still good
}

TEST_P(MysqlConnectionTest, StreamsRows) {
    {
        RowStream rows = connection_->stream("SELECT 1, NULL, 'abc' UNION ALL SELECT 22, 'x', ''");
        EXPECT_EQ(rows.columns(), 3u);
        ASSERT_TRUE(rows.next());
        EXPECT_EQ(std::string(rows.values()[0], rows.lengths()[0]), "1");
        EXPECT_EQ(rows.values()[1], nullptr);
        EXPECT_EQ(rows.lengths()[2], 3u);
        ASSERT_TRUE(rows.next());
        EXPECT_EQ(std::string(rows.values()[0], rows.lengths()[0]), "22");
        EXPECT_EQ(rows.lengths()[2], 0u);
        EXPECT_NE(rows.values()[2], nullptr);
        EXPECT_FALSE(rows.next());
        EXPECT_FALSE(rows.next());
    }
    EXPECT_EQ(connection_->query_value("SELECT 5"), "5");
}

TEST_P(MysqlConnectionTest, AnErrorInMidStreamThrows) {
    // The second row's subquery has two rows.
    sql("CREATE TABLE t (a INT)");
    sql("INSERT INTO t VALUES (1), (2), (2)");
    EXPECT_THROW(
        {
            RowStream rows = connection_->stream("SELECT (SELECT b.a FROM t b WHERE b.a = t.a) FROM t");
            while (rows.next()) {
            }
        },
        Error);
}

TEST_P(MysqlConnectionTest, DroppingAnUnfinishedStreamIsQuick) {
    auto other = MysqlConnection::open(endpoint_);
    const char* endless =
        "SELECT REPEAT('x', 1000) FROM information_schema.COLLATIONS a, information_schema.COLLATIONS "
        "b, information_schema.COLLATIONS c";
    const auto start = steady_clock::now();
    {
        RowStream rows = other.stream(endless);
        ASSERT_TRUE(rows.next());
    }
    EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(5));
    EXPECT_EQ(error_of([&] { other.query("SELECT 1"); }).disposition(), Disposition::kRetry);
}

TEST_P(MysqlConnectionTest, AStreamThatIsGivenUpHoldsNoLock) {
    sql("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v LONGTEXT)");
    sql("INSERT INTO t (v) VALUES (REPEAT('x', 1000000))");
    for (int i = 0; i < 6; ++i) sql("INSERT INTO t (v) SELECT v FROM t");
    auto other = MysqlConnection::open(endpoint_);
    const std::string id = other.query_value("SELECT CONNECTION_ID()").value();
    {
        RowStream rows = other.stream("SELECT v FROM " + database_ + ".t");
        ASSERT_TRUE(rows.next());
        // Until the server has filled what lies between, and waits.
        while (connection_->query_value("SELECT time < 2 FROM information_schema.processlist WHERE id = " +
                                        id) == "1") {
        }
        other.interrupt();
    }
    sql("DROP TABLE t");  // waits for ten seconds
}

TEST_P(MysqlConnectionTest, InterruptAfterALostLinkTouchesNoOtherDescriptor) {
    auto lost = MysqlConnection::open(endpoint_);
    std::string id = lost.query_value("SELECT CONNECTION_ID()").value();
    MysqlConnection::open(endpoint_).execute("KILL " + id);
    EXPECT_THROW(lost.query("SELECT 1"), Error);  // the client library has closed its descriptor now
    int pairs[4][2];
    for (auto& pair : pairs) ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);  // one has its number
    lost.interrupt();
    for (auto& pair : pairs) {
        char byte = 'x';
        EXPECT_EQ(::send(pair[0], &byte, 1, MSG_NOSIGNAL), 1);
        EXPECT_EQ(::recv(pair[1], &byte, 1, MSG_DONTWAIT), 1);
        ::close(pair[0]);
        ::close(pair[1]);
    }
}

TEST_P(MysqlConnectionTest, InterruptBreaksABlockedRead) {
    auto other = MysqlConnection::open(endpoint_);
    const auto start = steady_clock::now();
    std::thread interrupter([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        other.interrupt();
    });
    Error e = error_of([&] { other.query("SELECT SLEEP(20)"); });
    interrupter.join();
    EXPECT_EQ(e.disposition(), Disposition::kRetry);
    EXPECT_NE(std::string(e.what()).find("interrupted"), std::string::npos) << e.what();
    EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(10));
    EXPECT_EQ(error_of([&] { other.query("SELECT 1"); }).disposition(), Disposition::kRetry);
}

TEST_P(MysqlConnectionTest, AKilledLinkIsRetried) {
    auto other = MysqlConnection::open(endpoint_);
    sql("KILL " + *other.query_value("SELECT CONNECTION_ID()"));
    EXPECT_EQ(error_of([&] { other.query("SELECT 1"); }).disposition(), Disposition::kRetry);
}

TEST_P(MysqlConnectionTest, SilenceIsALostLink) {
    ConnectionOptions options;
    options.read_timeout = std::chrono::seconds(1);
    auto other = MysqlConnection::open(endpoint_, options);
    EXPECT_EQ(error_of([&] { other.query("SELECT SLEEP(10)"); }).disposition(), Disposition::kRetry);
}

TEST_P(MysqlConnectionTest, QuotingSurvivesEveryByte) {
    std::string all;
    for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
    all += "\xC3\xA9\xF0\x9F\x90\x98";  // e acute, an elephant
    EXPECT_EQ(connection_->query_value("SELECT " + quote_string(all)), all);
    EXPECT_EQ(connection_->query_value("SELECT CHARSET(" + quote_string("") + ")"), "utf8mb4");
    const std::string odd = "a`b``c'd\"e\\f g%";
    sql("CREATE TABLE " + quote_table(database_, odd) + " (" + quote_identifier(odd) + " INT)");
    EXPECT_EQ(
        connection_->query_value("SELECT COUNT(" + quote_identifier(odd) + ") FROM " + quote_identifier(odd)),
        "0");
}

INSTANTIATE_TEST_SUITE_P(Servers, MysqlConnectionTest, testing::Values("MYSQL", "MARIADB"));

TEST(MysqlErrors, Dispositions) {
    EXPECT_EQ(disposition_of_mysql_error(1040, ""), Disposition::kRetry);
    EXPECT_EQ(disposition_of_mysql_error(1213, ""), Disposition::kRetry);
    EXPECT_EQ(disposition_of_mysql_error(1053, ""), Disposition::kRetry);
    EXPECT_EQ(disposition_of_mysql_error(2013, ""), Disposition::kRetry);
    EXPECT_EQ(disposition_of_mysql_error(1045, ""), Disposition::kFailPipe);
    EXPECT_EQ(disposition_of_mysql_error(1049, ""), Disposition::kFailPipe);
    EXPECT_EQ(disposition_of_mysql_error(2059, ""), Disposition::kFailPipe);
    EXPECT_EQ(disposition_of_mysql_error(1236, "Could not find first log file name in binary log index file"),
              Disposition::kFailPipe);
    EXPECT_EQ(disposition_of_mysql_error(
                  1236, "A replica with the same server_uuid/server_id as this replica has connected"),
              Disposition::kRetry);
    EXPECT_EQ(disposition_of_mysql_error(2026, "TLS/SSL error: self-signed certificate in certificate chain"),
              Disposition::kFailPipe);
    EXPECT_NE(hint_of_mysql_error(1236, "log event entry exceeded max_allowed_packet; Increase it", "u")
                  .find("SET GLOBAL max_allowed_packet"),
              std::string::npos);
}

}  // namespace
}  // namespace penstock
