#include "service/configuration.h"

#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"

namespace penstock {
namespace {

/// A file of the test's own, in the working directory of the test so that paths in errors are short.
class File {
  public:
    explicit File(const std::string& text, const std::string& ending = ".yaml")
        : path_("penstock_test_" + std::to_string(getpid()) + "_" + std::to_string(++count_) + ending) {
        std::ofstream(path_, std::ios::binary) << text;
    }
    ~File() { ::unlink(path_.c_str()); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    const std::string& path() const { return path_; }

  private:
    static inline int count_ = 0;
    std::string path_;
};

/// A variable of the environment for the length of a test.
class Variable {
  public:
    Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
    ~Variable() { ::unsetenv(name_); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

  private:
    const char* name_;
};

std::string error_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& e) {
        EXPECT_EQ(e.disposition(), Disposition::kUsage);
        return e.what();
    }
    return "no error";
}

/// The error for a file of this text, with FILE in the place of its path.
std::string file_error(const std::string& text) {
    File file(text);
    std::string line = error_of([&] { load_configuration(file.path(), {}); });
    for (size_t at; (at = line.find(file.path())) != line.npos;) line.replace(at, file.path().size(), "FILE");
    return line;
}

std::string flag_error(const std::string& setting, const std::vector<std::string>& words) {
    return error_of([&] { load_configuration({}, {{setting, words}}); });
}

TEST(Configuration, WorksWithNothing) {
    Configuration c = load_configuration({}, {});
    EXPECT_EQ(c.data_dir, "./penstock-data");
    EXPECT_EQ(c.listen, std::vector<std::string>{"127.0.0.1:8125"});
    EXPECT_EQ(c.tls_certificate, "");
    EXPECT_FALSE(c.allow_plain_http);
    EXPECT_EQ(c.master_key_file, "./penstock-data/master.key");
    EXPECT_EQ(c.compression, std::nullopt);
    EXPECT_EQ(c.max_request_bytes, 4u << 20);
    EXPECT_EQ(c.requests_per_minute, 1200u);
    EXPECT_EQ(c.failed_sign_ins_per_minute, 20u);
    EXPECT_EQ(c.log_level, "info");
    EXPECT_TRUE(c.services.empty());
    File nothing("{}");
    EXPECT_EQ(load_configuration(nothing.path(), {}).log_level, "info");
}

TEST(Configuration, AFileSetsEverything) {
    File certificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ".pem");
    File password("pass word\nsecond line\n", ".txt");
    Variable secret("PENSTOCK_TEST_SECRET", "from the environment");
    File file(R"(
data_dir: /var/lib/penstock
listen: ["0.0.0.0:1", "[::1]:2"]
tls_certificate: a.pem
tls_key: b.pem
master_key_file: /run/key
library: /lib/libchdb.so
compression: lz4
max_request_bytes: 1024
requests_per_minute: 0
failed_sign_ins_per_minute: 7
log_level: debug
services:
  - {name: a, url: "http://[::1]:8123", password: "${PENSTOCK_TEST_SECRET}", cluster: main}
  - name: b
    url: https://host/
    user: writer
    password_file: )" +
              password.path() + "\n    ca_certificate_file: " + certificate.path() + "\n");
    Configuration c = load_configuration(file.path(), {});
    EXPECT_EQ(c.data_dir, "/var/lib/penstock");
    EXPECT_EQ(c.listen, (std::vector<std::string>{"0.0.0.0:1", "[::1]:2"}));
    EXPECT_EQ(c.tls_certificate, "a.pem");
    EXPECT_EQ(c.tls_key, "b.pem");
    EXPECT_EQ(c.master_key_file, "/run/key");
    EXPECT_EQ(c.library, "/lib/libchdb.so");
    EXPECT_EQ(c.compression, Compression::kLz4);
    EXPECT_EQ(c.max_request_bytes, 1024u);
    EXPECT_EQ(c.requests_per_minute, 0u);
    EXPECT_EQ(c.failed_sign_ins_per_minute, 7u);
    EXPECT_EQ(c.log_level, "debug");
    ASSERT_EQ(c.services.size(), 2u);
    EXPECT_EQ(c.services[0].name, "a");
    EXPECT_EQ(c.services[0].url, "http://[::1]:8123");
    EXPECT_EQ(c.services[0].user, "default");
    EXPECT_EQ(c.services[0].password, "from the environment");
    EXPECT_EQ(c.services[0].cluster, "main");
    EXPECT_EQ(c.services[1].user, "writer");
    EXPECT_EQ(c.services[1].password, "pass word");
    EXPECT_TRUE(c.services[1].ca_certificate.starts_with("-----BEGIN CERTIFICATE-----\nAAAA\n"));
}

