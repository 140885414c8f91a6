#include "embedded/engine_files.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_usage(const std::string& message, const std::string& hint = {}) {
    throw Error(Disposition::kUsage, "start ClickHouse", message, hint);
}

std::string error_text() {
    return std::strerror(errno);
}

// Replaces a file as a whole, readable by its owner only.
void write_private_file(const fs::path& path, const std::string& content) {
    const fs::path fresh = path.string() + ".new";
    const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) throw_usage(fmt::format("cannot write {}: {}", fresh.string(), error_text()));
    std::size_t done = 0;
    while (done < content.size()) {
        const ssize_t n = ::write(file, content.data() + done, content.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            const std::string why = error_text();
            ::close(file);
            throw_usage(fmt::format("cannot write {}: {}", fresh.string(), why));
        }
        done += static_cast<std::size_t>(n);
    }
    ::fsync(file);
    ::close(file);
    fs::rename(fresh, path);
}

bool port_is_free(std::uint16_t port) {
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0) return false;
    const int on = 1;
    ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // The sockets API takes every kind of address through its common prefix.
    const bool is_free = ::bind(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(probe);
    return is_free;
}

// Below the kernel's range for outgoing connections, so that the port stays free while the engine is down.
std::uint16_t find_free_port() {
    for (int tries = 0; tries < 200; ++tries) {
        const auto port = static_cast<std::uint16_t>(12000 + randombytes_uniform(20000));
        if (port_is_free(port)) return port;
    }
    throw_usage("no free port between 12000 and 32000");
}

std::string hex(const unsigned char* bytes, std::size_t size) {
    std::string text(size * 2 + 1, '\0');
    sodium_bin2hex(text.data(), text.size(), bytes, size);
    text.pop_back();
    return text;
}

std::string sha256_hex(const std::string& text) {
    std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
    const std::vector<unsigned char> bytes(text.begin(), text.end());
    crypto_hash_sha256(digest.data(), bytes.data(), bytes.size());
    return hex(digest.data(), digest.size());
}

std::string xml_escape(const std::string& text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string config_xml(const fs::path& directory, const EnginePorts& ports) {
    return fmt::format(R"(<clickhouse>
    <path>{0}/store/</path>
    <listen_host>127.0.0.1</listen_host>
    <http_port>{1}</http_port>
    <tcp_port>{2}</tcp_port>
    <users_config>{0}/users.xml</users_config>
    <log-level>information</log-level>
    <logger>
        <log>{0}/engine.log</log>
        <size>20M</size>
        <count>3</count>
    </logger>
    <max_server_memory_usage_to_ram_ratio>0.5</max_server_memory_usage_to_ram_ratio>
    <mark_cache_size>268435456</mark_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <index_mark_cache_size>67108864</index_mark_cache_size>
    <index_uncompressed_cache_size>0</index_uncompressed_cache_size>
    <mmap_cache_size>100</mmap_cache_size>
    <max_connections>256</max_connections>
</clickhouse>
)",
                       xml_escape(directory.string()), ports.http, ports.tcp);
}

// The engine opens one session of its own, as `default` and without a password: it starts the listeners and
// then reads the fifo until the end. `default` may do just that, and only in one session at a time, so no
// client gets in as `default` while the engine runs.
std::string users_xml(const std::string& password) {
    return fmt::format(R"(<clickhouse>
    <profiles>
        <default/>
        <engine_session>
            <max_sessions_for_user>1</max_sessions_for_user>
        </engine_session>
    </profiles>
    <quotas>
        <default/>
    </quotas>
    <users>
        <default>
            <no_password/>
            <networks><ip>127.0.0.1</ip></networks>
            <profile>engine_session</profile>
            <quota>default</quota>
            <grants>
                <query>GRANT SYSTEM LISTEN ON *.*</query>
                <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
                <query>GRANT READ ON FILE</query>
            </grants>
        </default>
        <{0}>
            <password_sha256_hex>{1}</password_sha256_hex>
            <networks><ip>127.0.0.1</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
            <access_management>1</access_management>
        </{0}>
    </users>
</clickhouse>
)",
                       kEngineUser, sha256_hex(password));
}

}  // namespace

