#include "service/pipe_manager.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "destination/schema.h"
#include "pipe/pipe_check.h"
#include "pipe/pipe_file.h"
#include "pipe/pipe_runner.h"
#include "pipe/resource_budget.h"
#include "secrets/master_key.h"
#include "service/discovery.h"
#include "service/pipe_conflicts.h"
#include "service/pipe_documents.h"
#include "service/pipe_views.h"
#include "service/service_url.h"
#include "service/services.h"
#include "service/stored_service.h"

namespace penstock {

namespace {

using nlohmann::json;

constexpr CdcScaling kDefaultScaling{.cpu_millicores = 2000, .memory_gb = 8};
constexpr uint32_t kMillicores = 1000;
constexpr uint32_t kGigabytesPerCore = 4;
constexpr uint32_t kWorkersPerCore = 2;  // one waits for the source or ClickHouse while the other computes

// Reasons of transitions.
constexpr const char* kCreated = "created through the API";
constexpr const char* kEdited = "edited through the API";
constexpr const char* kServiceEdited = "its service was edited through the API";
constexpr const char* kStarted = "start asked for through the API";
constexpr const char* kStopped = "stop asked for through the API";
constexpr const char* kResynced = "resync asked for through the API";

std::string by_key(const char* reason, const std::string& key_id) {
    return key_id.empty() ? reason : reason + std::string(" by the key ") + key_id;
}

constexpr const char* kPassword = "source.mysql.credentials.password";
constexpr const char* kMappings = "source.mysql.tableMappings";
constexpr const char* kAddedMappings = "source.mysql.tableMappingsToAdd";

uint32_t load_workers(const CdcScaling& scaling) {
    return scaling.cpu_millicores / kMillicores * kWorkersPerCore;
}
size_t memory_bytes(const CdcScaling& scaling) {
    return size_t{scaling.memory_gb} << 30;
}

json to_json(const CdcScaling& scaling) {
    return {{"replicaCpuMillicores", scaling.cpu_millicores}, {"replicaMemoryGb", scaling.memory_gb}};
}

[[noreturn]] void refuse(const std::string& message, const std::string& hint = {}) {
    throw RequestError(Refusal::kBadRequest, message, hint);
}
[[noreturn]] void throw_no_pipe(const std::string& pipe_id) {
    throw RequestError(Refusal::kNotFound, "there is no pipe with the id " + pipe_id);
}

/// Trouble of the data directory: whoever asked can do nothing but ask again.
bool is_of_catalog(const Error& e) {
    return e.operation().starts_with("catalog ");
}

/// The answer to a change: what it is now, and what its checks found that a person should know.
json with_found(json shown, const std::vector<std::string>& warnings) {
    shown["warnings"] = warnings;
    return shown;
}

/// Does what a request asks for; an Error that it runs into is what is wrong with the request. `path_of`
/// gives the field that a source table ("shop.orders") was named in; it may give "".
template <typename Action>
auto as_asked(Action&& action, const std::function<std::string(const std::string&)>& path_of = {}) {
    try {
        return action();
    } catch (const RequestError&) {
        throw;
    } catch (const Error& e) {
        if (is_of_catalog(e)) throw;  // ours, not the request's
        std::string path = path_of && !e.table().empty() ? path_of(e.table()) : "";
        std::string table = e.table().empty() ? "" : " (table " + e.table() + ")";
        refuse((path.empty() ? e.operation() : path) + ": " + e.message() + table, e.hint());
    }
}

}  // namespace

class PipeManager::Impl {
  public:
    Impl(Catalog& catalog, const MasterKey& master_key, Services& services,
         std::optional<Compression> compression)
        : catalog_(catalog), master_key_(master_key), services_(services), compression_(compression) {
        for (const PipeRecord& record : catalog_.list_pipes()) {
            if (record.service_id.empty()) continue;  // of `penstock run`
            entries_[record.id] = make_entry(record);
        }
        require_distinct_targets();
        for (auto& [id, entry] : entries_) entry->runner->take_up();
    }

