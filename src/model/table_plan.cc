#include "model/table_plan.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "model/name_fold.h"

namespace penstock {

namespace {

constexpr const char* kOperation = "plan the table";

TargetKind integer_kind(SourceType type, bool is_unsigned) {
    switch (type) {
        case SourceType::kTinyInt:
            return is_unsigned ? TargetKind::kUInt8 : TargetKind::kInt8;
        case SourceType::kSmallInt:
            return is_unsigned ? TargetKind::kUInt16 : TargetKind::kInt16;
        case SourceType::kBigInt:
            return is_unsigned ? TargetKind::kUInt64 : TargetKind::kInt64;
        default:
            return is_unsigned ? TargetKind::kUInt32 : TargetKind::kInt32;  // mediumint, int
    }
}

TargetKind decimal_kind(uint8_t precision) {
    if (precision <= 9) return TargetKind::kDecimal32;
    if (precision <= 18) return TargetKind::kDecimal64;
    if (precision <= 38) return TargetKind::kDecimal128;
    return TargetKind::kDecimal256;
}

[[noreturn]] void fail(const TableSchema& schema, std::string message, std::string hint) {
    throw Error(Disposition::kFailPipe, kOperation, std::move(message), std::move(hint))
        .at_table(schema.qualified_name());
}

}  // namespace

std::optional<uint32_t> find_column(const TableSchema& schema, std::string_view name) {
    std::optional<uint32_t> found;
    for (uint32_t i = 0; i < schema.columns.size(); ++i) {
        if (schema.columns[i].name == name) return i;
        if (!found && same_name(schema.columns[i].name, name, NameFold::kLowerCase)) found = i;
    }
    return found;
}

namespace {

/// Index of the source column called `name`; fails naming the setting that mentions it.
uint32_t source_column(const TableSchema& schema, std::string_view name, const char* setting) {
    if (std::optional<uint32_t> found = find_column(schema, name)) return *found;
    fail(schema, fmt::format("{} names column {}, which the table does not have", setting, name),
         fmt::format("Correct {} in the table's mapping", setting));
}

std::optional<uint32_t> planned_column(const TablePlan& plan, uint32_t source) {
    for (uint32_t i = 0; i < plan.columns.size(); ++i) {
        if (plan.columns[i].source == source) return i;
    }
    return std::nullopt;
}

void plan_columns(TablePlan& plan, const TableMapping& mapping, const SourceSettings& settings,
                  bool has_time64) {
    const TableSchema& schema = plan.source;
    std::vector<bool> excluded(schema.columns.size());
    for (const std::string& name : mapping.excluded_columns) {
        excluded[source_column(schema, name, "excludedColumns")] = true;
    }
    plan.columns.reserve(schema.columns.size());
    for (uint32_t i = 0; i < schema.columns.size(); ++i) {
        if (excluded[i]) continue;
        const SourceColumn& column = schema.columns[i];
        for (const char* meta : {MetaColumns::kSyncedAt, MetaColumns::kIsDeleted, MetaColumns::kVersion}) {
            if (!same_name(column.name, meta, NameFold::kLowerCase)) continue;
            fail(schema, fmt::format("column {} has the name of a column that Penstock adds", column.name),
                 "List it in excludedColumns");
        }
        try {
            plan.columns.push_back({column.name, target_type_of(column, settings, has_time64), i});
        } catch (Error& error) {
            throw error.at_table(schema.qualified_name());
        }
    }
    if (plan.columns.empty()) {
        fail(schema, "no column is left to copy", "Take some out of excludedColumns");
    }
}

/// True when the labels tell every two values of an ENUM or SET apart: an ENUM's '' may be an empty label or
/// no label, a SET's text says nothing of an empty one.
bool labels_tell_apart(std::vector<std::string> labels) {
    std::sort(labels.begin(), labels.end());
    return (labels.empty() || !labels.front().empty()) &&
           std::adjacent_find(labels.begin(), labels.end()) == labels.end();
}

/// Rows of the source that differ must never be one row of the target: the columns that tell them apart
/// there follow the chosen ones, and no key column takes a type or a NULL that would merge values.
void complete_sorting_key(TablePlan& plan) {
    for (uint32_t source : plan.source.key) {
        std::optional<uint32_t> column = planned_column(plan, source);
        if (!column) {
            fail(plan.source,
                 fmt::format("column {} is excluded but is needed to tell rows apart",
                             plan.source.columns[source].name),
                 "Take it out of excludedColumns, or set tableEngine to MergeTree");
        }
        if (std::find(plan.sorting_key.begin(), plan.sorting_key.end(), *column) == plan.sorting_key.end()) {
            plan.sorting_key.push_back(*column);
        }
    }
    for (uint32_t key : plan.sorting_key) {
        TargetColumn& column = plan.columns[key];
        const SourceColumn& source = plan.source.columns[column.source];
        if (source.nullable && !column.type.nullable) {
            fail(plan.source,
                 fmt::format("column {} of the sorting key can be NULL, which would become its default value",
                             column.name),
                 "Set allowNullableColumns to true, or choose other sortingKeys");
        }
        // A column that only sorts need not tell rows apart; without a key at the source, all must.
        const std::vector<uint32_t>& identity = plan.source.key;
        bool identifies =
            identity.empty() || std::find(identity.begin(), identity.end(), column.source) != identity.end();
        if (identifies && !labels_tell_apart(source.labels)) {
            fail(
                plan.source,
                fmt::format(
                    "column {} of the sorting key has a label that is empty or there twice, so two of "
                    "its values become one",
                    column.name),
                "Set tableEngine to MergeTree to keep every change as a row, or give the table a key without "
                "it");
        }
        if (column.type.kind == TargetKind::kBool)
            column.type.kind = integer_kind(source.type, source.is_unsigned);
        column.in_key = true;
    }
}

void plan_sorting_key(TablePlan& plan, const TableMapping& mapping) {
    const TableSchema& schema = plan.source;
    bool custom = mapping.use_custom_sorting_key && !mapping.sorting_keys.empty();
    std::vector<uint32_t> sources;
    if (custom) {
        for (const std::string& name : mapping.sorting_keys) {
            uint32_t source = source_column(schema, name, "sortingKeys");
            if (std::find(sources.begin(), sources.end(), source) != sources.end()) {
                fail(schema, fmt::format("sortingKeys names column {} twice", schema.columns[source].name),
                     "Name it once");
            }
            sources.push_back(source);
        }
    } else {
        sources = schema.key;
    }
    for (uint32_t source : sources) {
        std::optional<uint32_t> column = planned_column(plan, source);
        if (!column) {
            fail(schema,
                 fmt::format("column {} is excluded but belongs to the {}", schema.columns[source].name,
                             custom ? "sortingKeys" : "table's key"),
                 custom ? "Take it out of excludedColumns or of sortingKeys"
                        : "Take it out of excludedColumns, or choose other columns with "
                          "useCustomSortingKey and sortingKeys");
        }
        plan.sorting_key.push_back(*column);
    }
    if (plan.engine == TableEngine::kReplacingMergeTree) complete_sorting_key(plan);
    if (plan.sorting_key.empty() && plan.engine == TableEngine::kReplacingMergeTree) {
        fail(
            schema, "the table has no primary key and no unique key without NULLs",
            "The simplest: tableEngine: MergeTree in its mapping, which makes every change a row of its own; "
            "or useCustomSortingKey: true with sortingKeys: [columns that tell rows apart]");
    }
}

}  // namespace

bool TablePlan::has_nullable_key() const {
    return std::any_of(sorting_key.begin(), sorting_key.end(),
                       [&](uint32_t column) { return columns[column].type.nullable; });
}

TargetType target_type_of(const SourceColumn& column, const SourceSettings& settings, bool has_time64) {
    TargetType type;
    type.nullable = column.nullable && settings.allow_nullable_columns;
    switch (column.type) {
        case SourceType::kTinyInt:
            if (column.is_tinyint1 && settings.tinyint1_as_bool) {
                type.kind = TargetKind::kBool;
                return type;
            }
            [[fallthrough]];
        case SourceType::kSmallInt:
        case SourceType::kMediumInt:
        case SourceType::kInt:
        case SourceType::kBigInt:
            type.kind = integer_kind(column.type, column.is_unsigned);
            return type;
        case SourceType::kDecimal:
            if (column.precision < 1 || column.precision > 76 || column.scale > column.precision) break;
            type.kind = decimal_kind(column.precision);
            type.precision = column.precision;
            type.scale = column.scale;
            return type;
        case SourceType::kFloat:
            type.kind = TargetKind::kFloat32;
            return type;
        case SourceType::kDouble:
            type.kind = TargetKind::kFloat64;
            return type;
        case SourceType::kBit:
            type.kind = TargetKind::kUInt64;
            return type;
        case SourceType::kYear:
            type.kind = TargetKind::kInt16;
            return type;
        case SourceType::kChar:
        case SourceType::kVarChar:
        case SourceType::kText:
        case SourceType::kBinary:
        case SourceType::kVarBinary:
        case SourceType::kBlob:
        case SourceType::kSet:
        case SourceType::kJson:
        case SourceType::kGeometry:
            type.kind = TargetKind::kString;
            return type;
        case SourceType::kEnum:
            type.kind = TargetKind::kLowCardinalityString;
            return type;
        case SourceType::kDate:
            type.kind = TargetKind::kDate32;
            return type;
        case SourceType::kDateTime:
        case SourceType::kTimestamp:
            // Both are declared 'UTC': a DATETIME keeps its digits and a TIMESTAMP its instant, whatever
            // the time zone of the server or of the one who asks.
            type.kind = TargetKind::kDateTime64;
            type.scale = column.fsp;
            return type;
        case SourceType::kTime:
            type.kind = has_time64 ? TargetKind::kTime64 : TargetKind::kDateTime64;
            type.scale = 6;
            return type;
        case SourceType::kVector:
            // ClickHouse has no Nullable arrays. NULL is the empty one, which no source can hold.
            type.kind = TargetKind::kFloat32Array;
            type.nullable = false;
            return type;
        case SourceType::kUuid:
            type.kind = TargetKind::kUuid;
            return type;
        case SourceType::kInet4:
            type.kind = TargetKind::kIpv4;
            return type;
        case SourceType::kInet6:
            type.kind = TargetKind::kIpv6;
            return type;
        case SourceType::kUnsupported:
            break;
    }
    throw Error(Disposition::kFailPipe, kOperation,
                fmt::format("column {} has the type {}, which Penstock does not copy", column.name,
                            column.column_type),
                "List it in excludedColumns of the table's mapping");
}

TablePlan make_table_plan(uint32_t id, TableSchema schema, const TableMapping& mapping, const PipeSpec& spec,
                          bool has_time64) {
    TablePlan plan;
    plan.id = id;
    plan.source = std::move(schema);
    plan.target_database = spec.target_database;
    plan.target_table = mapping.target_table;
    plan.engine = mapping.engine;
    plan.delete_on_merge = spec.settings.delete_on_merge;
    plan.invalid_dates = spec.settings.invalid_dates;
    plan.geometry = spec.settings.geometry;
    plan_columns(plan, mapping, spec.settings, has_time64);
    plan_sorting_key(plan, mapping);
    if (!mapping.partition_key.empty()) {
        plan.partition_column =
            plan.source.columns[source_column(plan.source, mapping.partition_key, "partitionKey")].name;
    }
    return plan;
}

}  // namespace penstock
