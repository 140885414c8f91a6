#pragma once
// What a pipe says about its tables that are out of the flow (see TableRecord::stop_reason). Pure.

#include <string>
#include <vector>

#include "base/error.h"
#include "catalog/records.h"

namespace penstock {

/// One line for people; empty when no table is stopped.
std::string stopped_text(const std::vector<TableRecord>& tables);
/// There are tables, and each is stopped.
bool all_stopped(const std::vector<TableRecord>& tables);
/// The error of a pipe whose tables are all stopped: kFailPipe, with the reason of the last one.
Error all_stopped_error(const std::vector<TableRecord>& tables);

}  // namespace penstock
