#pragma once
// What a running pipe shows of itself: written by its threads, read by whoever displays it.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "pipe/lifecycle.h"

namespace penstock {

/// Counters since this process took the pipe up, except where said. Any thread may read and write.
struct Progress {
    /// Rows that one reader has read and that are not acknowledged yet. What is left when it goes, after an
    /// error or a stop, is read again.
    class RowsRead {
      public:
        explicit RowsRead(Progress& progress) : progress_(progress) {}
        ~RowsRead() { progress_.rows_under_way -= rows_; }
        RowsRead(const RowsRead&) = delete;
        void add() {
            if (++fresh_ == kStep) tell();
        }
        /// What was added is seen.
        void tell() {
            rows_ += fresh_;
            progress_.rows_under_way += fresh_;
            fresh_ = 0;
        }
        void acknowledge(uint64_t rows) {
            rows_ -= static_cast<int64_t>(rows);
            progress_.rows_under_way -= static_cast<int64_t>(rows);
        }

      private:
        static constexpr int64_t kStep = 1024;
        Progress& progress_;
        int64_t fresh_ = 0;  // the reading thread's
        std::atomic<int64_t> rows_ = 0;
    };

    std::atomic<PipeState> state{PipeState::kProvisioning};

    // The initial load; totals include what earlier runs loaded.
    std::atomic<uint64_t> tables_total{0}, tables_loaded{0};
    std::atomic<uint64_t> partitions_total{0}, partitions_loaded{0};
    std::atomic<uint64_t> rows_estimated{0}, rows_loaded{0};  ///< loaded: ClickHouse acknowledged them
    std::atomic<int64_t> rows_under_way{0};                   ///< read of the source, not acknowledged yet

    // Changes from the log that ClickHouse acknowledged.
    std::atomic<uint64_t> inserted{0}, updated{0}, deleted{0}, batches{0};
    std::atomic<uint64_t> adjusted{0};  ///< values changed by a policy, load and log
    std::atomic<uint32_t> last_commit_time{
        0};  ///< source's clock, seconds, of the newest acknowledged commit

    // How late the target is (pipe/lag_book.h).
    std::atomic<uint32_t> oldest_commit{0};  ///< source's clock, seconds: read and not visible yet; 0: none
    /// Since 1970-01-01 UTC: when the source was heard of last; 0: never.
    std::atomic<std::chrono::system_clock::duration> last_heard{std::chrono::system_clock::duration{}};
    /// The age of the oldest commit that may not be visible; a source that is silent may have had one since
    /// it was heard. A replica tells how late it is itself, and that is the least. Nothing before the source
    /// was heard.
    std::optional<double> lag_seconds() const {
        using std::chrono::duration;
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        const auto heard = last_heard.load();
        if (heard.count() == 0) return std::nullopt;
        double lag = std::max<double>(0, static_cast<double>(source_lag_seconds));
        const double silence = duration<double>(now - heard).count();
        if (silence > kSilence) lag = std::max(lag, silence);
        if (const uint32_t commit = oldest_commit; commit != 0)
            lag = std::max(lag, duration<double>(now - std::chrono::seconds(commit)).count());
        return lag;
    }

    /// Trouble that the pipe is waiting out; empty when there is none.
    void set_trouble(std::string line) { change(trouble_, std::move(line)); }
    std::string trouble() const {
        std::lock_guard lock(mutex_);
        return trouble_;
    }
    /// Tables that are out of the flow (stopped_text); empty when there is none. Trouble of another kind:
    /// waiting does not end it, and it does not hold up the other tables.
    void set_stopped_tables(std::string line) { change(stopped_tables_, std::move(line)); }
    std::string stopped_tables() const {
        std::lock_guard lock(mutex_);
        return stopped_tables_;
    }
    /// What makes the source itself late: changes flow as they come. A third kind, which no acknowledged
    /// batch ends, but another look at the source.
    void set_source_trouble(std::string line) { change(source_trouble_, std::move(line)); }
    std::string source_trouble() const {
        std::lock_guard lock(mutex_);
        return source_trouble_;
    }
    /// How far the source, a replica, is behind the server that it copies; -1: no replica, or not known.
    std::atomic<int64_t> source_lag_seconds{-1};
    /// Of any kind; what is waited out first.
    std::string any_trouble() const {
        std::lock_guard lock(mutex_);
        return first_trouble();
    }
    /// Called with the line when trouble of any kind begins and there was none, and with "" when the last
    /// ends, by the thread that finds out; it does not set trouble itself.
    void watch_trouble(std::function<void(const std::string&)> watcher) {
        std::lock_guard lock(mutex_);
        watcher_ = std::move(watcher);
    }

    /// Of the load: acknowledged or not. An INSERT takes many rows, so that what is acknowledged jumps.
    uint64_t rows_read() const {
        return rows_loaded + static_cast<uint64_t>(std::max<int64_t>(rows_under_way, 0));
    }
    /// Of the load under way, from its speed since it began here; nothing before a row of it is read.
    std::optional<double> seconds_left() const {
        const uint64_t before = rows_before_, read = rows_read(), estimated = rows_estimated;
        if (state != PipeState::kSnapshot || read <= before) return std::nullopt;
        const std::chrono::duration<double> taken = Clock::now().time_since_epoch() - load_began_.load();
        const auto left = static_cast<double>(estimated > read ? estimated - read : 0);
        return taken.count() * left / static_cast<double>(read - before);
    }

    /// Once its totals are known: `rows` were loaded before this process took it up.
    void start_load_clock(uint64_t rows) {
        rows_before_ = rows;
        load_began_ = Clock::now().time_since_epoch();
    }

    /// Before a load: its totals are counted anew.
    void begin_load() {
        tables_total = tables_loaded = 0;
        partitions_total = partitions_loaded = 0;
        rows_estimated = rows_loaded = 0;
        rows_under_way = 0;
    }

  private:
    void change(std::string& kind, std::string line) {
        std::lock_guard in_order(watch_mutex_);  // the watcher hears of the end of a trouble after its start
        std::function<void(const std::string&)> watcher;
        std::string shown;
        {
            std::lock_guard lock(mutex_);
            const bool before = !first_trouble().empty();
            kind = std::move(line);
            shown = first_trouble();
            if (before == !shown.empty()) return;
            watcher = watcher_;
        }
        if (watcher) watcher(shown);
    }

    const std::string& first_trouble() const {
        if (!trouble_.empty()) return trouble_;
        return source_trouble_.empty() ? stopped_tables_ : source_trouble_;
    }

    static constexpr double kSilence = 5;  // seconds; heartbeats come more often
    using Clock = std::chrono::steady_clock;
    std::atomic<uint64_t> rows_before_{0};
    std::atomic<Clock::duration> load_began_{Clock::duration{}};
    std::mutex watch_mutex_;  // before mutex_
    mutable std::mutex mutex_;
    std::string trouble_, source_trouble_, stopped_tables_;
    std::function<void(const std::string&)> watcher_;
};

}  // namespace penstock
