#pragma once
// The files of one embedded engine, all in one directory:
//
//   lock        held (flock) as long as an engine works on the directory, by the parent and the engine alike
//   password    the generated password, mode 0600; the only place where it is in clear
//   ports       "HTTP TCP", kept so that addresses stay the same from one start to the next
//   config.xml  written anew at each start
//   users.xml   written anew at each start, with the password's SHA-256 only
//   control     a fifo that the engine reads for as long as it runs; its end of file is the order to stop
//   engine.log  the engine's log, rotated; engine.out has what it printed
//   store/      ClickHouse's own data

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace penstock {

struct EnginePorts {
    std::uint16_t http = 0;
    std::uint16_t tcp = 0;
};

/// The user that clients log in as. ClickHouse's own `default` is closed to them (see users_xml).
inline constexpr const char* kEngineUser = "penstock";

/// Paths and small files of one engine directory. Not thread-safe; holds the lock's descriptor.
class EngineFiles {
  public:
    /// Creates the directory (0700) when missing. Throws Error (kUsage) when that cannot be done.
    explicit EngineFiles(const std::filesystem::path& directory);
    ~EngineFiles();
    EngineFiles(const EngineFiles&) = delete;
    EngineFiles& operator=(const EngineFiles&) = delete;

    const std::filesystem::path& directory() const { return directory_; }
    std::filesystem::path password_file() const { return directory_ / "password"; }
    std::filesystem::path log_file() const { return directory_ / "engine.log"; }
    std::filesystem::path output_file() const { return directory_ / "engine.out"; }

    /// Takes the directory's lock, waiting a few seconds for an engine that is just ending.
    /// Throws Error (kUsage) when another engine keeps it.
    void lock();
    void unlock();
    /// For the child to inherit; -1 when not locked.
    int lock_descriptor() const { return lock_; }

    /// The password, generated at the first call for this directory.
    std::string load_or_create_password();

    /// The ports to listen on: as asked for, else as at the last start when they are free within two
    /// seconds, else free ones; stored. Throws Error (kUsage) when a port that was asked for is taken.
    EnginePorts choose_ports(std::optional<std::uint16_t> http, std::optional<std::uint16_t> tcp);
    /// Forgets stored ports, so that the next choice is a new one.
    void forget_ports();

    /// Writes config.xml and users.xml, and makes the fifo.
    void write_configuration(const EnginePorts& ports, const std::string& password);

    /// The last lines of what the engine printed and logged as errors, for an error text.
    std::string last_words() const;

  private:
    std::filesystem::path directory_;
    int lock_ = -1;
};

}  // namespace penstock
