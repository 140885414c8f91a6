// What belongs to the service process: services, scaling, API keys, facts, and the sealing of stored secrets.
#include <string>
#include <utility>

#include "base/error.h"
#include "catalog/catalog.h"
#include "catalog/session.h"

namespace penstock {

namespace {

constexpr const char* kNoService = "the catalog has no such service";
constexpr const char* kNoApiKey = "the catalog has no such API key";
constexpr const char* kPutFact =
    "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value";

constexpr const char* kServiceColumns =
    "SELECT id, name, settings, sealed_password, created_at, updated_at FROM services ";

ServiceRecord service_of(const Statement& row) {
    return {.id = row.text(0),
            .name = row.text(1),
            .settings_json = row.text(2),
            .sealed_password = row.text(3),
            .created_at = row.integer(4),
            .updated_at = row.integer(5)};
}

constexpr const char* kApiKeyColumns =
    "SELECT id, name, secret_hash, role, created_at, expires_at, revoked_at FROM api_keys ";

ApiKeyRecord api_key_of(const Statement& row) {
    return {.id = row.text(0),
            .name = row.text(1),
            .secret_hash = row.text(2),
            .role = row.text(3),
            .created_at = row.integer(4),
            .expires_at = row.integer(5),
            .revoked_at = row.integer(6)};
}

}  // namespace

int64_t Catalog::now() const {
    return options_.now();
}

void Catalog::put_service(const ServiceRecord& service) {
    Write write(*this, "store the service");
    {
        Statement taken = write.prepare("SELECT 1 FROM services WHERE name = ? AND id <> ?");
        if (taken.bind(service.name, service.id).step()) {
            throw Error(Disposition::kUsage, "store the service",
                        "a service named \"" + service.name + "\" exists already");
        }
    }
    write.run(
        "INSERT INTO services (id, name, settings, sealed_password, created_at, updated_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (id) DO UPDATE SET name = excluded.name,"
        " settings = excluded.settings, sealed_password = excluded.sealed_password,"
        " updated_at = excluded.updated_at",
        service.id, service.name, service.settings_json, service.sealed_password, write.now());
    write.commit();
}

std::vector<ServiceRecord> Catalog::services() const {
    Read read(*this, "list the services");
    Statement row = read.prepare(std::string(kServiceColumns) + "ORDER BY name");
    std::vector<ServiceRecord> list;
    while (row.step()) list.push_back(service_of(row));
    return list;
}

std::optional<ServiceRecord> Catalog::get_service(std::string_view service_id) const {
    Read read(*this, "find the service");
    Statement row = read.prepare(std::string(kServiceColumns) + "WHERE id = ?");
    if (!row.bind(service_id).step()) return std::nullopt;
    return service_of(row);
}

void Catalog::delete_service(std::string_view service_id) {
    Write write(*this, "delete the service");
    {
        Statement used = write.prepare("SELECT name FROM pipes WHERE service_id = ? ORDER BY name LIMIT 1");
        if (used.bind(service_id).step()) {
            throw Error(Disposition::kUsage, "delete the service",
                        "the pipe \"" + used.text(0) + "\" belongs to it", "Delete its pipes first");
        }
    }
    write.run_on(kNoService, "DELETE FROM services WHERE id = ?", service_id);
    write.run("DELETE FROM cdc_scaling WHERE service_id = ?", service_id);
    write.commit();
}

uint64_t Catalog::count_pipes(std::string_view service_id) const {
    Read read(*this, "count the pipes");
    Statement row = read.prepare("SELECT count(*) FROM pipes WHERE service_id = ? AND parent_id IS NULL");
    return row.bind(service_id).step() ? row.number(0) : 0;
}

void Catalog::put_cdc_scaling(std::string_view service_id, const CdcScaling& scaling) {
    Write write(*this, "store the CDC scaling");
    write.run(
        "INSERT INTO cdc_scaling (service_id, cpu_millicores, memory_gb) VALUES (?, ?, ?)"
        " ON CONFLICT (service_id) DO UPDATE SET cpu_millicores = excluded.cpu_millicores,"
        " memory_gb = excluded.memory_gb",
        service_id, scaling.cpu_millicores, scaling.memory_gb);
    write.commit();
}

std::optional<CdcScaling> Catalog::cdc_scaling(std::string_view service_id) const {
    Read read(*this, "read the CDC scaling");
    Statement row = read.prepare("SELECT cpu_millicores, memory_gb FROM cdc_scaling WHERE service_id = ?");
    if (!row.bind(service_id).step()) return std::nullopt;
    return CdcScaling{.cpu_millicores = row.number32(0), .memory_gb = row.number32(1)};
}

void Catalog::add_api_key(const ApiKeyRecord& key) {
    Write write(*this, "store the API key");
    write.run(
        "INSERT INTO api_keys (id, name, secret_hash, role, created_at, expires_at, revoked_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        key.id, key.name, key.secret_hash, key.role, write.now(), key.expires_at, key.revoked_at);
    write.commit();
}

std::vector<ApiKeyRecord> Catalog::api_keys() const {
    Read read(*this, "list the API keys");
    Statement row = read.prepare(std::string(kApiKeyColumns) + "ORDER BY created_at, id");
    std::vector<ApiKeyRecord> list;
    while (row.step()) list.push_back(api_key_of(row));
    return list;
}

std::optional<ApiKeyRecord> Catalog::get_api_key(std::string_view key_id) const {
    Read read(*this, "find the API key");
    Statement row = read.prepare(std::string(kApiKeyColumns) + "WHERE id = ?");
    if (!row.bind(key_id).step()) return std::nullopt;
    return api_key_of(row);
}

void Catalog::revoke_api_key(std::string_view key_id) {
    Write write(*this, "revoke the API key");
    write.run_on(kNoApiKey,
                 "UPDATE api_keys SET revoked_at = CASE revoked_at WHEN 0 THEN ? ELSE revoked_at END"
                 " WHERE id = ?",
                 write.now(), key_id);
    write.commit();
}

std::optional<std::string> Catalog::fact(std::string_view name) const {
    Read read(*this, "read a fact");
    Statement row = read.prepare("SELECT value FROM facts WHERE name = ?");
    if (!row.bind(name).step()) return std::nullopt;
    return row.text(0);
}

void Catalog::put_fact(std::string_view name, std::string_view value) {
    Write write(*this, "store a fact");
    write.run(kPutFact, name, value);
    write.commit();
}

std::string Catalog::put_fact_if_absent(std::string_view name, std::string_view value) {
    Write write(*this, "store a fact");
    write.run("INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", name, value);
    std::string in_force;
    {
        Statement row = write.prepare("SELECT value FROM facts WHERE name = ?");
        if (row.bind(name).step()) in_force = row.text(0);
    }
    write.commit();
    return in_force;
}

uint64_t Catalog::count_sealed() const {
    Read read(*this, "count the sealed secrets");
    Statement row = read.prepare(
        "SELECT (SELECT count(*) FROM pipes WHERE sealed_password <> '')"
        " + (SELECT count(*) FROM services WHERE sealed_password <> '')");
    return row.step() ? row.number(0) : 0;
}

uint64_t Catalog::reseal(const Reseal& reseal_one, std::string_view fact_name, std::string_view fact_value) {
    struct Sealed {
        std::string id, text;
    };
    Write write(*this, "seal the stored secrets anew");
    uint64_t count = 0;
    for (const auto& [table, kind] : {std::pair("pipes", "pipe"), std::pair("services", "service")}) {
        std::vector<Sealed> found;
        {
            Statement row = write.prepare(std::string("SELECT id, sealed_password FROM ") + table +
                                          " WHERE sealed_password <> ''");
            while (row.step()) found.push_back({row.text(0), row.text(1)});
        }
        for (const Sealed& sealed : found) {
            std::string context = std::string(kind) + "/" + sealed.id + "/password";
            write.run(std::string("UPDATE ") + table + " SET sealed_password = ? WHERE id = ?",
                      reseal_one(context, sealed.text), sealed.id);
            ++count;
        }
    }
    write.run(kPutFact, fact_name, fact_value);
    write.commit();
    return count;
}

void Catalog::erase_remains() {
    Read read(*this, "erase what replaced rows left in the file");
    read.prepare("VACUUM").run();  // a new file without free space, by way of the write-ahead log
    read.prepare("PRAGMA wal_checkpoint(TRUNCATE)").run();
}

}  // namespace penstock
