#include "pipe/pipe_runner.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "base/backoff.h"
#include "base/log_scope.h"
#include "destination/schema.h"
#include "pipe/crash_point.h"
#include "pipe/lifecycle_log.h"
#include "pipe/pipe_check.h"
#include "pipe/pipe_file.h"
#include "pipe/pipe_merge.h"
#include "pipe/pipe_setup.h"
#include "pipe/pipe_worker.h"
#include "pipe/resync_wanted.h"
#include "source/server_info.h"
#include "source/table_definition.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;

PipeRecord stored_pipe(const Catalog& catalog, const std::string& pipe_id) {
    std::optional<PipeRecord> record = catalog.get_pipe(pipe_id);
    if (!record) throw Error(Disposition::kUsage, "find the pipe", "there is no pipe " + pipe_id);
    return *record;
}

PipeSpec spec_of(const std::string& spec_json, const std::string& password) {
    PipeSpec spec = from_json(nlohmann::json::parse(spec_json));
    spec.source.password = password;
    return spec;
}

}  // namespace

class PipeRunner::Impl {
  public:
    Impl(RunnerEnvironment environment, std::string pipe_id, std::string password)
        : environment_(std::move(environment)),
          pipe_id_(std::move(pipe_id)),
          password_(std::move(password)),
          life_(*environment_.catalog, stored_pipe(*environment_.catalog, pipe_id_), progress_),
          worker_(environment_, pipe_id_, life_, progress_) {
        PipeRecord record = stored_pipe(*environment_.catalog, pipe_id_);
        spec_ = spec_of(record.spec_json, password_);
        if (life_.state() == PipeState::kDegraded) progress_.set_trouble(record.state_reason);
        progress_.watch_trouble([this](const std::string& line) {
            if (line.empty()) {
                try_to_fire(PipeEvent::kRecovered, "the trouble is over");
            } else {
                try_to_fire(PipeEvent::kRetry, line);
            }
        });
        worker_.on_flow_failure([this] {
            std::lock_guard lock(mutex_);
            flow_failed_ = true;
            interrupt();
        });
    }

    ~Impl() { shutdown(); }

    void take_up() {
        crash_if_asked(life_.state());
        thread_ = std::thread([this, name = stored_pipe(*environment_.catalog, pipe_id_).name] {
            LogScope scope(name);
            run();
        });
    }

    void shutdown() {
        {
            std::lock_guard lock(mutex_);
            ending_ = true;
            interrupt();
        }
        if (thread_.joinable()) thread_.join();
    }

    void start(const std::string& reason) {
        std::lock_guard lock(mutex_);
        PipeState state = life_.state();
        if (state == PipeState::kCompleted) refuse("it is Completed; it can only be resynced or deleted");
        if (!is_at_rest(state) && state != PipeState::kPausing) {
            refuse("it is already running (state " + std::string(state_name(state)) + ")");
        }
        fire(PipeEvent::kStart, reason);
    }

    void stop(const std::string& reason) {
        std::lock_guard lock(mutex_);
        PipeState state = life_.state();
        if (state == PipeState::kPaused || state == PipeState::kPausing) return;
        if (state == PipeState::kCompleted) refuse("it is Completed; it can only be resynced or deleted");
        fire(PipeEvent::kStop, reason);
    }

    void resync(const std::vector<std::string>& targets, const std::string& reason) {
        ResyncWanted wanted{.all = targets.empty(), .targets = targets};
        require_exchange();
        std::lock_guard lock(mutex_);
        for (const std::string& target : targets) {
            bool known = std::any_of(spec_.mappings.begin(), spec_.mappings.end(),
                                     [&](const TableMapping& m) { return m.target_table == target; });
            if (!known) refuse("it has no target table " + target);
        }
        wanted.join(unfinished_resync());
        PipeChange change;
        change.resync_wanted = wanted.to_text();
        fire(PipeEvent::kReload, reason, change);
    }

