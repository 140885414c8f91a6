#include "destination/clickhouse_client.h"

#include <chrono>
#include <thread>

#include "base/byte_buffer.h"
#include "base/error.h"
#include "destination/test_clickhouse.h"

namespace penstock {
namespace {

template <typename F>
Error error_of(F&& f) {
    try {
        f();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "no error";
    return {Disposition::kUsage, "", ""};
}

bool contains(const Error& error, std::string_view part) {
    return std::string_view(error.what()).find(part) != std::string_view::npos;
}

TEST(ClickHouseClient, KnowsAnAddressOfThisMachine) {
    for (const char* url :
         {"http://127.0.0.1:8123", "https://127.1.2.3", "http://localhost:1", "http://[::1]:8123/"})
        EXPECT_TRUE(is_loopback(url)) << url;
    for (const char* url :
         {"http://10.0.0.1:8123", "http://127.0.0.1.example.com:8123", "http://localhost.example.com",
          "https://localhosts:8443", "http://[::2]:8123", "http://[fe80::1]:8123"})
        EXPECT_FALSE(is_loopback(url)) << url;
}

TEST(ClickHouseUrl, WhatIsNoneIsRefusedWithoutItsText) {
    for (const char* url : {"", "localhost:8123", "ftp://h", "http://", "http://u:secret@h:8123",
                            "http://h:8123/?password=secret", "http://h:8123/#secret"}) {
        Error error = error_of([&] { ClickHouseClient client({url, "u", "p", ""}); });
        EXPECT_EQ(error.disposition(), Disposition::kUsage) << url;
        EXPECT_FALSE(contains(error, "secret")) << error.what();
    }
    Error error = error_of([] { ClickHouseClient client({"http://h", "u", "secret\r\nX-Evil: 1", ""}); });
    EXPECT_FALSE(contains(error, "secret")) << error.what();
}

TEST(ClickHouseDown, IsWorthAnotherTry) {
    // Port 1 answers nobody.
    ClickHouseClient client({"http://127.0.0.1:1", "u", "secret", ""});
    Error error = error_of([&] { client.query("SELECT 1"); });
    EXPECT_EQ(error.disposition(), Disposition::kRetry);
    EXPECT_TRUE(contains(error, "http://127.0.0.1:1")) << error.what();
    EXPECT_TRUE(contains(error, "Check that ClickHouse runs")) << error.what();
    EXPECT_FALSE(contains(error, "secret")) << error.what();
}

class ClientTest : public ClickHouseTest {
  protected:
    ClickHouseClient client_of_test() { return ClickHouseClient(test_endpoint()); }
    std::string target(const char* table) { return quoted_target(database_, table); }

    /// Rows of one UInt64 column in Native.
    static ByteBuffer numbers(uint64_t first, uint64_t count, const char* column = "n") {
        ByteBuffer body;
        body.push_back(1);
        body.append_varint(count);
        for (std::string_view text : {std::string_view(column), std::string_view("UInt64")}) {
            body.append_varint(text.size());
            body.append(text);
        }
        for (uint64_t i = 0; i < count; ++i) body.append_value<uint64_t>(first + i);
        return body;
    }
    void insert(ClickHouseClient& client, const char* table, const ByteBuffer& body, uint64_t rows,
                const std::string& token = "", const char* column = "n") {
        client.insert({database_, table, {column}, body.span(), "", token, rows});
    }
};

TEST_F(ClientTest, Queries) {
    ClickHouseClient client = client_of_test();
    EXPECT_EQ(client.query("SELECT 1"), "1");
    EXPECT_EQ(client.query("SELECT number FROM numbers(3)"), "0\n1\n2");
    EXPECT_EQ(client.query("SELECT ''"), "");
    EXPECT_EQ(client.query("SELECT {x:String}", {{"param_x", "a&b=c%d \xc3\xa9"}}), "a&b=c%d \xc3\xa9");
    EXPECT_EQ(client.query("SELECT getSetting('max_threads')", {{"max_threads", "3"}}), "3");
}

TEST_F(ClientTest, WrongPasswordAndUnknownUser) {
    ClickHouseEndpoint endpoint = test_endpoint();
    endpoint.password = "not-this-secret";
    Error error = error_of([&] { ClickHouseClient(endpoint).query("SELECT 1"); });
    EXPECT_EQ(error.disposition(), Disposition::kFailPipe);
    EXPECT_TRUE(contains(error, "Check the user and the password")) << error.what();
    EXPECT_FALSE(contains(error, "not-this-secret")) << error.what();
    endpoint.user = "nobody-by-this-name";
    EXPECT_EQ(error_of([&] { ClickHouseClient(endpoint).query("SELECT 1"); }).disposition(),
              Disposition::kFailPipe);
}

TEST_F(ClientTest, UnknownTableFailsThePipe) {
    ClickHouseClient client = client_of_test();
    Error error = error_of([&] { insert(client, "nope", numbers(0, 1), 1); });
    EXPECT_EQ(error.disposition(), Disposition::kFailPipe);
    EXPECT_TRUE(contains(error, "insert into `" + database_ + "`.`nope`")) << error.what();
    EXPECT_TRUE(contains(error, "UNKNOWN_TABLE")) << error.what();
    EXPECT_EQ(client.query("SELECT 2"), "2");  // the connection goes on
}

TEST_F(ClientTest, OverloadIsWorthAnotherTry) {
    ClickHouseClient client = client_of_test();
    Error error = error_of([&] { client.query("SELECT sleep(3)", {{"max_execution_time", "1"}}); });
    EXPECT_EQ(error.disposition(), Disposition::kRetry) << error.what();
    error = error_of([&] {
        client.query("SELECT groupArray(toString(number)) FROM numbers(10000000) FORMAT Null",
                     {{"max_memory_usage", "1000000"}});
    });
    EXPECT_EQ(error.disposition(), Disposition::kRetry) << error.what();
}

TEST_F(ClientTest, StreamsAreCompleteAndInOrder) {
    ClickHouseClient client = client_of_test();
    std::string all;
    size_t pieces = 0;
    client.query_stream("SELECT number FROM numbers(300000) FORMAT TSV", {}, [&](ByteSpan bytes) {
        all += as_text(bytes);
        ++pieces;
    });
    std::string expected;
    for (int i = 0; i < 300000; ++i) expected += std::to_string(i) + "\n";
    EXPECT_TRUE(all == expected);
    EXPECT_GT(pieces, 1u);
}

TEST_F(ClientTest, AnExceptionInTheMiddleOfAStreamIsAnError) {
    ClickHouseClient client = client_of_test();
    std::string all;
    Error error = error_of([&] {
        client.query_stream(
            "SELECT number + throwIf(number = 1000000, 'stop here') FROM numbers(2000000) FORMAT TSV",
            {{"max_block_size", "1000"}, {"max_threads", "1"}},
            [&](ByteSpan bytes) { all += as_text(bytes); });
    });
    EXPECT_TRUE(contains(error, "answered: stop here")) << error.what();
    EXPECT_TRUE(contains(error, "(FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)")) << error.what();
    EXPECT_FALSE(contains(error, "__exception__")) << error.what();
    EXPECT_GT(all.size(), 1'000'000u) << "the stream had begun";
    EXPECT_EQ(all.find("Exception"), std::string::npos);
    EXPECT_EQ(client.query("SELECT 3"), "3");
}

TEST_F(ClientTest, AThrowingConsumerEndsTheStream) {
    ClickHouseClient client = client_of_test();
    auto read = [&] {
        client.query_stream("SELECT number FROM system.numbers FORMAT TSV", {},
                            [](ByteSpan) { throw std::runtime_error("enough"); });
    };
    EXPECT_THROW(read(), std::runtime_error);
    EXPECT_EQ(client.query("SELECT 4"), "4");
}

TEST_F(ClientTest, AStopEndsARequestUnderWay) {
    std::stop_source stop;
    ClickHouseClient client(test_endpoint(), stop.get_token());
    EXPECT_EQ(client.query("SELECT 5"), "5");
    auto begin = std::chrono::steady_clock::now();
    std::jthread stopper([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        stop.request_stop();
    });
    Error error = error_of([&] {
        client.query(
            "SELECT sleepEachRow(1) FROM numbers(60) SETTINGS max_block_size = 1, "
            "function_sleep_max_microseconds_per_block = 0");
    });
    EXPECT_EQ(error.disposition(), Disposition::kRetry);
    EXPECT_TRUE(contains(error, "stopped")) << error.what();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(ClientTest, OneBlockIsOnePart) {
    ClickHouseClient client = client_of_test();
    client.query("CREATE TABLE " + target("t") + " (n UInt64) ENGINE = MergeTree ORDER BY n");
    constexpr uint64_t kRows = 3'000'000;  // more than max_insert_block_size
    insert(client, "t", numbers(0, kRows), kRows);
    EXPECT_EQ(client.query("SELECT count(), uniqExact(n), sum(n) FROM " + target("t")),
              "3000000\t3000000\t4499998500000");
    EXPECT_EQ(
        client.query("SELECT count() FROM system.parts WHERE database = '" + database_ + "' AND level = 0"),
        "1");
}

TEST_F(ClientTest, TheSameTokenTwiceIsOnce) {
    ClickHouseClient client = client_of_test();
    for (const char* engine : {"MergeTree", "ReplacingMergeTree"}) {
        client.query("CREATE TABLE " + target(engine) + " (n UInt64) ENGINE = " + engine +
                     " ORDER BY n SETTINGS non_replicated_deduplication_window = 100");
        ByteBuffer rows = numbers(0, 10);
        insert(client, engine, rows, 10, "pipe/1/0/0");
        insert(client, engine, rows, 10, "pipe/1/0/0");
        EXPECT_EQ(client.query("SELECT count() FROM " + target(engine)), "10") << engine;
        insert(client, engine, rows, 10, "pipe/1/0/1");
        EXPECT_EQ(client.query("SELECT count() FROM " + target(engine)), "20")
            << "the same rows under another token are other rows; " << engine;
    }
}

TEST_F(ClientTest, ColumnsThatDoNotFitAreRefused) {
    ClickHouseClient client = client_of_test();
    client.query("CREATE TABLE " + target("t") + " (n UInt64, m UInt64) ENGINE = MergeTree ORDER BY n");
    Error error = error_of([&] { insert(client, "t", numbers(0, 1, "x"), 1); });
    EXPECT_EQ(error.disposition(), Disposition::kFailPipe) << error.what();
    error = error_of([&] { insert(client, "t", numbers(0, 1), 1, "", "x"); });
    EXPECT_EQ(error.disposition(), Disposition::kFailPipe) << error.what();
    EXPECT_EQ(client.query("SELECT count() FROM " + target("t")), "0");
}

TEST_F(ClientTest, ACutOffBodyInsertsNothing) {
    ClickHouseClient client = client_of_test();
    client.query("CREATE TABLE " + target("t") + " (n UInt64) ENGINE = MergeTree ORDER BY n");
    ByteBuffer rows = numbers(0, 1000);
    rows.truncate(rows.size() / 2);
    error_of([&] { insert(client, "t", rows, 1000); });
    EXPECT_EQ(client.query("SELECT count() FROM " + target("t")), "0");
}

TEST_F(ClientTest, AnOlderConnectionIsMadeAgain) {
    ClickHouseClient client = client_of_test();
    EXPECT_EQ(client.query("SELECT 6"), "6");
    ClickHouseClient moved = std::move(client);
    EXPECT_EQ(moved.query("SELECT 7"), "7");
}

}  // namespace
}  // namespace penstock