    ~Impl() {
        std::vector<std::jthread> ends;  // each may wait for an insert under way: all at once
        for (auto& [id, entry] : entries_) {
            ends.emplace_back([&runner = *entry->runner] { runner.shutdown(); });
        }
    }

    json create(const std::string& service_id, const json& body, const std::string& by) {
        PipeSpec spec = checked_pipe_body(body);
        require_free_name(catalog_, spec.name, "");
        require_free_targets(catalog_, services_, service_id, "", spec.target_database, spec.mappings,
                             kMappings);
        require_free_server_id(catalog_, "", spec.source);
        const std::vector<std::string> warnings = check_tables(service_id, spec, kMappings);

        PipeRecord record;
        record.id = make_uuid();
        record.name = spec.name;
        record.spec_json = stored_document(body, spec).dump();
        record.state = state_name(PipeState::kProvisioning);
        record.state_reason = by_key(kCreated, by);
        record.service_id = service_id;
        record.sealed_password = master_key_.seal(spec.source.password, pipe_password_context(record.id));
        {
            std::lock_guard registration(registration_);
            require_free_name(catalog_, spec.name, "");
            require_free_targets(catalog_, services_, service_id, "", spec.target_database, spec.mappings,
                                 kMappings);
            require_free_server_id(catalog_, "", spec.source);
            services_.while_there(service_id, [&] { catalog_.create_pipe(record); });
        }
        try {
            const std::shared_ptr<Entry> entry = make_entry(record);
            std::lock_guard command(entry->command);
            {
                std::lock_guard lock(mutex_);
                entries_[record.id] = entry;
            }
            entry->runner->take_up();
        } catch (...) {  // whoever asked is told so, and may ask again
            {
                std::lock_guard lock(mutex_);
                entries_.erase(record.id);
            }
            catalog_.delete_pipe(record.id);
            throw;
        }
        return with_found(shown_pipe(stored(record.id)), warnings);
    }

    std::vector<json> list(const std::string& service_id) const {
        services_.require(service_id);
        std::vector<json> pipes;
        for (const PipeRecord& record : catalog_.list_pipes()) {
            if (record.service_id == service_id) pipes.push_back(shown_pipe(record));
        }
        return pipes;
    }

    json get(const std::string& service_id, const std::string& pipe_id) const {
        return shown_pipe(find_record(service_id, pipe_id));
    }

