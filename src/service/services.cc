#include "service/services.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "base/control_characters.h"
#include "embedded/engine.h"
#include "secrets/master_key.h"
#include "service/iso_time.h"
#include "service/repeated_fields.h"
#include "service/service_url.h"
#include "service/stored_service.h"

namespace penstock {

namespace {

using nlohmann::json;

constexpr const char* kDefaultName = "default";
constexpr const char* kOrganizationName = "penstock";

struct Service {
    std::string id;
    std::string origin;
    ServiceSettings settings;  // of the embedded engine: only the name
    int64_t created_at = 0;
    std::optional<Error> sealed{};  // the password does not open

    bool embedded() const { return origin == kOriginEmbedded; }
};

std::string text_of(const json& body, const char* field) {
    auto found = body.find(field);
    if (found == body.end() || found->is_null()) return "";
    if (!found->is_string()) throw RequestError(Refusal::kBadRequest, std::string(field) + ": must be text");
    return found->get<std::string>();
}

bool is_given(const json& body, const char* field) {
    return body.contains(field) && !body[field].is_null();
}

/// What of a service is set by a request.
struct SettingField {
    const char* name;
    std::string ServiceSettings::*value;
};
constexpr SettingField kSettingFields[] = {{"name", &ServiceSettings::name},
                                           {"url", &ServiceSettings::url},
                                           {"user", &ServiceSettings::user},
                                           {"password", &ServiceSettings::password},
                                           {"caCertificate", &ServiceSettings::ca_certificate},
                                           {"cluster", &ServiceSettings::cluster}};

const ChangeRules kServiceRules{
    [](std::string_view path) {
        return path == "warnings" || std::ranges::any_of(kSettingFields, [&](const SettingField& field) {
                   return path == field.name;
               });
    },
    [](std::string_view) { return "Leave it out or repeat it as it is"; }};

json to_settings_json(const Service& service) {
    json stored = {{"origin", service.origin}};
    if (service.origin != kOriginApi) return stored;  // the rest is where it comes from
    stored["url"] = service.settings.url;
    stored["user"] = service.settings.user;
    stored["caCertificate"] = service.settings.ca_certificate;
    stored["cluster"] = service.settings.cluster;
    return stored;
}

[[noreturn]] void throw_not_found(const char* what, const std::string& id) {
    throw RequestError(Refusal::kNotFound, std::string("there is no ") + what + " with the id " + id);
}

}  // namespace

class Services::Impl {
  public:
    Impl(Catalog& catalog, const MasterKey& master_key, EmbeddedEngineSettings embedded,
         const std::vector<ServiceSettings>& configured)
        : catalog_(catalog), master_key_(master_key), embedded_(std::move(embedded)) {
        organization_id_ = catalog_.put_fact_if_absent("organization_id", make_uuid());
        organization_created_at_ = std::stoll(
            catalog_.put_fact_if_absent("organization_created_at", std::to_string(catalog_.now())));
        for (const ServiceSettings& settings : configured) take(settings, kOriginConfiguration);
        if (find_by_name(kDefaultName) == nullptr) take({.name = kDefaultName}, kOriginEmbedded);
        for (const ServiceRecord& record : catalog_.services()) take_stored(record);
    }

    json organization_json() const {
        return {{"id", organization_id_},
                {"name", kOrganizationName},
                {"createdAt", iso_time(organization_created_at_)}};
    }

    json list() const {
        std::lock_guard lock(mutex_);
        std::vector<const Service*> sorted;
        for (const auto& [id, service] : services_) sorted.push_back(&service);
        auto rank = [](const Service* s) {
            return std::pair(s->settings.name != kDefaultName, std::string_view(s->settings.name));
        };
        std::sort(sorted.begin(), sorted.end(),
                  [&](const Service* a, const Service* b) { return rank(a) < rank(b); });
        json list = json::array();
        for (const Service* service : sorted) list.push_back(show(*service));
        return list;
    }

    json get(const std::string& id) const {
        std::lock_guard lock(mutex_);
        return show(find(id));
    }

    json create(const json& body) {
        std::lock_guard lock(mutex_);
        Service service = made(body);
        store(service);
        return show(services_[service.id] = std::move(service));
    }

