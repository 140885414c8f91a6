// penstock run PIPE.yaml: one pipe in the foreground.

#include <limits>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "catalog/catalog.h"
#include "catalog/data_directory_lock.h"
#include "cli/options.h"
#include "cli/progress_display.h"
#include "cli/signals.h"
#include "pipe/pipe.h"
#include "pipe/pipe_file.h"
#include "pipe/pipe_runner.h"
#include "pipe/resource_budget.h"

namespace penstock {
namespace {

const std::map<std::string, std::optional<Compression>> compressions = {{"auto", std::nullopt},
                                                                        {"zstd", Compression::kZstd},
                                                                        {"lz4", Compression::kLz4},
                                                                        {"none", Compression::kNone}};

struct RunOptions {
    CommonOptions common;
    std::string file;
    std::string compression = "auto";
    uint32_t memory_mb = 1024;
    bool resync = false;
};

int run(const RunOptions& run_options) {
    const CommonOptions& options = run_options.common;
    PipeSpec spec = load_pipe_file(run_options.file);
    std::stop_source stop;
    SignalWatcher signals(stop);  // before any thread, so that all inherit the blocked signals
    DataDirectoryLock lock(options.data_dir);
    Catalog catalog(options.catalog_path());
    Destination destination = Destination::open(options);
    const std::string pipe_id = open_pipe(spec, destination.endpoint(), catalog);

    ResourceBudget budget(std::numeric_limits<uint32_t>::max(), size_t{run_options.memory_mb} << 20);
    RunnerEnvironment environment;
    environment.budget = &budget;
    environment.catalog = &catalog;
    environment.destination = [&] { return destination.endpoint(); };
    environment.compression = compressions.at(run_options.compression);
    PipeRunner runner(std::move(environment), pipe_id, spec.source.password);
    PipeState end;
    {
        ProgressDisplay display(runner.progress(), spec.name, options.json());
        if (run_options.resync) {
            runner.resync({}, "penstock run --resync");
        } else if (is_at_rest(runner.state()) && runner.state() != PipeState::kCompleted) {
            runner.start("penstock run");
        }
        runner.take_up();
        std::stop_callback pausing(stop.get_token(), [&] {
            try {
                runner.stop("stop requested");
            } catch (const Error&) {  // it is at rest already
            }
        });
        end = runner.wait_for_rest();
    }
    if (std::optional<Error> failure = runner.failure(); end == PipeState::kFailed && failure) throw *failure;
    if (options.json()) {
        fmt::print("{{\"pipe\": {}, \"state\": \"{}\"}}\n", json_string(spec.name), state_name(end));
    } else if (end == PipeState::kPaused) {
        fmt::print("{} is paused; the same command goes on from here\n", spec.name);
    } else {
        fmt::print("{} is {}\n", spec.name, state_name(end));
    }
    return end == PipeState::kFailed ? kExitFailed : kExitOk;
}

}  // namespace

void add_run_command(CLI::App& app, Action& action) {
    CLI::App* command =
        app.add_subcommand("run",
                           "Run one pipe in the foreground: load its tables, then follow their changes.\n"
                           "Ctrl-C finishes or drops the batch in flight and leaves the pipe Paused; the\n"
                           "next run goes on from the checkpoint, also after a crash.");
    auto options = std::make_shared<RunOptions>();
    command->add_option("PIPE", options->file, "The pipe file, YAML or JSON")->required();
    command->add_flag("--resync", options->resync,
                      "Load all tables anew beside the old ones, then exchange them; also out of Failed");
    add_data_dir_option(*command, options->common);
    add_clickhouse_options(*command, options->common);
    command
        ->add_option("--compression", options->compression,
                     "Of what is sent to ClickHouse: zstd, lz4 or none; auto is none to a "
                     "loopback address and zstd to any other")
        ->check(CLI::IsMember({"auto", "zstd", "lz4", "none"}))
        ->capture_default_str();
    command
        ->add_option("--memory-mb", options->memory_mb,
                     "For the rows under way; more makes larger inserts when there is much to catch up with")
        ->check(CLI::Range(16, 1 << 20))
        ->capture_default_str();
    add_output_option(*command, options->common);
    command->callback([=, &action] { action = [=] { return run(*options); }; });
}

}  // namespace penstock
