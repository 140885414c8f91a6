// penstock serve: the service. Its settings are those of service/configuration.h.

#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "api/api_server.h"
#include "catalog/catalog.h"
#include "catalog/data_directory_lock.h"
#include "cli/options.h"
#include "cli/signals.h"
#include "secrets/api_keys.h"
#include "secrets/rotation.h"
#include "service/configuration.h"
#include "service/pipe_manager.h"
#include "service/services.h"

namespace penstock {
namespace {

struct ServeOptions {
    CommonOptions common;  ///< only the output
    std::string file;
    bool new_key = false;
    std::map<std::string, std::vector<std::string>>
        values;  ///< by setting; those that were given are not empty
    std::map<std::string, bool> switches;
};

std::vector<GivenFlag> given_flags(const ServeOptions& options) {
    std::vector<GivenFlag> flags;
    for (const auto& [name, words] : options.values) {
        if (!words.empty()) flags.emplace_back(name, words);
    }
    for (const auto& [name, on] : options.switches) {
        if (on) flags.emplace_back(name, std::vector<std::string>{});
    }
    return flags;
}

ApiServerOptions server_options(const Configuration& configuration) {
    ApiServerOptions options;
    options.listen = configuration.listen;
    options.tls_certificate = configuration.tls_certificate;
    options.tls_key = configuration.tls_key;
    options.max_body_bytes = configuration.max_request_bytes;
    options.requests_per_minute = configuration.requests_per_minute;
    options.failed_sign_ins_per_minute = configuration.failed_sign_ins_per_minute;
    return options;
}

/// A key for whoever started the service, when none is in force with which keys could be made, or when asked.
std::optional<NewApiKey> make_key(ApiKeys& keys, int64_t now, bool asked) {
    for (const ApiKey& key : keys.list()) {
        bool in_force = key.revoked_at == 0 && (key.expires_at == 0 || key.expires_at > now);
        if (in_force && key.role == KeyRole::kAdmin && !asked) return std::nullopt;
    }
    return keys.create("made by penstock serve", KeyRole::kAdmin, 0);
}

void announce(const ApiServer& server, const Services& services, const std::optional<NewApiKey>& key,
              bool as_json) {
    const std::string url = server.urls().front();
    const std::string service = services.default_id();
    if (as_json) {
        nlohmann::json line = {
            {"url", url}, {"organizationId", services.organization_id()}, {"serviceId", service}};
        if (key) {
            line["keyId"] = key->key.id;
            line["keySecret"] = key->secret;
        }
        fmt::print("{}\n", line.dump());  // one line, so that a script can wait for it
        std::fflush(stdout);
        return;
    }
    fmt::print("Penstock is running. Ctrl-C stops it; its pipes go on at the next start.\n");
    for (const std::string& each : server.urls()) fmt::print("  API           {}/v1\n", each);
    fmt::print("  organization  {}\n  service       {} (default)\n", services.organization_id(), service);
    if (key) {
        fmt::print(
            "\nThis is shown only once; keep it:\n"
            "  API key id: {0}\n"
            "  API key secret: {1}\n\n"
            "Then, in another terminal:\n"
            "  export PENSTOCK_URL={2} PENSTOCK_KEY_ID={0} PENSTOCK_KEY_SECRET=...\n"
            "  penstock pipe create shop.yaml\n"
            "  curl --user \"$PENSTOCK_KEY_ID:$PENSTOCK_KEY_SECRET\" "
            "{2}/v1/organizations/{3}/services/{4}/clickpipes\n",
            key->key.id, key->secret, url, services.organization_id(), service);
    }
    std::fflush(stdout);
}

void wait_for(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    stopped.wait(lock, stop, [] { return false; });
}

int serve(const ServeOptions& options) {
    const std::optional<std::string> file =
        options.file.empty() ? std::nullopt : std::optional<std::string>(options.file);
    const Configuration configuration = load_configuration(file, given_flags(options));
    spdlog::set_level(spdlog::level::from_str(configuration.log_level));
    std::signal(SIGHUP, SIG_IGN);  // the end of the terminal that it was started at is not its own
    std::stop_source stop;
    SignalWatcher signals(stop);  // before any thread, so that all inherit the blocked signals
    DataDirectoryLock lock(configuration.data_dir);
    Catalog catalog(configuration.data_dir + "/catalog.sqlite");
    const MasterKey master_key = load_master_key(catalog, configuration.master_key_file, true);
    Services services(catalog, master_key,
                      {.data_dir = configuration.data_dir, .library = configuration.library},
                      configuration.services);
    PipeManager pipes(catalog, master_key, services, configuration.compression);
    ApiKeys keys(catalog);
    ApiServer server(server_options(configuration), catalog, keys, services, pipes);
    server.start();
    announce(server, services, make_key(keys, catalog.now(), options.new_key), options.common.json());
    wait_for(stop.get_token());
    spdlog::info("stopping; the pipes go on at the next start");
    server.stop();
    return kExitOk;
}

/// The table's help in the words of the command line.
std::string help_of(const Setting& setting) {
    std::string text(setting.help);
    std::erase(text, '`');
    std::string allowed;
    for (std::string_view word : setting.allowed)
        allowed += (allowed.empty() ? "" : ", ") + std::string(word);
    if (setting.kind == SettingKind::kInteger) {
        allowed = fmt::format("{} to {}", setting.minimum, setting.maximum);
    }
    if (!allowed.empty()) text += " Allowed: " + allowed + ".";
    if (!setting.environment.empty()) text += fmt::format(" Env: {}.", setting.environment);
    return text;
}

std::string default_of(const Setting& setting) {
    if (setting.preset.empty()) return "";
    const nlohmann::json value = nlohmann::json::parse(setting.preset);
    if (value.is_array()) return value.front().get<std::string>();
    return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

void add_serve_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand(
        "serve",
        "Run the service: many pipes in one process, made and changed through its API.\n"
        "Works without any configuration: state in ./penstock-data, an embedded ClickHouse that the first\n"
        "pipe starts, and an API key that the first start makes and shows once.\n"
        "docs/configuration.md lists every setting; flags go before the environment, that before the file.");
    auto options = std::make_shared<ServeOptions>();
    add_config_option(*command, options->file);
    command->add_flag(
        "--new-key", options->new_key,
        "Make another API key of the role admin and show it, as the first start does: for when the "
        "last one was lost");
    for (const Setting& setting : configuration_settings()) {
        const std::string flag = setting.flag();
        if (flag.empty()) continue;
        const std::string name(setting.name);
        if (setting.kind == SettingKind::kBoolean) {
            command->add_flag(flag, options->switches[name], help_of(setting));
            continue;
        }
        CLI::Option* option = command->add_option(flag, options->values[name], help_of(setting));
        option->type_size(1)->type_name(setting.kind == SettingKind::kInteger ? "NUMBER" : "TEXT");
        if (setting.kind == SettingKind::kTextList) {
            option->delimiter(',')->allow_extra_args(false);
        } else {
            option->expected(1);
        }
        if (std::string preset = default_of(setting); !preset.empty()) option->default_str(preset);
    }
    add_output_option(*command, options->common);
    command->callback([&action, options] { action = [options] { return serve(*options); }; });
}

}  // namespace penstock
