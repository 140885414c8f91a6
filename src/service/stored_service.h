#pragma once
// Services and passwords as the catalog holds them: for the service, and for who looks beside it.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "destination/clickhouse_client.h"
#include "secrets/master_key.h"
#include "service/services.h"

namespace penstock {

/// Of what a sealed password is, as it is authenticated with it.
std::string service_password_context(const std::string& service_id);
std::string pipe_password_context(const std::string& pipe_id);

/// Where a service comes from, as stored and shown.
constexpr const char* kOriginEmbedded = "embedded";
constexpr const char* kOriginConfiguration = "configuration";
constexpr const char* kOriginApi = "api";

std::string stored_origin(const ServiceRecord& record);
/// A service made through the API, without its password.
ServiceSettings stored_settings(const ServiceRecord& record);

ClickHouseEndpoint endpoint_of(const ServiceSettings& settings);

/// Where a pipe's service is, for a process beside `penstock serve`, which changes nothing: nothing for the
/// embedded engine. `configured` are the services of the configuration file; `key` is called when a password
/// is to be opened. Throws Error(kUsage) when the service is not there, or its password does not open.
std::optional<ClickHouseEndpoint> look_up_endpoint(const Catalog& catalog, const PipeRecord& pipe,
                                                   const std::vector<ServiceSettings>& configured,
                                                   const std::function<MasterKey()>& key);

}  // namespace penstock
