// Every way to change rows that ends in the log, held against the source at the end.

#include <cctype>
#include <optional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "source/mysql_connection.h"
#include "support/own_server.h"
#include "support/pipe_process.h"
#include "support/serve_process.h"
#include "support/servers.h"
#include "support/subprocess.h"

namespace penstock {
namespace {

using namespace test;

class Events : public testing::TestWithParam<const char*> {
  protected:
    bool mariadb() const { return std::string(GetParam()) == "MARIADB"; }
    void set_up(const SourceEndpoint& endpoint, const std::string& name) {
        endpoint_ = endpoint;
        choice_.server = GetParam();
        choice_.source = endpoint;
        choice_.database = "events_" + name + "_" + GetParam();
        for (char& c : choice_.database) c = static_cast<char>(std::tolower(c));
        source_.emplace(MysqlConnection::open(endpoint));
        run({"DROP DATABASE IF EXISTS " + choice_.database, "CREATE DATABASE " + choice_.database,
             "USE " + choice_.database});
    }
    void run(const std::vector<std::string>& statements) {
        for (const std::string& sql : statements) source_->execute(sql);
    }
    void expect_equal(PipeProcess& pipe) {
        ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
        EXPECT_EQ(pipe.pause(), 0) << pipe.log();
        Finished verified = pipe.verify();
        EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err << pipe.log();
    }
    std::string target(const std::string& sql) {
        ClickHouseEndpoint endpoint = clickhouse_endpoint();
        endpoint.database = choice_.database;
        return ClickHouseClient(endpoint).query(sql);
    }

