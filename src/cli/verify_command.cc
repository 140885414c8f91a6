// penstock verify PIPE.yaml: both sides compared, row by row, value by value.

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
        fmt::print("equal      {} = {}: {} rows\n", plan.source.qualified_name(), target,
                   grouped(result.rows));
        return;
    }
    fmt::print(
        "DIFFERENT  {} = {}: {} rows compared, {} missing in the target, {} extra there, {} different\n",
        plan.source.qualified_name(), target, grouped(result.rows), grouped(result.missing),
        grouped(result.extra), grouped(result.different));
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
        fmt::print("skipped    {} = {}: engine Null keeps no rows\n", source, target);
    }
}

/// The ClickHouse of the command line, else that of the pipe's own service.
Destination open_destination(const CommonOptions& options, const Catalog& catalog, const PipeRecord& pipe) {
    if (!options.clickhouse_url.empty() || pipe.service_id.empty()) return Destination::open(options);
    const std::optional<ServiceRecord> service = catalog.get_service(pipe.service_id);
    const std::string origin =
        service ? nlohmann::json::parse(service->settings_json).value("origin", "") : "gone";
    if (origin == "embedded") return Destination::open(options);
    throw Error(Disposition::kUsage, "verify " + pipe.name,
                "it writes to the service " + (service ? service->name : pipe.service_id) +
                    ", not to the embedded ClickHouse",
                "Give that service's --clickhouse-url, --clickhouse-user and --clickhouse-password-file");
}

int verify(const CommonOptions& options, const std::string& file) {
    PipeSpec spec = load_pipe_file(file);
    Catalog catalog = open_existing_catalog(options);
    PipeRecord record = find_pipe_argument(catalog, file);
    Destination destination = open_destination(options, catalog, record);
    ClickHouseClient client(destination.endpoint());
    std::vector<TablePlan> plans =
        load_plans(catalog, record.id, spec, read_destination_info(client).has_time64);
    for (const TableMapping& m : without(spec.mappings, recorded_spec(catalog, record.id, spec).mappings)) {
        throw Error(Disposition::kUsage, "verify " + spec.name,
                    m.source_database + "." + m.source_table + " = " + m.target_table +
                        " is in the pipe file and not in the pipe",
                    "Let the pipe take it up, or remove it from the file");
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
                std::fprintf(stderr, "\r\x1b[K%s: %s rows", plan.source.name.c_str(), grouped(rows).c_str());
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
        "source is written to count as differences: compare when it is quiet.");
    auto options = std::make_shared<CommonOptions>();
    auto file = std::make_shared<std::string>();
    command->add_option("PIPE", *file, "The pipe file, YAML or JSON")->required();
    add_data_dir_option(*command, *options);
    add_clickhouse_options(*command, *options);
    add_output_option(*command, *options);
    command->callback([=, &action] { action = [=] { return verify(*options, *file); }; });
}

}  // namespace penstock
