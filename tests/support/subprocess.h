#pragma once
// Child processes of tests: started, fed signals, waited for, always by process id.

#include <string>
#include <vector>

#include <sys/types.h>

namespace penstock::test {

struct Finished {
    int exit_code = -1;  ///< 128 + signal when a signal ended it
    std::string out;     ///< stdout
    std::string err;     ///< stderr
};

/// Runs a program to its end.
Finished run_program(const std::vector<std::string>& arguments);

/// A program in the background; its stdout and stderr go to a file. The destructor kills it if it still runs.
class Background {
  public:
    Background(const std::vector<std::string>& arguments, std::string output_file);
    Background(const Background&) = delete;
    ~Background();

    bool running();
    void signal(int number);
    int wait();  ///< as Finished::exit_code
    std::string output() const;

  private:
    pid_t pid_ = -1;
    int exit_code_ = -1;
    std::string output_file_;
};

/// Path of the penstock program under test.
std::string penstock_program();

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& text);

/// A directory of its own under the system's temporary directory, removed at the end.
class TemporaryDirectory {
  public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace penstock::test
