// penstock secrets rotate: another master key for everything that a data directory holds sealed.

#include <filesystem>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "catalog/data_directory_lock.h"
#include "cli/options.h"
#include "cli/pipe_argument.h"
#include "secrets/rotation.h"

namespace penstock {
namespace {

struct SecretsOptions {
    CommonOptions common;
    std::string master_key_file;  ///< empty: DATA_DIR/master.key
};

int rotate(const SecretsOptions& options) {
    std::optional<DataDirectoryLock> lock;
    if (std::filesystem::is_directory(options.common.data_dir)) {  // a missing one is not made for this
        lock.emplace(options.common.data_dir);
    }
    Catalog catalog = open_existing_catalog(options.common);
    const std::string file =
        options.master_key_file.empty() ? options.common.data_dir + "/master.key" : options.master_key_file;
    const Rotation rotation = rotate_master_key(catalog, file);
    if (options.common.json()) {
        nlohmann::json out = {{"oldKeyId", rotation.old_key_id},
                              {"newKeyId", rotation.new_key_id},
                              {"resealed", rotation.resealed},
                              {"keyFile", nullptr}};
        if (!rotation.file.empty()) out["keyFile"] = rotation.file;
        fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
        return kExitOk;
    }
    fmt::print("The master key is {} now, before {}. Secrets sealed anew: {}.\n", rotation.new_key_id,
               rotation.old_key_id, rotation.resealed);
    if (rotation.file.empty()) {
        fmt::print("Before the next start set {} to the value of {}.\n", kMasterKeyVariable,
                   kNewMasterKeyVariable);
    } else {
        fmt::print("It is in {}. Keep a copy of it apart from the data directory's copies.\n", rotation.file);
    }
    return kExitOk;
}

}  // namespace

void add_secrets_command(CLI::App& app, Action& action) {
    CLI::App* group = app.add_subcommand("secrets", "The passwords that the service keeps sealed");
    group->require_subcommand(1);
    auto options = std::make_shared<SecretsOptions>();
    CLI::App* command = group->add_subcommand(
        "rotate",
        "Seal every stored password anew under another master key. Stop the service first. A key file\n"
        "gets a random key; a key from $PENSTOCK_MASTER_KEY is replaced by $PENSTOCK_NEW_MASTER_KEY.");
    add_data_dir_option(*command, options->common);
    command->add_option("--master-key-file", options->master_key_file,
                        "Where the key is, unless it is in $PENSTOCK_MASTER_KEY; DATA_DIR/master.key");
    add_output_option(*command, options->common);
    command->callback([&action, options] { action = [options] { return rotate(*options); }; });
}

}  // namespace penstock
