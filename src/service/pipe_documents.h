#pragma once
// A pipe as JSON: what a client sends, what the catalog stores, what the API shows, and how a PATCH changes
// it. Field names: the ClickPipes API (src/api/openapi.json). Pure: no I/O.
//
// The stored document is the body of the POST over the settings in force (to_json of pipe/pipe_file.h): what
// was sent stays as it was sent, what was left out has its value. It never holds the password.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "catalog/records.h"
#include "model/pipe_spec.h"

namespace penstock {

/// A ClickPipePostRequest, checked. Throws RequestError(kBadRequest) that names every field that is wrong.
PipeSpec checked_pipe_body(const nlohmann::json& body);

/// A ClickPipePostSource of which only the server matters: mappings and replicationMode may be missing.
/// Throws RequestError(kBadRequest).
PipeSpec checked_source_body(const nlohmann::json& source);

/// What is stored of a body and its spec.
nlohmann::json stored_document(const nlohmann::json& body, const PipeSpec& spec);

/// A ClickPipe: without credentials, with the state and the times.
nlohmann::json shown_pipe(const PipeRecord& record);
/// Of a ClickPipe, what is not of the document: its ids, state and times.
nlohmann::json pipe_facts(const PipeRecord& record);

/// ClickPipeSettings of a stored document.
nlohmann::json shown_settings(const nlohmann::json& document);
/// The document with these settings (ClickPipeSettingsPutRequest) in the place of its own.
nlohmann::json with_settings(nlohmann::json document, const nlohmann::json& settings);

/// The ClickHouse settings of the pipe's inserts that its ClickPipeSettings ask for, by ClickHouse's names.
std::vector<std::pair<std::string, std::string>> insert_settings(const nlohmann::json& document);

/// A PATCH applied to a stored document. A tlsHost, caCertificate, iamRole or serverId that is null is taken
/// out; every other null changes nothing.
struct PipeEdit {
    nlohmann::json document;
    PipeSpec spec;                          ///< of the document, without the password
    std::optional<std::string> password{};  ///< a password that was given
    std::vector<TableMapping> added{}, removed{};
    bool changes_source = false;  ///< where the source is or how to enter, the password apart
    bool changes_work = false;    ///< anything that the running pipe must know, the password apart
};

/// `facts` is what is in force besides the document (pipe_facts). Throws RequestError(kBadRequest) that names
/// the field: one that cannot change and is not as it is in force, mappings to remove that are not there, to
/// add that are there already, none left, and all that is wrong with the pipe as it would be.
PipeEdit edited_pipe(const nlohmann::json& document, const nlohmann::json& patch,
                     const nlohmann::json& facts = nlohmann::json::object());

/// The fields in which two documents differ, "name, source.mysql.settings.pullBatchSize"; lists are one
/// field.
std::string changed_fields(const nlohmann::json& before, const nlohmann::json& after);

/// `source.mysql.tableMappings[2]`: the mapping of that source table ("shop.orders"), when it is the only
/// one; else empty. `list` is the field's path.
std::string mapping_path(const std::vector<TableMapping>& mappings, const std::string& source_table,
                         const std::string& list);

}  // namespace penstock
