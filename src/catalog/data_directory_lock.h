#pragma once
// One process owns a data directory.

#include <chrono>
#include <string>

namespace penstock {

/// Holds an exclusive flock on DIRECTORY/penstock.lock for as long as it lives; the kernel drops it when the
/// process ends, however it ends. Programs started with exec do not inherit it. Not copyable.
class DataDirectoryLock {
  public:
    /// Creates the directory (mode 0700, parents too) when it is missing. Throws Error(kUsage) when another
    /// process still holds the lock after `patience`, naming its process id, or when the directory cannot be
    /// written. A process that was killed holds it until its memory is given back.
    explicit DataDirectoryLock(const std::string& directory,
                               std::chrono::milliseconds patience = std::chrono::seconds(5));
    ~DataDirectoryLock();
    DataDirectoryLock(const DataDirectoryLock&) = delete;
    DataDirectoryLock& operator=(const DataDirectoryLock&) = delete;

  private:
    int fd_ = -1;
};

}  // namespace penstock
