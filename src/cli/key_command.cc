// penstock key ...: the keys of the API, over the API.

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/api_session.h"
#include "cli/options.h"
#include "cli/pipe_text.h"
#include "cli/terminal.h"
#include "cli/text_table.h"

namespace penstock {
namespace {

using json = ApiClient::json;

struct KeyOptions {
    CommonOptions common;  // only how to print
    ApiOptions api;
    std::string name;
    std::string role = "admin";
    std::optional<uint64_t> expires_in_days;
    std::string key;  // id or name
    bool yes = false;
};

std::string keys_path(ApiSession& api) {
    return api.organization_path() + "/keys";
}

std::string keys_text(const json& keys, const Screen& screen) {
    TextTable table({{.title = "NAME"},
                     {.title = "STATE", .state = true},
                     {.title = "ROLE"},
                     {.title = "CREATED"},
                     {.title = "EXPIRES"},
                     {.title = "ID"}});
    for (const json& key : keys) {
        table.add({text_at(key, "/name"), text_at(key, "/state"), text_at(key, "/role"),
                   time_text(text_at(key, "/createdAt")), time_text(text_at(key, "/expiresAt")),
                   text_at(key, "/id")});
    }
    return table.render(screen);
}

int create(const KeyOptions& options) {
    ApiSession api(options.api);
    json body = {{"name", options.name}, {"role", options.role}};
    if (options.expires_in_days) body["expiresInDays"] = *options.expires_in_days;
    const json key = api.client().post(keys_path(api), body);
    if (options.common.json()) {
        print_json(key);
        return kExitOk;
    }
    // Lines that a shell can take as they are.
    fmt::print("PENSTOCK_KEY_ID={}\nPENSTOCK_KEY_SECRET={}\n", printable(text_at(key, "/keyId")),
               printable(text_at(key, "/keySecret")));
    fmt::print(stderr, "The secret is shown this once only.\n");
    return kExitOk;
}

int list(const KeyOptions& options) {
    ApiSession api(options.api);
    const json keys = api.client().get(keys_path(api));
    if (options.common.json()) {
        print_json(keys);
    } else {
        fmt::print("{}", keys_text(keys, Screen::of(stdout)));
    }
    return kExitOk;
}

int revoke(const KeyOptions& options) {
    ApiSession api(options.api);
    json in_force = json::array();  // a name may be used again once its key is revoked
    for (const json& key : api.client().get(keys_path(api))) {
        if (text_at(key, "/state") != "revoked") in_force.push_back(key);
    }
    const json& key = find_named(in_force, options.key, "key");
    const std::string id = text_at(key, "/id");
    if (!options.yes && !confirmed(fmt::format("Revoke the key {} ({}) for good?",
                                               printable(text_at(key, "/name")), printable(id)))) {
        fmt::print(stderr, "penstock: nothing was revoked\n");
        return kExitFailed;
    }
    const json result = api.client().remove(keys_path(api) + "/" + percent_encoded(id));
    if (options.common.json()) {
        print_json(result);
    } else {
        fmt::print("{} is revoked\n", printable(text_at(key, "/name")));
    }
    return kExitOk;
}

using Run = int (*)(const KeyOptions&);

CLI::App& add(CLI::App& group, Action& action, const char* name, const char* help,
              const std::shared_ptr<KeyOptions>& options, Run run) {
    CLI::App* command = group.add_subcommand(name, help);
    add_api_options(*command, options->api);
    add_output_option(*command, options->common);
    command->callback([options, run, &action] { action = [options, run] { return run(*options); }; });
    return *command;
}

}  // namespace

void add_key_command(CLI::App& app, Action& action) {
    CLI::App* group = app.add_subcommand("key", "The keys of the API of penstock serve");
    group->require_subcommand(1);

    auto options = std::make_shared<KeyOptions>();
    CLI::App& create_command = add(*group, action, "create",
                                   "Make a key; its secret is printed once and never again", options, create);
    create_command.add_option("NAME", options->name, "What it is for")->type_name("NAME")->required();
    create_command.add_option("--role", options->role, "admin, or reader: a reader may only look")
        ->check(CLI::IsMember({"admin", "reader"}))
        ->capture_default_str();
    create_command.add_option("--expires-in-days", options->expires_in_days, "Never if not given")
        ->check(CLI::PositiveNumber);

    add(*group, action, "list", "List the keys, without their secrets", std::make_shared<KeyOptions>(), list);

    options = std::make_shared<KeyOptions>();
    CLI::App& revoke_command = add(*group, action, "revoke", "Make a key worthless at once", options, revoke);
    revoke_command.add_option("KEY", options->key, "Its id or name")->type_name("KEY")->required();
    revoke_command.add_flag("--yes", options->yes, "Do not ask");
}

}  // namespace penstock
