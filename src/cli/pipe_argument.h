#pragma once
// The PIPE argument of commands that look at a pipe which was run before.

#include <string>

#include "catalog/catalog.h"
#include "cli/options.h"

namespace penstock {

/// Throws Error(kUsage) when the data directory has no catalog: nothing is created by looking.
Catalog open_existing_catalog(const CommonOptions& options);

/// `argument` is a pipe file (its name is used) or a pipe's name. Throws Error(kUsage) listing the pipes that
/// there are when it is neither.
PipeRecord find_pipe_argument(const Catalog& catalog, const std::string& argument);

}  // namespace penstock
