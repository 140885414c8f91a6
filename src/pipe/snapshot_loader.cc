#include "pipe/snapshot_loader.h"

#include <atomic>
#include <deque>
#include <optional>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/backoff.h"
#include "destination/schema.h"
#include "pipe/adjusted_counts.h"
#include "pipe/block_writer.h"
#include "pipe/destination_check.h"
#include "pipe/load_check.h"
#include "pipe/load_finisher.h"
#include "pipe/load_target.h"
#include "pipe/load_worker.h"
#include "pipe/seen_log.h"
#include "pipe/stopped_tables.h"
#include "pipe/threads.h"
#include "source/partition_planner.h"
#include "source/snapshot_reader.h"
#include "source/storage_engine.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kRowsBetweenWaits = 256;

/// What is kept from table to table, by whoever loads one after the other.
struct TableLinks {
    std::optional<MysqlConnection> planner;
    std::deque<LoadLinks> workers;

    /// Calls `plan(connection)`: with the connection of before, and if the server has ended that, a new one.
    template <typename Plan>
    auto with_planner(const SourceEndpoint& source, const Plan& plan) {
        if (std::optional<MysqlConnection> kept = std::exchange(planner, std::nullopt)) {
            try {
                auto result = plan(*kept);
                planner.emplace(std::move(*kept));
                return result;
            } catch (const Error& e) {
                if (e.disposition() != Disposition::kRetry) throw;
            }
        }
        MysqlConnection fresh = MysqlConnection::open(source);
        auto result = plan(fresh);
        planner.emplace(std::move(fresh));
        return result;
    }
};

class TableLoader {
  public:
    TableLoader(PipeContext& context, TableLinks& links, const TablePlan& plan, TableRecord record,
                ReadLimit& limit, LoadFinisher& finisher)
        : context_(context),
          links_(links),
          plan_(plan),
          record_(std::move(record)),
          limit_(limit),
          finisher_(finisher),
          target_(context, plan) {
        for (const TargetColumn& column : plan.columns) {
            expressions_.push_back(select_expression(plan.source.columns[column.source]));
        }
    }

