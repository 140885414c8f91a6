#include "catalog/data_directory_lock.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"

namespace penstock {

namespace {

namespace fs = std::filesystem;

/// Creates the directory when it is missing; only what is created here gets mode 0700.
void make_private_directory(const fs::path& directory) {
    std::error_code error;
    if (fs::is_directory(directory, error)) return;
    fs::create_directories(directory, error);
    if (!error) fs::permissions(directory, fs::perms::owner_all, error);
    if (error) {
        throw Error(Disposition::kUsage, "data directory " + directory.string(),
                    "cannot create it: " + error.message());
    }
}

/// What the holder wrote; "unknown" in the instant before it has.
std::string read_holder(int fd) {
    char text[32];
    ssize_t n = ::pread(fd, text, sizeof text, 0);
    std::string pid;
    for (ssize_t i = 0; i < n && text[i] >= '0' && text[i] <= '9'; ++i) pid += text[i];
    return pid.empty() ? "unknown" : pid;
}

}  // namespace

DataDirectoryLock::DataDirectoryLock(const std::string& directory, std::chrono::milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    std::string operation = "data directory " + directory;
    make_private_directory(directory);
    std::string path = (fs::path(directory) / "penstock.lock").string();
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0) {
        throw Error(Disposition::kUsage, operation,
                    "cannot open its lock file: " + std::string(std::strerror(errno)));
    }
    while (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        bool held = errno == EWOULDBLOCK;
        if (held && std::chrono::steady_clock::now() < end) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            continue;
        }
        std::string message =
            held ? "another penstock runs on this data directory (pid " + read_holder(fd_) + ")"
                 : "cannot lock it: " + std::string(std::strerror(errno));
        ::close(fd_);
        throw Error(Disposition::kUsage, operation, message,
                    held ? "Stop that one first, or choose another data directory" : "");
    }
    std::string pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(fd_, 0) != 0 ||
        ::pwrite(fd_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
        std::string reason = std::strerror(errno);
        ::close(fd_);
        throw Error(Disposition::kUsage, operation, "cannot write its lock file: " + reason);
    }
}

DataDirectoryLock::~DataDirectoryLock() {
    // The file stays: removing it would let two processes lock two files of the same name.
    ::close(fd_);
}

}  // namespace penstock
