// MariaDB keeps a hash of each unique value that is too long for an index, in a column that nobody sees but
// the log.

#include <cctype>

#include <gtest/gtest.h>

#include "source/mysql_connection.h"
#include "support/own_server.h"
#include "support/pipe_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;

class HashColumns : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(HashColumns, AreNoneOfTheTable) {
    const auto [server, metadata] = GetParam();
    OwnServer own(server, {std::string("--binlog-row-metadata=") + metadata});
    PipeChoice choice;
    choice.server = server;
    choice.source = own.endpoint();
    choice.database = std::string("hashes_") + server + "_" + metadata;
    for (char& c : choice.database) c = static_cast<char>(std::tolower(c));
    const std::vector<std::string> tables = {"one",       "two", "short",  "long",  "both",
                                             "generated", "old", "memory", "hidden"};
    for (const std::string& table : tables) {  // MariaDB 11.8 does not log generated columns
        choice.mappings.push_back(table != "generated" ? table
                                                       : "{sourceTable: generated, targetTable: generated, "
                                                         "excludedColumns: [s]}");
    }
    MysqlConnection source = MysqlConnection::open(own.endpoint());
    auto run = [&](const std::vector<std::string>& statements) {
        for (const std::string& sql : statements) source.execute(sql);
    };
    run({"CREATE DATABASE " + choice.database, "USE " + choice.database,
         "CREATE TABLE one (id INT PRIMARY KEY, t TEXT UNIQUE, v INT)",
         "CREATE TABLE two (id INT PRIMARY KEY, t TEXT UNIQUE, b BLOB, UNIQUE (b), v VARCHAR(20))",
         "CREATE TABLE short (id INT PRIMARY KEY, v INT, UNIQUE (v) USING HASH)",
         "CREATE TABLE `long` (id INT PRIMARY KEY, t VARCHAR(5000) UNIQUE, v INT)",
         "CREATE TABLE `both` (id INT PRIMARY KEY, t TEXT, v VARCHAR(20), UNIQUE (t, v))",
         "CREATE TABLE generated (id INT PRIMARY KEY, t TEXT UNIQUE, v INT, s INT AS (v + 2) PERSISTENT)",
         "CREATE TABLE old (id INT PRIMARY KEY, t TEXT UNIQUE, v INT) ENGINE = MyISAM",
         "CREATE TABLE memory (id INT PRIMARY KEY, v INT, UNIQUE (v) USING HASH) ENGINE = MEMORY",
         "CREATE TABLE hidden (id INT PRIMARY KEY, t TEXT UNIQUE, v INT INVISIBLE DEFAULT 3)"});
    for (const std::string& table : tables)
        source.execute("INSERT INTO `" + table + "` (id, v) VALUES (1, 1), (2, 2), (3, 3)");
    PipeProcess pipe(choice);
    pipe.start();
    ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
    for (const std::string& table : tables) {
        run({"INSERT INTO `" + table + "` (id, v) VALUES (4, 4), (5, 5)",
             "UPDATE `" + table + "` SET v = v + 10 WHERE id IN (1, 4)",
             "DELETE FROM `" + table + "` WHERE id = 2", "UPDATE `" + table + "` SET id = 9 WHERE id = 5"});
    }
    for (const char* table : {"one", "two", "long", "both", "generated", "old", "hidden"})
        run({std::string("UPDATE `") + table + "` SET t = CONCAT('a', id)"});
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0) << pipe.log();
    const Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err << pipe.log();
}

INSTANTIATE_TEST_SUITE_P(Servers, HashColumns,
                         testing::Combine(testing::Values("MARIADB", "MARIADB11"),
                                          testing::Values("FULL", "NO_LOG")),
                         [](const auto& instance) {
                             return std::string(std::get<0>(instance.param)) + std::get<1>(instance.param);
                         });

}  // namespace
}  // namespace penstock
