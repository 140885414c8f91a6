#include "pipe/chunk_applier.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

#include "batch/collapse.h"
#include "destination/clickhouse_errors.h"
#include "destination/schema.h"
#include "pipe/crash_point.h"
#include "pipe/destination_check.h"
#include "pipe/stopped_tables.h"
#include "pipe/target_repair.h"
#include "pipe/threads.h"

namespace penstock {
namespace {

constexpr size_t kWriters = 2;  // blocks of different tables under way at once

// How often the ledger is looked at and written: a catalog that is older by less has lost nothing that the
// log does not give again under the same versions.
constexpr std::chrono::seconds kNotedFor{5};

int64_t now_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

/// Names the block by what is in it, so that other content can never pass for it.
std::string block_token(const std::string& pipe_id, const Chunk& chunk, const Block& block) {
    uint64_t first = load_le<8>(block.version.data());
    uint64_t last = load_le<8>(block.version.data() + block.version.size() - 8);
    return pipe_id + "/" + std::to_string(chunk.batch) + "/" + std::to_string(block.plan->id) + "/" +
           std::to_string(chunk.index) + "/" + std::to_string(first) + "-" + std::to_string(last);
}

/// What waiting does not cure, but the attempt after it: it begins with a look at all targets.
[[noreturn]] void throw_for_next_attempt(const Error& e) {
    throw Error(Disposition::kRetry, e.operation(), e.message(), e.hint()).at_table(e.table());
}

}  // namespace

ChunkApplier::ChunkApplier(PipeContext& context, BlockPool& pool, std::stop_token stop)
    : context_(context),
      pool_(pool),
      client_(context.destination),
      watch_(context),
      sent_(context.catalog->destination_record(context.pipe_id).repair,
            context.catalog->tables(context.pipe_id)) {
    for (size_t i = 0; i < kWriters; ++i) {
        writers_.emplace_back(context.destination, context.compression, context.progress, stop);
    }
}

void ChunkApplier::apply(Chunk chunk, size_t block_bytes) {
    if (chunk.index == 0) {
        batch_started_ms_ = now_ms();
        batch_blocks_ = batch_bytes_ = 0;
        batch_tables_.clear();
    }
    // Before the intent: a replay of what follows has to know where the tables stopped.
    if (!chunk.stops.empty()) {
        std::vector<StoppedTable> stops;
        for (const TableStop& stop : chunk.stops) {
            stops.push_back({stop.table, stop.reason, stop.position, stop.from_version});
        }
        stop_tables(context_, stops);
    }
    if (!chunk.blocks.empty()) {
        Intent intent;
        intent.batch = chunk.batch;
        intent.from = chunk.from;
        intent.first_version = chunk.first_version;
        intent.last_version = chunk.last_version;
        intent.block_bytes = block_bytes;
        intent.closed = chunk.closes;
        context_.catalog->put_intent(context_.pipe_id, intent);
        insert_blocks(chunk);
    }
    if (chunk.closes) commit(chunk);
    for (Block& block : chunk.blocks) pool_.give_back(std::move(block));
}

void ChunkApplier::insert_blocks(Chunk& chunk) {
    std::vector<const TablePlan*> plans;
    for (const Block& block : chunk.blocks) {
        batch_tables_.insert(block.plan->id);
        plans.push_back(block.plan);
    }
    std::sort(plans.begin(), plans.end());
    plans.erase(std::unique(plans.begin(), plans.end()), plans.end());
    watch_.look_before(plans);
    is_safe_ = false;
    unsafe_since_ = Clock::now();
    if (Clock::now() - owned_at_ >= kOwnedFor) {
        require_ownership(context_, client_);
        owned_at_ = Clock::now();
    }
    std::atomic<size_t> next{0};
    std::mutex mutex;
    std::exception_ptr first_error;
    auto work = [&](BlockWriter& writer) {
        try {
            for (size_t i; (i = next++) < chunk.blocks.size();) {
                Block& block = chunk.blocks[i];
                std::string token = block_token(context_.pipe_id, chunk, block);
                collapse(block);
                write(writer, block, std::move(token));
            }
        } catch (...) {
            std::lock_guard lock(mutex);
            if (!first_error) first_error = std::current_exception();
            next = chunk.blocks.size();
        }
    };
    {
        std::vector<ResourceBudget::Worker> places;
        std::vector<std::jthread> helpers;
        for (size_t i = 1; i < std::min(kWriters, chunk.blocks.size()); ++i) {
            if (context_.budget != nullptr) {
                places.push_back(context_.budget->try_acquire_worker());
                if (!places.back().holds_place()) break;  // the others of the service have them all
            }
            helpers.push_back(start_thread([&work, &writer = writers_[i]] { work(writer); }));
        }
        work(writers_[0]);
    }
    if (first_error) std::rethrow_exception(first_error);
    batch_blocks_ += chunk.blocks.size();
    for (const Block& block : chunk.blocks) batch_bytes_ += block.bytes();
}

void ChunkApplier::collapse(Block& block) {
    const std::optional<std::vector<uint32_t>> kept = last_images(block);
    if (!kept || watch_.has_views(*block.plan)) return;
    block.keep_rows(*kept);
    block.distinct_keys = true;
}

/// A target that was dropped, or altered so that it does not hold every value, concerns its table alone: the
/// next attempt finds out and stops it.
void ChunkApplier::write(BlockWriter& writer, Block& block, std::string token) {
    if (context_.lost_targets.contains(block.plan->id)) return;
    if (sent_.concerns(block)) {
        ClickHouseClient client(context_.destination);
        sent_.leave_out(client, block);
        if (block.rows == 0) return;
        // A Null target is asked for nothing: that its views see no row twice is the tokens' part, as ever.
        if (block.plan->engine != TableEngine::kNull) token += "/" + sent_.salt();
    }
    try {
        insert_in_form(context_.destination, *context_.forms, *block.plan, [&](const TableForm* form) {
            writer.write(block, token, form, [&] { return may_go_on(*block.plan); });
        });
    } catch (const UnfitTarget& target) {
        if (target.refused) {
            std::lock_guard lock(refused_mutex_);
            context_.refused_targets.emplace(block.plan->id, target.why.what());
        }
        throw_for_next_attempt(target.why);
    }
    crash_after_block_if_asked();
}

/// Between two attempts to insert. Any thread.
bool ChunkApplier::may_go_on(const TablePlan& plan) {
    ClickHouseClient client(context_.destination);
    try {
        require_ownership(context_, client);
        return watch_.is_unchanged(plan);
    } catch (const ClickHouseRefusal& refusal) {
        throw Error(refusal);  // of another request than the block's
    }
}

void ChunkApplier::commit(const Chunk& chunk) {
    Checkpoint checkpoint{chunk.to.position, chunk.to.next_version, chunk.to.next_batch, chunk.to.anchor};
    Progress& progress = *context_.progress;
    BatchStats stats;
    stats.started_at = batch_started_ms_;
    stats.finished_at = now_ms();
    stats.first_version = chunk.first_version;
    stats.blocks = batch_blocks_;
    stats.bytes = batch_bytes_;
    RowCounts sum;
    for (uint32_t i = 0; i < chunk.counts.size(); ++i) {
        const TableCounts& c = chunk.counts[i];
        RowCounts counts{c.inserted, c.updated, c.deleted, c.adjusted};
        if (counts == RowCounts{}) continue;
        stats.tables.push_back({i, counts});
        for (size_t column = 0; column < c.adjusted_by_column.size(); ++column) {
            if (c.adjusted_by_column[column] == 0) continue;
            stats.adjusted_columns.push_back(
                {i, context_.plans[i].columns[column].name, c.adjusted_by_column[column]});
        }
        sum.inserted += c.inserted;
        sum.updated += c.updated;
        sum.deleted += c.deleted;
        sum.adjusted += c.adjusted;
    }
    if (!batch_tables_.empty()) {
        try {
            stats.marks = watch_.look_after({batch_tables_.begin(), batch_tables_.end()});
        } catch (const UnfitTarget& target) {
            throw_for_next_attempt(target.why);
        }
    }
    if (stats.tables.empty()) {
        context_.catalog->put_checkpoint(context_.pipe_id, checkpoint);  // only unmapped transactions
        note_what_is_safe(checkpoint);
    } else {
        context_.catalog->commit_batch(context_.pipe_id, checkpoint, stats);
        progress.batches += 1;
    }
    progress.inserted += sum.inserted;
    progress.updated += sum.updated;
    progress.deleted += sum.deleted;
    progress.adjusted += sum.adjusted;
    if (chunk.last_commit_time != 0) progress.last_commit_time = chunk.last_commit_time;
    progress.set_trouble({});
    noted_ = noted_ && stats.tables.empty();
    if (!noted_ && Clock::now() - noted_at_ >= kNotedFor) {
        note_in_ledger(context_, client_);
        owned_at_ = noted_at_ = Clock::now();
        noted_ = true;
    }
}

/// A server that is up two minutes after the last insert, and was not started anew, has it all on disk.
void ChunkApplier::note_what_is_safe(const Checkpoint& checkpoint) {
    if (is_safe_ || Clock::now() - unsafe_since_ < kUnsafe) return;
    try {
        is_safe_ = watch_.lives_on();
        if (is_safe_) context_.catalog->put_safe_version(context_.pipe_id, checkpoint.next_version - 1);
    } catch (const Error& e) {
        if (e.disposition() != Disposition::kRetry) throw;
    }
    if (!is_safe_) unsafe_since_ = Clock::now();  // whatever it is, what is inserted next finds out
}

void ChunkApplier::finish() {
    if (std::exchange(noted_, true)) return;
    try {
        note_in_ledger(context_, client_);
    } catch (const Error& e) {
        spdlog::warn("{}", e.what());
    }
}

}  // namespace penstock
