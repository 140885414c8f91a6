#pragma once
// The lifecycle of one running pipe: asks the table, stores the transition, then shows it.

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
    /// Takes the event: stored first, then shown. False, and nothing done, when it makes no sense now.
    bool fire(PipeEvent event, const std::string& reason);

  private:
    Catalog& catalog_;
    std::string pipe_id_;
    Progress& progress_;
    mutable std::mutex mutex_;
    PipeState state_;
    PipeState resume_;
};

}  // namespace penstock
