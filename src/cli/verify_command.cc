// penstock verify PIPE: both sides compared, row by row, value by value.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "catalog/catalog.h"
#include "cli/number_text.h"
#include "cli/options.h"
#include "cli/pipe_argument.h"
#include "cli/terminal.h"
#include "destination/schema.h"
#include "pipe/pipe_file.h"
#include "pipe/pipe_setup.h"
#include "pipe/verify.h"
#include "secrets/master_key.h"
#include "service/configuration.h"
#include "service/stored_service.h"

namespace penstock {
namespace {

nlohmann::json describe(const TablePlan& plan, const VerifyResult& result) {
    nlohmann::json examples = nlohmann::json::array();
    for (const Difference& d : result.examples) {
        examples.push_back({{"kind", difference_name(d.kind)},
                            {"key", d.key},
                            {"column", d.column},
                            {"source", d.source},
                            {"target", d.target}});
    }
    return {{"source", plan.source.qualified_name()},
            {"target", plan.target_database + "." + plan.target_table},
            {"equal", result.equal()},
            {"rows", result.rows},
            {"missing", result.missing},
            {"extra", result.extra},
            {"different", result.different},
            {"examples", examples}};
}

void print_text(const TablePlan& plan, const VerifyResult& result) {
    std::string target = plan.target_database + "." + plan.target_table;
    if (result.equal()) {
        fmt::print("equal      {} = {}: {} rows\n", printable(plan.source.qualified_name()),
                   printable(target), grouped(result.rows));
        return;
    }
    fmt::print(
        "DIFFERENT  {} = {}: {} rows compared, {} missing in the target, {} extra there, {} different\n",
        printable(plan.source.qualified_name()), printable(target), grouped(result.rows),
        grouped(result.missing), grouped(result.extra), grouped(result.different));
    for (const Difference& d : result.examples) {
        fmt::print("           {} key {}", difference_name(d.kind), printable(d.key));
        if (!d.column.empty()) {
            fmt::print(", column {}: source {}, target {}", printable(d.column), printable(d.source),
                       printable(d.target));
        }
        fmt::print("\n");
    }
}

/// A Null engine target keeps no rows to compare with.
void skip(const TablePlan& plan, bool as_json, nlohmann::json& tables) {
    std::string source = plan.source.qualified_name(),
                target = plan.target_database + "." + plan.target_table;
    if (as_json) {
        tables.push_back({{"source", source}, {"target", target}, {"skipped", "engine Null keeps no rows"}});
    } else {
        fmt::print("skipped    {} = {}: engine Null keeps no rows\n", printable(source), printable(target));
    }
}

struct VerifyOptions {
    CommonOptions common;
    std::string pipe;       ///< a file or a name
    std::string config;     ///< of penstock serve
    bool data_dir = false;  ///< given, so it goes before the configuration's
};

Configuration configuration_of(const VerifyOptions& options) {
    std::vector<GivenFlag> flags;
    if (options.data_dir) flags.emplace_back("data_dir", std::vector{options.common.data_dir});
    return load_configuration(
        options.config.empty() ? std::nullopt : std::optional<std::string>(options.config), flags);
}

/// The pipe as its file describes it, else as the service does.
PipeSpec read_description(const VerifyOptions& options, const PipeRecord& pipe,
                          const std::function<MasterKey()>& key) {
    if (std::filesystem::is_regular_file(options.pipe)) return load_pipe_file(options.pipe);
    if (pipe.service_id.empty()) {
        throw Error(Disposition::kUsage, "verify " + pipe.name,
                    "the password of its source is in its pipe file only", "Give that file");
    }
    PipeSpec spec = from_json(nlohmann::json::parse(pipe.spec_json));
    spec.source.password = key().open(pipe.sealed_password, pipe_password_context(pipe.id));
    return spec;
}

int verify(VerifyOptions given) {
    const Configuration configuration = configuration_of(given);
    CommonOptions& options = given.common;
    options.data_dir = configuration.data_dir;
    Catalog catalog = open_existing_catalog(options);
    PipeRecord record = find_pipe_argument(catalog, given.pipe);
    auto key = [&] { return MasterKey::load(configuration.master_key_file, false); };
    const PipeSpec spec = read_description(given, record, key);
    std::optional<ClickHouseEndpoint> service;  // the command line goes before it
    if (options.clickhouse_url.empty() && !record.service_id.empty()) {
        service = look_up_endpoint(catalog, record, configuration.services, key);
    }
    std::optional<Destination> destination;
    if (!service) destination.emplace(Destination::open(options));
    ClickHouseClient client(service ? *service : destination->endpoint());
    const PipeSpec recorded = recorded_spec(catalog, record.id, spec);
    std::vector<TablePlan> plans =
        load_plans(catalog, record.id, recorded, read_destination_info(client).has_time64);
    for (const TableMapping& m : without(spec.mappings, recorded.mappings)) {
        throw Error(Disposition::kUsage, "verify " + spec.name,
                    m.source_database + "." + m.source_table + " = " + m.target_table +
                        " is described and not in the pipe",
                    "Let the pipe take it up, or remove it from its description");
    }
    MysqlConnection connection = MysqlConnection::open(spec.source);

    bool equal = true;
    bool terminal = isatty(STDERR_FILENO) == 1 && !options.json();
    nlohmann::json tables = nlohmann::json::array();
    for (const TablePlan& plan : plans) {
        if (plan.engine == TableEngine::kNull) {
            skip(plan, options.json(), tables);
            continue;
        }
        VerifyResult result = verify_table(plan, connection, client, [&](uint64_t rows) {
            if (terminal)
                std::fprintf(stderr, "\r\x1b[K%s: %s rows", printable(plan.source.name).c_str(),
                             grouped(rows).c_str());
        });
        if (terminal) std::fputs("\r\x1b[K", stderr);
        equal = equal && result.equal();
        if (options.json()) {
            tables.push_back(describe(plan, result));
        } else {
            print_text(plan, result);
        }
    }
    if (options.json()) {
        fmt::print("{}\n", nlohmann::json({{"pipe", spec.name}, {"equal", equal}, {"tables", tables}})
                               .dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    }
    return equal ? kExitOk : kExitFailed;
}

}  // namespace

void add_verify_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand(
        "verify",
        "Compare the pipe's tables with their source, row by row and value by value, and print the keys\n"
        "that differ. Exit code 0 only when everything is equal. Rows that are on their way while the\n"
        "source is written to count as differences: compare when it is quiet.\n"
        "A pipe of penstock serve is compared in its own service, beside the running service.");
    auto options = std::make_shared<VerifyOptions>();
    command->add_option("PIPE", options->pipe, "The pipe file, YAML or JSON, or the name of a pipe of serve")
        ->required();
    add_config_option(*command, options->config);
    add_data_dir_option(*command, options->common);
    add_clickhouse_options(*command, options->common);
    add_output_option(*command, options->common);
    command->callback([=, &action] {
        options->data_dir = command->count("--data-dir") > 0;
        action = [=] { return verify(*options); };
    });
}

}  // namespace penstock
