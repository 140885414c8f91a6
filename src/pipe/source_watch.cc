#include "pipe/source_watch.h"

#include <chrono>
#include <exception>
#include <utility>

#include "base/backoff.h"
#include "pipe/threads.h"
#include "source/replication_status.h"

namespace penstock {

void WaitingPlace::wait_at(const FilePosition& place) {
    std::lock_guard lock(mutex_);
    place_ = place;
}

void WaitingPlace::go_on() {
    std::lock_guard lock(mutex_);
    place_.reset();
}

std::optional<FilePosition> WaitingPlace::now() const {
    std::lock_guard lock(mutex_);
    return place_;
}

SourceWatch::SourceWatch(PipeContext& context, WaitingPlace& place, AlteredTables& altered)
    : source_(context.spec.source),
      progress_(*context.progress),
      place_(place),
      dictionary_(context, altered),
      thread_(start_thread([this](const std::stop_token& stop) { run(stop); })) {}

SourceWatch::~SourceWatch() {
    thread_.request_stop();
    thread_.join();
    progress_.set_source_trouble({});
    progress_.source_lag_seconds = -1;
}

void SourceWatch::run(const std::stop_token& stop) {
    constexpr std::chrono::seconds kBetweenLooks{10};
    std::optional<MysqlConnection> connection;
    while (!stop.stop_requested()) {
        try {
            if (!connection) connection.emplace(MysqlConnection::open(source_));
            std::stop_callback interrupt(stop, [&] { connection->interrupt(); });
            const ServerInfo info = read_server_info(*connection);
            look_at_replication(*connection, info);
            look_at_end(*connection, info);
            dictionary_.look(*connection, info);
        } catch (const std::exception&) {  // the stream finds out for itself, and says so
            connection.reset();
        }
        sleep_unless_stopped(stop, kBetweenLooks);
    }
}

void SourceWatch::look_at_replication(MysqlConnection& connection, const ServerInfo& info) {
    const auto channels = read_replication_channels(connection, info);
    if (!channels) return;
    progress_.set_source_trouble(replication_trouble(*channels));
    const std::optional<uint64_t> lag = replication_lag(*channels);
    progress_.source_lag_seconds = lag ? static_cast<int64_t>(*lag) : -1;
}

/// A stream that waits has come to where the log ended at the last look, ten seconds ago; or it is misled.
void SourceWatch::look_at_end(MysqlConnection& connection, const ServerInfo& info) {
    const std::optional<FilePosition> waiting = place_.now();
    if (waiting && waiting == waiting_ && end_ && !(*end_ == *waiting)) {
        place_.mislead();
        waiting_.reset();
        return;
    }
    waiting_ = waiting;
    end_ = read_log_end(connection, info);
}

}  // namespace penstock
