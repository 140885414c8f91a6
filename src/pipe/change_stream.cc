#include "pipe/change_stream.h"

#include <atomic>
#include <chrono>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/backoff.h"
#include "base/byte_queue.h"
#include "batch/change_batcher.h"
#include "pipe/chunk_applier.h"
#include "source/binlog_stream.h"

namespace penstock {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

StreamPoint to_stream_point(const Checkpoint& c) {
    return {c.position, c.next_version, c.next_batch};
}

/// One connection to the source, from the checkpoint on.
class Session {
  public:
    Session(PipeContext& context, const std::stop_token& stop, std::function<void()> on_caught_up)
        : context_(context),
          stop_(stop),
          on_caught_up_(std::move(on_caught_up)),
          queue_(context.block_bytes) {}

    /// Returns on a stop; throws on any error, with both threads ended.
    void run() {
        read_start();
        BinlogStream stream = BinlogStream::open(context_.spec.source, context_.source_info, start_.position);
        announce_if_caught_up(start_.position);
        std::exception_ptr apply_error;
        std::stop_source reading;  // ends the reading side: a stop from outside or an error of the other side
        std::stop_callback outside(stop_, [&] { reading.request_stop(); });
        {
            std::stop_callback interrupt(reading.get_token(), [&] { stream.interrupt(); });
            std::jthread applier([&] {
                try {
                    apply_chunks();
                } catch (...) {
                    apply_error = std::current_exception();
                    queue_.cancel();
                    reading.request_stop();
                }
            });
            try {
                read_changes(stream, reading.get_token());
                queue_.cancel();  // a stop: what waits is dropped, what is being inserted is finished
            } catch (const Error&) {
                queue_.cancel();
                if (!reading.stop_requested()) throw;
            }
        }
        if (apply_error) std::rethrow_exception(apply_error);
    }

    bool made_progress() const { return made_progress_; }

  private:
    /// Checkpoint, replay and the tables with what is loaded already.
    void read_start() {
        Catalog& catalog = *context_.catalog;
        std::optional<Checkpoint> checkpoint = catalog.checkpoint(context_.pipe_id);
        if (!checkpoint) {
            throw Error(Disposition::kFailPipe, "follow changes", "the pipe has no checkpoint",
                        "Load the pipe anew (another name, empty targets)");
        }
        start_ = to_stream_point(*checkpoint);
        MysqlConnection connection = MysqlConnection::open(context_.spec.source);
        context_.source_info = read_server_info(connection);
        const bool same_server = is_same_server(catalog);
        check_position_available(connection, context_.source_info, start_.position);
        if (!same_server) take_over_server(catalog);
        if (std::optional<Intent> intent = catalog.intent(context_.pipe_id)) {
            replay_ = Replay{intent->last_version, intent->block_bytes};
            spdlog::info("replaying batch {} (versions {} to {})", intent->batch, intent->first_version,
                         intent->last_version);
        }
        high_ = catalog.snapshot_high_position(context_.pipe_id);
        for (const TableRecord& table : catalog.tables(context_.pipe_id)) {
            tables_.push_back({&context_.plans[table.table_index], table.exact_position});
        }
    }

    /// Throws when it is not and the position means nothing on another one.
    bool is_same_server(const Catalog& catalog) const {
        const std::string now = context_.source_info.identity();
        const std::string before = catalog.source_identity(context_.pipe_id);
        if (before == now) return true;
        if (!before.empty() && start_.position.file() != nullptr) {
            throw Error(Disposition::kFailPipe, "follow changes",
                        "the source is another server (" + now + ", before " + before +
                            "); a file position has no meaning there",
                        "Point the pipe at the server it began with, or load it anew");
        }
        return false;
    }

    /// Another server may order the same transactions in another way, so nothing is replayed there: its
    /// versions begin above all that were given out.
    void take_over_server(Catalog& catalog) {
        spdlog::warn("the source is another server now: {}", context_.source_info.identity());
        if (std::optional<Intent> intent = catalog.intent(context_.pipe_id)) {
            start_.next_version = intent->last_version + 1;
            start_.next_batch = intent->batch + 1;
            catalog.commit_batch(context_.pipe_id,
                                 Checkpoint{start_.position, start_.next_version, start_.next_batch}, {});
        }
        catalog.put_source_identity(context_.pipe_id, context_.source_info.identity());
    }

