#pragma once
// A pipe as its user describes it: the body of the API's POST, checked and with defaults in force.
// Field names and ranges: the ClickPipes OpenAPI (ClickPipePostRequest, ClickPipeMutateMySQLSource).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

enum class ReplicationMode : uint8_t { kCdc = 1, kSnapshot = 2, kCdcOnly = 3 };
enum class ReplicationMechanism : uint8_t { kGtid = 1, kFilePos = 2 };
enum class TableEngine : uint8_t { kReplacingMergeTree = 1, kMergeTree = 2, kNull = 3 };

/// What becomes of a date that ClickHouse cannot hold (zero dates, years outside 1900 to 2299). Each
/// value changed is counted per column. Our extension: settings.invalidDates.
enum class InvalidDatePolicy : uint8_t {
    kClamp = 1,  ///< the nearest date that fits; a zero date becomes 1970-01-01
    kNull = 2,   ///< NULL where the target column is Nullable, else as kClamp
    kError = 3,  ///< the pipe fails with table, column and value
};

/// How a geometry is written. Our extension: settings.geometry.
enum class GeometryText : uint8_t {
    kWkt = 1,   ///< POINT(1 2)
    kEwkt = 2,  ///< SRID=4326;POINT(1 2)
};

struct SourceSettings {
    uint64_t sync_interval_seconds = 60;  ///< at least 1
    /// Our extension: settings.syncIntervalMilliseconds, instead of the seconds; 0: they count.
    uint64_t sync_interval_milliseconds = 0;
    uint64_t pull_batch_size = 100'000;  ///< rows, at least 1
    ReplicationMode mode = ReplicationMode::kCdc;
    ReplicationMechanism mechanism = ReplicationMechanism::kGtid;
    bool use_compression = false;  ///< MySQL protocol compression
    bool allow_nullable_columns = true;
    uint32_t initial_load_parallelism = 4;           ///< partitions of one table at once, at least 1
    uint64_t snapshot_rows_per_partition = 100'000;  ///< at least 1000
    uint32_t snapshot_parallel_tables = 1;           ///< at least 1
    /// Our extensions: what all readers of the initial load together take from the source; 0: no limit.
    uint64_t snapshot_max_rows_per_second = 0, snapshot_max_bytes_per_second = 0;
    bool delete_on_merge = false;
    InvalidDatePolicy invalid_dates = InvalidDatePolicy::kClamp;
    bool tinyint1_as_bool = true;  ///< our extension: settings.tinyInt1 = "bool" | "int8"
    GeometryText geometry = GeometryText::kWkt;
};

struct TableMapping {
    std::string source_database;
    std::string source_table;
    std::string target_table;
    std::vector<std::string> excluded_columns;
    bool use_custom_sorting_key = false;
    std::vector<std::string> sorting_keys;
    TableEngine engine = TableEngine::kReplacingMergeTree;
    std::string partition_key;
};

/// Where the source is and how to enter. Only `password` is secret.
struct SourceEndpoint {
    std::string type = "mysql";  ///< mysql, rdsmysql, auroramysql, mariadb, rdsmariadb
    std::string host;            ///< a name or address; a path (leading '/') is a Unix socket
    uint16_t port = 3306;
    std::string username;
    std::string password;
    std::string tls_host;
    std::string ca_certificate;  ///< PEM text
    bool disable_tls = false;
    bool skip_cert_verification = false;
    bool use_compression = false;
    std::optional<uint32_t> server_id;
};

struct PipeSpec {
    std::string name;
    SourceEndpoint source;
    SourceSettings settings;
    std::vector<TableMapping> mappings;
    std::string target_database = "default";
};

}  // namespace penstock
