// An exception of a type that is not ours, as out of memory, in each thread of a pipe's work: the pipe fails
// with its reason, and nothing stands still.

#include <cstdlib>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "source/mysql_connection.h"
#include "support/pipe_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;

class UnexpectedError : public testing::TestWithParam<const char*> {};

TEST_P(UnexpectedError, FailsThePipeWithItsReason) {
    const std::string database = "unexpected_error";
    MysqlConnection source = MysqlConnection::open(source_endpoint("MYSQL"));
    source.execute("DROP DATABASE IF EXISTS " + database);
    source.execute("CREATE DATABASE " + database);
    source.execute("CREATE TABLE " + database + ".t (id INT PRIMARY KEY)");
    source.execute("INSERT INTO " + database + ".t VALUES (1), (2)");
    PipeChoice choice;
    choice.database = database;
    choice.mappings = {"t", "{sourceTable: t, targetTable: appended, tableEngine: MergeTree}"};
    choice.more_settings = "syncIntervalMilliseconds: 100\n";
    PipeProcess pipe(choice);
    const bool in_load = std::string(GetParam()).ends_with("rows");
    ::setenv("PENSTOCK_THROW_IN", GetParam(), 1);
    pipe.start();
    ::unsetenv("PENSTOCK_THROW_IN");
    if (!in_load) {
        ASSERT_TRUE(pipe.wait_for_state("Running")) << pipe.log();
        source.execute("INSERT INTO " + database + ".t VALUES (3)");
    }
    pipe.wait_for([](const nlohmann::json&) { return false; });  // to its end
    ASSERT_FALSE(pipe.process().running()) << pipe.log();
    EXPECT_EQ(pipe.process().wait(), 1);
    EXPECT_EQ(pipe.status()["state"], "Failed");
    EXPECT_EQ(pipe.status()["reason"], "run the pipe: std::bad_alloc");

    pipe.start();
    ASSERT_TRUE(pipe.wait_until_caught_up()) << pipe.log();
    EXPECT_EQ(pipe.pause(), 0);
    Finished verified = pipe.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

INSTANTIATE_TEST_SUITE_P(Threads, UnexpectedError,
                         testing::Values("reading the log", "inserting changes", "reading rows",
                                         "inserting rows"),
                         [](const auto& p) {
                             std::string name = p.param;
                             for (char& c : name) c = c == ' ' ? '_' : c;
                             return name;
                         });

}  // namespace
}  // namespace penstock
