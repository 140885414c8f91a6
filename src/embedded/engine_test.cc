// The embedded engine with the real library. ./dev test installs it first.

#include "embedded/engine.h"

#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "embedded/engine_files.h"
#include "embedded/engine_helper.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// The engine's process is this test program, started again.
const bool kNotTheHelper = (run_engine_helper_if_asked(), true);

class TemporaryDirectory {
  public:
    TemporaryDirectory() : path_(mkdtemp(std::string("/tmp/penstock-engine-XXXXXX").data())) {}
    ~TemporaryDirectory() { fs::remove_all(path_); }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

std::size_t append(char* data, std::size_t size, std::size_t count, void* body) {
    static_cast<std::string*>(body)->append(data, size * count);
    return size * count;
}

std::string query(const Endpoint& at, const std::string& sql, const std::string& parameters = "") {
    CURL* curl = curl_easy_init();
    std::string body;
    curl_easy_setopt(curl, CURLOPT_URL, (at.url + "/?" + parameters).c_str());
    if (!at.user.empty()) curl_easy_setopt(curl, CURLOPT_USERNAME, at.user.c_str());
    if (!at.user.empty()) curl_easy_setopt(curl, CURLOPT_PASSWORD, at.password.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, sql.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(sql.size()));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    return code == CURLE_OK ? body : std::string("curl: ") + curl_easy_strerror(code);
}

bool eventually(const std::function<bool()>& condition) {
    for (int tries = 0; tries < 600; ++tries) {
        if (condition()) return true;
        std::this_thread::sleep_for(50ms);
    }
    return false;
}

/// A listening socket; port 0: any.
int listen_on(std::uint16_t port) {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener, 1), 0);
    return listener;
}

std::string read_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    return content.str();
}

std::string error_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST(Engine, HoldsNoDescriptorOfItsParent) {
    int ends[2];  // as the libraries for the source and the destination make their sockets: without O_CLOEXEC
    ASSERT_EQ(pipe(ends), 0);
    const TemporaryDirectory directory;
    Engine engine({.data_dir = directory.path()});
    engine.start();
    const fs::path ours = fs::read_symlink("/proc/self/fd/" + std::to_string(ends[1]));
    for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(engine.pid()) + "/fd")) {
        std::error_code closed_meanwhile;
        EXPECT_NE(fs::read_symlink(entry.path(), closed_meanwhile), ours) << entry.path();
    }
    close(ends[0]);
    close(ends[1]);
}

TEST(Engine, AnswersAndKeepsItsSecretsAndStopsWithoutATrace) {
    const TemporaryDirectory directory;
    Engine engine({.data_dir = directory.path()});
    EXPECT_FALSE(engine.running());
    setenv("SHOP_PASSWORD", "of a pipe file", 1);
    engine.start();
    unsetenv("SHOP_PASSWORD");
    EXPECT_TRUE(engine.running());
    const Endpoint at = engine.endpoint();
    EXPECT_EQ(query(at, "SELECT currentUser(), timezone()"), "penstock\tUTC\n");

    Endpoint wrong = at;
    wrong.password = "wrong";
    EXPECT_TRUE(contains(query(wrong, "SELECT 1"), "AUTHENTICATION_FAILED"));
    Endpoint nobody = at;
    nobody.user.clear();
    EXPECT_TRUE(contains(query(nobody, "SELECT 1"), "USER_SESSION_LIMIT_EXCEEDED"));
    nobody.user = "default";
    nobody.password.clear();
    EXPECT_TRUE(contains(query(nobody, "SYSTEM STOP LISTEN HTTP"), "USER_SESSION_LIMIT_EXCEEDED"));

    struct stat mode {};
    ASSERT_EQ(stat(engine.password_file().c_str(), &mode), 0);
    EXPECT_EQ(mode.st_mode & 0777U, 0600U);
    const std::string process = "/proc/" + std::to_string(engine.pid());
    EXPECT_FALSE(contains(read_file(process + "/cmdline"), at.password));
    EXPECT_FALSE(contains(read_file(process + "/environ"), at.password));
    EXPECT_FALSE(contains(read_file(process + "/environ"), "SHOP_PASSWORD"));
    EXPECT_TRUE(contains(read_file(process + "/environ"), "PATH="));
    EXPECT_FALSE(contains(read_file(engine.log_file()), at.password));

    const std::optional<Endpoint> found = find_running_engine(directory.path());
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->url, at.url);
    EXPECT_TRUE(
        contains(error_of([&] { Engine({.data_dir = directory.path()}).start(); }), "another penstock"));

    const pid_t pid = engine.pid();
    engine.stop();
    EXPECT_FALSE(engine.running());
    EXPECT_EQ(kill(pid, 0), -1);
    EXPECT_FALSE(find_running_engine(directory.path()).has_value());
}