    SourceEndpoint endpoint_;
    PipeChoice choice_;
    std::optional<MysqlConnection> source_;
    TemporaryDirectory directory_;
};

TEST_P(Events, EveryStatementThatChangesRows) {
    set_up(source_endpoint(GetParam()), "statements");
    run({"CREATE TABLE t (id INT PRIMARY KEY, u INT UNIQUE, v INT, w TEXT)",
         "CREATE TABLE t2 (id INT PRIMARY KEY, v INT)",
         "CREATE TABLE audit (n INT PRIMARY KEY AUTO_INCREMENT, id INT, was INT)",
         "CREATE TABLE my (id INT PRIMARY KEY, v INT) ENGINE = MyISAM",
         "CREATE TABLE parent (id INT PRIMARY KEY, v INT)",
         "CREATE TABLE child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES parent (id) ON "
         "DELETE CASCADE ON UPDATE SET NULL)",
         "CREATE TRIGGER after_t AFTER UPDATE ON t FOR EACH ROW INSERT INTO audit (id, was) VALUES (OLD.id, "
         "OLD.v)",
         "INSERT INTO t VALUES (1, 1, 1, 'a'), (2, 2, 2, 'b'), (3, 3, 3, 'c'), (4, 4, 4, NULL)",
         "INSERT INTO parent VALUES (1, 1), (2, 2), (3, 3)",
         "INSERT INTO child VALUES (10, 1), (11, 1), (20, 2), (30, 3)"});
    choice_.mappings = {"t", "t2", "audit", "my", "parent"};
    // Only MySQL 9.6 and later log the rows that a foreign key changes; the check says so for the others.
    if (!mariadb()) choice_.mappings.emplace_back("child");
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    run({"INSERT INTO t2 SELECT id, v FROM t",
         "INSERT INTO t VALUES (1, 9, 9, 'dup'), (5, 5, 5, 'e') ON DUPLICATE KEY UPDATE v = VALUES(v), w = "
         "'was there'",
         "REPLACE INTO t VALUES (2, 4, 22, 'takes the place of two rows')",
         "UPDATE t JOIN t2 ON t.id = t2.id SET t.v = t.v + 100, t2.v = t2.v + 1000 WHERE t.id < 4",
         "DELETE t, t2 FROM t JOIN t2 ON t.id = t2.id WHERE t.id = 3",
         "UPDATE t SET id = id + 50 ORDER BY id DESC", "INSERT INTO my VALUES (1, 1), (2, 2)",
         "UPDATE my SET v = v * 2", "DELETE FROM my WHERE id = 1", "DELETE FROM parent WHERE id = 1",
         "UPDATE parent SET id = 9 WHERE id = 2",
         // Savepoints.
         "BEGIN", "INSERT INTO t VALUES (70, 70, 1, 'kept')", "SAVEPOINT one", "UPDATE t SET v = -1",
         "SAVEPOINT `two words`", "DELETE FROM t", "ROLLBACK TO SAVEPOINT `two words`", "ROLLBACK TO one",
         "INSERT INTO t VALUES (71, 71, 1, 'kept too')", "RELEASE SAVEPOINT one", "COMMIT", "BEGIN",
         "DELETE FROM t", "ROLLBACK"});
    // A statement that fails half-way leaves what a table without transactions has taken of it.
    EXPECT_THROW(source_->execute("INSERT INTO my VALUES (5, 5), (6, 6), (2, 0), (7, 7)"), Error);
    EXPECT_EQ(*source_->query_value("SELECT COUNT(*) FROM my"), "3");
    if (mariadb()) {  // enforce_gtid_consistency forbids it at MySQL
        run({"BEGIN", "INSERT INTO t VALUES (80, 80, 1, 'undone')", "INSERT INTO my VALUES (8, 8)",
             "ROLLBACK", "BEGIN", "INSERT INTO t VALUES (81, 81, 1, 'done')", "SAVEPOINT s",
             "INSERT INTO my VALUES (9, 9)", "INSERT INTO t VALUES (82, 82, 1, 'undone')", "ROLLBACK TO s",
             "COMMIT"});
    } else {
        run({"SET gtid_next = 'AUTOMATIC:penstock_events'", "INSERT INTO t VALUES (90, 90, 1, 'tagged')",
             "SET gtid_next = 'AUTOMATIC'"});
    }
    write_file(directory_.path() + "/rows.csv", "60,60,6,six\n61,61,7,\\N\n62,62,8,eight\n");
    Finished load = run_program({"/usr/bin/mariadb", "--no-defaults", "--local-infile=1", "-h",
                                 endpoint_.host, "-P", std::to_string(endpoint_.port), "-u",
                                 endpoint_.username, "-p" + endpoint_.password, choice_.database, "-e",
                                 "LOAD DATA LOCAL INFILE '" + directory_.path() +
                                     "/rows.csv' INTO TABLE t FIELDS TERMINATED BY ','"});
    EXPECT_EQ(load.exit_code, 0) << load.err;
    EXPECT_EQ(*source_->query_value("SELECT COUNT(*) FROM t WHERE w IN ('six', 'eight')"), "2");
    expect_equal(pipe);
    EXPECT_EQ(target("SELECT count() FROM audit FINAL WHERE _peerdb_is_deleted = 0"),
              *source_->query_value("SELECT COUNT(*) FROM audit"));
    if (!mariadb()) {
        EXPECT_EQ(
            target("SELECT groupArray(id) FROM (SELECT id FROM child FINAL WHERE _peerdb_is_deleted = 0 "
                   "ORDER BY id)"),
            "[20,30]");
    }
}

// A server with an encrypted log that is restarted in mid-stream, GTID domains, tags and gaps, rows of more
// than one packet.
TEST_P(Events, ALogThatIsEncryptedAndCutShortByARestart) {
    OwnServer own(GetParam(), {"--max-allowed-packet=256M",
                               mariadb() ? "--encrypt-binlog=ON" : "--binlog-encryption=ON"});
    set_up(own.endpoint(), "restart");
    run({"CREATE TABLE t (id INT PRIMARY KEY, v INT, w LONGTEXT)", "INSERT INTO t VALUES (1, 1, 'loaded')"});
    choice_.mappings = {"t"};
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    run({"INSERT INTO t VALUES (2, 2, 'before')", "INSERT INTO t VALUES (3, 3, REPEAT('x', 100000000))"});
    if (mariadb()) {
        EXPECT_EQ(*source_->query_value("SELECT @@encrypt_binlog"), "1");
        run({"SET SESSION gtid_domain_id = 7", "INSERT INTO t VALUES (10, 1, 'domain')",
             "SET SESSION gtid_seq_no = 100000", "UPDATE t SET v = 2 WHERE id = 10",
             "SET SESSION gtid_domain_id = 0", "SET SESSION gtid_seq_no = 900000",
             "INSERT INTO t VALUES (11, 1, 'gap')"});
    } else {
        for (const auto& row : source_->query("SHOW BINARY LOGS")) EXPECT_EQ(row.at(2), "Yes");
        const std::string uuid = *source_->query_value("SELECT @@server_uuid");
        run({"SET gtid_next = '" + uuid + ":900000'", "INSERT INTO t VALUES (11, 1, 'gap')",
             "SET gtid_next = 'AUTOMATIC'", "INSERT INTO t VALUES (12, 1, 'fills the gap')"});
    }
    own.restart();
    source_.emplace(MysqlConnection::open(endpoint_));
    run({"USE " + choice_.database, "INSERT INTO t VALUES (4, 4, 'after')",
         "UPDATE t SET v = v + 1 WHERE id = 2"});
    expect_equal(pipe);
    EXPECT_EQ(target("SELECT length(w) FROM t FINAL WHERE id = 3"), "100000000");
}

// A statement on a table without transactions that outgrows the cache for it is half done and not logged: the
// server writes an incident in its place. Rows are missing then, of which tables nobody knows.
TEST_P(Events, AnIncidentFailsThePipeUntilItIsResynced) {
    OwnServer own(GetParam(), {"--binlog-stmt-cache-size=4096", "--max-binlog-stmt-cache-size=4096"});
    set_up(own.endpoint(), "incident");
    run({"CREATE TABLE t (id INT PRIMARY KEY, w TEXT) ENGINE = MyISAM",
         "INSERT INTO t VALUES (1, 'loaded')"});
    ServeProcess serve;
    serve.start();
    const std::string id = serve.create(pipe_body(choice_.database, endpoint_, choice_.database, {"t"}));
    ASSERT_TRUE(serve.wait_for_state(id, "Running")) << serve.log();
    run({"INSERT INTO t VALUES (2, 'before')"});
    EXPECT_THROW(source_->execute("INSERT INTO t VALUES (3, REPEAT('x', 20000)), (4, REPEAT('y', 20000)), "
                                  "(5, REPEAT('z', 20000))"),
                 Error);
    EXPECT_EQ(*source_->query_value("SELECT COUNT(*) FROM t"), "4");
    run({"INSERT INTO t VALUES (6, 'after')"});
    for (int time = 0; time < 2; ++time) {  // a start meets it again
        ASSERT_TRUE(serve.wait_for_state(id, "Failed")) << serve.log();
        const std::string reason = serve.events(id).back()["reason"];
        EXPECT_NE(reason.find("the source reports that its log lacks events"), std::string::npos) << reason;
        EXPECT_NE(reason.find("(at binlog.000001:"), std::string::npos) << reason;
        EXPECT_NE(reason.find("Resync the pipe"), std::string::npos) << reason;
        EXPECT_EQ(target("SELECT count() FROM t WHERE id > 2"), "0");
        if (time == 0) {
            ASSERT_EQ(serve.call("PATCH", "/clickpipes/" + id + "/state", {{"command", "start"}}).status,
                      200);
        }
    }
    ASSERT_EQ(serve.call("PATCH", "/clickpipes/" + id + "/state", {{"command", "resync"}}).status, 200);
    run({"INSERT INTO t VALUES (7, 'while it is loaded')"});
    ASSERT_TRUE(serve.wait_until_caught_up(id, endpoint_)) << serve.log();
    run({"INSERT INTO t VALUES (8, 'followed')"});
    ASSERT_TRUE(serve.wait_until_caught_up(id, endpoint_)) << serve.log();
    Finished verified = serve.verify(id, endpoint_);
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
    EXPECT_EQ(target("SELECT count() FROM t FINAL"), "7");
}

// binlog_row_metadata=MINIMAL or NO_LOG: columns go by their place in the recorded definition.
TEST_P(Events, WithoutFullMetadataColumnsGoByTheirPlace) {
    OwnServer own(GetParam(), {mariadb() ? "--binlog-row-metadata=NO_LOG" : "--binlog-row-metadata=MINIMAL"});
    set_up(own.endpoint(), "minimal");
    run(
        {"CREATE TABLE t (id INT UNSIGNED PRIMARY KEY, b BIGINT UNSIGNED, e ENUM('one', 'two'), s SET('x', "
         "'y'), "
         "w VARCHAR(20) CHARACTER SET latin1, d DECIMAL(10, 2), at DATETIME(3))",
         "CREATE TABLE altered (id INT PRIMARY KEY, v VARCHAR(20))",
         "INSERT INTO t VALUES (1, 18446744073709551615, 'two', 'x,y', 'caf\xc3\xa9', 1.25, '2024-02-29 "
         "12:00:00.125')",
         "INSERT INTO altered VALUES (1, 'a')"});
    choice_.mappings = {"t", "altered"};
    PipeProcess pipe(choice_);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    run({"INSERT INTO t VALUES (4294967295, 9223372036854775808, 'one', '', 'na\xc3\xafve', -1.5, NULL)",
         "UPDATE t SET e = 'one', s = 'y' WHERE id = 1"});
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    Finished check = pipe.check();
    EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
    EXPECT_NE(check.out.find("binlog_row_metadata"), std::string::npos) << check.out;
    EXPECT_EQ(pipe.pause(), 0);
    Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;

    // A definition that changes where the log does not tell is found by the first table map.
    run({"SET SESSION sql_log_bin = 0", "ALTER TABLE altered MODIFY v VARCHAR(30)",
         "SET SESSION sql_log_bin = 1", "INSERT INTO altered VALUES (2, 'b')",
         "INSERT INTO t (id) VALUES (7)"});
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Degraded")) << pipe.log();
    ASSERT_TRUE(pipe.wait_for([&](const nlohmann::json&) {
        return target("SELECT count() FROM t FINAL WHERE id = 7") == "1";
    })) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    const nlohmann::json stopped = pipe.status()["tables"][1];
    EXPECT_NE(stopped["error"].get<std::string>().find("column v was recorded as varchar(20)"),
              std::string::npos)
        << stopped;
}

INSTANTIATE_TEST_SUITE_P(Servers, Events, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace penstock