    void edit(PipeChange change, const std::optional<std::string>& password, const std::string& reason) {
        std::lock_guard lock(mutex_);
        if (life_.state() == PipeState::kCompleted)
            refuse("it is Completed; it can only be resynced or deleted");
        PipeSpec now = spec_of(change.spec_json.value(), password.value_or(password_));
        bool removes = !without(spec_.mappings, now.mappings).empty();
        const std::vector<TableMapping> added = without(now.mappings, spec_.mappings);
        require_removed(added);
        bool adds = !added.empty();
        nlohmann::json before_rest = to_json(spec_), now_rest = to_json(now);
        before_rest["source"]["mysql"].erase("tableMappings");
        now_rest["source"]["mysql"].erase("tableMappings");
        bool only_adds = adds && !removes && before_rest == now_rest && !password;
        fire(only_adds ? PipeEvent::kAddTables : PipeEvent::kModify, reason, change);
        spec_ = std::move(now);
        if (password) password_ = *password;
    }

    void remove() {
        shutdown();
        worker_.describe(spec_);
        worker_.leave_destination();
        environment_.catalog->delete_pipe(pipe_id_);
    }

    PipeState state() const { return life_.state(); }

    PipeState wait_for_rest() const {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return resting_ || ended_; });
        return life_.state();
    }

    std::optional<Error> failure() const {
        std::lock_guard lock(mutex_);
        return failure_;
    }

    const Progress& progress() const { return progress_; }
    std::vector<TableStatus> tables() const;

  private:
    [[noreturn]] void refuse(const std::string& why) const {
        throw Error(Disposition::kUsage, "pipe " + stored_pipe(*environment_.catalog, pipe_id_).name, why);
    }

    /// With mutex_ held: stores the transition and sends the thread to its new work.
    void fire(PipeEvent event, const std::string& reason, const PipeChange& change = {}) {
        if (!life_.fire(event, reason, change)) {
            refuse("state " + std::string(state_name(life_.state())) + " has no place for " +
                   std::string(event_name(event)));
        }
        resting_ = false;
        interrupt();
    }
    void interrupt() {
        work_.request_stop();
        changed_.notify_all();
    }

    /// What an earlier resync has not finished is still wanted.
    ResyncWanted unfinished_resync() const {
        const Catalog& catalog = *environment_.catalog;
        ResyncWanted wanted = ResyncWanted::parse(stored_pipe(catalog, pipe_id_).resync_wanted);
        std::optional<IntakeRecord> intake = catalog.intake_of(pipe_id_);
        if (!intake || intake->purpose != IntakePurpose::kResync || intake->merging) return wanted;
        for (const TableMapping& m : mappings_from_json(nlohmann::json::parse(intake->mappings_json))) {
            wanted.join({.targets = {m.target_table}});
        }
        return wanted;
    }

    /// A table that is added while its removal is still to be done would go on as if nothing had happened,
    /// though its target was emptied for it.
    void require_removed(const std::vector<TableMapping>& added) const {
        const Catalog& catalog = *environment_.catalog;
        std::vector<TableMapping> free = without(added, recorded_spec(catalog, pipe_id_, spec_).mappings);
        if (std::optional<IntakeRecord> intake = catalog.intake_of(pipe_id_)) {
            free = without(free, mappings_from_json(nlohmann::json::parse(intake->mappings_json)));
        }
        const std::vector<TableMapping> there = without(added, free);
        if (there.empty()) return;
        throw Error(Disposition::kUsage, "source.mysql.tableMappingsToAdd",
                    "the removal of " + there.front().target_table + " is not done yet",
                    "It is when the pipe, started if need be, is Running again: add the table then");
    }

    /// Looked at before the command is taken, so that a pipe does not fail for it. A destination that does
    /// not answer now is not asked: the resync will.
    void require_exchange() {
        std::string database;
        {
            std::lock_guard lock(mutex_);
            database = spec_.target_database;
        }
        try {
            ClickHouseClient client(environment_.destination());
            penstock::require_exchange(client, database);
        } catch (const Error& e) {
            if (e.disposition() != Disposition::kRetry) throw;
            spdlog::warn("{}", e.what());
        }
    }

    void run() {
        Backoff backoff(milliseconds(500), milliseconds(30'000));
        while (std::optional<LifecycleLog::Turn> turn = next_work()) {
            std::stop_token stop = work_.get_token();
            try {
                worker_.work(*turn, stop);
                if (take_flow_failure()) worker_.rethrow_flow_failure();
                backoff.reset();
            } catch (const Error& e) {
                if (e.disposition() == Disposition::kRetry) {
                    if (stop.stop_requested()) continue;
                    wait_out(e, backoff, stop);
                } else {
                    fail(*turn, e);
                }
            } catch (const std::exception& e) {
                fail(*turn, Error(Disposition::kFailPipe, "run the pipe", e.what()));
            } catch (...) {
                fail(*turn, Error(Disposition::kFailPipe, "run the pipe", "an exception of an unknown type"));
            }
        }
        worker_.stop_flows();
        std::lock_guard lock(mutex_);
        ended_ = true;
        changed_.notify_all();
    }

    /// Waits while the pipe is at rest; nothing when the runner ends.
    std::optional<LifecycleLog::Turn> next_work() {
        std::unique_lock lock(mutex_);
        if (is_at_rest(life_.state()) && !ending_) {
            lock.unlock();
            worker_.stop_flows();
            progress_.set_trouble({});
            lock.lock();
        }
        while (!ending_ && is_at_rest(life_.state())) {
            resting_ = true;
            changed_.notify_all();
            changed_.wait(lock);
        }
        if (ending_) return std::nullopt;
        resting_ = false;
        work_ = std::stop_source();
        worker_.describe(spec_);
        return life_.turn();  // of this description: commands take the mutex
    }

    bool take_flow_failure() {
        std::lock_guard lock(mutex_);
        return std::exchange(flow_failed_, false);
    }

    void wait_out(const Error& e, Backoff& backoff, const std::stop_token& stop) {
        worker_.stop_flows();
        milliseconds delay = backoff.next();
        spdlog::warn("{}; trying again in {} ms", e.what(), delay.count());
        progress_.set_trouble(e.what());
        sleep_unless_stopped(stop, delay);
    }

    /// Not when a command came meanwhile: what it asks for may be the cure.
    void fail(const LifecycleLog::Turn& turn, const Error& e) {
        worker_.stop_flows();
        take_flow_failure();
        {
            std::lock_guard lock(mutex_);
            failure_ = e;
        }
        try {
            life_.fire_in(turn.number, PipeEvent::kFail, e.what());
        } catch (
            const std::exception& catalog) {  // it cannot take the transition now: the work will fail again
            spdlog::error("{}", catalog.what());
            sleep_unless_stopped(work_.get_token(), milliseconds(1000));
        }
    }

    /// Trouble begins or ends. When the catalog cannot take the transition now, the next one tells. Any
    /// thread.
    void try_to_fire(PipeEvent event, const std::string& reason) {
        try {
            life_.fire(event, reason);
        } catch (const std::exception& e) {
            spdlog::error("{}", e.what());
        }
    }

    RunnerEnvironment environment_;
    std::string pipe_id_;
    std::string password_;  // guarded by mutex_
    Progress progress_;
    LifecycleLog life_;
    PipeWorker worker_;  // the thread's; after it ended, the owner's

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    PipeSpec spec_;          // guarded by mutex_, as all below
    std::stop_source work_;  // of the work under way
    bool flow_failed_ = false;
    bool resting_ = false;
    bool ending_ = false, ended_ = false;
    std::optional<Error> failure_;
    std::thread thread_;
};

std::vector<TableStatus> PipeRunner::Impl::tables() const {
    const Catalog& catalog = *environment_.catalog;
    PipeSpec spec;
    {
        std::lock_guard lock(mutex_);
        spec = spec_;
    }
    const PipeState pipe_state = life_.state();
    std::vector<TableRecord> own = catalog.tables(pipe_id_), coming;
    std::vector<TableMapping> own_mappings = recorded_spec(catalog, pipe_id_, spec).mappings, coming_mappings;
    std::optional<IntakeRecord> intake = catalog.intake_of(pipe_id_);
    if (intake) {
        coming = catalog.tables(intake->id);
        coming_mappings = mappings_from_json(nlohmann::json::parse(intake->mappings_json));
    }
    const MappingIndex own_index(own_mappings), coming_index(coming_mappings);
    auto sums_by_table = [&](const std::string& id) {
        std::map<uint32_t, LoadSummary> sums;
        for (const LoadSummary& sum : catalog.load_summaries(id)) sums.emplace(sum.table_index, sum);
        return sums;
    };
    const auto own_sums = sums_by_table(pipe_id_);
    const auto coming_sums = sums_by_table(intake ? intake->id : "");
    std::vector<TableStatus> statuses;
    for (const TableMapping& mapping : spec.mappings) {
        TableStatus status;
        status.source_database = mapping.source_database;
        status.source_table = mapping.source_table;
        status.target_table = mapping.target_table;
        const size_t at = own_index.find(mapping).value_or(own.size());
        const size_t in = coming_index.find(mapping).value_or(coming_mappings.size());
        const bool is_own = at < own.size(), is_coming = in < coming.size();
        if (is_own) status.record = own[at];
        if (is_coming && !is_own) status.record = coming[in];
        status.resyncing = is_own && in < coming_mappings.size();
        if (is_own || is_coming) {
            const TableRecord& load = is_coming ? coming[in] : own[at];
            status.rows_loaded = load.rows_loaded;
            const auto& sums = is_coming ? coming_sums : own_sums;
            if (const auto sum = sums.find(load.table_index); sum != sums.end()) {
                status.partitions_total = sum->second.partitions;
                status.partitions_loaded = sum->second.partitions_done;
                status.rows_estimated = sum->second.estimated_rows;
            }
        }
        // A table that is loaded anew is on its way back, unless its new target has stopped as well.
        const TableRecord* stopped = is_coming && coming[in].stopped() ? &coming[in]
                                     : is_own && own[at].stopped()     ? &own[at]
                                                                       : nullptr;
        if (stopped != nullptr) {
            status.error = stopped->stop_reason;
            status.error_position = stopped->stop_position;
        }
        if (stopped != nullptr && (!status.resyncing || (is_coming && stopped == &coming[in]))) {
            status.state = PipeState::kFailed;
        } else if (is_at_rest(pipe_state) || pipe_state == PipeState::kPausing ||
                   pipe_state == PipeState::kProvisioning) {
            status.state = pipe_state;
        } else if (is_coming) {
            status.state = intake->merging ? PipeState::kResync : PipeState::kSnapshot;
        } else if (!is_own || in < coming_mappings.size()) {
            status.state = PipeState::kSetup;
        } else if (own[at].load_state != LoadState::kLoaded ||
                   (pipe_state == PipeState::kSnapshot && !intake)) {
            status.state = PipeState::kSnapshot;
        } else if (pipe_state == PipeState::kModifying ||
                   (pipe_state == PipeState::kDegraded && !progress_.trouble().empty())) {
            status.state = pipe_state;
        } else {
            status.state = PipeState::kRunning;
        }
        statuses.push_back(std::move(status));
    }
    return statuses;
}

PipeRunner::PipeRunner(RunnerEnvironment environment, std::string pipe_id, std::string password)
    : impl_(std::make_unique<Impl>(std::move(environment), std::move(pipe_id), std::move(password))) {}
PipeRunner::~PipeRunner() = default;

void PipeRunner::take_up() {
    impl_->take_up();
}
void PipeRunner::start(const std::string& reason) {
    impl_->start(reason);
}
void PipeRunner::stop(const std::string& reason) {
    impl_->stop(reason);
}
void PipeRunner::resync(const std::vector<std::string>& target_tables, const std::string& reason) {
    impl_->resync(target_tables, reason);
}
void PipeRunner::edit(const PipeChange& change, const std::optional<std::string>& password,
                      const std::string& reason) {
    impl_->edit(change, password, reason);
}
void PipeRunner::remove() {
    impl_->remove();
}
void PipeRunner::shutdown() {
    impl_->shutdown();
}
PipeState PipeRunner::state() const {
    return impl_->state();
}
PipeState PipeRunner::wait_for_rest() const {
    return impl_->wait_for_rest();
}
std::optional<Error> PipeRunner::failure() const {
    return impl_->failure();
}
const Progress& PipeRunner::progress() const {
    return impl_->progress();
}
std::vector<TableStatus> PipeRunner::tables() const {
    return impl_->tables();
}

std::vector<std::string> check_new_tables(const PipeSpec& spec, const ClickHouseEndpoint* destination) {
    std::optional<ClickHouseClient> client;
    bool has_time64 = true;
    if (destination != nullptr) {
        client.emplace(*destination);
        has_time64 = read_destination_info(*client).has_time64;
    }
    std::vector<std::string> warnings = require_source(spec);
    MysqlConnection connection = MysqlConnection::open(spec.source);
    ServerInfo server = read_server_info(connection);
    std::vector<TableSchema> schemas = read_table_schemas(connection, server, source_tables(spec));
    std::vector<TablePlan> plans = make_plans(spec, std::move(schemas), has_time64);
    if (client) require_targets(*client, spec, plans);
    return warnings;
}

}  // namespace penstock