    bool changes(const std::string& id, const json& body) const {
        std::lock_guard lock(mutex_);
        const Service& service = find(id);
        require_as_in_force(body, show(service), kServiceRules);
        return std::ranges::any_of(kSettingFields, [&](const SettingField& field) {
            return is_given(body, field.name) &&
                   (text_of(body, field.name) != service.settings.*field.value ||
                    (service.sealed && field.name == std::string_view("password")));
        });
    }

    json edit(const std::string& id, const json& body) {
        std::lock_guard lock(mutex_);
        Service service = edited(id, body);
        store(service);
        return show(services_[id] = std::move(service));
    }

    ClickHouseEndpoint new_endpoint(const json& body) const {
        std::lock_guard lock(mutex_);
        return endpoint_of(made(body).settings);
    }

    ClickHouseEndpoint edited_endpoint(const std::string& id, const json& body) const {
        std::lock_guard lock(mutex_);
        return endpoint_of(edited(id, body).settings);
    }

    void remove(const std::string& id) {
        std::lock_guard lock(mutex_);
        const Service& service = find(id);
        if (service.origin != kOriginApi) {
            throw RequestError(Refusal::kConflict,
                               "the service \"" + service.settings.name + "\" was not made through the API",
                               service.embedded() ? "" : "Take it out of the configuration file");
        }
        if (uint64_t pipes = catalog_.count_pipes(id); pipes != 0) {
            throw RequestError(
                Refusal::kConflict,
                "the service \"" + service.settings.name + "\" has pipes (" + std::to_string(pipes) + ")",
                "Delete them first");
        }
        catalog_.delete_service(id);
        services_.erase(id);
    }

    void while_there(const std::string& id, const std::function<void()>& action) const {
        std::lock_guard lock(mutex_);
        find(id);
        action();
    }

    std::string default_id() const {
        std::lock_guard lock(mutex_);
        if (const Service* service = find_by_name(kDefaultName)) return service->id;
        return services_.begin()->first;  // the constructor has made one called so
    }

    ClickHouseEndpoint endpoint(const std::string& id) {
        {
            std::lock_guard lock(mutex_);
            const Service& service = find(id);
            if (service.sealed) throw *service.sealed;
            if (!service.embedded()) return endpoint_of(service.settings);
        }
        return engine_endpoint();
    }

    std::string place(const std::string& id) const {
        std::lock_guard lock(mutex_);
        auto found = services_.find(id);
        if (found == services_.end()) return "service " + id;
        const Service& service = found->second;
        if (service.embedded()) {
            return running_ ? normalized_address("localhost", running_->http_port) : "embedded";
        }
        return place_of_url(service.settings.url);
    }

    bool is_up(const std::string& id) const {
        std::lock_guard lock(mutex_);
        return !find(id).embedded() || running_.has_value();
    }

    const std::string& organization_id() const { return organization_id_; }

  private:
    /// What `body` gives, over what is there. Throws RequestError(kBadRequest).
    static void apply(const json& body, ServiceSettings& settings) {
        auto refuse = [](const std::string& why) { throw RequestError(Refusal::kBadRequest, why); };
        for (const SettingField& field : kSettingFields) {
            if (is_given(body, field.name)) settings.*field.value = text_of(body, field.name);
        }
        if (settings.user.empty()) settings.user = ServiceSettings{}.user;
        if (settings.name.empty()) refuse("name: must not be empty");
        if (has_control_characters(settings.name)) refuse("name: must not hold control characters");
        if (std::string problem = problem_with_service_url(settings.url); !problem.empty()) {
            refuse("url: " + problem);
        }
        if (!settings.ca_certificate.empty() &&
            settings.ca_certificate.find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
            refuse("caCertificate: is not a certificate in PEM text");
        }
    }

    /// With mutex_ held: the service as create() makes it.
    Service made(const json& body) const {
        Service service;
        service.id = make_uuid();
        service.origin = kOriginApi;
        apply(body, service.settings);
        require_free_name(service);
        return service;
    }

    /// With mutex_ held: the service as edit() makes it.
    Service edited(const std::string& id, const json& body) const {
        Service service = find(id);
        if (service.origin != kOriginApi) {
            throw RequestError(Refusal::kConflict,
                               "the service \"" + service.settings.name + "\" was not made through the API",
                               service.embedded() ? "" : "Change it in the configuration file and restart");
        }
        apply(body, service.settings);
        if (is_given(body, "password")) service.sealed.reset();
        if (service.sealed) {
            throw RequestError(Refusal::kBadRequest,
                               "password: is needed, because the stored one does not open");
        }
        require_free_name(service);
        return service;
    }