    void read_changes(BinlogStream& stream, const std::stop_token& stop) {
        EventParser parser;
        ChangeBatcher batcher(std::move(tables_), start_, context_.block_bytes, replay_,
                              context_.source_info.lower_case_table_names != 0);
        Clock::time_point deadline = Clock::now() + interval();
        bool queue_open = true;
        const EventParser::Take take_event = [&](const Event& event) {
            batcher.feed(event, parser.header());
            const bool close = should_close(batcher, deadline);
            if (!close && !batcher.budget_reached()) return;
            queue_open = hand_over(batcher, close) && queue_open;
            deadline = Clock::now() + interval();
        };
        while (queue_open && !stop.stop_requested()) parser.parse_all(stream.next(), take_event);
    }

    /// A batch closes between transactions, when it is full or due; a replayed one where it closed before.
    bool should_close(const ChangeBatcher& batcher, Clock::time_point deadline) const {
        if (batcher.replaying()) return batcher.must_close_now();
        if (!batcher.at_commit_edge()) return false;
        return batcher.open_rows() >= context_.spec.settings.pull_batch_size || batcher.budget_reached() ||
               (batcher.moved() && Clock::now() >= deadline);
    }

    /// False when the other side has ended.
    bool hand_over(ChangeBatcher& batcher, bool close) {
        size_t block_bytes = batcher.block_bytes();
        Chunk chunk = batcher.take(close);
        size_t bytes = 0;
        for (const Block& block : chunk.blocks) bytes += block.bytes();
        return queue_.push({std::move(chunk), block_bytes}, bytes);
    }

    milliseconds interval() const {
        milliseconds wanted = std::chrono::seconds(context_.spec.settings.sync_interval_seconds);
        return caught_up_ ? wanted : std::min(wanted, milliseconds(1000));
    }

    void apply_chunks() {
        ChunkApplier applier(context_, stop_);
        while (std::optional<QueuedChunk> next = queue_.pop()) {
            applier.apply(next->chunk, next->block_bytes);
            made_progress_ = true;
            if (next->chunk.closes) announce_if_caught_up(next->chunk.to.position);
        }
    }

    void announce_if_caught_up(const Position& acknowledged) {
        if (caught_up_ || !(high_.none() || acknowledged.reached(high_))) return;
        caught_up_ = true;
        on_caught_up_();
    }

    struct QueuedChunk {
        Chunk chunk;
        size_t block_bytes;
    };

    PipeContext& context_;
    std::stop_token stop_;
    std::function<void()> on_caught_up_;
    ByteQueue<QueuedChunk> queue_;
    StreamPoint start_;
    std::optional<Replay> replay_;
    Position high_;
    std::vector<MappedTable> tables_;
    std::atomic<bool> caught_up_{false};
    std::atomic<bool> made_progress_{false};
};

}  // namespace

void follow_changes(PipeContext& context, std::stop_token stop, const std::function<void()>& on_caught_up) {
    Backoff backoff(milliseconds(500), milliseconds(30'000));
    bool announced = false;
    auto announce_once = [&] {
        if (std::exchange(announced, true)) return;
        on_caught_up();
    };
    while (!stop.stop_requested()) {
        Session session(context, stop, announce_once);
        try {
            session.run();
        } catch (const Error& e) {
            if (stop.stop_requested() && e.disposition() == Disposition::kRetry) return;
            if (e.disposition() != Disposition::kRetry) throw;
            if (session.made_progress()) backoff.reset();
            milliseconds delay = backoff.next();
            spdlog::warn("{}; trying again in {} ms", e.what(), delay.count());
            context.progress->set_trouble(e.what());
            sleep_unless_stopped(stop, delay);
        }
    }
}

}  // namespace penstock
