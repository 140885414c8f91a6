#include "pipe/load_finisher.h"

#include <utility>

#include <spdlog/spdlog.h>

#include "pipe/destination_check.h"
#include "pipe/stopped_tables.h"

namespace penstock {
namespace {

// A table of that many rows does not wait for others.
constexpr uint64_t kRowsAtOnce = 1'000'000;
constexpr std::chrono::seconds kNotedFor{2};

uint64_t rows_in(const std::vector<PartitionRecord>& partitions) {
    uint64_t rows = 0;
    for (const PartitionRecord& partition : partitions) rows += partition.rows;
    return rows;
}

}  // namespace

void LoadFinisher::planned() {
    std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (now - noted_at_ < kNotedFor) return;
    note_in_ledger(context_, client_);
    noted_at_ = now;
}

void LoadFinisher::add(uint32_t table) {
    std::lock_guard lock(mutex_);
    const TablePlan& plan = context_.plans.at(table);
    added_.push_back({&plan, plan.target_table, context_.catalog->partitions(context_.pipe_id, table)});
    rows_ += rows_in(added_.back().partitions);
    if (added_.size() >= kTablesAtOnce || rows_ >= kRowsAtOnce) check_added();
}

void LoadFinisher::finish() {
    std::lock_guard lock(mutex_);
    check_added();
}

void LoadFinisher::check_added() {
    rows_ = 0;
    const std::vector<LoadedTable> tables = std::exchange(added_, {});
    const std::vector<WrongRows> wrong = find_wrong_rows(client_, tables);
    std::vector<uint32_t> whole;
    for (size_t i = 0; i < tables.size(); ++i) {
        settle(tables[i], wrong[i]);
        if (wrong[i].partitions.empty()) whole.push_back(tables[i].plan->id);
    }
    mark_targets(context_, whole);
}

void LoadFinisher::settle(const LoadedTable& table, const WrongRows& wrong) {
    const uint32_t index = table.plan->id;
    Catalog& catalog = *context_.catalog;
    Progress& progress = *context_.progress;
    if (wrong.partitions.empty()) {
        catalog.finish_load(context_.pipe_id, index);
        progress.tables_loaded += 1;
        spdlog::info("{}: loaded {} rows", table.plan->source.qualified_name(), rows_in(table.partitions));
        return;
    }
    const Error found = wrong_rows_error(table, wrong);
    if (++times_wrong_[index] == kMostTimesWrong) {
        stop_tables(context_, {{.table_index = index, .reason = found.what()}});
        return;
    }
    spdlog::warn("{}; loading them again", found.what());
    progress.set_trouble(found.what());
    catalog.reopen_partitions(context_.pipe_id, index, wrong.partitions);
    progress.rows_loaded -= wrong.acknowledged;
    progress.partitions_loaded -= wrong.partitions.size();
}

}  // namespace penstock