    /// With mutex_ held.
    void require_free_name(const Service& service) const {
        const Service* other = find_by_name(service.settings.name);
        if (other == nullptr || other->id == service.id) return;
        throw RequestError(Refusal::kConflict,
                           "name: a service named \"" + service.settings.name + "\" exists already");
    }

    /// A service of this start: under the id that its name had at the last one.
    void take(const ServiceSettings& settings, const char* origin) {
        Service service;
        service.origin = origin;
        service.settings = settings;
        const std::vector<ServiceRecord> stored = catalog_.services();
        auto before = std::find_if(stored.begin(), stored.end(),
                                   [&](const ServiceRecord& record) { return record.name == settings.name; });
        if (before != stored.end()) {
            service.id = before->id;
            service.created_at = before->created_at;
            const std::string was = stored_origin(*before);
            if (was == origin) {
                services_[service.id] = std::move(service);
                return;
            }
            refuse_with_pipes(*before, was);
            if (was == kOriginApi) {
                throw Error(Disposition::kUsage, "service \"" + settings.name + "\"",
                            "a service of this name was made through the API",
                            "Delete that one, or choose another name in the configuration");
            }
        } else {
            service.id = make_uuid();
        }
        store(service);
        services_[service.id] = std::move(service);
    }

    /// Pipes would go on with another ClickHouse than the one that holds their rows.
    void refuse_with_pipes(const ServiceRecord& record, const std::string& was) const {
        uint64_t pipes = catalog_.count_pipes(record.id);
        if (pipes == 0) return;
        const std::string what =
            was == kOriginEmbedded ? "the embedded ClickHouse" : "one of the configuration";
        throw Error(Disposition::kUsage, "service \"" + record.name + "\"",
                    "it was " + what + " and has pipes (" + std::to_string(pipes) + ")",
                    "Configure it as it was, or delete its pipes first");
    }

    void take_stored(const ServiceRecord& record) {
        if (services_.contains(record.id)) return;
        Service service;
        service.id = record.id;
        service.origin = stored_origin(record);
        service.created_at = record.created_at;
        if (service.origin != kOriginApi) {  // not there at this start
            refuse_with_pipes(record, service.origin);
            catalog_.delete_service(record.id);
            return;
        }
        service.settings = stored_settings(record);
        if (!record.sealed_password.empty()) {
            try {
                service.settings.password =
                    master_key_.open(record.sealed_password, service_password_context(record.id));
            } catch (const Error& e) {
                service.sealed.emplace(Disposition::kFailPipe, "service " + record.name,
                                       "its password: " + e.message(), "Give the service its password again");
                spdlog::error("{}", service.sealed->what());
            }
        }
        services_[service.id] = std::move(service);
    }

    void store(Service& service) {
        ServiceRecord record;
        record.id = service.id;
        record.name = service.settings.name;
        record.settings_json = to_settings_json(service).dump();
        if (service.origin == kOriginApi && !service.settings.password.empty()) {
            record.sealed_password =
                master_key_.seal(service.settings.password, service_password_context(service.id));
        }
        catalog_.put_service(record);
        service.created_at = catalog_.get_service(service.id)->created_at;
    }

    const Service& find(const std::string& id) const {
        auto found = services_.find(id);
        if (found == services_.end()) throw_not_found("service", id);
        return found->second;
    }

    const Service* find_by_name(const std::string& name) const {
        for (const auto& [id, service] : services_) {
            if (service.settings.name == name) return &service;
        }
        return nullptr;
    }

    json show(const Service& service) const {
        const bool up = !service.embedded() || running_.has_value();
        json endpoints = json::array();
        auto add = [&](const char* protocol, const std::string& host, uint16_t port) {
            endpoints.push_back({{"protocol", protocol}, {"host", host}, {"port", port}});
        };
        if (!service.embedded()) {
            UrlParts url = split_url(service.settings.url).value_or(UrlParts{});
            add(url.https ? "https" : "http", url.host, url.port);
        } else if (running_) {
            add("http", "127.0.0.1", running_->http_port);
            add("native", "127.0.0.1", running_->tcp_port);
        }
        return {{"id", service.id},
                {"name", service.settings.name},
                {"provider", "penstock"},
                {"region", "local"},
                {"state", up ? "running" : "stopped"},
                {"endpoints", std::move(endpoints)},
                {"embedded", service.embedded()},
                {"origin", service.origin},
                {"createdAt", iso_time(service.created_at)}};
    }

