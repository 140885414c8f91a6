#include "pipe/pipe_file.h"

#include <nlohmann/json.hpp>

#include "base/environment.h"
#include "base/text_file.h"
#include "pipe/pipe_file_check.h"
#include "pipe/pipe_file_document.h"
#include "pipe/pipe_file_fields.h"

namespace penstock {

namespace {

using nlohmann::json;

json settings_to_json(const SourceSettings& settings) {
    return {{"syncIntervalSeconds", settings.sync_interval_seconds},
            {"syncIntervalMilliseconds", settings.sync_interval_milliseconds},
            {"pullBatchSize", settings.pull_batch_size},
            {"replicationMode", word_of(settings.mode)},
            {"replicationMechanism", word_of(settings.mechanism)},
            {"useCompression", settings.use_compression},
            {"allowNullableColumns", settings.allow_nullable_columns},
            {"initialLoadParallelism", settings.initial_load_parallelism},
            {"snapshotNumRowsPerPartition", settings.snapshot_rows_per_partition},
            {"snapshotNumberOfParallelTables", settings.snapshot_parallel_tables},
            {"snapshotMaxRowsPerSecond", settings.snapshot_max_rows_per_second},
            {"snapshotMaxBytesPerSecond", settings.snapshot_max_bytes_per_second},
            {"deleteOnMerge", settings.delete_on_merge},
            {"invalidDates", word_of(settings.invalid_dates)},
            {"tinyInt1", settings.tinyint1_as_bool ? "bool" : "int8"},
            {"geometry", word_of(settings.geometry)}};
}

}  // namespace

json mapping_to_json(const TableMapping& mapping) {
    json object = {{"sourceSchemaName", mapping.source_database},
                   {"sourceTable", mapping.source_table},
                   {"targetTable", mapping.target_table},
                   {"excludedColumns", mapping.excluded_columns},
                   {"useCustomSortingKey", mapping.use_custom_sorting_key},
                   {"sortingKeys", mapping.sorting_keys},
                   {"tableEngine", word_of(mapping.engine)}};
    if (!mapping.partition_key.empty()) object["partitionKey"] = mapping.partition_key;
    return object;
}

std::vector<TableMapping> mappings_from_json(const json& list) {
    if (list.empty()) return {};
    PipeSpec any;  // only for the fields around the list
    any.name = any.source.host = any.source.username = "-";
    json body = to_json(any);
    body["source"]["mysql"]["tableMappings"] = list;
    return from_json(body).mappings;
}

PipeSpec load_pipe_file(const std::string& path) {
    return parse_pipe_text(read_text_file(path, "pipe file"), path);
}

PipeSpec parse_pipe_text(std::string_view text, const std::string& origin) {
    PipeSpec spec = parse_pipe_spec(parse_document(text, origin), origin);
    spec.source.password = expand_variable(spec.source.password, origin, "source.mysql.credentials.password");
    return spec;
}

PipeSpec parse_pipe_spec(const json& body, const std::string& origin) {
    return check_pipe_body(body, origin, PasswordRule::kRequired);
}

json to_json(const PipeSpec& spec) {
    const SourceEndpoint& source = spec.source;
    json mysql = {{"type", source.type},
                  {"host", source.host},
                  {"port", source.port},
                  {"authentication", "basic"},
                  {"credentials", {{"username", source.username}}},
                  {"disableTls", source.disable_tls},
                  {"skipCertVerification", source.skip_cert_verification},
                  {"settings", settings_to_json(spec.settings)},
                  {"tableMappings", json::array()}};
    if (!source.tls_host.empty()) mysql["tlsHost"] = source.tls_host;
    if (!source.ca_certificate.empty()) mysql["caCertificate"] = source.ca_certificate;
    if (source.server_id) mysql["serverId"] = *source.server_id;
    for (const TableMapping& mapping : spec.mappings)
        mysql["tableMappings"].push_back(mapping_to_json(mapping));
    json body;
    body["name"] = spec.name;
    body["source"]["mysql"] = std::move(mysql);
    body["destination"]["database"] = spec.target_database;
    return body;
}

PipeSpec from_json(const json& stored) {
    return check_pipe_body(stored, "stored pipe", PasswordRule::kOptional, NameRule::kStored);
}

}  // namespace penstock
