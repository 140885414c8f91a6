#include "destination/running_queries.h"

#include <future>
#include <thread>

#include "base/error.h"
#include "destination/test_clickhouse.h"

namespace penstock {
namespace {

class RunningQueriesTest : public ClickHouseTest {
  protected:
    ClickHouseEndpoint with_prefix(const std::string& prefix) const {
        ClickHouseEndpoint endpoint = test_endpoint();
        endpoint.query_id_prefix = prefix;
        return endpoint;
    }
    /// A statement that runs for ten minutes; what its error says when it is ended.
    std::future<std::string> run_long(const std::string& prefix) const {
        return std::async(std::launch::async, [endpoint = with_prefix(prefix)] {
            try {
                return ClickHouseClient(endpoint).query(
                    "SELECT sum(sleepEachRow(0.1)) FROM numbers(6000) SETTINGS max_block_size = 1, "
                    "function_sleep_max_microseconds_per_block = 0");
            } catch (const Error& e) {
                return std::string(e.disposition() == Disposition::kRetry ? "retry: " : "") + e.what();
            }
        });
    }
    uint64_t running(const std::string& prefix) const {
        return std::stoull(ClickHouseClient(test_endpoint())
                               .query("SELECT count() FROM system.processes WHERE startsWith(query_id, " +
                                      quote_target_literal(prefix) + ")"));
    }
    void wait_for(const std::string& prefix) const {
        while (running(prefix) == 0) std::this_thread::yield();
    }
};

TEST_F(RunningQueriesTest, StatementsOfAPrefixAreEndedAndNoOthers) {
    const std::string ours = database_ + "-a-", others = database_ + "-b-";
    std::future<std::string> first = run_long(ours), second = run_long(ours + "load-"),
                             other = run_long(others);
    for (const std::string& prefix : {ours, ours + "load-", others}) wait_for(prefix);
    end_queries(with_prefix(ours), ours + "load-", {});
    EXPECT_TRUE(second.get().starts_with("retry: "));
    EXPECT_EQ(running(ours), 1u);
    end_queries(with_prefix(ours), ours, {});
    EXPECT_TRUE(first.get().starts_with("retry: "));
    EXPECT_EQ(running(ours), 0u);
    EXPECT_EQ(running(others), 1u);
    end_queries(test_endpoint(), others, {});
    other.get();
}

TEST_F(RunningQueriesTest, IdsAreNeverGivenTwice) {
    ClickHouseClient client(with_prefix(database_ + "-"));
    const std::string first = client.query("SELECT queryID()"), second = client.query("SELECT queryID()");
    EXPECT_TRUE(first.starts_with(database_ + "-")) << first;
    EXPECT_TRUE(second.starts_with(database_ + "-")) << second;
    EXPECT_NE(first, second);
}

}  // namespace
}  // namespace penstock
