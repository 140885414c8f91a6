#include "support/subprocess.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace penstock::test {
namespace {

pid_t start(const std::vector<std::string>& arguments, const std::string& out, const std::string& err) {
    std::vector<char*> argv;
    for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    pid_t pid = fork();
    if (pid < 0) throw std::runtime_error("fork failed");
    if (pid == 0) {
        int o = open(out.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        int e = out == err ? o : open(err.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(o, STDOUT_FILENO);
        dup2(e, STDERR_FILENO);
        close_range(STDERR_FILENO + 1, ~0u, 0);  // not the links to the servers that the test has open
        execv(argv[0], argv.data());
        _exit(127);
    }
    return pid;
}

int decode(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Finished run_program(const std::vector<std::string>& arguments) {
    TemporaryDirectory dir;
    pid_t pid = start(arguments, dir.path() + "/out", dir.path() + "/err");
    int status = 0;
    waitpid(pid, &status, 0);
    return {decode(status), read_file(dir.path() + "/out"), read_file(dir.path() + "/err")};
}

Background::Background(const std::vector<std::string>& arguments, std::string output_file)
    : output_file_(std::move(output_file)) {
    pid_ = start(arguments, output_file_, output_file_);
}

Background::~Background() {
    if (running()) {
        signal(SIGKILL);
        wait();
    }
}

bool Background::running() {
    if (pid_ < 0) return false;
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == 0) return true;
    exit_code_ = decode(status);
    pid_ = -1;
    return false;
}

void Background::signal(int number) {
    if (pid_ > 0) kill(pid_, number);
}

int Background::wait() {
    if (pid_ > 0) {
        int status = 0;
        waitpid(pid_, &status, 0);
        exit_code_ = decode(status);
        pid_ = -1;
    }
    return exit_code_;
}

std::string Background::output() const {
    return read_file(output_file_);
}

std::string penstock_program() {
    const char* chosen = std::getenv("PENSTOCK_BINARY");
    return chosen != nullptr ? chosen : PENSTOCK_PROGRAM;
}

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

void write_file(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

TemporaryDirectory::TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "penstock-test-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace penstock::test