TEST(Configuration, FlagsGoBeforeTheEnvironmentAndThatBeforeTheFile) {
    File file("{\"log_level\": \"error\", \"compression\": \"none\", \"requests_per_minute\": 1}", ".json");
    Variable level("PENSTOCK_LOG_LEVEL", "warning");
    Variable requests("PENSTOCK_REQUESTS_PER_MINUTE", "2");
    Variable listen("PENSTOCK_LISTEN", "127.0.0.1:1,127.0.0.2:2");
    Variable empty("PENSTOCK_COMPRESSION", "");  // as if it were not set
    Configuration c = load_configuration(file.path(), {{"requests_per_minute", {"3"}}});
    EXPECT_EQ(c.compression, Compression::kNone);
    EXPECT_EQ(c.log_level, "warning");
    EXPECT_EQ(c.requests_per_minute, 3u);
    EXPECT_EQ(c.listen, (std::vector<std::string>{"127.0.0.1:1", "127.0.0.2:2"}));
    c = load_configuration(file.path(), {{"listen", {"*:0"}}, {"allow_plain_http", {}}});
    EXPECT_EQ(c.listen, std::vector<std::string>{"*:0"});
    EXPECT_TRUE(c.allow_plain_http);
}

TEST(Configuration, EachErrorIsOneLineThatNamesItsPlace) {
    EXPECT_EQ(file_error("log_levle: info\n"), "FILE: log_levle: unknown setting; did you mean log_level?");
    EXPECT_TRUE(file_error("zzzzzzzzzz: 1\n")
                    .starts_with("FILE: zzzzzzzzzz: unknown setting; known here: data_dir, "));
    EXPECT_EQ(file_error("log_level: info\nlog_level: info\n"),
              "FILE: line 2, column 1: the field log_level is given twice");
    EXPECT_EQ(file_error("log_level: loud\n"),
              "FILE: log_level: \"loud\" is not allowed; allowed: debug, info, warning, error");
    EXPECT_EQ(file_error("log_level: 1\n"),
              "FILE: log_level: 1 is not text (put it in quotes); allowed: debug, info, warning, error");
    EXPECT_EQ(file_error("requests_per_minute: \"10\"\n"),
              "FILE: requests_per_minute: \"10\" is not a whole number; allowed: 0 to 1000000");
    EXPECT_EQ(file_error("max_request_bytes: 1000\n"),
              "FILE: max_request_bytes: 1000 is out of range; allowed: 1024 to 1073741824");
    EXPECT_EQ(file_error("max_request_bytes: 18446744073709551615\n"),
              "FILE: max_request_bytes: 18446744073709551615 is out of range; allowed: 1024 to 1073741824");
    EXPECT_EQ(file_error("allow_plain_http: yes\n"),
              "FILE: allow_plain_http: \"yes\" is neither; allowed: true or false");
    EXPECT_EQ(file_error("listen: 127.0.0.1:1\n"),
              "FILE: listen: \"127.0.0.1:1\" is not a list of texts; allowed: a list of texts");
    EXPECT_EQ(file_error("listen: []\n"),
              "FILE: listen: [] is not a list of texts; allowed: a list of texts");
    EXPECT_EQ(file_error("data_dir: \"\"\n"),
              "FILE: data_dir: \"\" is not allowed; allowed: text that is not empty");
    EXPECT_EQ(file_error("# nothing yet\n"), "FILE: the file is empty");
    EXPECT_EQ(file_error("[1]\n"), "FILE: must be an object of settings");
    EXPECT_EQ(error_of([] { load_configuration("not-there.yaml", {}); }),
              "not-there.yaml: cannot open the file: No such file or directory");
    EXPECT_EQ(flag_error("requests_per_minute", {"many"}),
              "--requests-per-minute: \"many\" is not a whole number; allowed: 0 to 1000000");
    Variable level("PENSTOCK_LOG_LEVEL", "loud");
    EXPECT_EQ(error_of([] { load_configuration({}, {}); }),
              "$PENSTOCK_LOG_LEVEL: \"loud\" is not allowed; allowed: debug, info, warning, error");
}

