#include "api/http_listener.h"

#include <atomic>
#include <future>
#include <mutex>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>

#include "api/sockets.h"
#include "api/test_certificate.h"
#include "base/error.h"

namespace penstock {

namespace {

/// A listener on a free port of loopback that answers with what it was asked.
class HttpListenerTest : public testing::Test {
  protected:
    void serve(HttpListenerOptions options = {}) {
        if (options.listen.empty()) options.listen = {"127.0.0.1:0"};
        options.max_body_bytes = 1000;
        options.worker_threads = 2;
        options.probe_paths = {"/alive"};
        listener_ = std::make_unique<HttpListener>(
            options, [this](const HttpRequest& head) { return admit(head); },
            [this](const HttpRequest& request) { return answer(request); },
            [](int status) {
                return HttpAnswer{status, {}, "text/plain", "refused " + std::to_string(status)};
            });
        listener_->start();
        port_ = std::stoi(listener_->urls()[0].substr(listener_->urls()[0].rfind(':') + 1));
    }

    HttpAdmission admit(const HttpRequest& head) {
        HttpAdmission admission;
        if (head.path == "/secret" && head.authorization.empty()) {
            admission.answer = {401, {}, "text/plain", "who?"};
        }
        if (head.path == "/slow") admission.lane = Lane::kServers;
        if (head.path == "/command") admission.lane = Lane::kCommand;
        return admission;
    }

    HttpAnswer answer(const HttpRequest& request) {
        if (request.path == "/slow") released_.wait();
        std::lock_guard lock(mutex_);
        last_ = request;
        ++answered_;
        return {200, {{"X-Test", "yes"}}, "text/plain", request.method + " " + request.path};
    }

    httplib::Client client() const { return httplib::Client("127.0.0.1", port_); }

    /// Sends bytes as they are and returns all that comes back.
    std::string exchange(const std::string& bytes, bool half_close = false) const {
        FileDescriptor fd(::socket(AF_INET, SOCK_STREAM, 0));
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_port = htons(static_cast<uint16_t>(port_));
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
        for (size_t sent = 0; sent < bytes.size();) {
            ssize_t n = ::send(fd.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
            if (n <= 0) break;
            sent += static_cast<size_t>(n);
        }
        if (half_close) ::shutdown(fd.get(), SHUT_WR);
        std::string answer;
        char buffer[4096];
        for (ssize_t n; (n = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0;) {
            answer.append(buffer, static_cast<size_t>(n));
        }
        return answer;
    }

    /// A connection that has sent these bytes and stays open.
    FileDescriptor open_with(const std::string& bytes) const {
        FileDescriptor fd(::socket(AF_INET, SOCK_STREAM, 0));
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_port = htons(static_cast<uint16_t>(port_));
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
        EXPECT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
        return fd;
    }

    std::promise<void> release_;
    std::shared_future<void> released_ = release_.get_future().share();
    std::unique_ptr<HttpListener> listener_;
    int port_ = 0;
    std::mutex mutex_;
    HttpRequest last_;
    int answered_ = 0;
};

std::string status_line(const std::string& answer) {
    return answer.substr(0, answer.find('\r'));
}
std::string body_of(const std::string& answer) {
    size_t end = answer.find("\r\n\r\n");
    return end == std::string::npos ? "" : answer.substr(end + 4);
}

TEST_F(HttpListenerTest, TellsTheHandlerWhatWasAsked) {
    serve();
    auto http = client();
    http.set_basic_auth("id", "secret");
    auto result = http.Post("/a%20b/c?x=1&x=2&y=%C3%A4", R"({"k": 1})", "application/json; charset=utf-8");
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, 200);
    EXPECT_EQ(result->body, "POST /a b/c");
    EXPECT_EQ(result->get_header_value("X-Test"), "yes");
    EXPECT_EQ(result->get_header_value("Connection"), "close");
    EXPECT_EQ(last_.path, "/a b/c");
    EXPECT_EQ(last_.query, (std::multimap<std::string, std::string>{{"x", "1"}, {"x", "2"}, {"y", "ä"}}));
    EXPECT_EQ(last_.authorization, "Basic aWQ6c2VjcmV0");
    EXPECT_EQ(last_.content_type, "application/json; charset=utf-8");
    EXPECT_EQ(last_.body, R"({"k": 1})");
    EXPECT_EQ(last_.client, "127.0.0.1");
}

TEST_F(HttpListenerTest, AllMethods) {
    serve();
    for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}) {
        std::string answer = exchange(std::string(method) + " /p HTTP/1.1\r\nHost: h\r\n\r\n");
        EXPECT_EQ(status_line(answer), "HTTP/1.1 200 OK") << method;
        EXPECT_EQ(body_of(answer), std::string(method) + " /p");
    }
    std::string head = exchange("HEAD /p HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(status_line(head), "HTTP/1.1 200 OK");
    EXPECT_NE(head.find("Content-Length: 7\r\n"), std::string::npos);
    EXPECT_EQ(body_of(head), "");
}

TEST_F(HttpListenerTest, ABodyWithoutALengthIsNone) {
    serve();
    std::string answer = exchange("POST /p HTTP/1.1\r\nHost: h\r\n\r\nignored");
    EXPECT_EQ(status_line(answer), "HTTP/1.1 200 OK");
    EXPECT_EQ(last_.body, "");
}

TEST_F(HttpListenerTest, BodiesUpToTheLimit) {
    serve();
    auto http = client();
    auto result = http.Post("/p", std::string(1000, 'x'), "application/json");
    ASSERT_TRUE(result);
    EXPECT_EQ(last_.body, std::string(1000, 'x'));
    EXPECT_FALSE(last_.too_large);
    result = http.Post("/p", std::string(1001, 'x'), "application/json");
    ASSERT_TRUE(result);
    EXPECT_TRUE(last_.too_large);
    EXPECT_EQ(last_.body, "");
    // Far more than the buffers of the connection hold: the answer comes all the same.
    result = http.Post("/p", std::string(8 << 20, 'x'), "application/json");
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, 200);
    EXPECT_TRUE(last_.too_large);
}

TEST_F(HttpListenerTest, ChunkedBodies) {
    serve();
    std::string head = "PUT /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    EXPECT_EQ(status_line(exchange(head + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")), "HTTP/1.1 200 OK");
    EXPECT_EQ(last_.body, "abcde");
    EXPECT_EQ(status_line(exchange(head + "400\r\n" + std::string(1024, 'x') + "\r\n0\r\n\r\n")),
              "HTTP/1.1 200 OK");
    EXPECT_TRUE(last_.too_large);
    EXPECT_EQ(body_of(exchange(head + "zz\r\n", true)), "refused 400");
}