EngineFiles::EngineFiles(const fs::path& directory) {
    if (sodium_init() < 0) throw_usage("libsodium does not start");
    std::error_code error;
    fs::create_directories(directory, error);
    if (error) throw_usage(fmt::format("cannot create {}: {}", directory.string(), error.message()));
    directory_ = fs::canonical(directory);
    if (::chmod(directory_.c_str(), 0700) != 0) {
        throw_usage(fmt::format("{} is not ours to use: {}", directory_.string(), error_text()),
                    "Choose another directory with --data-dir");
    }
}

EngineFiles::~EngineFiles() {
    unlock();
}

void EngineFiles::lock() {
    const fs::path path = directory_ / "lock";
    lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_ < 0) throw_usage(fmt::format("cannot open {}: {}", path.string(), error_text()));
    constexpr int kTries = 100;
    for (int tries = 0; tries < kTries; ++tries) {
        if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    unlock();
    throw_usage(fmt::format("another penstock runs the engine in {}", directory_.string()),
                "Stop it, or choose another directory with --data-dir");
}

void EngineFiles::unlock() {
    if (lock_ >= 0) ::close(lock_);
    lock_ = -1;
}

std::string EngineFiles::load_or_create_password() {
    std::string password;
    if (std::ifstream file(password_file()); file >> password && !password.empty()) return password;
    std::array<unsigned char, 24> random{};
    randombytes_buf(random.data(), random.size());
    password = hex(random.data(), random.size());
    write_private_file(password_file(), password + "\n");
    return password;
}

EnginePorts EngineFiles::choose_ports(std::optional<std::uint16_t> http, std::optional<std::uint16_t> tcp) {
    EnginePorts last;
    if (std::ifstream file(directory_ / "ports"); !(file >> last.http >> last.tcp)) last = {};

    const auto choose = [](std::optional<std::uint16_t> asked, std::uint16_t before, const char* option) {
        if (asked.has_value()) {
            if (port_is_free(*asked)) return *asked;
            throw_usage(fmt::format("port {} is taken", *asked),
                        fmt::format("Give another one with {}, or leave it out to get a free one", option));
        }
        // An engine that was killed lets go of its lock a moment before its ports, and who uses it knows
        // these.
        constexpr int kTries = 100;
        for (int tries = 0; before != 0 && tries < kTries; ++tries) {
            if (port_is_free(before)) return before;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        return find_free_port();
    };
    EnginePorts ports;
    ports.http = choose(http, last.http, "--http-port");
    do {
        ports.tcp = choose(tcp, last.tcp, "--tcp-port");
        last.tcp = 0;
    } while (ports.tcp == ports.http && !tcp.has_value());
    if (ports.tcp == ports.http) throw_usage("--http-port and --tcp-port are the same");
    write_private_file(directory_ / "ports", fmt::format("{} {}\n", ports.http, ports.tcp));
    return ports;
}

void EngineFiles::forget_ports() {
    std::error_code ignored;
    fs::remove(directory_ / "ports", ignored);
}

void EngineFiles::write_configuration(const EnginePorts& ports, const std::string& password) {
    write_private_file(directory_ / "config.xml", config_xml(directory_, ports));
    write_private_file(directory_ / "users.xml", users_xml(password));
    const fs::path fifo = directory_ / "control";
    std::error_code ignored;
    fs::remove(fifo, ignored);
    if (::mkfifo(fifo.c_str(), 0600) != 0) {
        throw_usage(fmt::format("cannot make {}: {}", fifo.string(), error_text()));
    }
}

std::string EngineFiles::last_words() const {
    std::ifstream file(output_file());
    std::string line;
    std::string last;
    while (std::getline(file, line)) {
        // An exception's own line says the most; what follows it is general advice.
        if (line.find("Exception") != std::string::npos || (last.empty() && !line.empty())) last = line;
    }
    return last;
}

}  // namespace penstock
