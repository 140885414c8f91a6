#include "secrets/key_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace penstock {

namespace {

constexpr size_t kLongestFile = 4096;
constexpr mode_t kOthers = 0077;

[[noreturn]] void fail(const std::string& path, const std::string& message, const std::string& hint = {}) {
    throw Error(Disposition::kUsage, "key file " + path, message, hint);
}

[[noreturn]] void fail_errno(const std::string& path, const std::string& doing) {
    fail(path, doing + ": " + std::strerror(errno));
}

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    operator int() const { return fd_; }

  private:
    int fd_;
};

/// A name in a directory is durable only when the directory is.
void sync_directory_of(const std::string& path) {
    std::string directory = std::filesystem::path(path).parent_path().string();
    Descriptor fd(::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0 || ::fsync(fd) != 0) fail_errno(path, "cannot make its directory durable");
}

void write_all(int fd, const std::string& text, const std::string& path) {
    size_t done = 0;
    while (done < text.size()) {
        ssize_t n = ::write(fd, text.data() + done, text.size() - done);
        if (n < 0 && errno != EINTR) fail_errno(path, "cannot write it");
        if (n > 0) done += static_cast<size_t>(n);
    }
    if (::fsync(fd) != 0) fail_errno(path, "cannot write it");
}

}  // namespace

SecretText::~SecretText() {
    text_.resize(text_.capacity());  // a move may have left a short text behind its end
    sodium_memzero(text_.data(), text_.size());
}

std::optional<SecretText> read_key_file(const std::string& path) {
    // A pipe without a writer would block the open.
    Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (fd < 0) {
        if (errno == ENOENT) return std::nullopt;
        fail_errno(path, "cannot read it");
    }
    struct stat info {};
    if (::fstat(fd, &info) != 0) fail_errno(path, "cannot read it");
    if (!S_ISREG(info.st_mode)) fail(path, "it is not a regular file");
    if ((info.st_mode & kOthers) != 0) {
        fail(path, "others than its owner may use it", "Run: chmod 600 " + path);
    }
    std::string text(kLongestFile + 1, '\0');
    size_t size = 0;
    while (size < text.size()) {
        ssize_t n = ::read(fd, text.data() + size, text.size() - size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail_errno(path, "cannot read it");
        if (n == 0) break;
        size += static_cast<size_t>(n);
    }
    SecretText whole(std::move(text));
    if (size > kLongestFile) fail(path, "it is longer than 4096 bytes, so it is not a key");
    constexpr const char* kSpace = " \t\r\n";
    size_t begin = std::string_view(whole.get().data(), size).find_first_not_of(kSpace);
    if (begin == std::string_view::npos) return SecretText(std::string());
    size_t end = std::string_view(whole.get().data(), size).find_last_not_of(kSpace) + 1;
    return SecretText(whole.get().substr(begin, end - begin));
}

bool write_key_file(const std::string& path, const std::string& text, bool replace) {
    std::string pattern = path + ".XXXXXX";
    std::vector<char> name(pattern.begin(), pattern.end());
    name.push_back('\0');
    {
        Descriptor fd(::mkostemp(name.data(), O_CLOEXEC));  // mode 0600
        if (fd < 0) fail_errno(path, "cannot write it");
        try {
            write_all(fd, text, path);
            write_all(fd, "\n", path);
        } catch (const Error&) {
            ::unlink(name.data());
            throw;
        }
    }
    // link() refuses a name that is taken, where rename() would replace it.
    bool placed =
        replace ? std::rename(name.data(), path.c_str()) == 0 : ::link(name.data(), path.c_str()) == 0;
    int reason = errno;
    if (!placed || !replace) ::unlink(name.data());
    if (!placed && reason == EEXIST && !replace) return false;
    errno = reason;
    if (!placed) fail_errno(path, "cannot write it");
    sync_directory_of(path);
    return true;
}

void replace_key_file(const std::string& from, const std::string& to) {
    if (std::rename(from.c_str(), to.c_str()) != 0) fail_errno(to, "cannot put " + from + " in its place");
    sync_directory_of(to);
}

}  // namespace penstock
