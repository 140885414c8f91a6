#pragma once
// How one mapped table is copied: the source schema, the target's columns, key and engine. Made once from
// the recorded schema and the mapping, then shared read-only by every stage.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/pipe_spec.h"
#include "model/table_schema.h"
#include "model/target_type.h"

namespace penstock {

struct TargetColumn {
    SharedText name;
    TargetType type;
    uint32_t source = 0;  ///< index into TablePlan::source.columns
    bool in_key = false;  ///< of a ReplacingMergeTree: a value that a policy would change is an error
};

/// Names of the columns that Penstock adds, at the end of every target table, in this order.
struct MetaColumns {
    static constexpr const char* kSyncedAt = "_peerdb_synced_at";    // DateTime64(9) DEFAULT now64(9)
    static constexpr const char* kIsDeleted = "_peerdb_is_deleted";  // UInt8
    static constexpr const char* kVersion = "_peerdb_version";       // UInt64
};

struct TablePlan {
    uint32_t id = 0;  ///< index in the pipe's list of plans
    TableSchema source;
    std::string target_database;
    std::string target_table;
    TableEngine engine = TableEngine::kReplacingMergeTree;
    bool delete_on_merge = false;
    InvalidDatePolicy invalid_dates = InvalidDatePolicy::kClamp;
    GeometryText geometry = GeometryText::kWkt;
    std::vector<TargetColumn> columns;  ///< excluded ones left out; without the meta columns
    /// Indexes into columns; empty only for MergeTree and Null. A ReplacingMergeTree's ends with the source's
    /// key columns that were not chosen, so that it never merges different rows.
    std::vector<uint32_t> sorting_key;
    std::string partition_column;  ///< chosen snapshot partition column, or empty

    /// The first sorting-key column that is Nullable needs allow_nullable_key in the DDL.
    bool has_nullable_key() const;
};

/// Builds the plan. Throws Error(kFailPipe) naming the table and column when a type is unsupported, an
/// excluded or sorting-key column does not exist, or a ReplacingMergeTree target would have no key.
/// `has_time64` says whether the destination has the Time64 type (else TIME becomes DateTime64).
TablePlan make_table_plan(uint32_t id, TableSchema schema, const TableMapping& mapping, const PipeSpec& spec,
                          bool has_time64);

/// Index of the column that is called `name`: exactly so, or else as names of columns compare.
std::optional<uint32_t> find_column(const TableSchema& schema, std::string_view name);

/// The target type of one source column. Throws Error naming the column when it is unsupported.
TargetType target_type_of(const SourceColumn& column, const SourceSettings& settings, bool has_time64);

}  // namespace penstock
