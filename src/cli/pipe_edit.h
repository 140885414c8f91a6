#pragma once
// What `penstock pipe edit` asks the API to change: its options as a ClickPipePatchRequest.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/api_client.h"

namespace CLI {
class App;
}

namespace penstock {

struct EditOptions {
    std::optional<std::string> name;
    std::vector<std::string> add_tables;     ///< "SCHEMA.TABLE:TARGET"
    std::vector<std::string> add_mappings;   ///< files
    std::vector<std::string> remove_tables;  ///< target tables
    std::optional<uint64_t> sync_interval_seconds;
    std::optional<uint64_t> pull_batch_size;
    std::optional<bool> compression;
    std::optional<std::string> host;
    std::optional<uint16_t> port;
    std::optional<std::string> username;
    std::string password_variable;  ///< name of an environment variable
};

void add_edit_options(CLI::App& command, EditOptions& edit);

/// "shop.orders:orders" as a mapping. Throws Error(kUsage) when it is not clear where a name ends.
ApiClient::json parse_table_option(const std::string& text);

/// The body of the PATCH. `pipe` is the pipe as the API shows it: host and port are always sent, and tables
/// to be removed are looked up in it. Reads mapping files and the environment. Throws Error(kUsage) when
/// nothing is to be changed, for a table that is not there, and for a file that holds no mapping.
ApiClient::json to_patch(const EditOptions& edit, const ApiClient::json& pipe);

}  // namespace penstock
