#pragma once
// One pipe at work: a thread that does what the pipe's state asks for, state after state, and the commands
// that change the state from outside. Every command stores its transition before it returns; the work
// follows.
//
//   PipeRunner runner(environment, pipe_id, password);
//   runner.take_up();                    // goes on where the catalog says
//   runner.stop("asked by ..."); ...     // Pausing now, Paused when nothing is in flight
//
// The stored state is all that a restart needs: a process that is killed in any state goes on from there.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "catalog/catalog.h"
#include "destination/clickhouse_client.h"
#include "encode/compress.h"
#include "model/pipe_spec.h"
#include "pipe/lifecycle.h"
#include "pipe/progress.h"

namespace penstock {

class ResourceBudget;

/// What all pipes of a process (or of a service) share. Everything outlives the runner.
struct RunnerEnvironment {
    Catalog* catalog = nullptr;
    /// Where to write; may start the embedded engine. Called in Provisioning and whenever work begins. Throws
    /// Error: kRetry is waited out, anything else fails the pipe.
    std::function<ClickHouseEndpoint()> destination;
    /// Of what is sent to ClickHouse. None: by its address, not where the bytes do not leave the machine.
    std::optional<Compression> compression;
    ResourceBudget* budget = nullptr;  ///< none: no limit but the defaults
};

/// One table of a pipe as it is seen from outside.
struct TableStatus {
    std::string source_database, source_table, target_table;
    /// Setup: not made yet. Snapshot: loading, or catching up with its load. Resync: its new target is being
    /// put in place. Failed: it is stopped, see `error`. Else the pipe's own state.
    PipeState state = PipeState::kSetup;
    bool resyncing = false;  ///< its new target is being loaded while the old one is kept in step
    /// Why and where in the log the table is stopped, alone of its pipe; empty when it is not. A resync of
    /// the table brings it back; until that has ended the error stays.
    std::string error, error_position;
    TableRecord record{};  ///< of the target that readers see; of the load while there is none yet
    uint64_t partitions_total = 0, partitions_loaded = 0, rows_estimated = 0, rows_loaded = 0;
};

/// Commands may come from any thread and are taken one at a time. Each throws Error(kUsage), and changes
/// nothing, when the pipe's state has no place for it; the message says why.
class PipeRunner {
  public:
    /// `password` of the source: the catalog does not have it in the clear.
    PipeRunner(RunnerEnvironment environment, std::string pipe_id, std::string password);
    ~PipeRunner();  ///< as shutdown()

    /// Starts the thread. Once.
    void take_up();

    /// On a Running pipe: Error "already running". On Paused or Failed it goes on where it was.
    void start(const std::string& reason);
    /// Accepted, and without effect, on a paused or pausing pipe. Refused on Completed.
    void stop(const std::string& reason);
    /// Loads these target tables (empty: all) anew beside the old ones and exchanges them. In every state.
    /// Refused where ClickHouse cannot exchange them, as far as that can be asked now.
    void resync(const std::vector<std::string>& target_tables, const std::string& reason);

    /// A changed description: settings, source, mappings added and removed. `change.spec_json` holds it,
    /// `change.sealed_password` a new password sealed, `password` the same in the clear (none: as it was).
    /// The pipe takes it over at once and goes on where it was active, a paused or failed one too. Refused on
    /// Completed. Adding needs targets that do not exist or are empty: check before (check_new_tables).
    void edit(const PipeChange& change, const std::optional<std::string>& password,
              const std::string& reason);

    /// Ends the work for good and removes the pipe from the catalog, with what a resync had begun in
    /// ClickHouse; its targets stay.
    void remove();

    /// Ends the work without a transition: what is being inserted is finished, the rest is read again later.
    void shutdown();

    PipeState state() const;
    /// Returns when the pipe is Paused, Completed or Failed (the state), or after shutdown().
    PipeState wait_for_rest() const;
    /// The error that made the pipe Failed in this process; nothing else.
    std::optional<Error> failure() const;
    const Progress& progress() const;
    std::vector<TableStatus> tables() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

/// Everything that can be wrong with a new pipe, or with mappings that are to be added to one: the source and
/// its prerequisites, definitions, types and keys, and, when `destination` is given, the targets. Creates
/// nothing. Throws Error(kUsage, kFailPipe or kRetry) with the first thing that is wrong; returns the
/// warnings (require_source). `spec` holds only the mappings to be checked.
std::vector<std::string> check_new_tables(const PipeSpec& spec, const ClickHouseEndpoint* destination);

}  // namespace penstock
