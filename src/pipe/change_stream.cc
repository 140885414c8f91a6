#include "pipe/change_stream.h"

#include <algorithm>
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
#include "pipe/batch_due.h"
#include "pipe/chunk_applier.h"
#include "pipe/crash_point.h"
#include "pipe/destination_check.h"
#include "pipe/group_reader.h"
#include "pipe/lag_book.h"
#include "pipe/pipe_check.h"
#include "pipe/seen_log.h"
#include "pipe/source_watch.h"
#include "pipe/stopped_tables.h"
#include "pipe/threads.h"
#include "source/binlog_stream.h"
#include "source/log_resume.h"

namespace penstock {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

StreamPoint to_stream_point(const Checkpoint& c) {
    return {c.position, c.next_version, c.next_batch, c.anchor};
}

/// One connection to the source, from the checkpoint on.
class Session {
  public:
    Session(PipeContext& context, const std::stop_token& stop, FlowSignals& signals, WaitingPlace& waiting,
            AlteredTables& altered)
        : context_(context),
          stop_(stop),
          signals_(signals),
          waiting_(waiting),
          altered_(altered),
          pool_(2 * flow_block_bytes(context)),
          queue_(flow_block_bytes(context)) {}

    /// Returns on a stop; throws on any error, with both threads ended.
    void run() {
        require_log(context_.spec);
        read_start();
        if (signals_.only_settle && !replay_) return;
        has_ended_ = is_end(start_.position);
        if (has_ended_) return;
        if (!signals_.only_settle) require_a_table_that_flows();
        // A heartbeat closes what is due when nothing else comes.
        BinlogStreamOptions options;
        options.heartbeat = std::clamp(interval() / 10, milliseconds(20), options.heartbeat);
        BinlogStream stream = open_log(context_.spec.source, context_.source_info, start_.position,
                                       start_.anchor, log_start_, options, stop_);
        if (signals_.acknowledged) signals_.acknowledged(start_.position);
        std::exception_ptr apply_error;
        std::stop_source reading;  // ends the reading side: a stop from outside or an error of the other side
        std::stop_callback outside(stop_, [&] { reading.request_stop(); });
        {
            std::stop_callback interrupt(reading.get_token(), [&] { stream.interrupt(); });
            const std::jthread applier = start_thread([&] {
                try {
                    apply_chunks();
                    reading.request_stop();
                } catch (...) {
                    apply_error = std::current_exception();
                    queue_.cancel();
                    reading.request_stop();
                }
            });
            try {
                read_changes(stream, reading.get_token());
                if (ended_) {
                    queue_.close();
                } else {
                    queue_.cancel();  // a stop: what waits is dropped, what is being inserted is finished
                }
            } catch (const Error&) {
                queue_.cancel();
                if (!reading.stop_requested()) throw;
            } catch (...) {  // the other thread waits in the queue
                queue_.cancel();
                throw;
            }
        }
        if (apply_error) std::rethrow_exception(apply_error);
        if (ended_ && !signals_.only_settle) require_a_table_that_flows();
    }

    /// FlowSignals::until is reached.
    bool has_ended() const { return has_ended_; }
    bool made_progress() const { return made_progress_; }

  private:
    bool is_end(const Position& position) const {
        return !signals_.until.none() && position.reached(signals_.until);
    }

