#pragma once
// A pipe followed through the API until it is where it is wanted: `penstock pipe watch`, and --wait.

#include <cstdio>
#include <set>
#include <stop_token>
#include <string>

#include "cli/api_session.h"

namespace penstock {

struct FollowGoal {
    std::set<std::string> reached{};  ///< states that end it well
    std::set<std::string> failed{};   ///< states that end it badly
    /// `reached` counts only when no table is being loaded or resynced any more; a stopped one ends it badly
    /// then, as it stays stopped.
    bool settled = false;
    bool gone = false;     ///< it ends well when the pipe is no more
    std::string passed{};  ///< a state that ends it well also when it was only passed through
};

enum class FollowDisplay {
    kNone,
    kText,  ///< in place on a terminal, else a line for each change
    kJson,  ///< the API's progress, a line for each change
};

struct FollowEnd {
    bool reached = false;
    bool interrupted = false;       ///< the stop token ended it
    bool gone = false;              ///< the pipe was removed
    std::string state{}, reason{};  ///< the last that were seen
};

/// What a start, a resync or an edit leads to.
FollowGoal at_work_goal();

/// Asks every half second. The API may be out of reach for up to a minute meanwhile; then, and when its first
/// answer is an error, throws that Error.
FollowEnd follow_pipe(ApiSession& api, const std::string& name, const std::string& pipe_path,
                      const FollowGoal& goal, FollowDisplay display, std::FILE* stream,
                      const std::stop_token& stop);

}  // namespace penstock
