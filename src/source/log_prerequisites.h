#pragma once
// The prerequisites that a server's own settings decide. Pure.

#include <optional>
#include <string>
#include <vector>

#include "model/pipe_spec.h"
#include "source/prerequisites.h"
#include "source/server_info.h"

namespace penstock {

/// What the log must be like for a pipe that reads it: one item per variable that the server's version has.
std::vector<Prerequisite> check_log_settings(const ServerInfo& info, const SourceSettings& settings);

/// How long the log is kept. `rds_hours` is RDS's "binlog retention hours" ("NULL": purged at once), where
/// the server is one of RDS; it then counts and the variables do not. nullopt where nothing is known.
std::optional<Prerequisite> check_log_retention(const ServerInfo& info,
                                                const std::optional<std::string>& rds_hours);

}  // namespace penstock
