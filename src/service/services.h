#pragma once
// The ClickHouse services that pipes write to: the embedded engine, those of the configuration file, and
// those made through the API.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "catalog/catalog.h"
#include "destination/clickhouse_client.h"
#include "service/request_error.h"

namespace penstock {

class MasterKey;

/// A service as configured; only `password` is secret.
struct ServiceSettings {
    std::string name{};
    std::string url{};
    std::string user = "default";
    std::string password{};
    std::string ca_certificate{};  ///< PEM text for an https URL; empty: the system's authorities
    std::string cluster{};         ///< empty: none; else tables are made ON CLUSTER with Replicated engines
};

struct EmbeddedEngineSettings {
    std::string data_dir{};
    std::string library{};                  ///< empty: looked for
    std::string helper = "/proc/self/exe";  ///< see EngineOptions
};

/// Any thread.
class Services {
  public:
    using json = nlohmann::json;

    /// The first is the embedded engine, called "default", unless the configuration names a service so.
    /// Services keep their id (a UUID) from start to start. Nothing is started or reached here. Throws
    /// Error(kUsage) when a service that has pipes is not configured any more, or is another one now
    /// (embedded, configured, made through the API), and for a name that two of them have.
    Services(Catalog& catalog, const MasterKey& master_key, EmbeddedEngineSettings embedded,
             const std::vector<ServiceSettings>& configured);
    ~Services();  ///< stops the engine if it was started

    const std::string& organization_id() const;  ///< a UUID, made once per data directory
    json organizations() const;
    json organization(const std::string& organization_id) const;  ///< RequestError(kNotFound)

    /// {id, name, provider: "penstock", region: "local", state: "running"|"stopped", endpoints: [{protocol,
    ///  host, port}], embedded, origin: "embedded"|"configuration"|"api", createdAt}; never the password.
    ///  Only the embedded engine can be "stopped", and has no endpoints then.
    json list() const;  ///< the default one first, then by name
    json get(const std::string& service_id) const;
    json create(const json& body);  ///< {name, url, user?, password?, caCertificate?, cluster?}
    /// Whether edit() would change anything. RequestError(kBadRequest) for what get() shows and the body has
    /// otherwise, unless edit() changes it.
    bool changes(const std::string& service_id, const json& body) const;
    /// Fields of create() that change; only origin "api" (kConflict). Pipes take it up when their work next
    /// begins: see PipeManager::edit_service. The cluster is of tables made from then on.
    json edit(const std::string& service_id, const json& body);
    /// Where the service is that create() would make; throws as that does, makes nothing.
    ClickHouseEndpoint new_endpoint(const json& body) const;
    /// Where the service is after edit(); throws as that does, changes nothing.
    ClickHouseEndpoint edited_endpoint(const std::string& service_id, const json& body) const;
    void remove(const std::string& service_id);         ///< only origin "api", only without pipes (kConflict)
    void require(const std::string& service_id) const;  ///< RequestError(kNotFound)
    /// Runs `action` while the service cannot be removed; RequestError(kNotFound) when it is gone.
    void while_there(const std::string& service_id, const std::function<void()>& action) const;
    std::string default_id() const;  ///< of the service called "default": there always is one

    /// Where the service is, starting the embedded engine when it is that one and does not run yet; others
    /// that ask for it meanwhile wait. Throws Error: kRetry while an engine of an earlier process still holds
    /// the directory, kFailPipe when the service's sealed password does not open, else as Engine::start does.
    ClickHouseEndpoint endpoint(const std::string& service_id);
    /// Where the service is, the same text for two that are plainly one server ("localhost:8123": names of
    /// loopback are one, http and https differ by their port); a removed one has a place of its own.
    std::string place(const std::string& service_id) const;
    /// True when endpoint() need not start anything.
    bool is_up(const std::string& service_id) const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace penstock
