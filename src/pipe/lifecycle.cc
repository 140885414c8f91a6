#include "pipe/lifecycle.h"

#include <array>

namespace penstock {

namespace {

using enum PipeState;
using enum PipeEvent;

struct Row {
    PipeState from;
    PipeEvent event;
    std::optional<PipeState> to;  // nothing: the state that the pipe was active in
};

constexpr std::optional<PipeState> kWhereItWas = std::nullopt;

constexpr Row kTable[] = {
    {kProvisioning, kReady, kSetup},
    {kProvisioning, kStop, kPausing},
    {kProvisioning, kFail, kFailed},
    {kProvisioning, kModify, kModifying},
    {kProvisioning, kAddTables, kProvisioning},
    {kProvisioning, kReload, kProvisioning},

    {kSetup, kSetupDoneLoad, kSnapshot},
    {kSetup, kSetupDoneFlow, kRunning},
    {kSetup, kStop, kPausing},
    {kSetup, kFail, kFailed},
    {kSetup, kModify, kModifying},
    {kSetup, kAddTables, kSetup},
    {kSetup, kReload, kSetup},

    {kSnapshot, kSnapshotDoneFlow, kRunning},
    {kSnapshot, kSnapshotDoneEnd, kCompleted},
    {kSnapshot, kSnapshotDoneSwap, kResync},
    {kSnapshot, kStop, kPausing},
    {kSnapshot, kFail, kFailed},
    {kSnapshot, kModify, kModifying},
    {kSnapshot, kAddTables, kSetup},
    {kSnapshot, kReload, kSetup},

    {kRunning, kStop, kPausing},
    {kRunning, kRetry, kDegraded},
    {kRunning, kFail, kFailed},
    {kRunning, kModify, kModifying},
    {kRunning, kAddTables, kSetup},
    {kRunning, kReload, kSetup},

    {kDegraded, kRecovered, kRunning},
    {kDegraded, kStop, kPausing},
    {kDegraded, kFail, kFailed},
    {kDegraded, kModify, kModifying},
    {kDegraded, kAddTables, kSetup},
    {kDegraded, kReload, kSetup},

    {kPausing, kStopped, kPaused},
    {kPausing, kStart, kWhereItWas},
    {kPausing, kFail, kFailed},
    {kPausing, kModify, kModifying},
    {kPausing, kAddTables, kSetup},
    {kPausing, kReload, kSetup},

    {kPaused, kStart, kWhereItWas},
    {kPaused, kModify, kModifying},
    {kPaused, kAddTables, kSetup},
    {kPaused, kReload, kSetup},

    {kModifying, kModified, kWhereItWas},
    {kModifying, kStop, kPausing},
    {kModifying, kFail, kFailed},
    {kModifying, kModify, kModifying},
    {kModifying, kAddTables, kSetup},
    {kModifying, kReload, kSetup},

    {kResync, kSwappedFlow, kRunning},
    {kResync, kSwappedEnd, kCompleted},
    {kResync, kStop, kPausing},
    {kResync, kFail, kFailed},
    {kResync, kModify, kModifying},
    {kResync, kAddTables, kSetup},
    {kResync, kReload, kSetup},

    {kCompleted, kReload, kSetup},

    {kFailed, kStart, kWhereItWas},
    {kFailed, kStop, kPausing},
    {kFailed, kModify, kModifying},
    {kFailed, kAddTables, kSetup},
    {kFailed, kReload, kSetup},
};

struct StateName {
    PipeState state;
    std::string_view name;
};
constexpr StateName kStateNames[] = {
    {kProvisioning, "Provisioning"}, {kSetup, "Setup"},   {kSnapshot, "Snapshot"},   {kRunning, "Running"},
    {kPausing, "Pausing"},           {kPaused, "Paused"}, {kModifying, "Modifying"}, {kResync, "Resync"},
    {kCompleted, "Completed"},       {kFailed, "Failed"}, {kDegraded, "Degraded"},
};

struct EventName {
    PipeEvent event;
    std::string_view name;
};
constexpr EventName kEventNames[] = {
    {kReady, "ready"},
    {kSetupDoneLoad, "setup done (load)"},
    {kSetupDoneFlow, "setup done (flow)"},
    {kSnapshotDoneFlow, "snapshot done (flow)"},
    {kSnapshotDoneEnd, "snapshot done (end)"},
    {kStop, "stop"},
    {kStopped, "stopped"},
    {kStart, "start"},
    {kFail, "fail"},
    {kRetry, "retry"},
    {kRecovered, "recovered"},
    {kModify, "modify"},
    {kModified, "modified"},
    {kAddTables, "add tables"},
    {kReload, "resync"},
    {kSnapshotDoneSwap, "snapshot done (exchange)"},
    {kSwappedFlow, "exchanged (flow)"},
    {kSwappedEnd, "exchanged (end)"},
};

constexpr auto kStates = [] {
    std::array<PipeState, std::size(kStateNames)> states{};
    for (size_t i = 0; i < states.size(); ++i) states[i] = kStateNames[i].state;
    return states;
}();
constexpr auto kEvents = [] {
    std::array<PipeEvent, std::size(kEventNames)> events{};
    for (size_t i = 0; i < events.size(); ++i) events[i] = kEventNames[i].event;
    return events;
}();

}  // namespace

std::optional<PipeState> next_state(PipeState state, PipeEvent event, PipeState resume) {
    for (const Row& row : kTable) {
        if (row.from == state && row.event == event) return row.to.value_or(resume);
    }
    return std::nullopt;
}

PipeState resume_state_after(PipeState state, PipeState resume) {
    switch (state) {
        case kProvisioning:
        case kSetup:
        case kSnapshot:
        case kRunning:
            return state;
        case kDegraded:
            return kRunning;
        case kPausing:
        case kPaused:
        case kModifying:
        case kResync:
        case kCompleted:
        case kFailed:
            break;
    }
    return resume;
}

PipeEvent snapshot_done_event(ReplicationMode mode) {
    return mode == ReplicationMode::kSnapshot ? kSnapshotDoneEnd : kSnapshotDoneFlow;
}

PipeEvent swapped_event(ReplicationMode mode) {
    return mode == ReplicationMode::kSnapshot ? kSwappedEnd : kSwappedFlow;
}

bool is_at_rest(PipeState state) {
    return state == kPaused || state == kCompleted || state == kFailed;
}

std::string_view state_name(PipeState state) {
    for (const StateName& row : kStateNames) {
        if (row.state == state) return row.name;
    }
    return "unknown";
}

std::optional<PipeState> parse_state(std::string_view name) {
    for (const StateName& row : kStateNames) {
        if (row.name == name) return row.state;
    }
    return std::nullopt;
}

std::string_view event_name(PipeEvent event) {
    for (const EventName& row : kEventNames) {
        if (row.event == event) return row.name;
    }
    return "unknown";
}

std::span<const PipeState> all_states() {
    return kStates;
}
std::span<const PipeEvent> all_events() {
    return kEvents;
}

}  // namespace penstock
