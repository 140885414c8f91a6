// penstock run PIPE.yaml: one pipe in the foreground.

#include <csignal>
#include <stop_token>

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

namespace penstock {
namespace {

int run(const CommonOptions& options, const std::string& file) {
    PipeSpec spec = load_pipe_file(file);
    std::stop_source stop;
    SignalWatcher signals(stop);  // before any thread, so that all inherit the blocked signals
    DataDirectoryLock lock(options.data_dir);
    Catalog catalog(options.catalog_path());
    Destination destination = Destination::open(options);
    Progress progress;
    PipeState end;
    {
        ProgressDisplay display(progress, spec.name, options.json());
        end = run_pipe(spec, destination.endpoint(), catalog, progress, stop.get_token());
    }
    if (options.json()) {
        fmt::print("{{\"pipe\": {}, \"state\": \"{}\"}}\n", json_string(spec.name), state_name(end));
    } else if (end == PipeState::kPaused) {
        fmt::print("{} is paused; the same command goes on from here\n", spec.name);
    } else {
        fmt::print("{} is {}\n", spec.name, state_name(end));
    }
    return kExitOk;
}

}  // namespace

void add_run_command(CLI::App& app, Action& action) {
    CLI::App* command =
        app.add_subcommand("run", "Run one pipe in the foreground: load its tables, then follow their changes.\n"
                                  "Ctrl-C finishes or drops the batch in flight and leaves the pipe Paused; the\n"
                                  "next run goes on from the checkpoint, also after a crash.");
    auto options = std::make_shared<CommonOptions>();
    auto file = std::make_shared<std::string>();
    command->add_option("PIPE", *file, "The pipe file, YAML or JSON")->required();
    add_data_dir_option(*command, *options);
    add_clickhouse_options(*command, *options);
    add_output_option(*command, *options);
    command->callback([=, &action] { action = [=] { return run(*options, *file); }; });
}

}  // namespace penstock
