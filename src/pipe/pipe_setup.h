#pragma once
// From mappings to tables: definitions recorded, positions stored, targets made. Also which tables a stored
// pipe has, whatever its description says now.

#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "catalog/catalog.h"
#include "model/pipe_spec.h"
#include "model/table_plan.h"
#include "pipe/context.h"

namespace penstock {

/// The pipe as it is described, but with the mappings of the tables that the catalog has under `id` (a pipe
/// or an intake), in their order.
PipeSpec recorded_spec(const Catalog& catalog, const std::string& id, const PipeSpec& described);

/// The plans of these tables, from their recorded schemas. `spec`: of recorded_spec. Throws Error(kUsage)
/// when there are none yet.
std::vector<TablePlan> load_plans(const Catalog& catalog, const std::string& id, const PipeSpec& spec,
                                  bool has_time64);

/// Mappings found by their source and target: of a pipe that may have thousands.
class MappingIndex {
  public:
    explicit MappingIndex(const std::vector<TableMapping>& mappings);
    /// The place of the mapping with the same source and target.
    std::optional<size_t> find(const TableMapping& mapping) const;
    bool contains(const TableMapping& mapping) const { return find(mapping).has_value(); }

  private:
    std::unordered_map<std::string, size_t> places_;
};

/// Those of `mappings` that no one of `others` is the same as.
std::vector<TableMapping> without(const std::vector<TableMapping>& mappings,
                                  const std::vector<TableMapping>& others);

/// How the tables of set_up_tables come into the log.
enum class Joining {
    kFirst,      ///< with the pipe or intake: its start position and checkpoint are stored here
    kReplacing,  ///< as kFirst; the targets are new ones of a resync, marked as its own (pipe_merge.h)
    kLater,      ///< to a pipe that has a checkpoint: nothing of the log before now concerns them
};

/// A pipe of more tables makes ReplacingMergeTree targets without a memory of block tokens
/// (docs/decisions/0010-block-tokens-of-many-tables.md).
inline constexpr size_t kRememberingTables = 1000;

/// Makes the targets of `mappings` and stores the tables under context.pipe_id, after those that are there.
/// May be repeated after a crash anywhere in it: the tables are stored at its end, in one step, and a target
/// that exists already has our columns and, unless nothing is loaded, is empty. The next version is at least
/// `first_version` afterwards, and above every row of the targets; no flow may run and no batch be open.
/// context.spec is the described pipe; of its mappings only the number counts. False on a stop, with some
/// targets made; throws Error, with none made.
bool set_up_tables(PipeContext& context, const std::vector<TableMapping>& mappings, Joining joining,
                   uint64_t first_version, bool has_time64, const std::stop_token& stop);

}  // namespace penstock