TEST(Engine, KeepsDataAndAddressesOverCrashesAndRestarts) {
    const TemporaryDirectory directory;
    Endpoint at;
    {
        Engine engine({.data_dir = directory.path()});
        engine.start();
        at = engine.endpoint();
        EXPECT_EQ(query(at, "CREATE DATABASE shop"), "");
        EXPECT_EQ(query(at,
                        "CREATE TABLE shop.t (id UInt64) ENGINE = MergeTree ORDER BY id "
                        "SETTINGS non_replicated_deduplication_window = 100"),
                  "");
        EXPECT_EQ(
            query(at, "INSERT INTO shop.t SELECT number FROM numbers(1000)", "insert_deduplication_token=a"),
            "");

        const pid_t crashed = engine.pid();
        ASSERT_EQ(kill(crashed, SIGKILL), 0);
        ASSERT_TRUE(eventually([&] { return engine.pid() != crashed && engine.running(); }));
        EXPECT_EQ(engine.restarts(), 1U);
        EXPECT_EQ(query(at, "SELECT count() FROM shop.t"), "1000\n");
        // The token of before the crash still counts.
        EXPECT_EQ(
            query(at, "INSERT INTO shop.t SELECT number FROM numbers(1000)", "insert_deduplication_token=a"),
            "");
        EXPECT_EQ(query(at, "SELECT count() FROM shop.t"), "1000\n");
        EXPECT_EQ(
            query(at, "INSERT INTO shop.t SELECT number FROM numbers(7)", "insert_deduplication_token=b"),
            "");
    }
    Engine again({.data_dir = directory.path()});
    again.start();
    EXPECT_EQ(again.endpoint().url, at.url);
    EXPECT_EQ(again.endpoint().password, at.password);
    EXPECT_EQ(query(at, "SELECT count() FROM shop.t"), "1007\n");
}

TEST(Engine, WaitsForThePortsThatADeadOneStillHolds) {
    const TemporaryDirectory directory;
    const fs::path of_engine = directory.path() / "clickhouse";
    EnginePorts before;
    {
        EngineFiles files(of_engine);
        before = files.choose_ports({}, {});
    }
    const int dying = listen_on(before.http);
    EnginePorts ports;
    std::jthread start([&] {
        EngineFiles files(of_engine);
        files.lock();
        ports = files.choose_ports({}, {});
    });
    EXPECT_TRUE(eventually([&] { return engine_is_held(directory.path()); }));
    close(dying);
    start.join();
    EXPECT_EQ(ports.http, before.http);
    EXPECT_EQ(ports.tcp, before.tcp);
}

TEST(Engine, SaysThatAPortIsTaken) {
    const int taken = listen_on(0);
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ASSERT_EQ(getsockname(taken, reinterpret_cast<sockaddr*>(&address), &size), 0);
    const std::uint16_t port = ntohs(address.sin_port);

    const TemporaryDirectory directory;
    EXPECT_EQ(error_of([&] { Engine({.data_dir = directory.path(), .http_port = port}).start(); }),
              "start ClickHouse: port " + std::to_string(port) +
                  " is taken. Give another one with --http-port, or leave it out to get a free one");
    close(taken);
}

TEST(Engine, SaysThatTheLibraryIsMissing) {
    const TemporaryDirectory directory;
    const std::string text =
        error_of([&] { Engine({.data_dir = directory.path(), .library = "/nowhere/libchdb.so"}).start(); });
    EXPECT_TRUE(contains(text, "/nowhere/libchdb.so")) << text;
    EXPECT_TRUE(contains(text, "./dev setup")) << text;
    EXPECT_FALSE(contains(text, "\n")) << text;
}

TEST(Engine, SaysThatTheLibraryIsNone) {
    const TemporaryDirectory directory;
    std::ofstream(directory.path() / "libchdb.so") << "no library";
    const std::string text = error_of(
        [&] { Engine({.data_dir = directory.path(), .library = directory.path() / "libchdb.so"}).start(); });
    EXPECT_TRUE(contains(text, "cannot load the library")) << text;
}

// An engine that lost its parent to kill -9 stops by itself, and leaves the directory to the next one.
TEST(Engine, EndsWithItsParent) {
    const TemporaryDirectory directory;
    int facts[2];
    ASSERT_EQ(pipe(facts), 0);
    const pid_t parent = fork();
    if (parent == 0) {
        Engine engine({.data_dir = directory.path()});
        engine.start();
        const pid_t child = engine.pid();
        const ssize_t written = write(facts[1], &child, sizeof child);
        (void)written;
        raise(SIGKILL);
    }
    pid_t orphan = 0;
    ASSERT_EQ(read(facts[0], &orphan, sizeof orphan), static_cast<ssize_t>(sizeof orphan));
    Engine next({.data_dir = directory.path()});
    next.start();
    EXPECT_EQ(query(next.endpoint(), "SELECT 1"), "1\n");
    EXPECT_NE(next.pid(), orphan);
    EXPECT_TRUE(eventually([&] {
        // Gone, or a zombie that nobody has collected yet.
        const std::string status = read_file("/proc/" + std::to_string(orphan) + "/status");
        return status.empty() || contains(status, "State:\tZ");
    }));
    close(facts[0]);
    close(facts[1]);
}

}  // namespace
}  // namespace penstock
