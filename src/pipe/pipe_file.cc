#include "pipe/pipe_file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "pipe/pipe_file_check.h"
#include "pipe/pipe_file_document.h"
#include "pipe/pipe_file_fields.h"

namespace penstock {

namespace {

using nlohmann::json;

/// "${NAME}" as a whole stands for the environment's NAME; anything else is the password itself.
void expand_password(SourceEndpoint& source, const std::string& origin) {
    const std::string& text = source.password;
    if (!text.starts_with("${") || !text.ends_with('}')) return;
    std::string name = text.substr(2, text.size() - 3);
    bool good = !name.empty() && name.find_first_of("=${} \t") == std::string::npos;
    const char* value = good ? std::getenv(name.c_str()) : nullptr;
    if (value == nullptr) {
        std::string message = good ? "the environment has no variable " + name
                                   : std::string("${...} must hold the name of an environment variable");
        throw Error(Disposition::kUsage, origin, "source.mysql.credentials.password: " + message,
                    good ? "Set it before penstock starts" : "");
    }
    source.password = value;
}

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

json settings_to_json(const SourceSettings& settings) {
    return {{"syncIntervalSeconds", settings.sync_interval_seconds},
            {"pullBatchSize", settings.pull_batch_size},
            {"replicationMode", word_of(settings.mode)},
            {"replicationMechanism", word_of(settings.mechanism)},
            {"useCompression", settings.use_compression},
            {"allowNullableColumns", settings.allow_nullable_columns},
            {"initialLoadParallelism", settings.initial_load_parallelism},
            {"snapshotNumRowsPerPartition", settings.snapshot_rows_per_partition},
            {"snapshotNumberOfParallelTables", settings.snapshot_parallel_tables},
            {"deleteOnMerge", settings.delete_on_merge},
            {"invalidDates", word_of(settings.invalid_dates)},
            {"tinyInt1", settings.tinyint1_as_bool ? "bool" : "int8"}};
}

}  // namespace

PipeSpec load_pipe_file(const std::string& path) {
    std::error_code unknown;
    if (std::filesystem::is_directory(path, unknown)) {
        throw Error(Disposition::kUsage, path, "is a directory, not a pipe file");
    }
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw Error(Disposition::kUsage, path, std::string("cannot open the file: ") + std::strerror(errno));
    std::ostringstream text;
    text << file.rdbuf();
    if (file.bad()) throw Error(Disposition::kUsage, path, "cannot read the file");
    return parse_pipe_text(text.str(), path);
}

PipeSpec parse_pipe_text(std::string_view text, const std::string& origin) {
    PipeSpec spec = parse_pipe_spec(parse_document(text, origin), origin);
    expand_password(spec.source, origin);
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
    return check_pipe_body(stored, "stored pipe", PasswordRule::kOptional);
}

}  // namespace penstock
