#pragma once
// `penstock clickhouse`: the embedded ClickHouse by itself, in the foreground.

#include "cli/options.h"

namespace penstock {

/// Adds `clickhouse`, and the hidden subcommand under which an engine's own process is started
/// (embedded/engine_helper.h). Every program that uses Engine needs the latter.
void add_clickhouse_command(CLI::App& app, Action& action);

}  // namespace penstock
