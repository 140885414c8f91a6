// Certificates that are verified, from both ends of a pipe.

#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <httplib.h>

#include "api/test_certificate.h"
#include "source/mysql_connection.h"
#include "support/serve_process.h"
#include "support/servers.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;

/// The tests' ClickHouse over https: ends the TLS and hands on every request as it is.
class TlsFront {
  public:
    TlsFront() : server_(certificate_.certificate_file().c_str(), certificate_.key_file().c_str()) {
        auto hand_on = [url = clickhouse_endpoint().url](const httplib::Request& request,
                                                         httplib::Response& response) {
            httplib::Client behind(url);
            httplib::Request copy;
            copy.method = request.method;
            copy.path = request.target;
            copy.body = request.body;
            for (const auto& [name, value] : request.headers) {
                const bool of_this_link = name == "Transfer-Encoding" || name == "Content-Length" ||
                                          name == "Expect" || name == "Connection" || name == "REMOTE_ADDR" ||
                                          name == "REMOTE_PORT" || name == "LOCAL_ADDR" ||
                                          name == "LOCAL_PORT" || name == "Accept-Encoding";
                if (!of_this_link) copy.headers.emplace(name, value);
            }
            httplib::Result result = behind.send(copy);
            if (!result) {
                response.status = 502;
                return;
            }
            response.status = result->status;
            for (const auto& [name, value] : result->headers) {
                if (name.starts_with("X-ClickHouse-")) response.set_header(name, value);
            }
            response.set_content(result->body, "text/plain");
        };
        server_.Get(".*", hand_on);
        server_.Post(".*", hand_on);
        port_ = server_.bind_to_any_port("127.0.0.1");
        thread_ = std::thread([this] { server_.listen_after_bind(); });
    }
    ~TlsFront() {
        server_.stop();
        thread_.join();
    }
    std::string url() const { return "https://127.0.0.1:" + std::to_string(port_); }
    std::string authority() const { return read_file(certificate_.certificate_file()); }

  private:
    TestCertificate certificate_;
    httplib::SSLServer server_;
    int port_ = 0;
    std::thread thread_;
};

TEST(Tls, BothEndsAreVerifiedByTheirAuthorities) {
    const std::string database = "tls_both_ends";
    SourceEndpoint source = source_endpoint("MYSQL");
    MysqlConnection connection = MysqlConnection::open(source);
    connection.execute("DROP DATABASE IF EXISTS " + database);
    connection.execute("CREATE DATABASE " + database);
    connection.execute("CREATE TABLE " + database + ".t (id INT PRIMARY KEY)");
    connection.execute("INSERT INTO " + database + ".t VALUES (1), (2)");
    connection.execute("DROP USER IF EXISTS 'only_tls'@'%'");
    connection.execute("CREATE USER 'only_tls'@'%' IDENTIFIED BY 'only-tls-1' REQUIRE SSL");
    connection.execute("GRANT ALL ON *.* TO 'only_tls'@'%'");

    TlsFront clickhouse;
    const TestCertificate stranger;
    ServeProcess serve;
    serve.start();
    // A service whose certificate nobody stands for, or the wrong one does, is not made, or changed.
    const ClickHouseEndpoint target = clickhouse_endpoint();
    const auto expect_refused = [](const Answer& answer) {
        EXPECT_EQ(answer.status, 400);
        EXPECT_NE(answer.error().find("signed by the service's caCertificate"), std::string::npos)
            << answer.error();
    };
    json secure = {
        {"name", "secure"}, {"url", clickhouse.url()}, {"user", target.user}, {"password", target.password}};
    expect_refused(serve.call_path("POST", serve.services_path(), secure));
    secure["caCertificate"] = read_file(stranger.certificate_file());
    expect_refused(serve.call_path("POST", serve.services_path(), secure));
    secure["caCertificate"] = clickhouse.authority();
    const Answer made = serve.call_path("POST", serve.services_path(), secure);
    ASSERT_EQ(made.status, 200) << made.error();
    const std::string service = serve.services_path() + "/" + made.result().at("id").get<std::string>();
    expect_refused(
        serve.call_path("PATCH", service, {{"caCertificate", read_file(stranger.certificate_file())}}));
    json body = pipe_body("secure", source, database, {"t"});
    json& mysql = body["source"]["mysql"];
    mysql["credentials"] = {{"username", "only_tls"}, {"password", "only-tls-1"}};
    mysql["caCertificate"] = read_file(required_environment("PENSTOCK_TEST_MYSQL_CA_FILE"));
    auto create = [&] { return serve.call_path("POST", service + "/clickpipes", body); };

    // The source's, likewise.
    const json authority = mysql["caCertificate"];
    mysql["caCertificate"] = read_file(stranger.certificate_file());
    const Answer wrong = create();
    EXPECT_EQ(wrong.status, 400);
    EXPECT_EQ(wrong.error().find("the service's caCertificate"), std::string::npos) << wrong.error();
    EXPECT_NE(wrong.error().find("caCertificate"), std::string::npos) << wrong.error();
    mysql["caCertificate"] = authority;
    const Answer right = create();
    ASSERT_EQ(right.status, 200) << right.error();
    const std::string pipe = service + "/clickpipes/" + right.result().at("id").get<std::string>();
    ASSERT_TRUE(serve.wait_until([&] {
        return serve.call_path("GET", pipe, nullptr).result()["state"] == "Running";
    })) << serve.log();
    connection.execute("INSERT INTO " + database + ".t VALUES (3)");
    ClickHouseClient look(target);
    ASSERT_TRUE(serve.wait_until([&] {
        return look.query("SELECT groupArray(id) FROM (SELECT id FROM " + database +
                          ".t FINAL ORDER BY id)") == "[1,2,3]";
    })) << serve.log();
    // The log is read over TLS as well: the account cannot enter without it.
    SourceEndpoint plain = source;
    plain.username = "only_tls";
    plain.password = "only-tls-1";
    plain.disable_tls = true;
    EXPECT_THROW(MysqlConnection::open(plain), Error);
    connection.execute("DROP USER 'only_tls'@'%'");
}

}  // namespace
}  // namespace penstock
