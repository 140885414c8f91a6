// penstock run PIPE.yaml: one pipe in the foreground.

#include <map>
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

namespace penstock {
namespace {

const std::map<std::string, std::optional<Compression>> compressions = {{"auto", std::nullopt},
                                                                        {"zstd", Compression::kZstd},
                                                                        {"lz4", Compression::kLz4},
                                                                        {"none", Compression::kNone}};

int run(const CommonOptions& options, const std::string& file, const std::string& compression, bool resync) {
    PipeSpec spec = load_pipe_file(file);
    std::stop_source stop;
    SignalWatcher signals(stop);  // before any thread, so that all inherit the blocked signals
    DataDirectoryLock lock(options.data_dir);
    Catalog catalog(options.catalog_path());
    Destination destination = Destination::open(options);
    const std::string pipe_id = open_pipe(spec, destination.endpoint(), catalog);

    RunnerEnvironment environment;
    environment.catalog = &catalog;
    environment.destination = [&] { return destination.endpoint(); };
    environment.compression = compressions.at(compression);
    PipeRunner runner(std::move(environment), pipe_id, spec.source.password);
    PipeState end;
    {
        ProgressDisplay display(runner.progress(), spec.name, options.json());
        if (resync) {
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
    auto options = std::make_shared<CommonOptions>();
    auto file = std::make_shared<std::string>();
    auto compression = std::make_shared<std::string>("auto");
    command->add_option("PIPE", *file, "The pipe file, YAML or JSON")->required();
    auto resync = std::make_shared<bool>(false);
    command->add_flag("--resync", *resync,
                      "Load all tables anew beside the old ones, then exchange them; also out of Failed");
    add_data_dir_option(*command, *options);
    add_clickhouse_options(*command, *options);
    command
        ->add_option("--compression", *compression,
                     "Of what is sent to ClickHouse: zstd, lz4 or none; auto is none to a "
                     "loopback address and zstd to any other")
        ->check(CLI::IsMember({"auto", "zstd", "lz4", "none"}))
        ->capture_default_str();
    add_output_option(*command, *options);
    command->callback([=, &action] { action = [=] { return run(*options, *file, *compression, *resync); }; });
}

}  // namespace penstock
