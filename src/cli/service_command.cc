// penstock service ...: the ClickHouse services that pipes write to, over the API.

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/text_file.h"
#include "cli/api_session.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "cli/text_table.h"

namespace penstock {
namespace {

using json = ApiClient::json;

struct ServiceOptions {
    CommonOptions common;  // how to print, and the ClickHouse of `create`
    ApiOptions api;
    std::string service;  // name or id
    std::string name;
    std::string clickhouse_ca_file;
    std::string cluster;
    std::optional<uint64_t> cpu_millicores;
    std::optional<double> memory_gb;
    bool yes = false;
};

/// The first is the one over HTTP; an engine that does not run has none.
std::string endpoint_text(const json& service) {
    const std::string host = text_at(service, "/endpoints/0/host");
    if (host.empty()) return {};
    return fmt::format("{}://{}:{}", text_at(service, "/endpoints/0/protocol"), host,
                       text_at(service, "/endpoints/0/port"));
}

std::string services_text(const json& services, const Screen& screen) {
    TextTable table({{.title = "NAME"},
                     {.title = "STATE", .state = true},
                     {.title = "ORIGIN"},
                     {.title = "CLICKHOUSE", .may_shrink = true},
                     {.title = "ID"}});
    for (const json& service : services) {
        table.add({text_at(service, "/name"), text_at(service, "/state"), text_at(service, "/origin"),
                   endpoint_text(service), text_at(service, "/id")});
    }
    return table.render(screen);
}

/// An object as lines of "name  value", nested ones as JSON.
std::string members_text(const json& object) {
    std::string out;
    for (const auto& [name, value] : object.items()) {
        out += fmt::format("{:22}  {}\n", name, printable(text_at(value, "")));
    }
    return out;
}

void print_object(const ServiceOptions& options, const json& object) {
    if (options.common.json()) {
        print_json(object);
    } else {
        fmt::print("{}", members_text(object));
    }
}

int list(const ServiceOptions& options) {
    ApiSession api(options.api);
    const json services = api.client().get(api.organization_path() + "/services");
    if (options.common.json()) {
        print_json(services);
    } else {
        fmt::print("{}", services_text(services, Screen::of(stdout)));
    }
    return kExitOk;
}

int get(const ServiceOptions& options) {
    ApiSession api(options.api);
    print_object(options, api.client().get(api.service_path(options.service)));
    return kExitOk;
}

int create(const ServiceOptions& options) {
    json body = {{"name", options.name},
                 {"url", options.common.clickhouse_url},
                 {"user", options.common.clickhouse_user}};
    if (std::string password = read_clickhouse_password(options.common); !password.empty()) {
        body["password"] = password;
    }
    if (!options.clickhouse_ca_file.empty()) {
        body["caCertificate"] = read_text_file(options.clickhouse_ca_file, "file with a certificate");
    }
    if (!options.cluster.empty()) body["cluster"] = options.cluster;
    ApiSession api(options.api);
    const json service = api.client().post(api.organization_path() + "/services", body);
    print_warnings(service);
    if (options.common.json()) {
        print_json(service);
    } else {
        fmt::print("{} is made; its id is {}\n", printable(options.name), printable(text_at(service, "/id")));
    }
    return kExitOk;
}

int edit(const ServiceOptions& options) {
    json body = json::object();
    if (!options.name.empty()) body["name"] = options.name;
    if (!options.common.clickhouse_url.empty()) body["url"] = options.common.clickhouse_url;
    if (!options.common.clickhouse_user.empty()) body["user"] = options.common.clickhouse_user;
    if (!options.common.clickhouse_password_file.empty()) {
        body["password"] = read_clickhouse_password(options.common);
    }
    if (!options.clickhouse_ca_file.empty()) {
        body["caCertificate"] = read_text_file(options.clickhouse_ca_file, "file with a certificate");
    }
    if (!options.cluster.empty()) body["cluster"] = options.cluster;
    if (body.empty()) {
        throw Error(Disposition::kUsage, "edit the service", "nothing to change was given",
                    "See penstock service edit --help");
    }
    ApiSession api(options.api);
    const json service = api.client().patch(api.service_path(options.service), body);
    print_warnings(service);
    if (options.common.json()) {
        print_json(service);
    } else {
        fmt::print("{} is changed\n", printable(text_at(service, "/name")));
    }
    return kExitOk;
}

int remove(const ServiceOptions& options) {
    ApiSession api(options.api);
    const std::string path = api.service_path(options.service);
    const std::string name = printable(text_at(api.client().get(path), "/name"));
    if (!options.yes &&
        !confirmed(fmt::format("Delete the service {}? Its data stay in ClickHouse.", name))) {
        fmt::print(stderr, "penstock: nothing was deleted\n");
        return kExitFailed;
    }
    const json result = api.client().remove(path);
    if (options.common.json()) {
        print_json(result);
    } else {
        fmt::print("{} is deleted\n", name);
    }
    return kExitOk;
}

int scaling(const ServiceOptions& options) {
    ApiSession api(options.api);
    const std::string path = api.service_path(options.service) + "/clickpipesCdcScaling";
    json body = json::object();
    if (options.cpu_millicores) body["replicaCpuMillicores"] = *options.cpu_millicores;
    if (options.memory_gb) {
        body["replicaMemoryGb"] = *options.memory_gb;
    } else if (options.cpu_millicores) {
        body["replicaMemoryGb"] = *options.cpu_millicores / 1000 * 4;  // the one value that goes with it
    }
    print_object(options, body.empty() ? api.client().get(path) : api.client().patch(path, body));
    return kExitOk;
}

using Run = int (*)(const ServiceOptions&);

CLI::App& add(CLI::App& group, Action& action, const char* name, const char* help,
              const std::shared_ptr<ServiceOptions>& options, Run run) {
    CLI::App* command = group.add_subcommand(name, help);
    add_api_options(*command, options->api);
    add_output_option(*command, options->common);
    command->callback([options, run, &action] { action = [options, run] { return run(*options); }; });
    return *command;
}

CLI::Option* add_service_argument(CLI::App& command, ServiceOptions& options) {
    return command
        .add_option("SERVICE", options.service,
                    "The service's name or id; the only one, or the one called default, if not given")
        ->type_name(kServiceType);
}

}  // namespace

void add_service_command(CLI::App& app, Action& action) {
    CLI::App* group =
        app.add_subcommand("service", "The ClickHouse services that the pipes of penstock serve write to");
    group->require_subcommand(1);

    add(*group, action, "list", "List the services", std::make_shared<ServiceOptions>(), list);

    auto options = std::make_shared<ServiceOptions>();
    add_service_argument(add(*group, action, "get", "Show a service", options, get), *options)
        ->envname("PENSTOCK_SERVICE");

    options = std::make_shared<ServiceOptions>();
    CLI::App& create_command =
        add(*group, action, "create", "Add a ClickHouse that pipes may write to", options, create);
    create_command.add_option("NAME", options->name, "Its name")->type_name("NAME")->required();
    add_clickhouse_address(create_command, options->common,
                           "The ClickHouse over HTTP, e.g. https://host:8443")
        .required();
    create_command
        .add_option("--clickhouse-ca-file", options->clickhouse_ca_file,
                    "PEM file of the authority of an https:// ClickHouse; the system's if not given")
        ->type_name("FILE");
    create_command.add_option("--cluster", options->cluster,
                              "Make tables ON CLUSTER with Replicated engines");

    options = std::make_shared<ServiceOptions>();
    options->common.clickhouse_user.clear();
    CLI::App& edit_command = add(*group, action, "edit",
                                 "Change a service that was added; its pipes go on with it", options, edit);
    add_service_argument(edit_command, *options)->required();
    edit_command.add_option("--name", options->name, "Another name");
    edit_command.add_option("--clickhouse-url", options->common.clickhouse_url, "Where it is now");
    edit_command.add_option("--clickhouse-user", options->common.clickhouse_user, "Another user");
    edit_command
        .add_option("--clickhouse-password-file", options->common.clickhouse_password_file,
                    "File whose first line is the new password")
        ->type_name("FILE");
    edit_command
        .add_option("--clickhouse-ca-file", options->clickhouse_ca_file,
                    "PEM file of the authority of an https:// ClickHouse")
        ->type_name("FILE");
    edit_command.add_option("--cluster", options->cluster, "Make tables ON CLUSTER from now on");

    options = std::make_shared<ServiceOptions>();
    CLI::App& delete_command =
        add(*group, action, "delete", "Remove a service that has no pipes; its data stay", options, remove);
    add_service_argument(delete_command, *options)->required();
    delete_command.add_flag("--yes", options->yes, "Do not ask");

    options = std::make_shared<ServiceOptions>();
    CLI::App& scaling_command =
        add(*group, action, "scaling",
            "Show or set the processors and memory that the pipes of a service share", options, scaling);
    add_service_argument(scaling_command, *options)->envname("PENSTOCK_SERVICE");
    scaling_command.add_option("--cpu-millicores", options->cpu_millicores,
                               "1000 for each processor, up to 32000");
    scaling_command.add_option("--memory-gb", options->memory_gb,
                               "4 for each processor, the default with --cpu-millicores");
}

}  // namespace penstock