    json patch(const std::string& service_id, const std::string& pipe_id, const json& body,
               const std::string& by) {
        Command command(*this, service_id, pipe_id);
        const PipeRecord record = stored(pipe_id);
        const json document = json::parse(record.spec_json);
        PipeEdit edit = edited_pipe(document, body, pipe_facts(record));
        std::optional<std::string> old_password;
        std::string sealed;
        try {
            old_password = open_password(record);
        } catch (const Error& e) {
            sealed = e.message();
        }
        const bool new_password = edit.password && edit.password != old_password;
        if (edit.document == document && !new_password) return shown_pipe(record);
        if (record.state == state_name(PipeState::kCompleted)) {
            refuse("pipe " + record.name + ": it is Completed; it can only be resynced or deleted");
        }
        if (!new_password && !old_password) {
            refuse("source.mysql.credentials.password: is needed, because the stored one does not open: " +
                   sealed);
        }
        edit.spec.source.password = new_password ? *edit.password : *old_password;

        require_free_name(catalog_, edit.spec.name, pipe_id);
        const std::string& database = edit.spec.target_database;
        require_free_targets(catalog_, services_, service_id, pipe_id, database, edit.added, kAddedMappings);
        require_free_server_id(catalog_, pipe_id, edit.spec.source);
        std::vector<std::string> warnings;
        if (edit.changes_source || new_password) {
            warnings =
                as_asked([&] { return require_source(edit.spec); }, path_in(edit.spec.mappings, kMappings));
        }
        if (!edit.added.empty()) {
            PipeSpec added = edit.spec;
            added.mappings = edit.added;
            for (std::string& warning : check_tables(service_id, added, kAddedMappings)) {
                if (std::ranges::find(warnings, warning) == warnings.end())
                    warnings.push_back(std::move(warning));
            }
        }

        PipeChange change;
        change.spec_json = edit.document.dump();
        if (edit.spec.name != record.name) change.name = edit.spec.name;
        if (new_password)
            change.sealed_password = master_key_.seal(*edit.password, pipe_password_context(pipe_id));
        std::lock_guard registration(registration_);
        require_free_name(catalog_, edit.spec.name, pipe_id);
        require_free_targets(catalog_, services_, service_id, pipe_id, database, edit.added, kAddedMappings);
        require_free_server_id(catalog_, pipe_id, edit.spec.source);
        if (edit.changes_work || new_password) {
            std::optional<std::string> password;
            if (new_password) password = edit.password;
            std::string fields = changed_fields(document, edit.document);
            if (new_password) fields += (fields.empty() ? "" : ", ") + std::string(kPassword);
            const std::string reason = by_key(kEdited, by) + ": " + fields;
            as_asked([&] { command->runner->edit(change, password, with_warnings(reason, warnings)); });
        } else {
            catalog_.change_pipe(pipe_id, change);
        }
        return with_found(shown_pipe(stored(pipe_id)), warnings);
    }

    json command(const std::string& service_id, const std::string& pipe_id, PipeCommand what,
                 const std::vector<std::string>& target_tables, const std::string& by) {
        Command command(*this, service_id, pipe_id);
        as_asked([&] {
            switch (what) {
                case PipeCommand::kStart:
                    return command->runner->start(by_key(kStarted, by));
                case PipeCommand::kStop:
                    return command->runner->stop(by_key(kStopped, by));
                case PipeCommand::kResync:
                    return command->runner->resync(target_tables, by_key(kResynced, by));
            }
        });
        return shown_pipe(stored(pipe_id));
    }

    void remove(const std::string& service_id, const std::string& pipe_id) {
        Command command(*this, service_id, pipe_id);
        try {
            command->runner->remove();
        } catch (...) {
            // It has stopped working, but it is still there.
            const PipeRecord record = stored(pipe_id);
            std::shared_ptr<Entry> entry = make_entry(record);
            entry->runner->take_up();
            std::lock_guard lock(mutex_);
            entries_[pipe_id] = entry;
            throw;
        }
        std::lock_guard lock(mutex_);
        entries_.erase(pipe_id);
    }

    json create_service(const json& body) {
        const std::vector<std::string> warnings = require_open_to_pipes(services_.new_endpoint(body));
        return with_found(services_.create(body), warnings);
    }

    json edit_service(const std::string& service_id, const json& body, const std::string& by) {
        services_.require(service_id);
        if (!services_.changes(service_id, body)) return services_.get(service_id);
        const auto require_place = [&] {
            if (auto url = body.find("url"); url != body.end() && url->is_string()) {
                require_free_place(catalog_, services_, service_id, place_of_url(*url));
            }
        };
        require_place();
        std::vector<std::string> warnings;
        const auto is_given = [&](const char* field) {
            return body.contains(field) && !body[field].is_null();
        };
        if (std::ranges::any_of(std::array{"url", "user", "password", "caCertificate"}, is_given))
            warnings = require_open_to_pipes(services_.edited_endpoint(service_id, body));
        json shown;
        {
            std::lock_guard registration(registration_);
            require_place();
            shown = services_.edit(service_id, body);
        }
        std::vector<std::string> pipes;
        {
            std::lock_guard lock(mutex_);
            for (const auto& [id, entry] : entries_) {
                if (entry->service_id == service_id) pipes.push_back(id);
            }
        }
        for (const std::string& id : pipes) {
            try {
                Command command(*this, service_id, id);
                const PipeState state = command->runner->state();
                if (is_at_rest(state) || state == PipeState::kPausing) continue;  // it asks when it starts
                PipeChange change;
                change.spec_json = stored(id).spec_json;
                command->runner->edit(change, std::nullopt,
                                      with_warnings(by_key(kServiceEdited, by), warnings));
            } catch (const Error& e) {
                if (is_of_catalog(e)) throw;
                spdlog::info("{}", e.what());  // it went, or came to rest, meanwhile
            }
        }
        return with_found(std::move(shown), warnings);
    }

