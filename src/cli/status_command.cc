// penstock status PIPE.yaml: where a pipe is, from the catalog alone; neither server is asked.

#include <ctime>

#include <CLI/CLI.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "catalog/catalog.h"
#include "cli/number_text.h"
#include "cli/options.h"
#include "cli/pipe_argument.h"
#include "cli/terminal.h"
#include "cli/text_table.h"

namespace penstock {
namespace {

std::string utc(int64_t ms) {
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(ms / 1000)),
                       ms % 1000);
}

const char* load_state_name(LoadState state) {
    switch (state) {
        case LoadState::kPending:
            return "pending";
        case LoadState::kLoading:
            return "loading";
        case LoadState::kLoaded:
            return "loaded";
    }
    return "";
}

nlohmann::json describe(const Catalog& catalog, const PipeRecord& pipe) {
    nlohmann::json out = {{"name", pipe.name},
                          {"id", pipe.id},
                          {"state", pipe.state},
                          {"reason", pipe.state_reason},
                          {"createdAt", utc(pipe.created_at)},
                          {"updatedAt", utc(pipe.updated_at)}};
    if (std::optional<Checkpoint> checkpoint = catalog.checkpoint(pipe.id)) {
        out["position"] = checkpoint->position.to_string();
        out["nextVersion"] = checkpoint->next_version;
    }
    out["tables"] = nlohmann::json::array();
    for (const TableRecord& table : catalog.tables(pipe.id)) {
        nlohmann::json columns = nlohmann::json::array();
        for (const AdjustedColumn& column : table.adjusted_columns)
            columns.push_back({{"column", column.column}, {"values", column.values}});
        out["tables"].push_back({{"target", table.target_table},
                                 {"load", load_state_name(table.load_state)},
                                 {"rowsLoaded", table.rows_loaded},
                                 {"inserted", table.counts.inserted},
                                 {"updated", table.counts.updated},
                                 {"deleted", table.counts.deleted},
                                 {"adjusted", table.counts.adjusted},
                                 {"adjustedColumns", columns},
                                 {"error", table.stop_reason},
                                 {"errorPosition", table.stop_position}});
    }
    out["transitions"] = nlohmann::json::array();
    for (const Transition& t : catalog.transitions(pipe.id)) {
        out["transitions"].push_back(
            {{"time", utc(t.time)}, {"from", t.from}, {"to", t.to}, {"reason", t.reason}});
    }
    return out;
}

void print_text(const nlohmann::json& pipe) {
    auto text = [](const nlohmann::json& value) { return printable(value.get<std::string>()); };
    auto count = [](const nlohmann::json& value) { return grouped(value.get<uint64_t>()); };
    fmt::print("{}: {} ({})\n", text(pipe["name"]), text(pipe["state"]), text(pipe["reason"]));
    if (pipe.contains("position")) fmt::print("position: {}\n", text(pipe["position"]));
    TextTable tables({{.title = "TARGET", .may_shrink = true},
                      {.title = "LOAD", .state = true},
                      {.title = "ROWS LOADED", .right = true},
                      {.title = "INSERTED", .right = true},
                      {.title = "UPDATED", .right = true},
                      {.title = "DELETED", .right = true},
                      {.title = "ADJUSTED", .right = true}});
    std::string adjusted;
    for (const nlohmann::json& t : pipe["tables"]) {
        tables.add({text(t["target"]), text(t["load"]), count(t["rowsLoaded"]), count(t["inserted"]),
                    count(t["updated"]), count(t["deleted"]), count(t["adjusted"])});
        for (const nlohmann::json& c : t["adjustedColumns"]) {
            adjusted += fmt::format("{}.{}: {} values adjusted\n", text(t["target"]), text(c["column"]),
                                    count(c["values"]));
        }
    }
    if (!tables.empty()) fmt::print("\n{}", tables.render(Screen::of(stdout)));
    if (!adjusted.empty()) fmt::print("\n{}", adjusted);
    for (const nlohmann::json& t : pipe["tables"]) {
        if (!text(t["error"]).empty())
            fmt::print("\n{} is stopped: {}\n", text(t["target"]), text(t["error"]));
    }
    fmt::print("\n");
    for (const nlohmann::json& t : pipe["transitions"]) {
        fmt::print("{}  {} -> {}: {}\n", text(t["time"]), text(t["from"]), text(t["to"]), text(t["reason"]));
    }
}

int status(const CommonOptions& options, const std::string& argument) {
    Catalog catalog = open_existing_catalog(options);
    nlohmann::json pipe = describe(catalog, find_pipe_argument(catalog, argument));
    if (options.json()) {
        fmt::print("{}\n", pipe.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    } else {
        print_text(pipe);
    }
    return kExitOk;
}

}  // namespace

void add_status_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand(
        "status",
        "Show a pipe's state, tables, counts and every transition with its reason. Reads the data\n"
        "directory only, so it may be used while the pipe runs.");
    auto options = std::make_shared<CommonOptions>();
    auto pipe = std::make_shared<std::string>();
    command->add_option("PIPE", *pipe, "The pipe file, or the pipe's name")->required();
    add_data_dir_option(*command, *options);
    add_output_option(*command, *options);
    command->callback([=, &action] { action = [=] { return status(*options, *pipe); }; });
}

}  // namespace penstock