TEST_F(HttpListenerTest, ACompressedBodyIsLimitedByWhatItHolds) {
    serve();
    auto http = client();
    http.set_compress(true);
    auto result = http.Post("/p", std::string(900, 'x'), "application/json");
    ASSERT_TRUE(result);
    EXPECT_EQ(last_.body, std::string(900, 'x'));
    result = http.Post("/p", std::string(100'000, 'x'), "application/json");
    ASSERT_TRUE(result);
    EXPECT_TRUE(last_.too_large);
}

TEST_F(HttpListenerTest, RefusesWhatIsNoRequest) {
    serve();
    EXPECT_EQ(body_of(exchange("nonsense\r\n\r\n")), "refused 400");
    EXPECT_EQ(body_of(exchange("BREW /p HTTP/1.1\r\n\r\n")), "refused 405");
    EXPECT_EQ(body_of(exchange("GET /" + std::string(9000, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n")),
              "refused 414");
    std::string head = "GET /p HTTP/1.1\r\n";
    for (int i = 0; i < 1000; ++i) head += "X-" + std::to_string(i) + ": " + std::string(100, 'x') + "\r\n";
    EXPECT_EQ(body_of(exchange(head + "\r\n")), "refused 431");
    EXPECT_EQ(body_of(exchange("POST /p HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc", true)), "refused 400");
    EXPECT_EQ(answered_, 0);
}

TEST_F(HttpListenerTest, FormsAndRangesHaveNoMeaning) {
    serve();
    std::string form = exchange(
        "POST /p HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: "
        "5\r\n\r\n--b--");
    EXPECT_EQ(status_line(form), "HTTP/1.1 200 OK");
    EXPECT_EQ(last_.body, "");
    std::string range = exchange("GET /p HTTP/1.1\r\nRange: bytes=0-1\r\n\r\n");
    EXPECT_EQ(status_line(range), "HTTP/1.1 200 OK");
    EXPECT_EQ(body_of(range), "GET /p");
}

TEST_F(HttpListenerTest, SilentConnectionsHoldNoWorker) {
    serve();
    std::vector<FileDescriptor> silent;
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(static_cast<uint16_t>(port_));
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 50; ++i) {
        silent.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
        ASSERT_EQ(::connect(silent.back().get(), reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
    }
    auto http = client();
    for (int i = 0; i < 10; ++i) {
        auto result = http.Get("/p");
        ASSERT_TRUE(result);
        EXPECT_EQ(result->status, 200);
    }
}

std::string all_from(const FileDescriptor& fd) {
    std::string answer;
    char buffer[4096];
    for (ssize_t n; (n = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0;) {
        answer.append(buffer, static_cast<size_t>(n));
    }
    return answer;
}

TEST_F(HttpListenerTest, HalfSentRequestsHoldNoWorker) {
    serve();
    std::vector<FileDescriptor> slow;
    for (int i = 0; i < 20; ++i) {
        slow.push_back(open_with("GET /p HT"));
        slow.push_back(open_with("POST /p HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"));
        slow.push_back(open_with("POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"));
    }
    auto http = client();
    http.set_read_timeout(5);
    for (int i = 0; i < 10; ++i) {
        auto result = http.Post("/p", "body", "text/plain");
        ASSERT_TRUE(result) << i;
        EXPECT_EQ(last_.body, "body");
    }
    // What arrives at last is answered.
    ASSERT_EQ(::send(slow[1].get(), "defghij", 7, MSG_NOSIGNAL), 7);
    EXPECT_EQ(status_line(all_from(slow[1])), "HTTP/1.1 200 OK");
    EXPECT_EQ(last_.body, "abcdefghij");
    ASSERT_EQ(::send(slow[2].get(), "cde\r\n0\r\n\r\n", 10, MSG_NOSIGNAL), 10);
    EXPECT_EQ(status_line(all_from(slow[2])), "HTTP/1.1 200 OK");
    EXPECT_EQ(last_.body, "abcde");
}

TEST_F(HttpListenerTest, WhatIsNotAdmittedIsAnsweredBeforeItsBody) {
    serve();
    FileDescriptor fd = open_with("POST /secret HTTP/1.1\r\nContent-Length: 1000\r\n\r\n");
    EXPECT_EQ(body_of(all_from(fd)), "who?");
    EXPECT_EQ(answered_, 0);
}

TEST_F(HttpListenerTest, AClientThatWaitsForTheContinueGetsIt) {
    serve();
    const std::string head = "POST /p HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    FileDescriptor fd = open_with(head);
    char buffer[25];
    ASSERT_EQ(::recv(fd.get(), buffer, sizeof buffer, MSG_WAITALL), 25);
    EXPECT_EQ(std::string(buffer, 25), "HTTP/1.1 100 Continue\r\n\r\n");
    ASSERT_EQ(::send(fd.get(), "abc", 3, MSG_NOSIGNAL), 3);
    EXPECT_EQ(status_line(all_from(fd)), "HTTP/1.1 200 OK");
    EXPECT_EQ(last_.body, "abc");
    // Nobody waits for a body that is here already.
    EXPECT_EQ(status_line(exchange(head + "abc")), "HTTP/1.1 200 OK");
}

TEST_F(HttpListenerTest, SlowServersHoldOnlyTheirOwnLane) {
    serve();
    std::vector<FileDescriptor> slow;
    for (int i = 0; i < 10; ++i)
        slow.push_back(open_with("POST /slow HTTP/1.1\r\nContent-Length: 0\r\n\r\n"));
    auto http = client();
    http.set_read_timeout(5);
    for (const char* path : {"/p", "/command", "/alive", "/p"}) {
        auto result = http.Post(path, "", "text/plain");
        ASSERT_TRUE(result) << path;
        EXPECT_EQ(result->status, 200);
    }
    // More than may wait are told so.
    std::string refused;
    for (int i = 0; i < 100 && refused.empty(); ++i) {
        slow.push_back(open_with("POST /slow HTTP/1.1\r\nContent-Length: 0\r\n\r\n"));
        pollfd readable{slow.back().get(), POLLIN, 0};
        if (i >= 60 && ::poll(&readable, 1, 2000) == 1) refused = all_from(slow.back());
    }
    EXPECT_EQ(body_of(refused), "refused 503");
    release_.set_value();
    EXPECT_EQ(status_line(all_from(slow[0])), "HTTP/1.1 200 OK");
}

TEST_F(HttpListenerTest, ACrowdOfSilentConnectionsMakesRoom) {
    serve();
    std::vector<FileDescriptor> silent;
    auto http = client();
    http.set_read_timeout(5);
    for (int i = 0; i < 600; ++i) {
        silent.push_back(open_with("G"));
        if (i % 100 != 99) continue;
        auto result = http.Get("/alive");
        ASSERT_TRUE(result) << i;
        EXPECT_EQ(result->status, 200);
    }
}

TEST_F(HttpListenerTest, StopsWhileARequestArrives) {
    serve();
    FileDescriptor fd(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(static_cast<uint16_t>(port_));
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
    ASSERT_GT(::send(fd.get(), "GET /p HT", 9, MSG_NOSIGNAL), 0);
    listener_->stop();
    listener_->stop();
    char c;
    EXPECT_LE(::recv(fd.get(), &c, 1, 0), 0);
    EXPECT_FALSE(client().Get("/p"));
}

TEST_F(HttpListenerTest, SeveralAddresses) {
    serve({.listen = {"127.0.0.1:0", "localhost:0", "*:0"}});
    ASSERT_EQ(listener_->urls().size(), 3u);
    EXPECT_EQ(listener_->urls()[1].find("http://localhost:"), 0u);
    for (const std::string& url : listener_->urls()) {
        auto result = httplib::Client(url).Get("/p");
        ASSERT_TRUE(result) << url;
        EXPECT_EQ(result->body, "GET /p");
    }
}

TEST_F(HttpListenerTest, AnAddressThatIsTakenIsNamed) {
    serve();
    std::string taken = "127.0.0.1:" + std::to_string(port_);
    HttpListener second({.listen = {"127.0.0.1:0", taken}, .worker_threads = 1}, nullptr, nullptr, nullptr);
    try {
        second.start();
        FAIL() << "two listen on " << taken;
    } catch (const Error& e) {
        EXPECT_EQ(e.disposition(), Disposition::kUsage);
        EXPECT_EQ(e.operation(), "listen on " + taken);
        EXPECT_EQ(e.message(), "Address already in use");
    }
}

TEST(ListenOn, RefusesWhatIsNoAddress) {
    for (const char* address :
         {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "::1:80", "h:-1"}) {
        EXPECT_THROW(listen_on(address), Error) << address;
    }
}

TEST(NetworkOf, KeepsWhatAClientCannotChoose) {
    EXPECT_EQ(network_of("192.0.2.7"), "192.0.2.7");
    EXPECT_EQ(network_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    EXPECT_EQ(network_of("2001:db8::9"), network_of("2001:db8::ffff:1"));
    EXPECT_EQ(network_of("fe80::1%eth0"), "fe80::");
    EXPECT_NE(network_of("2001:db8:0:1::9"), network_of("2001:db8:0:2::9"));
}

TEST_F(HttpListenerTest, Tls) {
    TestCertificate certificate;
    serve({.listen = {"127.0.0.1:0"},
           .tls_certificate = certificate.certificate_file(),
           .tls_key = certificate.key_file()});
    EXPECT_EQ(listener_->urls()[0], "https://127.0.0.1:" + std::to_string(port_));
    httplib::SSLClient http("127.0.0.1", port_);
    http.set_ca_cert_path(certificate.certificate_file());
    http.enable_server_certificate_verification(true);
    auto result = http.Post("/p", std::string(900, 'x'), "application/json");
    ASSERT_TRUE(result) << httplib::to_string(result.error());
    EXPECT_EQ(result->body, "POST /p");
    EXPECT_EQ(last_.body, std::string(900, 'x'));
    // Plain HTTP ends without an answer.
    EXPECT_EQ(exchange("GET /p HTTP/1.1\r\n\r\n", true).find("HTTP/1.1 200"), std::string::npos);
}

TEST_F(HttpListenerTest, CertificatesThatCannotBeUsed) {
    TestCertificate one, other;
    auto refused = [&](const std::string& certificate, const std::string& key, const std::string& named) {
        try {
            serve({.listen = {"127.0.0.1:0"}, .tls_certificate = certificate, .tls_key = key});
            ADD_FAILURE() << "took " << certificate << " and " << key;
        } catch (const Error& e) {
            EXPECT_EQ(e.disposition(), Disposition::kUsage);
            EXPECT_NE(e.message().find(named), std::string::npos) << e.what();
        }
    };
    refused("/nowhere/cert.pem", one.key_file(), "/nowhere/cert.pem");
    refused(one.certificate_file(), one.certificate_file(), one.certificate_file());
    refused(one.certificate_file(), other.key_file(), other.key_file());
}

}  // namespace

}  // namespace penstock
