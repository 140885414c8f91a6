#include "pipe/pipe_file_fields.h"

#include <string>
#include <type_traits>
#include <vector>

#include <nlohmann/json.hpp>

namespace penstock {

namespace {

using nlohmann::json;

constexpr std::string_view kTypes[] = {"mysql", "rdsmysql", "auroramysql", "mariadb", "rdsmariadb"};
constexpr std::string_view kAuthentications[] = {"basic", "IAM_ROLE"};
constexpr std::string_view kTinyIntWords[] = {"bool", "int8"};
// In the order of their enumerators, which begin at 1.
constexpr std::string_view kModes[] = {"cdc", "snapshot", "cdc_only"};
constexpr std::string_view kMechanisms[] = {"GTID", "FILE_POS"};
constexpr std::string_view kEngines[] = {"ReplacingMergeTree", "MergeTree", "Null"};
constexpr std::string_view kInvalidDates[] = {"clamp", "null", "error"};
constexpr std::string_view kGeometryTexts[] = {"wkt", "ewkt"};

/// The enumerator of a word that the checker has found in `words`.
template <typename Enum, size_t N>
Enum enumerator(const std::string_view (&words)[N], const json& value) {
    size_t i = 0;
    while (i + 1 < N && words[i] != value.get_ref<const std::string&>()) ++i;
    return static_cast<Enum>(i + 1);
}

template <typename Enum, size_t N>
std::string_view word(const std::string_view (&words)[N], Enum value) {
    return words[static_cast<size_t>(value) - 1];
}

template <auto Member, typename Object>
void assign(Object& object, const json& value) {
    using Field = std::remove_reference_t<decltype(object.*Member)>;
    if constexpr (std::is_integral_v<Field> && !std::is_same_v<Field, bool>) {
        object.*Member = static_cast<Field>(value.get<int64_t>());
    } else {
        object.*Member = value.get<Field>();
    }
}
template <auto Member>
void to_source(PipeSpec& spec, const json& value) {
    assign<Member>(spec.source, value);
}
template <auto Member>
void to_settings(PipeSpec& spec, const json& value) {
    assign<Member>(spec.settings, value);
}
template <auto Member>
void to_mapping(PipeSpec& spec, const json& value) {
    assign<Member>(spec.mappings.back(), value);
}

using enum FieldKind;
using Source = SourceEndpoint;
using Settings = SourceSettings;

constexpr int64_t kYearSeconds = 365 * 86'400;
constexpr int64_t kManyRows = 1'000'000'000'000;
constexpr int64_t kManyWorkers = 1000;
constexpr int64_t kManyBytes = 1'000'000'000'000;

const PipeField kFields[] = {
    {.path = "name",
     .required = true,
     .may_be_empty = false,
     .help = "Name of the pipe, unique in its data directory.",
     .store = [](PipeSpec& spec, const json& value) { spec.name = value; }},
    {.path = "source", .kind = kObject, .required = true, .help = "Where the data comes from."},
    {.path = "source.mysql", .kind = kObject, .required = true, .help = "A MySQL or MariaDB server."},
    {.path = "source.mysql.type",
     .allowed = kTypes,
     .preset = "\"mysql\"",
     .help = "Kind of server. Another one than is found there is a warning.",
     .store = to_source<&Source::type>},
    {.path = "source.mysql.host",
     .required = true,
     .may_be_empty = false,
     .help = "Name or address of the server. A path that begins with `/` is a Unix socket.",
     .store = to_source<&Source::host>},
    {.path = "source.mysql.port",
     .kind = kInteger,
     .minimum = 1,
     .maximum = 65'535,
     .help = "TCP port; 3306 if not given. Not used with a Unix socket.",
     .store = to_source<&Source::port>},
    {.path = "source.mysql.authentication",
     .allowed = kAuthentications,
     .preset = "\"basic\"",
     .help = "How to sign in. `IAM_ROLE` is not supported yet."},
    {.path = "source.mysql.iamRole", .help = "For `IAM_ROLE` only."},
    {.path = "source.mysql.credentials",
     .kind = kObject,
     .required = true,
     .help = "The account that reads the tables and the binary log."},
    {.path = "source.mysql.credentials.username",
     .required = true,
     .may_be_empty = false,
     .help = "Its name.",
     .store = to_source<&Source::username>},
    {.path = "source.mysql.credentials.password",
     .required = true,
     .secret = true,
     .help = "Its password. In a file, `${NAME}` as the whole value is read from the environment.",
     .store = to_source<&Source::password>},
    {.path = "source.mysql.tlsHost",
     .help = "Name that the server's certificate must carry, when it is not the host. Refused where no "
             "certificate is checked.",
     .store = to_source<&Source::tls_host>},
    {.path = "source.mysql.caCertificate",
     .help = "PEM text of the authority that signed the server's certificate; the system's authorities if "
             "not given.",
     .store = to_source<&Source::ca_certificate>},
    {.path = "source.mysql.disableTls",
     .kind = kBoolean,
     .preset = "false",
     .help = "Connect without TLS. Without it, TLS is required unless the host is of this machine.",
     .store = to_source<&Source::disable_tls>},
    {.path = "source.mysql.skipCertVerification",
     .kind = kBoolean,
     .preset = "false",
     .help = "Use TLS but accept any certificate.",
     .store = to_source<&Source::skip_cert_verification>},
    {.path = "source.mysql.serverId",
     .kind = kInteger,
     .minimum = 1,
     .maximum = 4'294'967'295,
     .help = "The server id that the pipe uses as a replica, unique among the source's replicas. "
             "Chosen by Penstock when it is not given.",
     .store = [](PipeSpec& spec, const json& value) { spec.source.server_id = value.get<uint32_t>(); }},
    {.path = "source.mysql.settings", .kind = kObject, .required = true, .help = "How to copy."},
    {.path = "source.mysql.settings.replicationMode",
     .required = true,
     .allowed = kModes,
     .help = "`cdc`: load the tables, then follow their changes. `snapshot`: load once. `cdc_only`: follow "
             "changes from now on.",
     .store = [](PipeSpec& spec,
                 const json& value) { spec.settings.mode = enumerator<ReplicationMode>(kModes, value); }},
    {.path = "source.mysql.settings.replicationMechanism",
     .allowed = kMechanisms,
     .preset = "\"GTID\"",
     .help = "How a place in the binary log is named: by `GTID`, or by file and offset.",
     .store =
         [](PipeSpec& spec, const json& value) {
             spec.settings.mechanism = enumerator<ReplicationMechanism>(kMechanisms, value);
         }},
    {.path = "source.mysql.settings.syncIntervalSeconds",
     .kind = kInteger,
     .minimum = 1,
     .maximum = kYearSeconds,
     .preset = "60",
     .help = "A batch of changes is inserted at the latest after this many seconds, or five while the pipe "
             "catches up with changes that are older than ten, but not before ClickHouse has taken the one "
             "before.",
     .store = to_settings<&Settings::sync_interval_seconds>},
    {.path = "source.mysql.settings.syncIntervalMilliseconds",
     .kind = kInteger,
     .minimum = 0,
     .maximum = kYearSeconds * 1000,
     .preset = "0",
     .help = "Penstock's own. The same in milliseconds, where a second is too long; 0: `syncIntervalSeconds` "
             "counts.",
     .store = to_settings<&Settings::sync_interval_milliseconds>},
    {.path = "source.mysql.settings.pullBatchSize",
     .kind = kInteger,
     .minimum = 1,
     .maximum = kManyRows,
     .preset = "100000",
     .help = "A batch of changes is inserted after this many rows, at the next commit. While ClickHouse is "
             "still taking the one before, the changes are older than ten seconds, or for a second where the "
             "pipe has just caught up, it goes on growing, up to the memory that a pipe may use: few large "
             "parts instead of many small ones.",
     .store = to_settings<&Settings::pull_batch_size>},
    {.path = "source.mysql.settings.useCompression",
     .kind = kBoolean,
     .preset = "false",
     .help = "Compress the connection to the source.",
     .store = [](PipeSpec& spec,
                 const json& value) { spec.settings.use_compression = spec.source.use_compression = value; }},
    {.path = "source.mysql.settings.allowNullableColumns",
     .kind = kBoolean,
     .preset = "true",
     .help = "NULL stays NULL. `false`: no target column is Nullable, and NULL becomes the type's default.",
     .store = to_settings<&Settings::allow_nullable_columns>},
    {.path = "source.mysql.settings.initialLoadParallelism",
     .kind = kInteger,
     .minimum = 1,
     .maximum = kManyWorkers,
     .preset = "4",
     .help =
         "Partitions of one table that are loaded at once. Each takes up to 0.5 GB of ClickHouse's memory.",
     .store = to_settings<&Settings::initial_load_parallelism>},
    {.path = "source.mysql.settings.snapshotNumRowsPerPartition",
     .kind = kInteger,
     .minimum = 1000,
     .maximum = kManyRows,
     .preset = "100000",
     .help = "Rows of one partition of the initial load.",
     .store = to_settings<&Settings::snapshot_rows_per_partition>},
    {.path = "source.mysql.settings.snapshotNumberOfParallelTables",
     .kind = kInteger,
     .minimum = 1,
     .maximum = kManyWorkers,
     .preset = "1",
     .help = "Tables that are loaded at once, each over `initialLoadParallelism` partitions.",
     .store = to_settings<&Settings::snapshot_parallel_tables>},
    {.path = "source.mysql.settings.snapshotMaxRowsPerSecond",
     .kind = kInteger,
     .minimum = 0,
     .maximum = kManyRows,
     .preset = "0",
     .help = "Penstock's own. Rows that the initial load reads from the source in a second, all its readers "
             "together; 0: no limit.",
     .store = to_settings<&Settings::snapshot_max_rows_per_second>},
    {.path = "source.mysql.settings.snapshotMaxBytesPerSecond",
     .kind = kInteger,
     .minimum = 0,
     .maximum = kManyBytes,
     .preset = "0",
     .help = "Penstock's own. The same in bytes of values.",
     .store = to_settings<&Settings::snapshot_max_bytes_per_second>},
    {.path = "source.mysql.settings.deleteOnMerge",
     .kind = kBoolean,
     .preset = "false",
     .help = "Deleted rows leave the ReplacingMergeTree in merges that clean up.",
     .store = to_settings<&Settings::delete_on_merge>},
    {.path = "source.mysql.settings.invalidDates",
     .allowed = kInvalidDates,
     .preset = "\"clamp\"",
     .help = "Penstock's own. Dates that ClickHouse cannot hold: `clamp` takes the nearest one that fits, "
             "`null` makes them NULL, `error` stops the table, in the log and while it loads. Changed "
             "values are counted.",
     .store =
         [](PipeSpec& spec, const json& value) {
             spec.settings.invalid_dates = enumerator<InvalidDatePolicy>(kInvalidDates, value);
         }},
    {.path = "source.mysql.settings.tinyInt1",
     .allowed = kTinyIntWords,
     .preset = "\"bool\"",
     .help = "Penstock's own. What `tinyint(1)` becomes: `Bool` or `Int8`.",
     .store = [](PipeSpec& spec, const json& value) { spec.settings.tinyint1_as_bool = value == "bool"; }},
    {.path = "source.mysql.settings.geometry",
     .allowed = kGeometryTexts,
     .preset = "\"wkt\"",
     .help = "Penstock's own. What a geometry becomes: `wkt` is `POINT(1 2)`, `ewkt` keeps the SRID: "
             "`SRID=4326;POINT(1 2)`.",
     .store =
         [](PipeSpec& spec, const json& value) {
             spec.settings.geometry = enumerator<GeometryText>(kGeometryTexts, value);
         }},
    {.path = "source.mysql.tableMappings",
     .kind = kObjectList,
     .required = true,
     .may_be_empty = false,
     .help = "The tables to copy.",
     .store = [](PipeSpec& spec, const json&) { spec.mappings.emplace_back(); }},
    {.path = "source.mysql.tableMappings[].sourceSchemaName",
     .required = true,
     .may_be_empty = false,
     .help = "Database of the source table.",
     .store = to_mapping<&TableMapping::source_database>},
    {.path = "source.mysql.tableMappings[].sourceTable",
     .required = true,
     .may_be_empty = false,
     .help = "The source table.",
     .store = to_mapping<&TableMapping::source_table>},
    {.path = "source.mysql.tableMappings[].targetTable",
     .required = true,
     .may_be_empty = false,
     .help = "The ClickHouse table, created when it is missing. No two mappings have the same.",
     .store = to_mapping<&TableMapping::target_table>},
    {.path = "source.mysql.tableMappings[].excludedColumns",
     .kind = kTextList,
     .unique = true,
     .preset = "[]",
     .help = "Columns that are not copied.",
     .store = to_mapping<&TableMapping::excluded_columns>},
    {.path = "source.mysql.tableMappings[].useCustomSortingKey",
     .kind = kBoolean,
     .preset = "false",
     .help = "Sort the target by `sortingKeys` instead of the source's primary key.",
     .store = to_mapping<&TableMapping::use_custom_sorting_key>},
    {.path = "source.mysql.tableMappings[].sortingKeys",
     .kind = kTextList,
     .unique = true,
     .preset = "[]",
     .help = "Columns of the target's sorting key, in order; used when `useCustomSortingKey` is true. "
             "Key columns of the source that are left out follow them.",
     .store = to_mapping<&TableMapping::sorting_keys>},
    {.path = "source.mysql.tableMappings[].tableEngine",
     .allowed = kEngines,
     .preset = "\"ReplacingMergeTree\"",
     .help = "`ReplacingMergeTree` follows updates and deletes, `MergeTree` appends every change, `Null` "
             "only feeds materialized views.",
     .store =
         [](PipeSpec& spec, const json& value) {
             spec.mappings.back().engine = enumerator<TableEngine>(kEngines, value);
         }},
    {.path = "source.mysql.tableMappings[].partitionKey",
     .help = "Column by which the initial load is divided: an integer, date, datetime or timestamp. Without "
             "an index that begins with it the table is read in one pass, with a warning. Chosen by "
             "Penstock when it is not given.",
     .store = to_mapping<&TableMapping::partition_key>},
    {.path = "source.validateSamples", .kind = kBoolean, .help = "Has no effect on MySQL pipes."},
    {.path = "destination", .kind = kObject, .help = "Where the data goes."},
    {.path = "destination.database",
     .may_be_empty = false,
     .preset = "\"default\"",
     .help = "ClickHouse database of the target tables.",
     .store = [](PipeSpec& spec, const json& value) { spec.target_database = value; }},
    {.path = "destination.table", .help = "Not used by MySQL pipes."},
    {.path = "destination.managedTable", .kind = kBoolean, .help = "Not used by MySQL pipes."},
    {.path = "destination.tableDefinition",
     .kind = kObject,
     .unchecked_inside = true,
     .help = "Not used by MySQL pipes."},
    {.path = "destination.columns",
     .kind = kObjectList,
     .unchecked_inside = true,
     .help = "Not used by MySQL pipes."},
    {.path = "destination.roles",
     .kind = kTextList,
     .help = "Refused by the API, because Penstock makes no ClickHouse user; not used by pipe files."},
    {.path = "fieldMappings",
     .kind = kObjectList,
     .unchecked_inside = true,
     .help = "Not used by MySQL pipes."},
    {.path = "scaling",
     .kind = kObject,
     .unchecked_inside = true,
     .help = "Refused by the API (see `clickpipesCdcScaling`); not used by pipe files."},
    {.path = "settings",
     .kind = kObject,
     .unchecked_inside = true,
     .help = "ClickHouse settings of the inserts; see `docs/api.md`. Not used by pipe files."},
};

}  // namespace

std::span<const PipeField> pipe_fields() {
    return kFields;
}

std::string_view word_of(ReplicationMode mode) {
    return word(kModes, mode);
}
std::string_view word_of(ReplicationMechanism mechanism) {
    return word(kMechanisms, mechanism);
}
std::string_view word_of(TableEngine engine) {
    return word(kEngines, engine);
}
std::string_view word_of(InvalidDatePolicy policy) {
    return word(kInvalidDates, policy);
}
std::string_view word_of(GeometryText text) {
    return word(kGeometryTexts, text);
}

}  // namespace penstock
