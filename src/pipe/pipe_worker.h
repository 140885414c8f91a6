#pragma once
// The work of one pipe, a function per state. Used by the runner's thread alone, which calls the function of
// the state that the pipe is in until the pipe is at rest.

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "pipe/context.h"
#include "pipe/flow.h"
#include "pipe/lifecycle_log.h"
#include "pipe/pipe_runner.h"

namespace penstock {

/// Every function returns after it fired the event that ends its state, or early on a stop; it may be called
/// again at any time, also in another process after a crash, and goes on with what is not done. Throws Error:
/// kRetry to be called again later, anything else fails the pipe.
class PipeWorker {
  public:
    /// All outlive the worker.
    PipeWorker(const RunnerEnvironment& environment, std::string pipe_id, LifecycleLog& life,
               Progress& progress);

    /// The pipe as described, with the password; for the calls that follow.
    void describe(PipeSpec spec) { spec_ = std::move(spec); }
    /// Calls the function of the turn's state.
    void work(const LifecycleLog::Turn& turn, const std::stop_token& stop);
    /// Ends the flows: at rest, on an error, at the end.
    void stop_flows();
    /// Called, from a flow's thread, when it fails while the pipe does something else.
    void on_flow_failure(std::function<void()> callback) { flow_failed_ = std::move(callback); }
    /// Throws the error of a flow that failed; ends it instead where what is under way replaces its tables.
    void rethrow_flow_failure();
    /// For a pipe that is removed: what still runs of it at ClickHouse is ended, what loads and an intake
    /// have made there goes, and its notes in the ledger, as far as ClickHouse can be reached. Its targets
    /// stay.
    void leave_destination();

  private:
    std::string query_ids() const { return "penstock-" + pipe_id_ + "-"; }  ///< how they begin
    void end_predecessors(const std::stop_token& stop);
    void provision();
    void set_up(const std::stop_token& stop);
    void take_snapshot(const std::stop_token& stop);
    void run(const std::stop_token& stop);
    void modify(const std::stop_token& stop);
    void resync(const std::stop_token& stop);
    void pause();

    /// An intake whose tables are being put in place is finished before anything else. False on a stop.
    bool finish_merge(const std::stop_token& stop);
    /// Takes the event that ends the turn, unless it is over: then it is done anew with what is so now.
    void fire(PipeEvent event, const std::string& reason) { life_.fire_in(turn_, event, reason); }
    bool is_changed() const;  ///< tables are there that the description does not name
    /// Something is to be set up before the state's own work: a resync, or tables that neither the pipe nor
    /// its intake has.
    bool needs_setup() const;
    /// Tables are to be removed or set up before the state's own work: the event for that has been fired.
    bool has_other_work();
    bool is_loaded() const;  ///< what is not stopped is
    /// Throws when no table is left that flows, or, in a pipe that only loads, when one is not loaded.
    void require_tables() const;
    /// No table of the pipe that flows stays when the intake is merged.
    bool is_led_out() const;
    bool intake_replaces_all(const IntakeRecord& intake) const;
    /// Also where those that it leaves are stopped.
    bool replaces_all(const std::vector<TableMapping>& taken) const;
    std::vector<TableMapping> wanted_resync(const PipeRecord& record) const;
    void begin_intake(IntakePurpose purpose, const std::vector<TableMapping>& mappings,
                      const PipeRecord& record);
    bool want_again(PipeRecord& record, const std::vector<TableMapping>& mappings);
    void drop_intake(const IntakeRecord& intake);
    void discard_targets_of(const IntakeRecord& intake);
    void drop_load_tables_but(const std::vector<MergedTable>& kept);
    bool remove_tables(const std::vector<TableMapping>& kept, const std::stop_token& stop);
    void load(PipeContext& context, const std::stop_token& stop);
    bool settle(const PipeContext& context, const std::stop_token& stop);
    bool follow_intake(const IntakeRecord& intake, const std::stop_token& stop);
    bool catch_up(const Position& position, bool may_fail, const std::stop_token& stop);
    bool follow_until_level(const IntakeRecord& intake, const std::stop_token& stop);
    /// Ends the flow of the pipe's own tables. True when it had failed; throws its error then, unless it may.
    bool end_flow(bool may_have_failed);

    PipeContext base_context(const std::string& id);
    PipeContext context_of(const std::string& id);
    PipeContext intake_context(const IntakeRecord& intake);
    /// Of the pipe's own tables, unless it is there. `may_fail`: the runner is not told when it does.
    void start_flow(bool may_fail = false);
    bool follows() const { return spec_.settings.mode != ReplicationMode::kSnapshot; }

    const RunnerEnvironment& environment_;
    Catalog& catalog_;
    std::string pipe_id_;
    LifecycleLog& life_;
    Progress& progress_;
    uint64_t turn_ = 0;
    PipeSpec spec_;
    ClickHouseEndpoint destination_;
    bool has_time64_ = false;
    bool alone_ = false;  ///< nothing that a process before has sent for the pipe is under way
    std::unique_ptr<Flow> flow_;
    std::function<void()> flow_failed_;
};

}  // namespace penstock
