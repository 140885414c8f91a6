// penstock check PIPE.yaml: what the source and the target still lack, with the SQL that fixes it.

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/options.h"
#include "cli/terminal.h"
#include "pipe/pipe_check.h"
#include "pipe/pipe_file.h"

namespace penstock {
namespace {

const char* label(Prerequisite::State state) {
    switch (state) {
        case Prerequisite::State::kOk:
            return "ok";
        case Prerequisite::State::kWarning:
            return "warning";
        case Prerequisite::State::kFailed:
            return "FAILED";
    }
    return "";
}

int check(const CommonOptions& options, const std::string& file) {
    PipeSpec spec = load_pipe_file(file);
    std::optional<ClickHouseEndpoint> target;
    if (!options.clickhouse_url.empty()) target = Destination::open(options).endpoint();
    std::vector<Prerequisite> items = check_pipe(spec, target);
    bool passed = all_passed(items);
    if (options.json()) {
        nlohmann::json list = nlohmann::json::array();
        for (const Prerequisite& item : items) {
            list.push_back(
                {{"name", item.name},
                 {"state", item.state == Prerequisite::State::kFailed ? "failed" : label(item.state)},
                 {"found", item.found},
                 {"needed", item.needed},
                 {"fix", item.fix_sql}});
        }
        fmt::print("{}\n", nlohmann::json({{"pipe", spec.name}, {"passed", passed}, {"items", list}})
                               .dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
        return passed ? kExitOk : kExitFailed;
    }
    for (const Prerequisite& item : items) {
        fmt::print("{:7}  {}: {}\n", label(item.state), printable(item.name), printable(item.found));
        if (item.state == Prerequisite::State::kOk) continue;
        if (!item.needed.empty()) fmt::print("         needed: {}\n", printable(item.needed));
        if (!item.fix_sql.empty()) fmt::print("         fix:    {}\n", printable(item.fix_sql));
    }
    fmt::print("{} is {}\n", printable(spec.name), passed ? "ready to run" : "not ready");
    return passed ? kExitOk : kExitFailed;
}

}  // namespace

void add_check_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand(
        "check",
        "List what the pipe needs of its source (and, with --clickhouse-url, of its target), each with\n"
        "its state and the SQL that fixes it. Changes nothing. Exit code 1 when something is missing.");
    auto options = std::make_shared<CommonOptions>();
    auto file = std::make_shared<std::string>();
    command->add_option("PIPE", *file, "The pipe file, YAML or JSON")->required();
    add_clickhouse_options(*command, *options);
    add_output_option(*command, *options);
    command->callback([=, &action] { action = [=] { return check(*options, *file); }; });
}

}  // namespace penstock