    /// Checkpoint, replay and the tables with what is loaded already.
    void read_start() {
        Catalog& catalog = *context_.catalog;
        const bool settled = signals_.only_settle && !catalog.intent(context_.pipe_id);
        if (!settled) reconcile_destination(context_);
        std::optional<Checkpoint> checkpoint = catalog.checkpoint(context_.pipe_id);
        if (!checkpoint) {
            throw Error(Disposition::kFailPipe, "follow changes", "the pipe has no checkpoint",
                        "Resync the pipe");
        }
        start_ = to_stream_point(*checkpoint);
        MysqlConnection connection = MysqlConnection::open(context_.spec.source);
        context_.source_info = read_server_info(connection);
        const bool same_server = is_same_server(catalog);
        log_start_ =
            plan_log_start(connection, context_.source_info, start_.position, start_.anchor, same_server);
        if (!same_server) take_over_server(catalog);
        require_seen_log(context_, start_.position, log_start_.files);
        if (std::optional<Intent> intent = catalog.intent(context_.pipe_id)) {
            replay_ = Replay{intent->last_version, intent->block_bytes};
            spdlog::info("replaying batch {} (versions {} to {})", intent->batch, intent->first_version,
                         intent->last_version);
        }
        stop_lost_targets(context_);
        stop_altered_tables(context_, altered_.take());
        altered_.ask();
        for (const TableRecord& table : catalog.tables(context_.pipe_id)) {
            MappedTable& mapped = tables_.emplace_back();
            mapped.plan = &context_.plans[table.table_index];
            mapped.loaded_until = table.exact_position;
            mapped.joined = table.joined_position;
            if (table.stopped()) mapped.stopped_from = table.stopped_from;
        }
    }

