#pragma once
// Looks at the source now and then for what its log does not tell.

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

#include "model/position.h"
#include "pipe/context.h"
#include "pipe/dictionary_watch.h"
#include "source/mysql_connection.h"
#include "source/server_info.h"

namespace penstock {

/// Where a stream of the log waits for more: between the thread that reads and the watch.
class WaitingPlace {
  public:
    /// The server says that its log has no more than this, up to the very byte.
    void wait_at(const FilePosition& place);
    /// Something has come, or what comes next is not known so exactly.
    void go_on();
    std::optional<FilePosition> now() const;

    /// The source's log goes on elsewhere: a reader that waits should connect anew.
    void mislead() { misled_ = true; }
    bool take_misled() { return misled_.exchange(false); }

  private:
    mutable std::mutex mutex_;
    std::optional<FilePosition> place_;  // guarded by mutex_
    std::atomic<bool> misled_{false};
};

/// Looks at once and every ten seconds, from a thread and a connection of its own, as long as it lives.
/// - The source may be a replica whose replication has stopped or is behind. Sets Progress::source_trouble
/// and
///   source_lag_seconds, and clears them at its end.
/// - A table may be altered without the log: see DictionaryWatch. Tells `altered`.
/// - A stream may wait at the end of a log that is not the source's any more: MariaDB goes on sending nothing
///   from a file that RESET MASTER has deleted. Tells `place`.
/// That the source does not answer is no concern of it.
class SourceWatch {
  public:
    /// All outlive it.
    SourceWatch(PipeContext& context, WaitingPlace& place, AlteredTables& altered);
    ~SourceWatch();

  private:
    void run(const std::stop_token& stop);
    void look_at_replication(MysqlConnection& connection, const ServerInfo& info);
    void look_at_end(MysqlConnection& connection, const ServerInfo& info);

    SourceEndpoint source_;
    Progress& progress_;
    WaitingPlace& place_;
    DictionaryWatch dictionary_;
    std::optional<FilePosition> waiting_, end_;  // of the last look
    std::jthread thread_;                        // last: it uses all of the above
};

}  // namespace penstock