    json put_settings(const std::string& service_id, const std::string& pipe_id, const json& body) {
        Command command(*this, service_id, pipe_id);
        json document = with_settings(json::parse(stored(pipe_id).spec_json), body);
        PipeChange change;
        change.spec_json = document.dump();
        catalog_.change_pipe(pipe_id, change);
        return shown_settings(document);
    }

    json settings(const std::string& service_id, const std::string& pipe_id) const {
        return shown_settings(json::parse(find_record(service_id, pipe_id).spec_json));
    }

    json patch_scaling(const std::string& service_id, const std::string& pipe_id, const json& body) const {
        PipeRecord record = find_record(service_id, pipe_id);
        for (const auto& [field, value] : body.items()) {
            if (value.is_null()) continue;
            refuse(field + ": a MySQL pipe has no replicas of its own to scale",
                   "Set what the pipes of the service share: PATCH .../services/" + service_id +
                       "/clickpipesCdcScaling");
        }
        return shown_pipe(record);
    }

    json cdc_scaling(const std::string& service_id) const {
        services_.require(service_id);
        return to_json(scaling_of(service_id));
    }

    json patch_cdc_scaling(const std::string& service_id, const json& body) {
        services_.require(service_id);
        std::lock_guard registration(registration_);
        CdcScaling scaling = scaling_of(service_id);
        auto take = [&](const char* field, uint32_t& value) {
            auto found = body.find(field);
            if (found == body.end() || found->is_null()) return;
            if (!found->is_number()) refuse(std::string(field) + ": must be a number");
            const double number = found->get<double>();
            value = static_cast<uint32_t>(std::clamp(number, 0.0, 1e9));
            if (value != number) refuse(std::string(field) + ": must be a whole number");
        };
        take("replicaCpuMillicores", scaling.cpu_millicores);
        take("replicaMemoryGb", scaling.memory_gb);
        const uint32_t cores = scaling.cpu_millicores / kMillicores;
        if (scaling.cpu_millicores % kMillicores != 0 || cores < 1 || cores > 32) {
            refuse("replicaCpuMillicores: must be 1000 to 32000 in steps of 1000");
        }
        if (scaling.memory_gb != cores * kGigabytesPerCore) {
            refuse("replicaMemoryGb: must be four times the cores: " +
                       std::to_string(cores * kGigabytesPerCore) + " with replicaCpuMillicores " +
                       std::to_string(scaling.cpu_millicores) + ", not " + std::to_string(scaling.memory_gb),
                   "Give both");
        }
        services_.while_there(service_id, [&] { catalog_.put_cdc_scaling(service_id, scaling); });
        budget_of(service_id).set_limits(load_workers(scaling), memory_bytes(scaling));
        return to_json(scaling);
    }

    json tables(const std::string& service_id, const std::string& pipe_id) const {
        return view(service_id, pipe_id, [](const PipeRecord&, const PipeRunner& runner) {
            return shown_tables(runner.tables());
        });
    }