    void require_a_table_that_flows() const {
        std::vector<TableRecord> tables = context_.catalog->tables(context_.pipe_id);
        if (all_stopped(tables)) throw all_stopped_error(tables);
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
                        "Point the pipe at the server it began with, or resync the pipe");
        }
        return false;
    }

    /// Another server may order the same transactions in another way, so nothing is replayed there: its
    /// versions begin above all that were given out.
    void take_over_server(Catalog& catalog) {
        spdlog::warn("the source is another server now: {}", context_.source_info.identity());
        if (std::optional<Intent> intent = catalog.intent(context_.pipe_id)) {
            stop_half_inserted_tables(context_, *intent);
            start_.next_version = intent->last_version + 1;
            start_.next_batch = intent->batch + 1;
            catalog.commit_batch(context_.pipe_id,
                                 Checkpoint{start_.position, start_.next_version, start_.next_batch}, {});
        }
        catalog.put_source_identity(context_.pipe_id, context_.source_info.identity());
    }

    void read_changes(BinlogStream& stream, const std::stop_token& stop) {
        EventParser parser;
        if (!log_start_.by_anchor) {
            start_.anchor = LogAnchor();
            start_.position.forget_place();
        }
        ChangeBatcher batcher(std::move(tables_), start_, flow_block_bytes(context_), replay_,
                              context_.source_info.names(), &pool_);
        keep_places(batcher, stream);
        BatchClock clock(Clock::now());
        bool queue_open = true;
        const EventParser::Take take_event = [&](const Event& event) {
            if (std::holds_alternative<IncidentEvent>(event) && is_passed(stream, batcher.position())) return;
            batcher.feed(event, parser.header());
            if (std::holds_alternative<GtidEvent>(event) || std::holds_alternative<MariadbGtidEvent>(event))
                return;  // as it was after the commit before
            note_lag(batcher, std::holds_alternative<HeartbeatEvent>(event));
            if (!batcher.keeps_places()) keep_places(batcher, stream);
            if (batcher.wants_undone()) {
                batcher.take_undone(read_undone_rows(context_.spec.source, context_.source_info,
                                                     batcher.group_start(), batcher.group_head(), stop));
            }
            if (batcher.wanted()) queue_open = read_prepared(batcher, stop) && queue_open;
            const bool pause = std::holds_alternative<HeartbeatEvent>(event);
            tell_place(pause && batcher.keeps_places(), stream);
            const bool close = should_close(batcher, clock, pause);
            // What ClickHouse is still taking holds back the batch; the flow ends with its next pause then.
            if (pause && under_way_ == 0) clock.pause(Clock::now());
            if (!close && !batcher.budget_reached()) return;
            queue_open = hand_over(batcher, close) && queue_open;
            ended_ = close && batcher.all_stopped();
            clock.open(Clock::now(), batcher.last_commit_time());
        };
        bool connected = false;
        while (queue_open && !ended_ && !stop.stop_requested()) {
            const ByteSpan packet = stream.next();
            if (altered_.any()) {  // they are stopped where a stream begins
                throw Error(Disposition::kRetry, "follow changes",
                            "tables were altered at the source and not in its log");
            }
            take_over_budget(batcher);
            parser.parse_all(packet, take_event);
            if (!std::exchange(connected, true)) context_.progress->set_trouble({});
        }
    }

    /// To the watch; throws when that has found out that the stream waits in vain.
    void tell_place(bool waits, const BinlogStream& stream) {
        if (waits) {
            if (waiting_.take_misled()) {
                throw Error(Disposition::kRetry, "read the log of " + stream.address(),
                            "its log goes on, and nothing of it comes");
            }
            waiting_.wait_at(stream.log_position());
        } else if (waits_) {
            waiting_.go_on();
        }
        waits_ = waits;
    }

    /// As soon as the stream's places say what lies before them.
    void keep_places(ChangeBatcher& batcher, const BinlogStream& stream) const {
        const std::optional<FilePosition>& passed = log_start_.log_end;
        const bool exact = log_start_.by_anchor || start_.position.file() != nullptr ||
                           (passed && stream.offsets_certain() && stream.log_position().at_or_after(*passed));
        if (exact && batcher.at_commit_edge()) batcher.keep_places(context_.source_info.identity());
    }

    /// The last event lies before `position`. To find a GTID position MariaDB reads a log file from its
    /// beginning; it passes over the transactions that come before, not over the incidents.
    bool is_passed(const BinlogStream& stream, const Position& position) const {
        if (position.mariadb() == nullptr || log_start_.by_anchor) return false;
        MysqlConnection connection = MysqlConnection::open(context_.spec.source);
        std::optional<MariadbGtidPos> gtids = gtid_position_at(connection, stream.log_position());
        if (!gtids) return false;
        return position.mariadb()->contains(*gtids) && !(*position.mariadb() == *gtids);
    }

    /// What the pipes of the service may hold may have changed.
    void take_over_budget(ChangeBatcher& batcher) {
        const size_t block_bytes = flow_block_bytes(context_);
        if (block_bytes == budget_seen_) return;
        budget_seen_ = block_bytes;
        batcher.set_block_bytes(block_bytes);
        queue_.set_budget(block_bytes);
        pool_.set_limit(2 * block_bytes);
    }

    /// The rows that an XA COMMIT commits, from where they were prepared. False when the other side has
    /// ended.
    bool read_prepared(ChangeBatcher& batcher, const std::stop_token& stop) {
        bool queue_open = true;
        try {
            const PreparedTransaction wanted = *batcher.wanted();
            const SourceEndpoint& source = context_.spec.source;
            const ServerInfo& info = context_.source_info;
            const FilePosition start =
                find_prepared_transaction(source, info, wanted, batcher.wanted_before(), stop);
            read_prepared_transaction(source, info, wanted, start, stop, [&](const Event& event) {
                batcher.feed_prepared(event);
                if (batcher.wants_undone())
                    batcher.take_undone(read_undone_rows(source, info, start, 0, stop));
                if (queue_open && batcher.budget_reached()) queue_open = hand_over(batcher, false);
            });
            batcher.end_prepared();
        } catch (const Error& e) {
            if (e.disposition() == Disposition::kRetry) throw;
            batcher.lose_prepared(e);
        }
        return queue_open;
    }

    void note_lag(const ChangeBatcher& batcher, bool pause) {
        if (context_.is_intake || !batcher.at_commit_edge()) return;
        if (batcher.open_rows() > 0) lag_.open(batcher.last_commit_time());
        lag_.hear(pause);
    }

    /// A batch closes between transactions, when it is full or due; a replayed one where it closed before.
    bool should_close(const ChangeBatcher& batcher, BatchClock& clock, bool pause) const {
        if (batcher.replaying()) return batcher.must_close_now();
        if (!batcher.at_commit_edge()) return false;
        if (batcher.all_stopped()) return true;
        if (batcher.budget_reached() || is_end(batcher.position())) return true;
        const auto at_source = std::chrono::system_clock::now().time_since_epoch();
        OpenBatch batch{.rows = batcher.open_rows(),
                        .moved = batcher.moved(),
                        .earlier_under_way = under_way_ > 0,
                        .pause = pause,
                        .age = std::chrono::duration_cast<std::chrono::seconds>(at_source) -
                               std::chrono::seconds(batcher.last_commit_time())};
        clock.measure(batch, Clock::now(), batcher.last_commit_time());
        return is_due(batch, context_.spec.settings.pull_batch_size, interval());
    }

    /// False when the other side has ended.
    bool hand_over(ChangeBatcher& batcher, bool close) {
        throw_if_asked("reading the log");
        size_t block_bytes = batcher.block_bytes();
        Chunk chunk = batcher.take(close);
        size_t bytes = 0;
        for (const Block& block : chunk.blocks) bytes += block.memory();
        ++under_way_;
        const bool has_rows = close && lag_.close();
        return queue_.push({std::move(chunk), block_bytes, has_rows}, bytes);
    }

    milliseconds interval() const {
        const SourceSettings& settings = context_.spec.settings;
        milliseconds wanted = std::chrono::seconds(settings.sync_interval_seconds);
        if (settings.sync_interval_milliseconds != 0)
            wanted = milliseconds(settings.sync_interval_milliseconds);
        return signals_.hurry ? std::min(wanted, milliseconds(1000)) : wanted;
    }

    void apply_chunks() {
        ChunkApplier applier(context_, pool_, stop_);
        apply_until_the_end(applier);
        applier.finish();
    }

    void apply_until_the_end(ChunkApplier& applier) {
        while (std::optional<QueuedChunk> next = queue_.pop()) {
            const bool closes = next->chunk.closes;
            const Position to = next->chunk.to.position;
            throw_if_asked("inserting changes");
            applier.apply(std::move(next->chunk), next->block_bytes);
            --under_way_;
            made_progress_ = true;
            if (next->has_rows) lag_.acknowledge();
            if (!closes) continue;
            if (signals_.acknowledged) signals_.acknowledged(to);
            has_ended_ = is_end(to);
            if (signals_.only_settle || has_ended_) {
                queue_.cancel();
                return;
            }
        }
    }

    struct QueuedChunk {
        Chunk chunk;
        size_t block_bytes;
        bool has_rows;  ///< it closes a batch that LagBook knows
    };

    PipeContext& context_;
    std::stop_token stop_;
    FlowSignals& signals_;
    WaitingPlace& waiting_;
    AlteredTables& altered_;
    BlockPool pool_;
    ByteQueue<QueuedChunk> queue_;
    LagBook lag_{*context_.progress};
    StreamPoint start_;
    LogStart log_start_;
    std::optional<Replay> replay_;
    std::vector<MappedTable> tables_;
    size_t budget_seen_ = 0;
    bool waits_ = false;                // waiting_ has a place
    bool ended_ = false;                // no table is left that flows, and all of before is handed over
    std::atomic<size_t> under_way_{0};  // chunks handed over and not applied yet
    std::atomic<bool> made_progress_{false}, has_ended_{false};
};

}  // namespace

void follow_changes(PipeContext& context, std::stop_token stop, FlowSignals& signals) {
    ResourceBudget::Share share(context.budget);
    Backoff backoff(milliseconds(500), milliseconds(30'000));
    WaitingPlace waiting;
    AlteredTables altered;
    std::optional<SourceWatch> watch;
    if (!context.is_intake && !signals.only_settle) watch.emplace(context, waiting, altered);
    while (!stop.stop_requested()) {
        waiting.go_on();
        Session session(context, stop, signals, waiting, altered);
        try {
            session.run();
            if (signals.only_settle || session.has_ended()) return;
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
