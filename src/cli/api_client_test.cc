#include "cli/api_client.h"

#include <gtest/gtest.h>

#include "cli/api_session.h"

namespace penstock {
namespace {

using json = ApiClient::json;

TEST(ApiAddress, TakesTheUrlWithAndWithoutVersion) {
    for (const char* url : {"http://127.0.0.1:8125", "http://127.0.0.1:8125/", "http://127.0.0.1:8125/v1",
                            "http://127.0.0.1:8125/v1/"}) {
        const ApiAddress address = ApiAddress::parse(url);
        EXPECT_FALSE(address.tls) << url;
        EXPECT_EQ(address.host, "127.0.0.1") << url;
        EXPECT_EQ(address.port, 8125) << url;
        EXPECT_EQ(address.prefix, "") << url;
        EXPECT_EQ(address.text(), "http://127.0.0.1:8125") << url;
    }
}

TEST(ApiAddress, KnowsPortsPathsAndIpv6) {
    const ApiAddress plain = ApiAddress::parse("http://pipes");
    EXPECT_EQ(plain.port, 80);
    const ApiAddress tls = ApiAddress::parse("https://pipes.example.com/data/penstock/v1");
    EXPECT_TRUE(tls.tls);
    EXPECT_EQ(tls.port, 443);
    EXPECT_EQ(tls.prefix, "/data/penstock");
    const ApiAddress v6 = ApiAddress::parse("https://[fe80::1]:9000/v1");
    EXPECT_EQ(v6.host, "fe80::1");
    EXPECT_EQ(v6.port, 9000);
    EXPECT_EQ(v6.text(), "https://[fe80::1]:9000");
}

TEST(ApiAddress, RefusesWhatIsNoSuchUrl) {
    for (const char* url : {"", "127.0.0.1:8125", "ftp://host", "http://", "http://:80",
                            "http://host:", "http://host:0", "http://host:65536", "http://host:80x",
                            "http://[::1", "http://[::1]80", "http://host/v1?a=b", "http://host/ v1"}) {
        EXPECT_THROW(ApiAddress::parse(url), Error) << url;
    }
    try {
        ApiAddress::parse("http://key:s3cret@host");
        FAIL() << "a secret in a URL was taken";
    } catch (const Error& e) {
        EXPECT_EQ(e.disposition(), Disposition::kUsage);
        EXPECT_EQ(std::string(e.what()).find("s3cret"), std::string::npos) << e.what();
    }
}

TEST(AnswerError, SaysWhetherAskingAgainMayHelp) {
    for (int status : {400, 401, 403, 404, 409, 413, 415}) {
        EXPECT_EQ(to_answer_error(status, "text", "").disposition(), Disposition::kUsage) << status;
    }
    for (int status : {429, 500, 502, 503}) {
        EXPECT_EQ(to_answer_error(status, "text", "").disposition(), Disposition::kRetry) << status;
    }
    EXPECT_EQ(to_answer_error(404, "no", "").status(), 404);
}

TEST(AnswerError, IsOneLineWithTheServersText) {
    EXPECT_STREQ(to_answer_error(400, "pullBatchSize: at least 1", "r").what(),
                 "refused: pullBatchSize: at least 1");
    EXPECT_STREQ(to_answer_error(500, "out of order", "r-1").what(),
                 "the service failed with 500: out of order (request r-1). Its log says more");
    EXPECT_STREQ(to_answer_error(502, "", "").what(),
                 "the service failed with 502: HTTP status 502. Its log says more");
    // What a server sends cannot move the cursor.
    EXPECT_STREQ(to_answer_error(409, "a\n\x1b[2Jb", "").what(), "conflict: a??[2Jb");
    const std::string sign_in = to_answer_error(401, "the key is not valid", "").what();
    EXPECT_NE(sign_in.find("PENSTOCK_KEY_ID"), std::string::npos);
    EXPECT_NE(sign_in.find("PENSTOCK_KEY_SECRET"), std::string::npos);
}

TEST(PercentEncoded, LeavesOnlyUnreservedCharacters) {
    EXPECT_EQ(percent_encoded("aZ09-._~"), "aZ09-._~");
    EXPECT_EQ(percent_encoded("a b/c?d=e&f\xc3\xa9%"), "a%20b%2Fc%3Fd%3De%26f%C3%A9%25");
}

TEST(ApiSession, WantsAKeyAndNeverTheSecretAsAFlag) {
    unsetenv("PENSTOCK_KEY_SECRET");
    ApiOptions options;
    EXPECT_THROW(ApiSession{options}, Error);
    options.key_id = "id";
    try {
        ApiSession session(options);
        FAIL() << "a key without a secret was taken";
    } catch (const Error& e) {
        EXPECT_NE(std::string(e.what()).find("PENSTOCK_KEY_SECRET"), std::string::npos) << e.what();
        EXPECT_EQ(e.disposition(), Disposition::kUsage);
    }
    options.key_secret_file = "/nonexistent/secret";
    EXPECT_THROW(ApiSession{options}, Error);
}

TEST(FindNamed, TakesTheIdBeforeTheName) {
    const json list = json::parse(R"([{"id": "1", "name": "shop"}, {"id": "shop", "name": "other"},
                                      {"id": "3", "name": "twin"}, {"id": "4", "name": "twin"}])");
    EXPECT_EQ(text_at(find_named(list, "shop", "pipe"), "/name"), "other");
    EXPECT_EQ(text_at(find_named(list, "1", "pipe"), "/name"), "shop");
    EXPECT_EQ(text_at(find_named(list, "other", "pipe"), "/id"), "shop");
    EXPECT_EQ(text_at(find_named(list, "4", "pipe"), "/id"), "4");
    try {
        find_named(list, "twin", "pipe");
        FAIL() << "one of two was taken";
    } catch (const Error& e) {
        EXPECT_STREQ(e.what(), "find the pipe: more than one is called 'twin'. Give its id");
    }
    try {
        find_named(list, "shp", "pipe");
        FAIL() << "a pipe that is not there was found";
    } catch (const Error& e) {
        EXPECT_STREQ(e.what(), "find the pipe: no pipe is called 'shp'. There are: shop, other, twin, twin");
    }
    EXPECT_THROW(find_named(json::array(), "a", "pipe"), Error);
}

TEST(FindDefault, TakesTheOnlyOneOrTheOneCalledDefault) {
    const json one = json::parse(R"([{"id": "1", "name": "a"}])");
    EXPECT_EQ(text_at(find_default(one, "service", "--service"), "/id"), "1");
    const json two = json::parse(R"([{"id": "1", "name": "a"}, {"id": "2", "name": "default"}])");
    EXPECT_EQ(text_at(find_default(two, "service", "--service"), "/id"), "2");
    const json unclear = json::parse(R"([{"id": "1", "name": "a"}, {"id": "2", "name": "b"}])");
    try {
        find_default(unclear, "service", "--service");
        FAIL() << "one of two was taken";
    } catch (const Error& e) {
        EXPECT_STREQ(e.what(),
                     "find the service: there are 2 and none is called default. Choose with --service "
                     "one of: a, b");
    }
    EXPECT_THROW(find_default(json::array(), "service", "--service"), Error);
}

TEST(ResultValues, AreReadWhateverTheyAre) {
    const json object =
        json::parse(R"({"a": {"b": "text"}, "n": 7, "f": 1.5, "null": null, "list": [1, "x"]})");
    EXPECT_EQ(text_at(object, "/a/b"), "text");
    EXPECT_EQ(text_at(object, "/n"), "7");
    EXPECT_EQ(text_at(object, "/null"), "");
    EXPECT_EQ(text_at(object, "/missing/too"), "");
    EXPECT_EQ(text_at(object, "/list"), R"([1,"x"])");
    EXPECT_EQ(count_at(object, "n"), 7u);
    EXPECT_EQ(count_at(object, "f"), 1u);
    EXPECT_EQ(count_at(object, "null"), 0u);
    EXPECT_EQ(count_at(object, "missing"), 0u);
}

}  // namespace
}  // namespace penstock
