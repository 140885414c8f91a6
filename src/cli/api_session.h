#pragma once
// What every command over the API needs first: where it is, with which key, which organization and service.

#include <memory>
#include <stop_token>
#include <string>

#include "cli/api_client.h"
#include "cli/options.h"

namespace penstock {

struct ApiOptions {
    std::string url = "http://127.0.0.1:8125";
    std::string key_id;
    std::string key_secret_file;  ///< else $PENSTOCK_KEY_SECRET
    std::string ca_file;
    std::string service;  ///< name or id; empty: the only one, or the one called "default"
};

/// --url, --key-id, --key-secret-file, --ca-file.
void add_api_options(CLI::App& command, ApiOptions& options);
/// --service.
void add_service_option(CLI::App& command, ApiOptions& options);

// Type names of options and arguments whose values the API knows: shell completion asks it for them.
constexpr const char* kPipeType = "NAME|ID";
constexpr const char* kServiceType = "SERVICE";

/// Asks the API as late as it can: a command that needs no service does not ask for any. One thread.
class ApiSession {
  public:
    using json = ApiClient::json;

    /// Throws Error(kUsage) for a bad URL and when there is no key.
    explicit ApiSession(const ApiOptions& options, std::stop_token stop = {});

    ApiClient& client() { return client_; }

    // Each throws Error(kUsage), naming what there is, when what is meant is not there or is not the only
    // one.
    std::string organization_path();  ///< "/v1/organizations/ID"
    std::string service_path();       ///< of ApiOptions::service: ".../services/ID"
    std::string service_path(const std::string& name_or_id);
    std::string pipes_path();  ///< ".../clickpipes"
    std::string pipe_path(const std::string& name_or_id);

  private:
    std::string wanted_service_;
    ApiClient client_;
    std::string organization_path_, service_path_;
};

/// Of a list of objects with "id" and "name" the one that is called so, by id or else by name; `what` names
/// their kind in errors ("pipe"). Throws Error(kUsage): none (the names that there are), or several of that
/// name.
const ApiClient::json& find_named(const ApiClient::json& list, const std::string& name_or_id,
                                  const std::string& what);
/// The only one, or the one called "default".
const ApiClient::json& find_default(const ApiClient::json& list, const std::string& what,
                                    const std::string& flag);

/// Prints a result as JSON, as the API sent it.
void print_json(const ApiClient::json& result);

/// Prints the warnings of an answer to a change on stderr, a line each.
void print_warnings(const ApiClient::json& changed);

/// The text at a JSON pointer ("/source/mysql/host"): texts as they are, other values as JSON, "" for
/// nothing.
std::string text_at(const ApiClient::json& object, const char* pointer);
/// The count at a member of an object; 0 for nothing.
uint64_t count_at(const ApiClient::json& object, const char* member);

}  // namespace penstock