    json partitions(const std::string& service_id, const std::string& pipe_id,
                    const std::string& target_table) const {
        return view(service_id, pipe_id, [&](const PipeRecord& record, const PipeRunner&) {
            const std::vector<TableMapping> mappings = from_json(json::parse(record.spec_json)).mappings;
            bool known = target_table.empty() ||
                         std::any_of(mappings.begin(), mappings.end(),
                                     [&](const TableMapping& m) { return m.target_table == target_table; });
            if (!known) refuse("table: the pipe has no target table " + target_table);
            return shown_partitions(catalog_, pipe_id, target_table);
        });
    }

    json batches(const std::string& service_id, const std::string& pipe_id, uint64_t limit) const {
        return view(service_id, pipe_id, [&](const PipeRecord&, const PipeRunner&) {
            return shown_batches(catalog_, pipe_id, limit);
        });
    }

    json events(const std::string& service_id, const std::string& pipe_id, uint64_t limit,
                uint64_t before) const {
        return view(service_id, pipe_id, [&](const PipeRecord&, const PipeRunner&) {
            return shown_events(catalog_, pipe_id, limit, before);
        });
    }

    json progress(const std::string& service_id, const std::string& pipe_id) const {
        return view(service_id, pipe_id, [&](const PipeRecord& record, const PipeRunner& runner) {
            return shown_progress(catalog_, record, runner);
        });
    }

    json check(const std::string& service_id, const json& body) const {
        services_.require(service_id);
        const PipeSpec spec = checked_pipe_body(body);
        return as_asked([&] { return shown_check(check_pipe(spec, endpoint_if_up(service_id))); });
    }

  private:
    struct Entry {
        std::string service_id;
        std::shared_ptr<PipeRunner> runner;
        std::mutex command;  // held by the one command under way
    };

    /// The pipe, held for one command. Throws RequestError(kNotFound), also when it went while this waited.
    class Command {
      public:
        Command(const Impl& manager, const std::string& service_id, const std::string& pipe_id)
            : entry_(manager.find(service_id, pipe_id)), lock_(entry_->command) {
            if (manager.find(service_id, pipe_id) != entry_) throw_no_pipe(pipe_id);
        }
        Entry* operator->() const { return entry_.get(); }

      private:
        std::shared_ptr<Entry> entry_;
        std::lock_guard<std::mutex> lock_;
    };

    std::shared_ptr<Entry> find(const std::string& service_id, const std::string& pipe_id) const {
        services_.require(service_id);
        std::lock_guard lock(mutex_);
        auto found = entries_.find(pipe_id);
        if (found == entries_.end() || found->second->service_id != service_id) throw_no_pipe(pipe_id);
        return found->second;
    }

    PipeRecord stored(const std::string& pipe_id) const {
        std::optional<PipeRecord> record = catalog_.get_pipe(pipe_id);
        if (!record) throw_no_pipe(pipe_id);
        return *record;
    }
    PipeRecord find_record(const std::string& service_id, const std::string& pipe_id) const {
        find(service_id, pipe_id);
        return stored(pipe_id);
    }

    /// What looks at a pipe that may be removed meanwhile: then there is none.
    template <typename Look>
    json view(const std::string& service_id, const std::string& pipe_id, Look&& look) const {
        const std::shared_ptr<Entry> entry = find(service_id, pipe_id);
        const PipeRecord record = stored(pipe_id);
        try {
            return look(record, *entry->runner);
        } catch (const RequestError&) {
            throw;
        } catch (const Error&) {
            if (!catalog_.get_pipe(pipe_id)) throw_no_pipe(pipe_id);
            throw;
        }
    }

    std::string open_password(const PipeRecord& record) const {
        try {
            return master_key_.open(record.sealed_password, pipe_password_context(record.id));
        } catch (const Error& e) {
            throw Error(Disposition::kFailPipe, "pipe " + record.name, "its password: " + e.message(),
                        "Give the pipe its password again (PATCH credentials)");
        }
    }

