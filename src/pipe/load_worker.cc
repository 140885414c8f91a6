#include "pipe/load_worker.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

#include "encode/native.h"
#include "pipe/crash_point.h"
#include "pipe/seen_log.h"
#include "pipe/threads.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;

// An INSERT becomes one part. As many rows as ClickHouse gathers by itself: it begins to merge at the
// sixth part, and that is more work than to write them.
constexpr uint64_t kInsertRows = 1'000'000;
constexpr size_t kInsertBytes = size_t{256} << 20, kFewestInsertBytes = size_t{4} << 20;
// A source that gives no rows for so long ends the INSERT: ClickHouse drops a connection silent for 30 s.
constexpr milliseconds kPatience{5000};
constexpr size_t kRowsBetweenWaits = 256, kBytesBetweenWaits = size_t{64} << 10;

// Being filled, waiting, being sent; see BlockPool for the factor.
size_t pool_bytes(size_t block_bytes) {
    return 2 * kBlocksAtOnce * block_bytes;
}

}  // namespace

/// Rows of one partition on their way.
struct LoadWorker::Piece {
    Block block;
    const PartitionRecord* partition;
    bool ends;  ///< the partition has no more
};

/// What an INSERT under way holds.
struct LoadWorker::Insert {
    struct Part {
        const PartitionRecord* partition;
        uint64_t rows;
        AdjustedCounts adjusted;
        bool ends;
    };
    std::vector<Part> parts;
    uint64_t rows = 0;
    size_t bytes = 0;

    void add(const Piece& piece) {
        parts.push_back({piece.partition, piece.block.rows, {}, piece.ends});
        parts.back().adjusted.add(piece.block);
        rows += piece.block.rows;
        bytes += piece.block.bytes();
    }
};

void append_row(const TextRowDecoder& decoder, const RowStream& stream, Block& block) {
    try {
        decoder.append(stream.values(), stream.lengths(), block);
    } catch (const Error& e) {
        throw CannotLoad{e};
    }
}

LoadWorker::LoadWorker(PipeContext& context, LoadLinks& links, const TablePlan& plan,
                       const std::vector<std::string>& expressions, ReadLimit& limit, TakePartition take)
    : context_(context),
      links_(links),
      plan_(plan),
      expressions_(expressions),
      limit_(limit),
      take_(std::move(take)),
      pool_(pool_bytes(load_block_bytes(context))),
      insert_bytes_(kInsertBytes) {}

void LoadWorker::run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        try {
            attempt(stop);
            return;
        } catch (Error& e) {
            e.at_table(plan_.source.qualified_name());
            if (e.disposition() != Disposition::kRetry || stop.stop_requested()) throw;
            milliseconds delay = backoff_.next();
            spdlog::warn("{}; trying again in {} ms", e.what(), delay.count());
            context_.progress->set_trouble(e.what());
            sleep_unless_stopped(stop, delay);
        }
    }
}

void LoadWorker::attempt(const std::stop_token& stop) {
    // What an attempt before left unfinished is read again whole, in the same order.
    for (auto p = taken_.rbegin(); p != taken_.rend(); ++p) {
        if (std::find(finished_.begin(), finished_.end(), *p) == finished_.end()) again_.push_back(*p);
    }
    taken_.clear();
    finished_.clear();
    context_.progress->rows_loaded -= open_.rows;
    open_ = {};
    read_.emplace(*context_.progress);

    Queue queue(load_block_bytes(context_));
    std::stop_source reading;
    std::stop_callback outside(stop, [&] { reading.request_stop(); });
    std::exception_ptr read_error;
    {
        const std::jthread reader = start_thread([&] {
            try {
                read_partitions(queue, reading.get_token());
            } catch (...) {
                read_error = std::current_exception();
            }
            queue.close();
        });
        try {
            while (std::optional<Piece> piece = queue.pop()) {
                if (stop.stop_requested()) break;
                insert(std::move(*piece), queue, stop);
            }
        } catch (...) {
            insert_bytes_ = std::max(insert_bytes_ / 2, kFewestInsertBytes);
            reading.request_stop();
            queue.cancel();
            throw;
        }
        queue.cancel();  // a stop: what waits is read again next time
    }
    if (read_error) std::rethrow_exception(read_error);
}

const PartitionRecord* LoadWorker::take_partition() {
    const PartitionRecord* partition = nullptr;
    if (!again_.empty()) {
        partition = again_.back();
        again_.pop_back();
    } else {
        partition = take_();
    }
    if (partition != nullptr) taken_.push_back(partition);
    return partition;
}

SnapshotReader LoadWorker::open_reader() {
    const ReplicationMechanism mechanism = context_.spec.settings.mechanism;
    if (std::optional<SnapshotReader> kept = std::exchange(links_.reader, std::nullopt)) {
        try {
            kept->renew(context_.source_info, mechanism);
            return std::move(*kept);
        } catch (const Error& e) {  // the server has ended it meanwhile
            if (e.disposition() != Disposition::kRetry) throw;
        }
    }
    return SnapshotReader::open(context_.spec.source, context_.source_info, mechanism);
}

