#include "destination/clickhouse_errors.h"

#include <curl/curl.h>
#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(ClickHouseErrors, WhatPassesIsTriedAgain) {
    for (int code : {159, 202, 209, 210, 241, 242, 252, 319, 425, 745, 999}) {
        EXPECT_EQ(disposition_of({500, code, ""}), Disposition::kRetry) << code;
    }
    for (int code : {16, 36, 43, 47, 49, 53, 60, 62, 81, 117, 164, 193, 349, 497, 516}) {
        EXPECT_EQ(disposition_of({500, code, ""}), Disposition::kFailPipe) << code;
    }
}

TEST(ClickHouseErrors, AnswersOfProxies) {
    for (int status : {408, 429, 500, 502, 503, 504}) {
        EXPECT_EQ(disposition_of({status, 0, ""}), Disposition::kRetry) << status;
    }
    for (int status : {301, 400, 401, 403, 404}) {
        EXPECT_EQ(disposition_of({status, 0, ""}), Disposition::kFailPipe) << status;
    }
}

TEST(ClickHouseErrors, MessagesAreShortAndOneLine) {
    EXPECT_EQ(short_message("Code: 60. DB::Exception: Unknown table\n  expression 'x'. (UNKNOWN_TABLE) "
                            "(version 26.7.2.1)\n"),
              "Unknown table expression 'x'. (UNKNOWN_TABLE)");
    EXPECT_EQ(short_message(
                  "Code: 279. DB::Exception: All failed: Code: 210. DB::Exception: refused. (NETWORK_ERROR) "
                  "(version 26.7.2.1 (official build))"),
              "All failed: Code: 210. refused. (NETWORK_ERROR)");
    EXPECT_EQ(
        short_message("Code: 49. DB::Exception: Bad. (LOGICAL_ERROR), Stack trace (when copying):\n0. x"),
        "Bad. (LOGICAL_ERROR)");
    EXPECT_EQ(short_message(""), "");
}

TEST(ClickHouseErrors, ALongMessageKeepsItsEndAndWholeCharacters) {
    std::string text = "Code: 27. DB::Exception: ";
    for (int i = 0; i < 1000; ++i) text += "\xc3\xa9";
    text += ". (CANNOT_PARSE) (version 26.7.2.1)";
    std::string line = short_message("a" + text);
    EXPECT_LT(line.size(), 450u);
    EXPECT_TRUE(line.ends_with("\xc3\xa9... (CANNOT_PARSE)")) << line;
}

TEST(ClickHouseErrors, ExceptionCodes) {
    EXPECT_EQ(exception_code("Code: 516. DB::Exception: x"), 516);
    EXPECT_EQ(exception_code("<html>Code: 516"), 0);
    EXPECT_EQ(exception_code(""), 0);
}

TEST(ClickHouseErrors, NoAnswer) {
    Error refused = transport_error("insert", "http://h:1", CURLE_COULDNT_CONNECT, "Connection refused");
    EXPECT_EQ(refused.disposition(), Disposition::kRetry);
    EXPECT_EQ(
        std::string(refused.what()),
        "insert: no answer from ClickHouse at http://h:1: Connection refused. Check that ClickHouse runs and "
        "that the URL names its HTTP port");
    EXPECT_EQ(transport_error("x", "u", CURLE_OPERATION_TIMEDOUT, "").disposition(), Disposition::kRetry);
    EXPECT_EQ(transport_error("x", "u", CURLE_RECV_ERROR, "").disposition(), Disposition::kRetry);
    EXPECT_EQ(transport_error("x", "u", CURLE_PEER_FAILED_VERIFICATION, "").disposition(),
              Disposition::kFailPipe);
}

}  // namespace
}  // namespace penstock
