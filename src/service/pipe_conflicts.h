#pragma once
// What no two pipes may share: names, target tables, server ids. The caller sees to it that no pipe comes
// between a look and what it decides.

#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "model/pipe_spec.h"
#include "service/services.h"

namespace penstock {

/// RequestError(kConflict) when a pipe other than `own_id` has the name.
void require_free_name(const Catalog& catalog, const std::string& name, const std::string& own_id);

/// RequestError(kBadRequest), naming the mapping as one of `list`, when another pipe has a target of
/// these.
void require_free_targets(const Catalog& catalog, const Services& services, const std::string& service_id,
                          const std::string& own_id, const std::string& database,
                          const std::vector<TableMapping>& mappings, const char* list);

/// RequestError(kConflict) when the service could not be at `place` (Services::place), because a pipe of it
/// and one of another service there would have a target in common.
void require_free_place(const Catalog& catalog, const Services& services, const std::string& service_id,
                        const std::string& place);

/// RequestError(kBadRequest): two replicas of one server that have one id throw each other out.
void require_free_server_id(const Catalog& catalog, const std::string& own_id, const SourceEndpoint& source);

}  // namespace penstock
