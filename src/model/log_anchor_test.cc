#include "model/log_anchor.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "base/crc32.h"

namespace penstock {
namespace {

using Bytes = std::vector<uint8_t>;

/// An event of these bytes, with its checksum.
Bytes event(uint32_t time, uint8_t type, uint32_t server, std::string_view body, uint32_t log_pos = 500) {
    Bytes bytes(19 + body.size());
    std::copy(body.begin(), body.end(), bytes.begin() + 19);
    const auto put = [&](size_t at, uint32_t value) {
        for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<uint8_t>(value >> 8 * i);
    };
    put(0, time);
    bytes[4] = type;
    put(5, server);
    put(9, static_cast<uint32_t>(19 + body.size() + 4));
    put(13, log_pos);
    const uint32_t checksum = crc32(bytes);
    bytes.resize(bytes.size() + 4);
    put(bytes.size() - 4, checksum);
    return bytes;
}

TEST(LogAnchor, TextGoesThereAndBack) {
    LogAnchor anchor{"3e11fa47-71ca-11e1-9e33-c80aa9429562",
                     "binlog:a.000007",
                     0xfedc'ba98'7654'3210,
                     5'000'000'000,
                     5'000'000'400,
                     7};
    EXPECT_EQ(anchor.to_string(),
              "3e11fa47-71ca-11e1-9e33-c80aa9429562/binlog:a.000007:5000000000:5000000400:fedcba9876543210:"
              "0000000000000007");
    EXPECT_EQ(LogAnchor::parse(anchor.to_string()), anchor);
    EXPECT_TRUE(LogAnchor::parse("").none());
    EXPECT_EQ(LogAnchor().to_string(), "");
    for (const char* text :
         {"x", "a/b:1:2:3", "a/b:1:2:g:4", "/b:1:2:3:4", "a/:1:2:3:4", "a/b:-1:2:3:4", "a/b:::: "}) {
        EXPECT_THROW(LogAnchor::parse(text), Error) << text;
    }
}

TEST(LogAnchor, EveryPartOfAnEventTellsItFromOthers) {
    const uint64_t digest = event_digest(event(1'700'000'000, 30, 1, "row one"), true);
    EXPECT_EQ(digest, event_digest(event(1'700'000'000, 30, 1, "row one"), true));
    EXPECT_NE(digest, event_digest(event(1'700'000'001, 30, 1, "row one"), true));
    EXPECT_NE(digest, event_digest(event(1'700'000'000, 31, 1, "row one"), true));
    EXPECT_NE(digest, event_digest(event(1'700'000'000, 30, 2, "row one"), true));
    EXPECT_NE(digest, event_digest(event(1'700'000'000, 30, 1, "row two"), true));
    // Without a checksum in the log the content itself is taken.
    Bytes bare = event(1'700'000'000, 30, 1, "row one");
    bare.resize(bare.size() - 4);
    const uint64_t taken = event_digest(bare, false);
    EXPECT_EQ(taken, event_digest(bare, false));
    bare.back() = 'E';
    EXPECT_NE(event_digest(bare, false), taken);
}

TEST(LogAnchor, TheOrderOfEventsCounts) {
    const uint64_t a = event_digest(event(1, 30, 1, "a"), true), b = event_digest(event(1, 30, 1, "b"), true);
    EXPECT_NE(extend_digest(extend_digest(0, a), b), extend_digest(extend_digest(0, b), a));
    EXPECT_NE(extend_digest(0, a), extend_digest(extend_digest(0, a), a));
}

TEST(LogAnchor, AFormatDescriptionIsTheSameWhereverADumpBegins) {
    std::string body(2 + 50 + 4 + 1 + 40 + 1, '\4');
    const Bytes whole = event(1'700'000'000, 15, 1, body, 126);
    body.replace(52, 4, std::string(4, '\0'));  // the time at which the server made the file
    EXPECT_EQ(event_digest(whole, true), event_digest(event(1'700'000'000, 15, 1, body, 0), true));
    EXPECT_NE(event_digest(whole, true), event_digest(event(1'700'000'009, 15, 1, body, 126), true));
    body[10] = 'x';  // of the server's version
    EXPECT_NE(event_digest(whole, true), event_digest(event(1'700'000'000, 15, 1, body, 126), true));
}

TEST(LogAnchor, TheStartOfEncryptionThatEachDumpRepeatsDoesNotCount) {
    EXPECT_EQ(event_digest(event(1'700'000'000, 164, 1, "key and nonce", 0), true), 0u);
}

}  // namespace
}  // namespace penstock