void LoadWorker::read_partitions(Queue& queue, const std::stop_token& stop) {
    try {
        std::optional<ResourceBudget::Worker> place;
        auto next = [&]() -> const PartitionRecord* {
            place.reset();  // others in the line have their turn
            if (context_.budget != nullptr) place.emplace(context_.budget->acquire_worker(stop));
            return stop.stop_requested() ? nullptr : take_partition();
        };
        const PartitionRecord* partition = next();
        if (partition == nullptr) return;
        SnapshotReader reader = open_reader();
        {
            std::stop_callback interrupt(stop, [&] { reader.interrupt(); });
            while (true) {
                if (!reader.position_after().none()) {
                    note_seen(context_, reader.position_after());
                }
                context_.catalog->start_partition(context_.pipe_id, plan_.id, partition->index);
                read_partition(*partition, reader, queue, stop);
                partition = next();
                if (partition == nullptr) break;
                reader.renew(context_.source_info, context_.spec.settings.mechanism);
            }
        }
        if (stop.stop_requested()) return;
        reader.end_view();
        links_.reader.emplace(std::move(reader));
    } catch (const Error& e) {
        if (!stop.stop_requested() || e.disposition() != Disposition::kRetry) throw;
    }
}

void LoadWorker::read_partition(const PartitionRecord& partition, SnapshotReader& reader, Queue& queue,
                                const std::stop_token& stop) {
    throw_if_asked("reading rows");
    TextRowDecoder decoder(plan_);
    Block block = pool_.take(plan_);
    size_t block_bytes = load_block_bytes(context_);
    size_t bytes = 0, unpaid_bytes = 0;
    uint64_t unpaid_rows = 0;
    RowStream stream =
        of_table(plan_, [&] { return reader.read(plan_.source, expressions_, partition.predicate); });
    while (of_table(plan_, [&] { return stream.next(); })) {
        append_row(decoder, stream, block);
        block.finish_row(partition.version, false);
        read_->add();
        size_t row_bytes = 0;
        for (uint32_t i = 0; i < stream.columns(); ++i) row_bytes += stream.lengths()[i];
        bytes += row_bytes;
        if (limit_.limits()) {
            unpaid_bytes += row_bytes;
            if (++unpaid_rows >= kRowsBetweenWaits || unpaid_bytes >= kBytesBetweenWaits) {
                limit_.wait(unpaid_rows, unpaid_bytes, stop);
                unpaid_rows = unpaid_bytes = 0;
            }
        }
        if (bytes < block_bytes) continue;
        if (!queue.push({std::move(block), &partition, false}, bytes)) return;
        block = pool_.take(plan_);
        bytes = 0;
        block_bytes = load_block_bytes(context_);
        queue.set_budget(block_bytes);
        pool_.set_limit(pool_bytes(block_bytes));
    }
    read_->tell();
    if (stop.stop_requested()) return;
    limit_.wait(unpaid_rows, unpaid_bytes, stop);
    queue.push({std::move(block), &partition, true}, bytes);
}

void LoadWorker::insert(Piece first, Queue& queue, const std::stop_token& stop) {
    throw_if_asked("inserting rows");
    Insert insert;
    if (first.block.rows == 0) {  // the partition ends on the edge of a block, or is empty
        insert.add(first);
        pool_.give_back(std::move(first.block));
        acknowledge(insert);
        return;
    }
    std::optional<Piece> piece(std::move(first));
    bool fresh = true;  // the piece has not been sent
    const auto next_block = [&]() -> const Block* {
        while (true) {
            if (piece && !std::exchange(fresh, false)) {
                pool_.give_back(std::move(piece->block));
                piece.reset();
            }
            if (!piece) {
                const bool full = insert.rows >= kInsertRows || insert.bytes >= insert_bytes_;
                if (full || stop.stop_requested()) return nullptr;
                piece = queue.pop_for(kPatience);
                fresh = false;
            }
            if (!piece) return nullptr;
            insert.add(*piece);
            if (piece->block.rows != 0) return &piece->block;
        }
    };
    const std::shared_ptr<const TableForm> form = context_.forms->of(plan_.id);
    NativeFrame frame(links_.compressor, links_.body, next_block, form.get());
    InsertStream request;
    request.database = plan_.target_database;
    request.table = plan_.target_table;
    request.columns = native_column_names(plan_);
    request.content_encoding = links_.compressor.encoding();
    request.next = [&frame] { return frame.next(); };
    request.distinct_keys = true;
    request.part_rows = 2 * kInsertRows;
    request.part_bytes = 4 * kInsertBytes;  // more than an INSERT has
    try {
        std::optional<uint64_t> written = links_.client.insert_stream(request);
        links_.client.require_written(written, insert.rows,
                                      "insert into " + request.database + "." + request.table);
    } catch (const Error& e) {
        if (e.disposition() == Disposition::kRetry) throw;
        require_altered(context_.destination, *context_.forms, plan_, form.get());
        throw Error(Disposition::kRetry, e.operation(), e.message(), e.hint());
    }
    acknowledge(insert);
}

void LoadWorker::acknowledge(const Insert& insert) {
    for (const Insert::Part& part : insert.parts) {
        open_.rows += part.rows;
        open_.adjusted.add(part.adjusted);
        context_.progress->rows_loaded += part.rows;
        read_->acknowledge(part.rows);
        if (!part.ends) continue;
        context_.catalog->finish_partition(context_.pipe_id, plan_.id, part.partition->index, open_.rows,
                                           open_.adjusted.records(plan_));
        context_.progress->partitions_loaded += 1;
        context_.progress->adjusted += open_.adjusted.sum();
        finished_.push_back(part.partition);
        open_ = {};
    }
    backoff_.reset();
    context_.progress->set_trouble({});
}

}  // namespace penstock