    std::shared_ptr<Entry> make_entry(const PipeRecord& record) {
        std::string password;
        try {
            password = open_password(record);
        } catch (const Error& e) {
            spdlog::error("{}", e.what());  // the pipe fails with it when it begins to work
        }
        RunnerEnvironment environment;
        environment.catalog = &catalog_;
        environment.destination = [this, id = record.id, service_id = record.service_id] {
            const PipeRecord now = stored(id);
            open_password(now);  // throws where it does not open
            ClickHouseEndpoint endpoint = services_.endpoint(service_id);
            endpoint.insert_settings = insert_settings(json::parse(now.spec_json));
            return endpoint;
        };
        environment.compression = compression_;
        environment.budget = &budget_of(record.service_id);
        auto entry = std::make_shared<Entry>();
        entry->service_id = record.service_id;
        entry->runner = std::make_shared<PipeRunner>(std::move(environment), record.id, password);
        return entry;
    }

    CdcScaling scaling_of(const std::string& service_id) const {
        return catalog_.cdc_scaling(service_id).value_or(kDefaultScaling);
    }

    ResourceBudget& budget_of(const std::string& service_id) {
        std::lock_guard lock(mutex_);
        std::unique_ptr<ResourceBudget>& budget = budgets_[service_id];
        if (!budget) {
            const CdcScaling scaling = scaling_of(service_id);
            budget = std::make_unique<ResourceBudget>(load_workers(scaling), memory_bytes(scaling));
        }
        return *budget;
    }

    /// The configuration may have moved a service to where another one is.
    void require_distinct_targets() const {
        std::map<std::string, std::set<std::string>> by_place;
        for (const auto& [id, entry] : entries_) {
            by_place[services_.place(entry->service_id)].insert(entry->service_id);
        }
        for (const auto& [place, services] : by_place) {
            if (services.size() < 2) continue;
            for (const std::string& service : services) {
                try {
                    require_free_place(catalog_, services_, service, place);
                } catch (const RequestError& e) {
                    throw Error(Disposition::kUsage,
                                "service \"" + catalog_.get_service(service)->name + "\"", e.message(),
                                "Each target table belongs to one pipe: configure it as it was");
                }
            }
        }
    }

    /// A ClickHouse that turns the service away would fail all its pipes. One that does not answer now is
    /// waited for: a warning.
    static std::vector<std::string> require_open_to_pipes(const ClickHouseEndpoint& endpoint) {
        std::vector<std::string> warnings;
        as_asked([&] {
            ClickHouseClient client(endpoint);
            try {
                read_destination_info(client);
            } catch (const Error& e) {
                if (e.disposition() != Disposition::kRetry) throw;
                spdlog::warn("{}", e.what());
                warnings.emplace_back(e.what());
            }
        });
        return warnings;
    }

    std::optional<ClickHouseEndpoint> endpoint_if_up(const std::string& service_id) const {
        if (!services_.is_up(service_id)) return std::nullopt;  // the first pipe starts it, in Provisioning
        return services_.endpoint(service_id);
    }

    static std::function<std::string(const std::string&)> path_in(const std::vector<TableMapping>& mappings,
                                                                  const char* list) {
        return [&mappings, list](const std::string& table) { return mapping_path(mappings, table, list); };
    }

    std::vector<std::string> check_tables(const std::string& service_id, const PipeSpec& spec,
                                          const char* list) const {
        return as_asked(
            [&] {
                const std::optional<ClickHouseEndpoint> target = endpoint_if_up(service_id);
                return check_new_tables(spec, target ? &*target : nullptr);
            },
            path_in(spec.mappings, list));
    }

    Catalog& catalog_;
    const MasterKey& master_key_;
    Services& services_;
    const std::optional<Compression> compression_;

