#pragma once
// What a pipe has done and does, in the API's words (PipeTable, PipePartition, PipeBatch, PipeEvent,
// PipeProgress and CheckItem of src/api/openapi.json). Reads the catalog; changes nothing.

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "catalog/catalog.h"
#include "pipe/pipe_runner.h"
#include "source/prerequisites.h"

namespace penstock {

nlohmann::json shown_tables(const std::vector<TableStatus>& tables);

/// Of the loads under way and of those that were; of one target table, or (empty) of all. A table that is
/// loaded anew shows the new load.
nlohmann::json shown_partitions(const Catalog& catalog, const std::string& pipe_id,
                                const std::string& target_table);

/// Newest first.
nlohmann::json shown_batches(const Catalog& catalog, const std::string& pipe_id, uint64_t limit);

/// As Catalog::transitions.
nlohmann::json shown_events(const Catalog& catalog, const std::string& pipe_id, uint64_t limit,
                            uint64_t before);

nlohmann::json shown_progress(const Catalog& catalog, const PipeRecord& record, const PipeRunner& runner);

nlohmann::json shown_check(const std::vector<Prerequisite>& items);

}  // namespace penstock