    /// Loads the table and hands it to the finisher, or as much as a stop allows, or until a row that cannot
    /// be carried, or a target that does not hold all rows, takes it out of the flow.
    void run(const std::stop_token& stop) {
        Backoff backoff(milliseconds(500), milliseconds(30'000));
        while (!stop.stop_requested()) {
            try {
                if (tried_) record_ = context_.catalog->tables(context_.pipe_id).at(plan_.id);
                tried_ = true;
                prepare(stop);
                load_partitions(stop);
                if (stop.stop_requested() || finish(stop)) return;
            } catch (const CannotLoad& found) {
                return give_up(found.why);
            } catch (const UnfitTarget& target) {
                return give_up(target.why);
            } catch (const Error& e) {
                if (e.disposition() != Disposition::kRetry || stop.stop_requested()) throw;
                wait_out(e, backoff, stop);
            }
        }
    }

  private:
    /// Makes sure that partitions are stored, and that an append-only target is clean when they begin.
    void prepare(const std::stop_token& stop) {
        exact_readers_.clear();
        const bool begun = record_.load_state == LoadState::kLoading;
        if (is_append_only(plan_) && (begun ? has_pending_partition() : !record_.load_table.empty())) {
            spdlog::info("{}: the load was cut short; loading it again", plan_.source.qualified_name());
            begin_anew(stop);
        }
        if (record_.load_state == LoadState::kPending) {
            plan();
        } else {
            target_.resume(record_);
        }
    }

    void begin_anew(const std::stop_token& stop) {
        const std::vector<PartitionRecord> partitions =
            context_.catalog->partitions(context_.pipe_id, plan_.id);
        target_.clear(record_, stop);
        for (const PartitionRecord& partition : partitions) {
            context_.progress->rows_estimated -= partition.estimated_rows;
            context_.progress->partitions_total -= 1;
            if (partition.state == PartitionState::kDone) context_.progress->partitions_loaded -= 1;
        }
        context_.progress->rows_loaded -= record_.rows_loaded;
        record_.load_state = LoadState::kPending;
        record_.load_table.clear();
        record_.rows_loaded = 0;
    }

    void give_up(const Error& why) {
        stop_tables(context_, {{.table_index = plan_.id, .reason = why.what()}});
        try {
            drop_load_tables(context_.destination, plan_.target_database,
                             {context_.catalog->tables(context_.pipe_id).at(plan_.id)});
            context_.catalog->put_load_table(context_.pipe_id, plan_.id, "");
        } catch (const Error& e) {  // it goes with the table's resync or removal
            spdlog::warn("{}", e.what());
        }
    }

    bool has_pending_partition() const {
        for (const PartitionRecord& p : context_.catalog->partitions(context_.pipe_id, plan_.id)) {
            if (p.state == PartitionState::kPending) return true;
        }
        return false;
    }

    void plan() {
        std::vector<PartitionRecord> records;
        for (Partition& p : links_.with_planner(context_.spec.source, [&](MysqlConnection& connection) {
                 return of_table(plan_, [&] {
                     return plan_partitions(connection, plan_.source, plan_.partition_column,
                                            context_.spec.settings.snapshot_rows_per_partition);
                 });
             })) {
            PartitionRecord record;
            record.index = p.index;
            record.predicate = std::move(p.predicate);
            record.estimated_rows = p.estimated_rows;
            records.push_back(std::move(record));
        }
        Position exact;
        if (is_append_only(plan_)) {
            uint32_t readers = workers(records.size());
            ExactSnapshots snapshots =
                open_exact_snapshots(context_.spec.source, context_.source_info,
                                     context_.spec.settings.mechanism, readers, {plan_.source});
            spdlog::info("{}: {} readers at {} ({})", plan_.source.qualified_name(), readers,
                         snapshots.position.to_string(), snapshots.method);
            exact = snapshots.position;
            if (!exact.none()) note_seen(context_, exact);
            exact_readers_ = std::move(snapshots.readers);
            if (context_.spec.settings.mode != ReplicationMode::kSnapshot) require_consistent_reading();
        }
        if (is_append_only(plan_)) target_.begin();
        context_.catalog->put_partitions(context_.pipe_id, plan_.id, records, exact);
        finisher_.planned();
        record_ = context_.catalog->tables(context_.pipe_id).at(plan_.id);
        for (const PartitionRecord& p : records) context_.progress->rows_estimated += p.estimated_rows;
        context_.progress->partitions_total += records.size();
    }

    /// Asked again: the table may have been altered since the pipe was checked, and a resync is not checked.
    void require_consistent_reading() {
        try {
            links_.with_planner(context_.spec.source, [&](MysqlConnection& connection) {
                require_consistent_engine(exact_readers_, connection, plan_.source);
                return true;
            });
        } catch (const Error& e) {
            if (e.disposition() == Disposition::kRetry) throw;
            throw CannotLoad{e};
        }
    }

    uint32_t workers(size_t partitions) const {
        size_t wanted = context_.spec.settings.initial_load_parallelism;
        return static_cast<uint32_t>(std::max<size_t>(1, std::min(wanted, partitions)));
    }

    void load_partitions(const std::stop_token& stop) {
        std::vector<PartitionRecord> pending;
        for (PartitionRecord& p : context_.catalog->partitions(context_.pipe_id, plan_.id)) {
            if (p.state == PartitionState::kPending) pending.push_back(std::move(p));
        }
        std::atomic<size_t> next{0};
        while (links_.workers.size() < workers(pending.size())) links_.workers.emplace_back(context_);
        run_in_threads(workers(pending.size()), stop, [&](uint32_t worker, const std::stop_token& local) {
            if (!is_append_only(plan_)) {
                LoadWorker(context_, links_.workers[worker], plan_, expressions_, limit_,
                           [&]() -> const PartitionRecord* {
                               const size_t i = next++;
                               return i < pending.size() ? &pending[i] : nullptr;
                           })
                    .run(local);
                return;
            }
            BlockWriter writer(target_.endpoint(), context_.compression, context_.progress, local);
            for (size_t i; !local.stop_requested() && (i = next++) < pending.size();) {
                std::optional<ResourceBudget::Worker> place;
                if (context_.budget != nullptr) place.emplace(context_.budget->acquire_worker(local));
                load_partition(pending[i], exact_readers_.at(worker), writer, local);
            }
        });
    }

    /// All partitions are done: false when something is to be loaded again.
    bool finish(const std::stop_token& stop) {
        if (!is_append_only(plan_)) {
            finisher_.add(plan_.id);
            return true;
        }
        record_ = context_.catalog->tables(context_.pipe_id).at(plan_.id);
        const LoadedTable loaded{&plan_, target_.place_of_rows(record_),
                                 context_.catalog->partitions(context_.pipe_id, plan_.id)};
        ClickHouseClient client(target_.endpoint());
        const WrongRows wrong = find_wrong_rows(client, {loaded}).front();
        if (!wrong.partitions.empty()) {
            const Error found = wrong_rows_error(loaded, wrong);
            if (++times_wrong_ == kMostTimesWrong) throw CannotLoad{found};
            spdlog::warn("{}; loading all of it again", found.what());
            context_.progress->set_trouble(found.what());
        }
        if (!wrong.partitions.empty() || !target_.put_in_place(record_)) {
            begin_anew(stop);
            return false;
        }
        context_.catalog->finish_load(context_.pipe_id, plan_.id);
        mark_targets(context_, {plan_.id});
        context_.progress->tables_loaded += 1;
        spdlog::info("{}: loaded {} rows", plan_.source.qualified_name(), record_.rows_loaded);
        return true;
    }

    /// One partition of an append-only target, through one reader: each block under a token of its own, so
    /// that a block whose acknowledgement was lost is not inserted twice. On a stop it returns early and the
    /// partition stays pending.
    void load_partition(const PartitionRecord& partition, SnapshotReader& reader, BlockWriter& writer,
                        const std::stop_token& stop) {
        context_.catalog->start_partition(context_.pipe_id, plan_.id, partition.index);
        // A partition read again may hold other rows, so its blocks must never pass for those of before.
        const std::string token = context_.pipe_id + "/load/" + make_uuid() + "/";
        uint32_t blocks = 0;
        uint64_t rows = 0, unpaid_rows = 0;
        AdjustedCounts adjusted;
        Progress::RowsRead read(*context_.progress);
        size_t bytes = 0, paid_bytes = 0;
        Block block(target_.plan());
        TextRowDecoder decoder(target_.plan());
        // Sent and acknowledged as a whole, so it is as large as all that the worker may hold.
        size_t block_bytes = load_worker_bytes(context_);
        auto flush = [&] {
            adjusted.add(block);
            const std::string own_token = token + std::to_string(blocks++);
            insert_in_form(context_.destination, *context_.forms, plan_,
                           [&](const TableForm* form) { writer.write(block, own_token, form); });
            rows += block.rows;
            context_.progress->rows_loaded += block.rows;
            read.tell();
            read.acknowledge(block.rows);
            block.clear();
            bytes = paid_bytes = 0;
            block_bytes = load_worker_bytes(context_);
        };
        try {
            std::stop_callback interrupt(stop, [&] { reader.interrupt(); });
            RowStream stream =
                of_table(plan_, [&] { return reader.read(plan_.source, expressions_, partition.predicate); });
            while (of_table(plan_, [&] { return stream.next(); })) {
                append_row(decoder, stream, block);
                block.finish_row(partition.version, false);
                read.add();
                for (uint32_t i = 0; i < stream.columns(); ++i) bytes += stream.lengths()[i];
                if (limit_.limits() && ++unpaid_rows >= kRowsBetweenWaits) {
                    limit_.wait(unpaid_rows, bytes - paid_bytes, stop);
                    unpaid_rows = 0;
                    paid_bytes = bytes;
                }
                if (bytes >= block_bytes) flush();
            }
            if (block.rows > 0) flush();
        } catch (Error& e) {
            context_.progress->rows_loaded -= rows;
            if (stop.stop_requested() && e.disposition() == Disposition::kRetry) return;
            e.at_table(plan_.source.qualified_name());
            throw;
        }
        context_.catalog->finish_partition(context_.pipe_id, plan_.id, partition.index, rows,
                                           adjusted.records(plan_));
        context_.progress->partitions_loaded += 1;
        context_.progress->adjusted += adjusted.sum();
        context_.progress->set_trouble({});
    }

    void wait_out(const Error& e, Backoff& backoff, const std::stop_token& stop) {
        milliseconds delay = backoff.next();
        spdlog::warn("{}; trying again in {} ms", e.what(), delay.count());
        context_.progress->set_trouble(e.what());
        sleep_unless_stopped(stop, delay);
    }

    PipeContext& context_;
    TableLinks& links_;
    const TablePlan& plan_;
    TableRecord record_;  // as when the load of the table was taken up, then as far as it has come
    ReadLimit& limit_;
    LoadFinisher& finisher_;
    bool tried_ = false;
    std::vector<std::string> expressions_;
    std::vector<SnapshotReader> exact_readers_;  // append-only targets: one per worker
    LoadTarget target_;                          // the same: where they write to
    int times_wrong_ = 0;
};

/// Those that are neither loaded nor stopped.
std::vector<TableRecord> tables_to_load(const PipeContext& context) {
    std::vector<TableRecord> tables = context.catalog->tables(context.pipe_id);
    std::erase_if(tables, [](const TableRecord& table) {
        return table.load_state == LoadState::kLoaded || table.stopped();
    });
    return tables;
}

void begin_progress(const PipeContext& context) {
    Progress& progress = *context.progress;
    progress.begin_load();
    uint64_t rows_before = 0;
    for (const TableRecord& table : context.catalog->tables(context.pipe_id)) {
        if (table.load_state == LoadState::kLoaded) progress.tables_loaded += 1;
        rows_before += table.rows_loaded;
    }
    for (const LoadSummary& sum : context.catalog->load_summaries(context.pipe_id)) {
        progress.partitions_total += sum.partitions;
        progress.partitions_loaded += sum.partitions_done;
        progress.rows_estimated += sum.estimated_rows;
    }
    progress.rows_loaded = rows_before;
    progress.tables_total = context.plans.size();
    progress.start_load_clock(rows_before);
}

}  // namespace

void load_snapshot(PipeContext& context, std::stop_token stop) {
    ResourceBudget::Share share(context.budget);
    begin_progress(context);
    end_loads(context, stop);
    ReadLimit limit(context.spec.settings.snapshot_max_rows_per_second,
                    context.spec.settings.snapshot_max_bytes_per_second);
    LoadFinisher finisher(context);
    while (!stop.stop_requested()) {
        const std::vector<TableRecord> pending = tables_to_load(context);
        if (pending.empty()) return;
        std::atomic<size_t> next{0};
        auto parallel = std::min<size_t>(context.spec.settings.snapshot_parallel_tables, pending.size());
        run_in_threads(static_cast<uint32_t>(parallel), stop, [&](uint32_t, const std::stop_token& local) {
            TableLinks links;
            for (size_t i; !local.stop_requested() && (i = next++) < pending.size();) {
                TableLoader(context, links, context.plans[pending[i].table_index], pending[i], limit,
                            finisher)
                    .run(local);
            }
        });
        if (!stop.stop_requested()) finisher.finish();
    }
}

}  // namespace penstock
