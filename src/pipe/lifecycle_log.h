#pragma once
// The lifecycle of one running pipe: asks the table, stores the transition, then shows it.

#include <cstdint>
#include <mutex>
#include <string>

#include "catalog/catalog.h"
#include "pipe/lifecycle.h"
#include "pipe/progress.h"

namespace penstock {

/// Any thread.
class LifecycleLog {
  public:
    /// `record` is the pipe as stored.
    LifecycleLog(Catalog& catalog, const PipeRecord& record, Progress& progress);

    PipeState state() const;
    /// The state, and a number that grows with every transition but those between Running and Degraded.
    struct Turn {
        PipeState state;
        uint64_t number;
    };
    Turn turn() const;
    /// Takes the event: stored first, then shown. False, and nothing done, when it makes no sense now.
    /// `change` is stored with the transition.
    bool fire(PipeEvent event, const std::string& reason, const PipeChange& change = {});
    /// The same for the work of a turn: false, and nothing done, when the turn is over. Its findings may be
    /// out of date: whoever has ended it may have changed what there is to do.
    bool fire_in(uint64_t turn, PipeEvent event, const std::string& reason);

  private:
    bool fire_locked(PipeEvent event, const std::string& reason, const PipeChange& change);

    Catalog& catalog_;
    std::string pipe_id_;
    std::string name_;
    Progress& progress_;
    mutable std::mutex mutex_;
    PipeState state_;
    PipeState resume_;
    uint64_t turn_ = 0;
};

}  // namespace penstock
