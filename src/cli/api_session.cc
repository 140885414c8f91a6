#include "cli/api_session.h"

#include <cstdlib>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/text_file.h"
#include "cli/terminal.h"

namespace penstock {
namespace {

using json = ApiClient::json;

std::string read_secret(const ApiOptions& options) {
    if (options.key_secret_file.empty()) {
        const char* value = std::getenv("PENSTOCK_KEY_SECRET");
        return value != nullptr ? value : "";
    }
    return read_first_line(options.key_secret_file, "file with an API key's secret");
}

ApiClient::Settings to_settings(const ApiOptions& options, std::stop_token stop) {
    ApiClient::Settings settings;
    settings.address = ApiAddress::parse(options.url);
    settings.key_id = options.key_id;
    settings.key_secret = read_secret(options);
    settings.ca_file = options.ca_file;
    settings.stop = std::move(stop);
    if (settings.key_id.empty() || settings.key_secret.empty()) {
        throw Error(Disposition::kUsage, "sign in",
                    settings.key_id.empty() ? "no API key is given" : "the API key's secret is not given",
                    "Set PENSTOCK_KEY_ID and PENSTOCK_KEY_SECRET (or --key-id and --key-secret-file); "
                    "penstock serve shows a key at its first start");
    }
    return settings;
}

std::string names_of(const json& list) {
    std::string names;
    for (const json& item : list) names += (names.empty() ? "" : ", ") + printable(text_at(item, "/name"));
    return names;
}

std::string segment(const json& item) {
    return percent_encoded(text_at(item, "/id"));
}

}  // namespace

void add_api_options(CLI::App& command, ApiOptions& options) {
    command.add_option("--url", options.url, "Where penstock serve answers")
        ->envname("PENSTOCK_URL")
        ->capture_default_str()
        ->group("API");
    command.add_option("--key-id", options.key_id, "Id of the API key")
        ->envname("PENSTOCK_KEY_ID")
        ->group("API");
    command
        .add_option("--key-secret-file", options.key_secret_file,
                    "File whose first line is the key's secret; else $PENSTOCK_KEY_SECRET")
        ->type_name("FILE")
        ->group("API");
    command
        .add_option("--ca-file", options.ca_file,
                    "PEM file of the authority of an https:// API; the system's if not given")
        ->envname("PENSTOCK_CA_FILE")
        ->type_name("FILE")
        ->group("API");
}

void add_service_option(CLI::App& command, ApiOptions& options) {
    command
        .add_option("--service", options.service,
                    "Name or id of the service; the only one, or the one called default, if not given")
        ->envname("PENSTOCK_SERVICE")
        ->type_name(kServiceType)
        ->group("API");
}

ApiSession::ApiSession(const ApiOptions& options, std::stop_token stop)
    : wanted_service_(options.service), client_(to_settings(options, std::move(stop))) {}

std::string ApiSession::organization_path() {
    if (organization_path_.empty()) {
        const json list = client_.get("/v1/organizations");
        if (!list.is_array() || list.size() != 1) {
            throw Error(Disposition::kUsage, "find the organization",
                        fmt::format("the API shows {} where Penstock has one", list.size()),
                        "Does --url name penstock serve?");
        }
        organization_path_ = "/v1/organizations/" + segment(list[0]);
    }
    return organization_path_;
}

std::string ApiSession::service_path(const std::string& name_or_id) {
    const std::string services = organization_path() + "/services";
    const json list = client_.get(services);
    const json& service = name_or_id.empty() ? find_default(list, "service", "--service")
                                             : find_named(list, name_or_id, "service");
    return services + "/" + segment(service);
}

std::string ApiSession::service_path() {
    if (service_path_.empty()) service_path_ = service_path(wanted_service_);
    return service_path_;
}

std::string ApiSession::pipes_path() {
    return service_path() + "/clickpipes";
}

std::string ApiSession::pipe_path(const std::string& name_or_id) {
    return pipes_path() + "/" + segment(find_named(client_.get(pipes_path()), name_or_id, "pipe"));
}

const json& find_named(const json& list, const std::string& name_or_id, const std::string& what) {
    const json* found = nullptr;
    for (const json& item : list) {
        if (text_at(item, "/id") == name_or_id) return item;
    }
    for (const json& item : list) {
        if (text_at(item, "/name") != name_or_id) continue;
        if (found != nullptr) {
            throw Error(Disposition::kUsage, "find the " + what,
                        fmt::format("more than one is called '{}'", name_or_id), "Give its id");
        }
        found = &item;
    }
    if (found != nullptr) return *found;
    const std::string names = names_of(list);
    throw Error(Disposition::kUsage, "find the " + what,
                fmt::format("no {} is called '{}'", what, printable(name_or_id)),
                names.empty() ? "There are none" : "There are: " + names);
}

const json& find_default(const json& list, const std::string& what, const std::string& flag) {
    if (list.is_array() && list.size() == 1) return list[0];
    for (const json& item : list) {
        if (text_at(item, "/name") == "default") return item;
    }
    throw Error(
        Disposition::kUsage, "find the " + what,
        list.empty() ? "there is none" : fmt::format("there are {} and none is called default", list.size()),
        list.empty() ? "" : fmt::format("Choose with {} one of: {}", flag, names_of(list)));
}

void print_json(const json& result) {
    fmt::print("{}\n", result.dump(2, ' ', false, json::error_handler_t::replace));
}

void print_warnings(const json& changed) {
    for (const json& warning : changed.value("warnings", json::array())) {
        fmt::print(stderr, "penstock: warning: {}\n", printable(warning.get<std::string>()));
    }
}

std::string text_at(const json& object, const char* pointer) {
    const json::json_pointer at(pointer);
    if (!object.contains(at)) return {};
    const json& value = object.at(at);
    if (value.is_null()) return {};
    return value.is_string() ? value.get<std::string>()
                             : value.dump(-1, ' ', false, json::error_handler_t::replace);
}

uint64_t count_at(const json& object, const char* member) {
    auto found = object.find(member);
    if (found == object.end() || !found->is_number()) return 0;
    if (found->is_number_unsigned()) return found->get<uint64_t>();
    const auto number = found->get<double>();
    return number > 0 ? static_cast<uint64_t>(number) : 0;
}

}  // namespace penstock
