#include "service/pipe_documents.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <initializer_list>
#include <set>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "pipe/pipe_file.h"
#include "pipe/pipe_file_check.h"
#include "service/iso_time.h"
#include "service/repeated_fields.h"
#include "service/request_error.h"

namespace penstock {

namespace {

using nlohmann::json;

const json kEmptyObject = json::object();
const json kEmptyList = json::array();
const json kNull;

// What a PATCH can change; all else that it has must be as it is in force.
constexpr std::initializer_list<const char*> kPatched = {"name", "fieldMappings", "settings"};
constexpr std::initializer_list<const char*> kPatchedSource = {
    "host",          "port",       "authentication",       "iamRole", "tlsHost",
    "caCertificate", "disableTls", "skipCertVerification", "serverId"};
constexpr std::initializer_list<const char*> kPatchedCredentials = {"username", "password"};
constexpr std::initializer_list<const char*> kPatchedSettings = {
    "syncIntervalSeconds", "syncIntervalMilliseconds", "pullBatchSize",
    "useCompression",      "snapshotMaxRowsPerSecond", "snapshotMaxBytesPerSecond"};
constexpr std::initializer_list<const char*> kPatchedDestination = {"columns"};

/// The field's value where it is given, else `otherwise`.
const json& member(const json& object, const char* name, const json& otherwise) {
    if (!object.is_object()) return otherwise;
    auto found = object.find(name);
    return found == object.end() || found->is_null() ? otherwise : *found;
}

/// Fields that are null are not given.
json without_nulls(const json& value) {
    if (!value.is_structured()) return value;
    json result = value.is_array() ? json::array() : json::object();
    if (value.is_array()) {
        for (const json& element : value) result.push_back(without_nulls(element));
        return result;
    }
    for (const auto& [name, field] : value.items()) {
        if (!field.is_null()) result[name] = without_nulls(field);
    }
    return result;
}

/// `sent` over `in_force`, field by field; lists of objects of the same length element by element.
json merged(json in_force, const json& sent) {
    if (in_force.is_object() && sent.is_object()) {
        for (const auto& [name, value] : sent.items()) {
            if (value.is_null()) continue;
            auto there = in_force.find(name);
            in_force[name] = there == in_force.end() ? without_nulls(value) : merged(*there, value);
        }
        return in_force;
    }
    const bool lists = in_force.is_array() && sent.is_array() && in_force.size() == sent.size() &&
                       !sent.empty() && sent.front().is_object();
    if (!lists) return sent;
    for (size_t i = 0; i < sent.size(); ++i) in_force[i] = merged(in_force[i], sent[i]);
    return in_force;
}

[[noreturn]] void refuse(const std::string& message, const std::string& hint = {}) {
    throw RequestError(Refusal::kBadRequest, message, hint);
}

/// `tableMappings[N]` from the first added one on is the request's `tableMappingsToAdd[N - first_added]`.
std::string in_words_of_patch(std::string message, size_t first_added) {
    const std::string list = "source.mysql.tableMappings[";
    for (size_t at = message.find(list); at != message.npos; at = message.find(list, at + 1)) {
        const char* begin = message.data() + at + list.size();
        size_t index = 0;
        auto [end, error] = std::from_chars(begin, message.data() + message.size(), index);
        if (error != std::errc() || *end != ']' || index < first_added) continue;
        message.replace(at, static_cast<size_t>(end - message.data()) - at,
                        "source.mysql.tableMappingsToAdd[" + std::to_string(index - first_added));
    }
    return message;
}

/// Checks a body or a document; the paths of added mappings are those of the request.
PipeSpec check(const json& body, PasswordRule password, size_t first_added = SIZE_MAX) {
    try {
        return check_pipe_body(body, "pipe", password);
    } catch (const Error& e) {
        refuse(in_words_of_patch(e.message(), first_added), e.hint());
    }
}

void require_mysql(const json& source) {
    if (!source.is_object()) return;  // said by the check of the body
    for (const auto& [name, value] : source.items()) {
        if (name == "mysql" || name == "validateSamples" || value.is_null()) continue;
        refuse("source." + name +
               ": is no source that Penstock reads; allowed: source.mysql (MySQL, MariaDB)");
    }
}

/// What clients could believe to be in force.
void refuse_what_has_no_effect(const json& body) {
    for (const auto& [field, value] : member(body, "scaling", kEmptyObject).items()) {
        if (value.is_null()) continue;
        refuse("scaling." + field + ": a MySQL pipe has no replicas of its own to scale",
               "Set what the pipes of the service share: PATCH .../clickpipesCdcScaling");
    }
    const json& destination = member(body, "destination", kEmptyObject);
    if (const json& roles = member(destination, "roles", kEmptyList); roles.is_array() && !roles.empty()) {
        refuse("destination.roles: Penstock makes no ClickHouse user that they could be granted to",
               "Grant them to the user of the service");
    }
}

auto find_mapping(json& mappings, const json& wanted) {
    return std::find_if(mappings.begin(), mappings.end(), [key = mapping_key(wanted)](const json& mapping) {
        return mapping_key(mapping) == key;
    });
}

std::string element(const char* list, size_t i) {
    return std::string("source.mysql.") + list + "[" + std::to_string(i) + "]";
}

void remove_mappings(json& mappings, const json& list) {
    for (size_t i = 0; i < list.size(); ++i) {
        auto found = find_mapping(mappings, list[i]);
        if (found == mappings.end()) {
            refuse(element("tableMappingsToRemove", i) + ": the pipe has no mapping of " +
                   mapping_name(list[i]));
        }
        mappings.erase(found);
    }
}

/// `before`: the mappings as they were before this PATCH removed some.
void add_mappings(json& mappings, json& before, const json& list) {
    for (size_t i = 0; i < list.size(); ++i) {
        if (find_mapping(mappings, list[i]) != mappings.end()) {
            refuse(element("tableMappingsToAdd", i) + ": the pipe has the mapping of " +
                   mapping_name(list[i]) + " already");
        }
        if (find_mapping(before, list[i]) != before.end()) {
            refuse(element("tableMappingsToAdd", i) + ": the mapping of " + mapping_name(list[i]) +
                       " is removed and added in one request",
                   "Remove it first; then empty or drop the target and add it");
        }
        mappings.push_back(list[i]);
    }
}

/// Those of the fields that are given; lists as they are.
void take(json& to, const json& from, std::initializer_list<const char*> fields) {
    for (const char* field : fields) {
        if (const json& value = member(from, field, kNull); !value.is_null())
            to[field] = without_nulls(value);
    }
}

bool is_patched(std::string_view path) {
    auto is_one = [&](std::string_view object, std::initializer_list<const char*> fields) {
        return path.starts_with(object) && std::ranges::any_of(fields, [&](std::string_view field) {
                   return path.substr(object.size()) == field;
               });
    };
    return is_one("", kPatched) || is_one("source.mysql.", kPatchedSource) ||
           is_one("source.mysql.settings.", kPatchedSettings) ||
           is_one("source.mysql.credentials.", kPatchedCredentials) ||
           is_one("destination.", kPatchedDestination) ||
           is_one("source.mysql.", {"tableMappingsToAdd", "tableMappingsToRemove"}) ||
           is_one("", {"warnings", "source.validateSamples"});  // nothing that is in force
}

std::string instead_of_patching(std::string_view path) {
    if (path == "state") return "A state is asked for with PATCH .../state: start, stop or resync";
    if (path == "source.mysql.tableMappings") {
        return "Name what changes in tableMappingsToAdd and tableMappingsToRemove";
    }
    if (path.starts_with("source.mysql.tableMappings[")) {
        return "Remove the mapping, then empty or drop its target, and add the mapping with another request";
    }
    if (path.starts_with("source.") || path.starts_with("destination.")) {
        return "It is fixed when a pipe is created: leave it out or repeat it as it is; for another value, "
               "delete the pipe and create it anew";
    }
    return "Leave it out or repeat it as it is";
}

const ChangeRules kPatchRules{is_patched, instead_of_patching};

json source_only(const PipeSpec& spec) {
    json mysql = to_json(spec).at("source").at("mysql");
    mysql.erase("settings");
    mysql.erase("tableMappings");
    return mysql;
}

json work_only(const PipeSpec& spec) {
    json document = to_json(spec);
    document.erase("name");
    return document;
}

}  // namespace

PipeSpec checked_pipe_body(const json& body) {
    if (body.is_object()) {
        require_mysql(member(body, "source", kEmptyObject));
        refuse_what_has_no_effect(body);
    }
    return check(body, PasswordRule::kRequired);
}

PipeSpec checked_source_body(const json& source) {
    require_mysql(source);
    json body = {{"name", "-"}, {"source", without_nulls(source)}};
    if (json& in = body["source"]; in.is_object() && in.contains("mysql") && in["mysql"].is_object()) {
        json& mysql = in["mysql"];
        if (!mysql.contains("settings")) mysql["settings"] = json::object();
        if (mysql["settings"].is_object() && !mysql["settings"].contains("replicationMode")) {
            mysql["settings"]["replicationMode"] = "cdc";
        }
        mysql["tableMappings"] = {{{"sourceSchemaName", "-"}, {"sourceTable", "-"}, {"targetTable", "-"}}};
    }
    return check(body, PasswordRule::kRequired);
}

json stored_document(const json& body, const PipeSpec& spec) {
    json document = merged(to_json(spec), body);
    document["source"]["mysql"]["credentials"].erase("password");
    return document;
}

json shown_pipe(const PipeRecord& record) {
    json document = json::parse(record.spec_json);
    json mysql = document.at("source").at("mysql");
    mysql.erase("credentials");
    json destination = document.at("destination");
    destination.erase("roles");  // the API's ClickPipeDestination has none
    json shown = {{"name", record.name},
                  {"source", {{"mysql", std::move(mysql)}}},
                  {"destination", std::move(destination)},
                  {"fieldMappings", member(document, "fieldMappings", kEmptyList)},
                  {"settings", member(document, "settings", kEmptyObject)}};
    shown.update(pipe_facts(record));
    if (document.contains("scaling")) shown["scaling"] = document["scaling"];
    return shown;
}

json pipe_facts(const PipeRecord& record) {
    return {{"id", record.id},
            {"serviceId", record.service_id},
            {"state", record.state},
            {"createdAt", iso_time(record.created_at)},
            {"updatedAt", iso_time(record.updated_at)}};
}

json shown_settings(const json& document) {
    return member(document, "settings", kEmptyObject);
}

json with_settings(json document, const json& settings) {
    document["settings"] = without_nulls(settings);
    return document;
}

std::vector<std::pair<std::string, std::string>> insert_settings(const json& document) {
    std::vector<std::pair<std::string, std::string>> settings;
    const json shown = shown_settings(document);
    for (const auto& [field, value] : shown.items()) {
        for (const char* used :
             {"clickhouse_max_threads", "clickhouse_max_insert_threads",
              "clickhouse_min_insert_block_size_bytes", "clickhouse_parallel_view_processing"}) {
            if (field != used || !(value.is_number_integer() || value.is_boolean())) continue;
            const std::string text = value.is_boolean() ? (value.get<bool>() ? "1" : "0") : value.dump();
            settings.emplace_back(field.substr(std::string_view("clickhouse_").size()), text);
        }
    }
    return settings;
}

PipeEdit edited_pipe(const json& document, const json& patch, const json& facts) {
    PipeEdit edit{.document = document, .spec = {}};
    const PipeSpec before = from_json(document);
    require_mysql(member(patch, "source", kEmptyObject));
    refuse_what_has_no_effect(patch);
    json in_force = merged(to_json(before), document);  // a document of an earlier version lacks some
    in_force.update(facts);
    require_as_in_force(patch, in_force, kPatchRules);
    json& to = edit.document;
    if (const json& name = member(patch, "name", kEmptyObject); name.is_string()) to["name"] = name;
    take(to["destination"], member(patch, "destination", kEmptyObject), kPatchedDestination);
    if (const json& settings = member(patch, "settings", kEmptyObject); !settings.empty()) {
        to["settings"] = merged(member(to, "settings", kEmptyObject), settings);
    }
    const json& shown_fields = member(to, "fieldMappings", kEmptyList);
    if (const json& fields = member(patch, "fieldMappings", shown_fields); fields != shown_fields) {
        to["fieldMappings"] = without_nulls(fields);
    }

    const json& mysql = member(member(patch, "source", kEmptyObject), "mysql", kEmptyObject);
    json& to_mysql = to["source"]["mysql"];
    take(to_mysql, mysql, kPatchedSource);
    for (const char* optional : {"iamRole", "tlsHost", "caCertificate", "serverId"}) {
        if (mysql.contains(optional) && mysql[optional].is_null()) to_mysql.erase(optional);
    }
    take(to_mysql["settings"], member(mysql, "settings", kEmptyObject), kPatchedSettings);
    // Who gives seconds wants them in force.
    const json& settings = member(mysql, "settings", kEmptyObject);
    auto given = [&](const char* field) { return settings.contains(field) && !settings[field].is_null(); };
    if (given("syncIntervalSeconds") && !given("syncIntervalMilliseconds")) {
        json& kept = to_mysql["settings"];
        if (kept.contains("syncIntervalMilliseconds")) kept["syncIntervalMilliseconds"] = 0;
    }
    take(to_mysql["credentials"], member(mysql, "credentials", kEmptyObject), kPatchedCredentials);
    json& credentials = to_mysql["credentials"];
    if (credentials.contains("password")) {
        if (!credentials["password"].is_string()) refuse("source.mysql.credentials.password: must be text");
        edit.password = credentials["password"].get<std::string>();
        credentials.erase("password");
    }

    json& mappings = to_mysql["tableMappings"];
    json mappings_before = mappings;
    const json& removed = member(mysql, "tableMappingsToRemove", kEmptyList);
    const json& added = member(mysql, "tableMappingsToAdd", kEmptyList);
    remove_mappings(mappings, removed);
    const size_t kept = mappings.size();
    add_mappings(mappings, mappings_before, added);
    if (mappings.empty()) {
        refuse("source.mysql.tableMappingsToRemove: a pipe must keep at least one mapping",
               "Delete the pipe, or add another mapping with the same request");
    }
    edit.spec = check(to, PasswordRule::kOptional, kept);
    edit.added.assign(edit.spec.mappings.begin() + static_cast<std::ptrdiff_t>(kept),
                      edit.spec.mappings.end());
    for (const TableMapping& mapping : before.mappings) {
        if (find_mapping(mappings, mapping_to_json(mapping)) == mappings.end())
            edit.removed.push_back(mapping);
    }
    for (size_t i = kept; i < mappings.size(); ++i) {
        mappings[i] = merged(mapping_to_json(edit.spec.mappings[i]), mappings[i]);
    }
    edit.changes_source = source_only(before) != source_only(edit.spec);
    edit.changes_work = work_only(before) != work_only(edit.spec);
    return edit;
}

std::string changed_fields(const json& before, const json& after) {
    std::string fields;
    const std::function<void(const std::string&, const json&, const json&)> add =
        [&](const std::string& path, const json& a, const json& b) {
            if (a == b) return;
            const bool goes_in = (a.is_object() || a.is_null()) && (b.is_object() || b.is_null());
            if (!goes_in) {
                fields += (fields.empty() ? "" : ", ") + path;
                return;
            }
            std::set<std::string> names;
            for (const json* side : {&a, &b}) {
                if (!side->is_object()) continue;
                for (const auto& [name, value] : side->items()) names.insert(name);
            }
            for (const std::string& name : names)
                add(path.empty() ? name : path + "." + name, member(a, name.c_str(), kNull),
                    member(b, name.c_str(), kNull));
        };
    add("", before, after);
    return fields;
}

std::string mapping_path(const std::vector<TableMapping>& mappings, const std::string& source_table,
                         const std::string& list) {
    size_t found = mappings.size();
    for (size_t i = 0; i < mappings.size(); ++i) {
        if (mappings[i].source_database + "." + mappings[i].source_table != source_table) continue;
        if (found != mappings.size()) return "";
        found = i;
    }
    return found == mappings.size() ? "" : list + "[" + std::to_string(found) + "]";
}

}  // namespace penstock
