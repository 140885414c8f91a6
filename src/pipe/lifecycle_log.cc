#include "pipe/lifecycle_log.h"

#include <optional>

#include <spdlog/spdlog.h>

#include "base/error.h"
#include "base/log_scope.h"
#include "pipe/crash_point.h"

namespace penstock {
namespace {

PipeState parse_stored(const std::string& name, PipeState if_empty) {
    if (name.empty()) return if_empty;
    std::optional<PipeState> state = parse_state(name);
    if (!state) {
        throw Error(Disposition::kUsage, "read the catalog", "unknown pipe state '" + name + "'",
                    "The catalog was written by a newer Penstock; use that one");
    }
    return *state;
}

}  // namespace

LifecycleLog::LifecycleLog(Catalog& catalog, const PipeRecord& record, Progress& progress)
    : catalog_(catalog),
      pipe_id_(record.id),
      name_(record.name),
      progress_(progress),
      state_(parse_stored(record.state, PipeState::kProvisioning)),
      resume_(parse_stored(record.resume_state, PipeState::kProvisioning)) {
    progress_.state = state_;
}

PipeState LifecycleLog::state() const {
    std::lock_guard lock(mutex_);
    return state_;
}

LifecycleLog::Turn LifecycleLog::turn() const {
    std::lock_guard lock(mutex_);
    return {state_, turn_};
}

bool LifecycleLog::fire(PipeEvent event, const std::string& reason, const PipeChange& change) {
    std::lock_guard lock(mutex_);
    return fire_locked(event, reason, change);
}

bool LifecycleLog::fire_in(uint64_t turn, PipeEvent event, const std::string& reason) {
    std::lock_guard lock(mutex_);
    return turn == turn_ && fire_locked(event, reason, {});
}

bool LifecycleLog::fire_locked(PipeEvent event, const std::string& reason, const PipeChange& change) {
    std::optional<PipeState> next = next_state(state_, event, resume_);
    if (!next) return false;
    PipeState resume = resume_state_after(*next, resume_);
    catalog_.record_transition(pipe_id_, state_name(state_), state_name(*next), reason, state_name(resume),
                               change);
    {
        LogScope scope(name_);  // the caller may be a thread of the API
        spdlog::info("{} -> {}: {}", state_name(state_), state_name(*next), reason);
    }
    if (event != PipeEvent::kRetry && event != PipeEvent::kRecovered) ++turn_;
    state_ = *next;
    resume_ = resume;
    progress_.state = state_;
    crash_if_asked(state_);
    return true;
}

}  // namespace penstock
