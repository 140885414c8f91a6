#pragma once
// All pipes of one data directory in one process: made, watched, changed and removed on behalf of the API.
//
// Bodies are JSON as in the ClickPipes API (src/api/openapi.json), already checked against that for names,
// types and ranges; what fields mean together is checked here. Every method may be called from any thread,
// returns when what it did is durable, and throws RequestError (nothing was changed), or Error for trouble of
// the catalog itself. Commands on one pipe (create, patch, command, remove, put_settings) are done one after
// the other; what only looks waits for none of them.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "catalog/catalog.h"
#include "encode/compress.h"
#include "service/request_error.h"

namespace penstock {

class MasterKey;
class Services;

enum class PipeCommand { kStart, kStop, kResync };

class PipeManager {
  public:
    using json = nlohmann::json;

    /// All three outlive the manager. Takes up every pipe of every service where the catalog says it is.
    /// A pipe whose password cannot be opened fails with that reason. `compression` as in
    /// RunnerEnvironment.
    PipeManager(Catalog& catalog, const MasterKey& master_key, Services& services,
                std::optional<Compression> compression = {});
    /// Ends all pipes' work without a transition: the next manager takes them up again where they are.
    ~PipeManager();

    // `by`: the id of the API key that asks, which the pipe's events name; empty: none.

    /// A pipe as the API shows it (schema ClickPipe), without credentials.
    json create(const std::string& service_id, const json& body,
                const std::string& by = {});  ///< ClickPipePostRequest
    std::vector<json> list(const std::string& service_id) const;
    json get(const std::string& service_id, const std::string& pipe_id) const;
    /// ClickPipePatchRequest; null fields change nothing. A paused pipe goes on afterwards, unless only its
    /// name or fields that MySQL pipes do not use were given.
    /// Nothing given that differs from what is in force: nothing happens. Refused (kBadRequest) on Completed.
    json patch(const std::string& service_id, const std::string& pipe_id, const json& body,
               const std::string& by = {});
    /// kResync: `target_tables` (our extension) limits it; empty: all tables.
    json command(const std::string& service_id, const std::string& pipe_id, PipeCommand command,
                 const std::vector<std::string>& target_tables = {}, const std::string& by = {});
    /// Stops it and forgets it; target tables stay.
    void remove(const std::string& service_id, const std::string& pipe_id);

    /// Services::create(). A ClickHouse that turns the service away is RequestError(kBadRequest), one that
    /// does not answer now a warning.
    json create_service(const json& body);
    /// Services::edit(), then the pipes of the service that are at work go on with what is new.
    json edit_service(const std::string& service_id, const json& body, const std::string& by = {});

    json settings(const std::string& service_id, const std::string& pipe_id) const;  ///< ClickPipeSettings
    json put_settings(const std::string& service_id, const std::string& pipe_id, const json& body);
    /// ClickPipeScalingPatchRequest: for pipes that scale by replicas; a MySQL pipe refuses it with 400 that
    /// names clickpipesCdcScaling.
    json patch_scaling(const std::string& service_id, const std::string& pipe_id, const json& body);
    json cdc_scaling(const std::string& service_id) const;  ///< ClickPipesCdcScaling
    json patch_cdc_scaling(const std::string& service_id, const json& body);

    // What we add; every answer is a list (or object) that src/api/openapi.json describes.
    json tables(const std::string& service_id, const std::string& pipe_id) const;
    json partitions(const std::string& service_id, const std::string& pipe_id,
                    const std::string& target_table) const;  ///< empty: of all tables
    json batches(const std::string& service_id, const std::string& pipe_id, uint64_t limit) const;
    json events(const std::string& service_id, const std::string& pipe_id,
                uint64_t limit = Catalog::kKeptTransitions,
                uint64_t before = UINT64_MAX) const;  ///< as Catalog::transitions
    /// Progress counters, trouble and lag of the pipe now.
    json progress(const std::string& service_id, const std::string& pipe_id) const;

    /// A source that no pipe need have: `body` is ClickPipePostSource. Schemas; tables of a schema; columns
    /// of a table with type, target type, key and index facts.
    json discover_schemas(const json& body) const;
    json discover_tables(const json& body, const std::string& schema) const;
    json discover_columns(const json& body, const std::string& schema, const std::string& table) const;
    /// The prerequisites of a pipe that does not exist yet (ClickPipePostRequest), with the SQL that fixes.
    json check(const std::string& service_id, const json& body) const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace penstock