TEST(Configuration, OtherMachinesNeedTls) {
    for (const char* address : {"0.0.0.0:80", ":80", "*:80", "[::]:80", "192.168.0.1:80", "example.com:80"}) {
        EXPECT_EQ(flag_error("listen", {address}),
                  "--listen: " + std::string(address) +
                      " can be reached from other machines, and the API has no TLS. Set tls_certificate and "
                      "tls_key, or allow_plain_http: true where a proxy adds TLS");
        EXPECT_NO_THROW(load_configuration({}, {{"listen", {address}}, {"allow_plain_http", {}}}));
        EXPECT_NO_THROW(
            load_configuration({}, {{"listen", {address}}, {"tls_certificate", {"a"}}, {"tls_key", {"b"}}}));
    }
    for (const char* address : {"127.0.0.1:0", "127.9.9.9:1", "localhost:65535", "[::1]:80"}) {
        EXPECT_NO_THROW(load_configuration({}, {{"listen", {address}}})) << address;
    }
    EXPECT_EQ(flag_error("tls_key", {"k.pem"}), "--tls-key: needs tls_certificate too");
    EXPECT_TRUE(file_error("listen: [':80']\n").starts_with("FILE: listen: :80 can be reached"));
    EXPECT_EQ(file_error("tls_certificate: c.pem\n"), "FILE: tls_certificate: needs tls_key too");
}

TEST(Configuration, AddressesThatAreNone) {
    for (const char* address : {"127.0.0.1", "host:", "host:65536", "host:-1", "host: 80", "::1:80", "[x]:80",
                                "[::1]80", "http://host:80", "a b:1"}) {
        EXPECT_EQ(flag_error("listen", {address}),
                  "--listen: \"" + std::string(address) +
                      "\" is no address; allowed: HOST:PORT, [V6]:PORT or *:PORT, with a port of 0 to 65535");
    }
    std::optional<ListenAddress> all = parse_listen_address("*:8125");
    ASSERT_TRUE(all);
    EXPECT_EQ(all->host, "");
    EXPECT_EQ(all->port, 8125);
    EXPECT_EQ(parse_listen_address("[::1]:0")->host, "::1");
}

