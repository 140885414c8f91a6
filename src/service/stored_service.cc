#include "service/stored_service.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace penstock {

using nlohmann::json;

std::string service_password_context(const std::string& service_id) {
    return "service/" + service_id + "/password";
}

std::string pipe_password_context(const std::string& pipe_id) {
    return "pipe/" + pipe_id + "/password";
}

std::string stored_origin(const ServiceRecord& record) {
    return json::parse(record.settings_json).at("origin");
}

ServiceSettings stored_settings(const ServiceRecord& record) {
    const json stored = json::parse(record.settings_json);
    ServiceSettings settings;
    settings.name = record.name;
    settings.url = stored.at("url");
    settings.user = stored.at("user");
    settings.ca_certificate = stored.at("caCertificate");
    settings.cluster = stored.at("cluster");
    return settings;
}

ClickHouseEndpoint endpoint_of(const ServiceSettings& settings) {
    ClickHouseEndpoint endpoint;
    endpoint.url = settings.url;
    endpoint.user = settings.user;
    endpoint.password = settings.password;
    endpoint.ca_certificate = settings.ca_certificate;
    endpoint.cluster = settings.cluster;
    return endpoint;
}

std::optional<ClickHouseEndpoint> look_up_endpoint(const Catalog& catalog, const PipeRecord& pipe,
                                                   const std::vector<ServiceSettings>& configured,
                                                   const std::function<MasterKey()>& key) {
    auto fail = [&](const std::string& message, const std::string& hint) {
        throw Error(Disposition::kUsage, "find the service of " + pipe.name, message, hint);
    };
    const std::optional<ServiceRecord> record = catalog.get_service(pipe.service_id);
    if (!record) fail("there is none with the id " + pipe.service_id, "");
    const std::string origin = stored_origin(*record);
    if (origin == kOriginEmbedded) return std::nullopt;
    if (origin == kOriginConfiguration) {
        auto found = std::find_if(configured.begin(), configured.end(),
                                  [&](const ServiceSettings& each) { return each.name == record->name; });
        if (found == configured.end()) {
            fail("the service \"" + record->name + "\" is of the configuration file",
                 "Give that file: --config, or $PENSTOCK_CONFIG");
        }
        return endpoint_of(*found);
    }
    ServiceSettings settings = stored_settings(*record);
    if (!record->sealed_password.empty()) {
        settings.password = key().open(record->sealed_password, service_password_context(record->id));
    }
    return endpoint_of(settings);
}

}  // namespace penstock
