// penstock: the program. Each command is in a file of its own; this one only puts them together.

#include <csignal>
#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/clickhouse_command.h"
#include "cli/options.h"

int main(int argc, char** argv) {
    using namespace penstock;
    std::signal(SIGPIPE, SIG_IGN);
    auto logger = spdlog::stderr_logger_mt("penstock");
    // On a terminal a log line takes the place of the progress bar, which is drawn anew below it.
    logger->set_pattern(isatty(STDERR_FILENO) ? "\r\x1b[K%H:%M:%S %l: %v" : "%Y-%m-%dT%H:%M:%S.%e %l: %v");
    spdlog::set_default_logger(std::move(logger));

    CLI::App app(
        "Penstock copies MySQL and MariaDB tables into ClickHouse and keeps them in step.\n"
        "Start with a pipe file (docs/pipe-file.md), then:\n"
        "  penstock check shop.yaml    is the source ready? prints the SQL that makes it so\n"
        "  penstock run shop.yaml      load the tables, then follow their changes; Ctrl-C pauses\n"
        "  penstock status shop.yaml   where the pipe is\n"
        "  penstock verify shop.yaml   compare both sides, value by value\n"
        "Exit codes: 0 done, 1 failed or different, 2 wrong usage.",
        "penstock");
    app.set_version_flag("--version", "penstock " PENSTOCK_VERSION);
    app.require_subcommand(1);
    Action action;
    add_run_command(app, action);
    add_check_command(app, action);
    add_verify_command(app, action);
    add_status_command(app, action);
    add_clickhouse_command(app, action);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? kExitOk : kExitUsage;
    }
    try {
        return action();
    } catch (const Error& e) {
        std::fprintf(stderr, "penstock: %s\n", e.what());
        return e.disposition() == Disposition::kUsage ? kExitUsage : kExitFailed;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "penstock: %s\n", e.what());
        return kExitFailed;
    }
}
