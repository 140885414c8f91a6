#pragma once
// API keys as the API shows, makes and revokes them.

#include <nlohmann/json_fwd.hpp>

#include "api/routes.h"

namespace penstock {

nlohmann::json list_keys(ApiParts& parts, const ApiCall& call);
/// The answer holds the secret, this one time.
nlohmann::json create_key(ApiParts& parts, const ApiCall& call);
/// Refuses (409) to revoke the last admin's key that is in force: nobody could make another.
nlohmann::json revoke_key(ApiParts& parts, const ApiCall& call);

}  // namespace penstock