    static ClickHouseEndpoint engine_address(const Endpoint& engine) {
        ClickHouseEndpoint endpoint;
        endpoint.url = engine.url;
        endpoint.user = engine.user;
        endpoint.password = engine.password;
        return endpoint;
    }

    ClickHouseEndpoint engine_endpoint() {
        std::lock_guard starting(engine_mutex_);
        {
            std::lock_guard lock(mutex_);
            if (running_) return engine_address(*running_);
        }
        if (engine_is_held(embedded_.data_dir)) {
            // `penstock clickhouse` beside us, or what a killed process left, which ends soon.
            if (std::optional<Endpoint> other = find_running_engine(embedded_.data_dir)) {
                return engine_address(*other);
            }
            throw Error(Disposition::kRetry, "start ClickHouse",
                        "another process still holds the engine in " + embedded_.data_dir);
        }
        spdlog::info("starting ClickHouse");
        auto engine = std::make_unique<Engine>(EngineOptions{
            .data_dir = embedded_.data_dir, .library = embedded_.library, .helper = embedded_.helper});
        engine->start();
        engine_ = std::move(engine);
        std::lock_guard lock(mutex_);
        running_ = engine_->endpoint();
        return engine_address(*running_);
    }

    Catalog& catalog_;
    const MasterKey& master_key_;
    const EmbeddedEngineSettings embedded_;
    std::string organization_id_;
    int64_t organization_created_at_ = 0;

    mutable std::mutex mutex_;  // taken after engine_mutex_, never held while something is started
    std::map<std::string, Service> services_;  // guarded by mutex_; by id
    std::optional<Endpoint> running_;          // guarded by mutex_; our engine, once it was started

    std::mutex engine_mutex_;         // held while the engine starts
    std::unique_ptr<Engine> engine_;  // guarded by engine_mutex_
};

Services::Services(Catalog& catalog, const MasterKey& master_key, EmbeddedEngineSettings embedded,
                   const std::vector<ServiceSettings>& configured)
    : impl_(std::make_unique<Impl>(catalog, master_key, std::move(embedded), configured)) {}
Services::~Services() = default;

const std::string& Services::organization_id() const {
    return impl_->organization_id();
}
json Services::organizations() const {
    return json::array({impl_->organization_json()});
}
json Services::organization(const std::string& organization_id) const {
    if (organization_id != impl_->organization_id()) throw_not_found("organization", organization_id);
    return impl_->organization_json();
}
json Services::list() const {
    return impl_->list();
}
json Services::get(const std::string& service_id) const {
    return impl_->get(service_id);
}
json Services::create(const json& body) {
    return impl_->create(body);
}
bool Services::changes(const std::string& service_id, const json& body) const {
    return impl_->changes(service_id, body);
}
json Services::edit(const std::string& service_id, const json& body) {
    return impl_->edit(service_id, body);
}
ClickHouseEndpoint Services::new_endpoint(const json& body) const {
    return impl_->new_endpoint(body);
}
ClickHouseEndpoint Services::edited_endpoint(const std::string& service_id, const json& body) const {
    return impl_->edited_endpoint(service_id, body);
}
void Services::remove(const std::string& service_id) {
    impl_->remove(service_id);
}
void Services::require(const std::string& service_id) const {
    impl_->while_there(service_id, [] {});
}
void Services::while_there(const std::string& service_id, const std::function<void()>& action) const {
    impl_->while_there(service_id, action);
}
std::string Services::default_id() const {
    return impl_->default_id();
}
ClickHouseEndpoint Services::endpoint(const std::string& service_id) {
    return impl_->endpoint(service_id);
}
std::string Services::place(const std::string& service_id) const {
    return impl_->place(service_id);
}
bool Services::is_up(const std::string& service_id) const {
    return impl_->is_up(service_id);
}

}  // namespace penstock
