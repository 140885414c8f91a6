#pragma once
// What a source must fulfil before a pipe can run, each item with the SQL that fixes it.

#include <cstdint>
#include <string>
#include <vector>

#include "model/pipe_spec.h"
#include "source/server_info.h"

namespace penstock {

struct Prerequisite {
    enum class State : uint8_t {
        kOk,
        kWarning,  ///< the pipe runs, but a person should know
        kFailed,   ///< the pipe cannot run
    };
    std::string name;  ///< stable, e.g. "binlog_format", "select on shop.orders"
    State state = State::kOk;
    std::string found;      ///< what the server says
    std::string needed;     ///< what a pipe needs, and why
    std::string fix_sql;    ///< statements, or empty when there is none
    bool may_pass = false;  ///< failed for a reason that may go away by itself: nobody answers
    std::string table{};    ///< the source table that it is about, "shop.orders"; empty: none

    bool operator==(const Prerequisite&) const = default;
};

enum class Listed : uint8_t {
    kAll,
    kProblems,  ///< warnings and failures: a pipe of many tables has thousands of items that passed
};

/// Checks everything that a pipe of these settings and mappings needs of its source, in a fixed order, and
/// goes on after a failed item as far as that makes sense (an unreachable server is the only item then).
/// Never throws for what it finds out. Mode kSnapshot has no items about the log. The password is in none.
std::vector<Prerequisite> check_source(const SourceEndpoint& endpoint, const SourceSettings& settings,
                                       const std::vector<TableMapping>& mappings,
                                       Listed listed = Listed::kAll);

/// Those of check_source that decide whether the log has the pipe's changes, and that can come to be
/// otherwise while it runs. A few queries; what every opening of the log finds out anyway is not asked.
std::vector<Prerequisite> check_log_source(const SourceEndpoint& endpoint, const SourceSettings& settings,
                                           const std::vector<TableMapping>& mappings);

/// True when no item failed.
bool all_passed(const std::vector<Prerequisite>& items);

}  // namespace penstock
