#include "cli/pipe_edit.h"

#include <cstdlib>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/text_file.h"
#include "cli/api_session.h"
#include "cli/terminal.h"
#include "pipe/pipe_file_document.h"

namespace penstock {
namespace {

using json = ApiClient::json;

Error bad_edit(const std::string& option, const std::string& message, const std::string& hint = {}) {
    return Error(Disposition::kUsage, option, message, hint);
}

/// One mapping, or a list of them.
void read_mappings(const std::string& file, json& mappings) {
    json document = parse_document(read_text_file(file, "file with table mappings"), file);
    if (document.is_object()) document = json::array({document});
    bool good = document.is_array() && !document.empty();
    for (const json& mapping : document) good = good && mapping.is_object();
    if (!good) {
        throw bad_edit("--add-mapping", file + " holds no table mapping",
                       "It is one mapping or a list of them, as in tableMappings of a pipe file");
    }
    for (const json& mapping : document) mappings.push_back(mapping);
}

json find_mapping(const json& pipe, const std::string& target) {
    std::string known;
    for (const json& mapping : pipe.at(json::json_pointer("/source/mysql/tableMappings"))) {
        const std::string name = text_at(mapping, "/targetTable");
        if (name == target) {
            return {{"sourceSchemaName", text_at(mapping, "/sourceSchemaName")},
                    {"sourceTable", text_at(mapping, "/sourceTable")},
                    {"targetTable", name}};
        }
        known += (known.empty() ? "" : ", ") + printable(name);
    }
    throw bad_edit("--remove-table", fmt::format("the pipe has no target table '{}'", printable(target)),
                   "It has: " + known);
}

std::string read_password(const std::string& variable) {
    const char* value = std::getenv(variable.c_str());
    if (value == nullptr) {
        throw bad_edit("--password-env", "the environment has no variable " + printable(variable),
                       "Give the name of the variable that holds the password");
    }
    return value;
}

}  // namespace

void add_edit_options(CLI::App& command, EditOptions& edit) {
    command.add_option("--name", edit.name, "Another name");
    command
        .add_option("--add-table", edit.add_tables,
                    "A table to copy from now on, with the settings that are usual; may be repeated")
        ->type_name("SCHEMA.TABLE:TARGET");
    command
        .add_option("--add-mapping", edit.add_mappings,
                    "File with one or more mappings, as in tableMappings of a pipe file; may be repeated")
        ->type_name("FILE");
    command
        .add_option("--remove-table", edit.remove_tables,
                    "A target table that is no longer to be kept in step; it stays as it is; may be repeated")
        ->type_name("TARGET");
    command.add_option("--sync-interval", edit.sync_interval_seconds, "Seconds between two batches at most");
    command.add_option("--pull-batch-size", edit.pull_batch_size, "Rows of a batch at most");
    command
        .add_option("--compression", edit.compression, "Compress the connection to the source: true or false")
        ->type_name("BOOL");
    command.add_option("--host", edit.host, "Host of the source");
    command.add_option("--port", edit.port, "Port of the source");
    command.add_option("--username", edit.username, "The source's account");
    command
        .add_option("--password-env", edit.password_variable,
                    "Name of the environment variable that holds the account's password")
        ->type_name("VARIABLE");
    // A repeated option is a list of its own: `--add-table A PIPE` must not take PIPE for a table.
    for (const char* list : {"--add-table", "--add-mapping", "--remove-table"}) {
        command.get_option(list)->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
}

json parse_table_option(const std::string& text) {
    const size_t dot = text.find('.');
    const size_t colon = text.find(':');
    const bool clear = dot != std::string::npos && colon != std::string::npos && dot > 0 && colon > dot + 1 &&
                       colon + 1 < text.size() && text.find('.', dot + 1) > colon &&
                       text.find(':', colon + 1) == std::string::npos;
    if (!clear) {
        throw bad_edit("--add-table", fmt::format("'{}' is not SCHEMA.TABLE:TARGET", printable(text)),
                       "Names that hold a dot or a colon go into a file for --add-mapping");
    }
    return {{"sourceSchemaName", text.substr(0, dot)},
            {"sourceTable", text.substr(dot + 1, colon - dot - 1)},
            {"targetTable", text.substr(colon + 1)}};
}

json to_patch(const EditOptions& edit, const json& pipe) {
    json add = json::array();
    json remove = json::array();
    for (const std::string& table : edit.add_tables) add.push_back(parse_table_option(table));
    for (const std::string& file : edit.add_mappings) read_mappings(file, add);
    for (const std::string& target : edit.remove_tables) remove.push_back(find_mapping(pipe, target));
    json settings = json::object();
    if (edit.sync_interval_seconds) settings["syncIntervalSeconds"] = *edit.sync_interval_seconds;
    if (edit.pull_batch_size) settings["pullBatchSize"] = *edit.pull_batch_size;
    if (edit.compression) settings["useCompression"] = *edit.compression;
    json credentials = json::object();
    if (edit.username) credentials["username"] = *edit.username;
    if (!edit.password_variable.empty()) credentials["password"] = read_password(edit.password_variable);

    json source = json::object();
    if (!settings.empty()) source["settings"] = settings;
    if (!credentials.empty()) source["credentials"] = credentials;
    if (!add.empty()) source["tableMappingsToAdd"] = add;
    if (!remove.empty()) source["tableMappingsToRemove"] = remove;

    json patch = json::object();
    if (edit.name) patch["name"] = *edit.name;
    if (!source.empty() || edit.host || edit.port) {
        const json& now = pipe.at("source").at("mysql");
        source["host"] = edit.host ? json(*edit.host) : now.at("host");
        source["port"] = edit.port ? json(*edit.port) : now.at("port");
        patch["source"]["mysql"] = source;
    }
    if (patch.empty())
        throw bad_edit("edit", "no change is asked for", "penstock pipe edit --help lists them");
    return patch;
}

}  // namespace penstock