TEST(Configuration, WhatIsWrongWithAService) {
    EXPECT_EQ(file_error("services: {a: 1}\n"), "FILE: services: is not a list; allowed: a list of objects");
    EXPECT_EQ(file_error("services: [1]\n"), "FILE: services[0]: must be an object");
    EXPECT_EQ(file_error("services: [{url: 'http://h'}]\n"),
              "FILE: services[0].name: is required; allowed: text that is not empty");
    EXPECT_EQ(file_error("services: [{name: a, url: 'http://h', pasword: x}]\n"),
              "FILE: services[0].pasword: unknown setting; did you mean password?");
    EXPECT_EQ(file_error("services: [{name: a, url: 'http://h'}, {name: a, url: 'http://i'}]\n"),
              "FILE: services[1].name: \"a\" is the name of services[0] too");
    const std::string no_url =
        "FILE: services[0].url: is not the URL of a ClickHouse; allowed: http://HOST[:PORT] or "
        "https://HOST[:PORT], without user, path or parameters";
    for (const char* url :
         {"h:8123", "tcp://h", "http://", "http://u:secret@h", "http://h/path", "http://h?x=1", "http://h:0",
          "http://h:99999", "http://h:8123x", "http://[]:1"}) {
        EXPECT_EQ(file_error("services: [{name: a, url: '" + std::string(url) + "'}]\n"), no_url) << url;
    }
    EXPECT_EQ(file_error("services: [{name: a, url: 'http://h', password: x, password_file: y}]\n"),
              "FILE: services[0].password_file: is given together with password. Give one of them");
    EXPECT_EQ(file_error("services: [{name: a, url: 'http://h', password_file: not-there}]\n"),
              "FILE: services[0].password_file: not-there: cannot open the file: No such file or directory");
    EXPECT_EQ(file_error("services: [{name: a, url: 'http://h', password: '${NOT_SET_ANYWHERE}'}]\n"),
              "FILE: services[0].password: the environment has no variable NOT_SET_ANYWHERE. Set it before "
              "penstock starts");
    File text("no certificate", ".txt");
    EXPECT_EQ(
        file_error("services: [{name: a, url: 'http://h', ca_certificate_file: " + text.path() + "}]\n"),
        "FILE: services[0].ca_certificate_file: " + text.path() + " holds no certificate in PEM text");
}

TEST(Configuration, NoErrorShowsAPassword) {
    EXPECT_EQ(file_error("services: [{name: a, url: 'http://h', password: 123454321}]\n"),
              "FILE: services[0].password: the value is not text; allowed: text");
    for (const char* text : {"services: [{name: a, url: 'http://h', password: 'sesame\n",
                             "services: [{name: a, url: 'http://u:sesame@h'}]\n",
                             "services: [{name: a, password: sesame, url: 1}]\n"}) {
        EXPECT_EQ(file_error(text).find("sesame"), std::string::npos) << file_error(text);
    }
}

/// The rows of docs/configuration.md as the table of settings gives them.
std::string documented_settings() {
    const char* kinds[] = {"text", "whole number", "true or false", "list of texts", "list of objects"};
    std::string text =
        "| setting | type | allowed | default | environment | meaning |\n|---|---|---|---|---|---|\n";
    for (const Setting& setting : configuration_settings()) {
        std::string allowed;
        for (std::string_view word : setting.allowed) {
            allowed += (allowed.empty() ? "`" : ", `") + std::string(word) + "`";
        }
        if (setting.kind == SettingKind::kInteger) {
            allowed = std::to_string(setting.minimum) + " to " + std::to_string(setting.maximum);
        }
        auto quoted = [](std::string_view word) {
            return word.empty() ? std::string() : "`" + std::string(word) + "`";
        };
        std::string preset = setting.required ? "required" : quoted(setting.preset);
        text += "| `" + std::string(setting.name) + "` | " + kinds[static_cast<size_t>(setting.kind)] +
                " | " + allowed + " | " + preset + " | " + quoted(setting.environment) + " | " +
                std::string(setting.help) + " |\n";
    }
    return text;
}

TEST(Configuration, ThePageIsOfTheTable) {
    std::ifstream file(PENSTOCK_TEST_DATA "/../../docs/configuration.md");
    std::ostringstream text;
    text << file.rdbuf();
    const std::string expected = documented_settings();
    EXPECT_NE(text.str().find("\n\n" + expected + "\n"), std::string::npos)
        << "docs/configuration.md must hold this table:\n"
        << expected;
}

}  // namespace
}  // namespace penstock