    /// Held from the last look at names, targets and scaling until what was asked for is stored.
    std::mutex registration_;
    mutable std::mutex mutex_;  // taken last; never held while anything waits
    std::map<std::string, std::unique_ptr<ResourceBudget>> budgets_;  // guarded by mutex_; they stay
    std::map<std::string, std::shared_ptr<Entry>> entries_;           // guarded by mutex_; by pipe id
};

PipeManager::PipeManager(Catalog& catalog, const MasterKey& master_key, Services& services,
                         std::optional<Compression> compression)
    : impl_(std::make_unique<Impl>(catalog, master_key, services, compression)) {}
PipeManager::~PipeManager() = default;

json PipeManager::create(const std::string& service_id, const json& body, const std::string& by) {
    return impl_->create(service_id, body, by);
}
std::vector<json> PipeManager::list(const std::string& service_id) const {
    return impl_->list(service_id);
}
json PipeManager::get(const std::string& service_id, const std::string& pipe_id) const {
    return impl_->get(service_id, pipe_id);
}
json PipeManager::patch(const std::string& service_id, const std::string& pipe_id, const json& body,
                        const std::string& by) {
    return impl_->patch(service_id, pipe_id, body, by);
}
json PipeManager::command(const std::string& service_id, const std::string& pipe_id, PipeCommand command,
                          const std::vector<std::string>& target_tables, const std::string& by) {
    return impl_->command(service_id, pipe_id, command, target_tables, by);
}
void PipeManager::remove(const std::string& service_id, const std::string& pipe_id) {
    impl_->remove(service_id, pipe_id);
}
json PipeManager::create_service(const json& body) {
    return impl_->create_service(body);
}
json PipeManager::edit_service(const std::string& service_id, const json& body, const std::string& by) {
    return impl_->edit_service(service_id, body, by);
}
json PipeManager::settings(const std::string& service_id, const std::string& pipe_id) const {
    return impl_->settings(service_id, pipe_id);
}
json PipeManager::put_settings(const std::string& service_id, const std::string& pipe_id, const json& body) {
    return impl_->put_settings(service_id, pipe_id, body);
}
json PipeManager::patch_scaling(const std::string& service_id, const std::string& pipe_id, const json& body) {
    return impl_->patch_scaling(service_id, pipe_id, body);
}
json PipeManager::cdc_scaling(const std::string& service_id) const {
    return impl_->cdc_scaling(service_id);
}
json PipeManager::patch_cdc_scaling(const std::string& service_id, const json& body) {
    return impl_->patch_cdc_scaling(service_id, body);
}
json PipeManager::tables(const std::string& service_id, const std::string& pipe_id) const {
    return impl_->tables(service_id, pipe_id);
}
json PipeManager::partitions(const std::string& service_id, const std::string& pipe_id,
                             const std::string& target_table) const {
    return impl_->partitions(service_id, pipe_id, target_table);
}
json PipeManager::batches(const std::string& service_id, const std::string& pipe_id, uint64_t limit) const {
    return impl_->batches(service_id, pipe_id, limit);
}
json PipeManager::events(const std::string& service_id, const std::string& pipe_id, uint64_t limit,
                         uint64_t before) const {
    return impl_->events(service_id, pipe_id, limit, before);
}
json PipeManager::progress(const std::string& service_id, const std::string& pipe_id) const {
    return impl_->progress(service_id, pipe_id);
}
json PipeManager::discover_schemas(const json& body) const {
    const PipeSpec spec = checked_source_body(body);
    return as_asked([&] { return discovered_schemas(spec.source); });
}
json PipeManager::discover_tables(const json& body, const std::string& schema) const {
    const PipeSpec spec = checked_source_body(body);
    return as_asked([&] { return discovered_tables(spec.source, schema); });
}
json PipeManager::discover_columns(const json& body, const std::string& schema,
                                   const std::string& table) const {
    const PipeSpec spec = checked_source_body(body);
    return as_asked([&] { return discovered_columns(spec.source, spec.settings, schema, table); });
}
json PipeManager::check(const std::string& service_id, const json& body) const {
    return impl_->check(service_id, body);
}

}  // namespace penstock
