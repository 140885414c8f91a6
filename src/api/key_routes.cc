#include "api/key_routes.h"

#include <algorithm>

#include "api/date_time.h"
#include "service/iso_time.h"

namespace penstock {

namespace {

using nlohmann::json;

constexpr int64_t kDay = 86'400'000;

bool expired(const ApiKey& key, int64_t now) {
    return key.expires_at != 0 && key.expires_at <= now;
}

json time_or_null(int64_t ms) {
    return ms == 0 ? json() : json(iso_time(ms));
}

json to_json(const ApiKey& key, int64_t now) {
    const char* state = key.revoked_at != 0 ? "revoked" : expired(key, now) ? "expired" : "active";
    return {{"id", key.id},
            {"name", key.name},
            {"role", to_string(key.role)},
            {"state", state},
            {"createdAt", iso_time(key.created_at)},
            {"expiresAt", time_or_null(key.expires_at)},
            {"revokedAt", time_or_null(key.revoked_at)}};
}

/// 0: never.
int64_t expiry(const json& body, int64_t now) {
    if (body.contains("expiresInDays") && body.contains("expiresAt")) {
        throw RequestError(Refusal::kBadRequest, "expiresAt: not together with expiresInDays");
    }
    if (body.contains("expiresInDays")) return now + body["expiresInDays"].get<int64_t>() * kDay;
    if (!body.contains("expiresAt")) return 0;
    int64_t at = parse_date_time(body["expiresAt"].get<std::string>()).value();
    if (at <= now) throw RequestError(Refusal::kBadRequest, "expiresAt: must be a time to come");
    return at;
}

}  // namespace

json list_keys(ApiParts& parts, const ApiCall&) {
    json result = json::array();
    int64_t now = parts.catalog.now();
    for (const ApiKey& key : parts.keys.list()) result.push_back(to_json(key, now));
    return result;
}

json create_key(ApiParts& parts, const ApiCall& call) {
    int64_t now = parts.catalog.now();
    KeyRole role = parse_key_role(call.body["role"].get<std::string>()).value();
    NewApiKey made = parts.keys.create(call.body["name"].get<std::string>(), role, expiry(call.body, now));
    return {{"key", to_json(made.key, now)}, {"keyId", made.key.id}, {"keySecret", made.secret}};
}

json revoke_key(ApiParts& parts, const ApiCall& call) {
    std::vector<ApiKey> keys = parts.keys.list();
    auto key = std::find_if(keys.begin(), keys.end(), [&](const ApiKey& k) { return k.id == call.key_id; });
    if (key == keys.end()) throw RequestError(Refusal::kNotFound, "there is no key " + call.key_id);
    if (key->revoked_at == 0 && !parts.keys.revoke(key->id)) {
        throw RequestError(Refusal::kConflict, "this is the last admin key in force",
                           "Make another one first");
    }
    return json();
}

}  // namespace penstock
