// penstock: the program. Each command is in a file of its own; this one only puts them together.

#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log_scope.h"
#include "base/name_suggestion.h"
#include "cli/clickhouse_command.h"
#include "cli/options.h"
#include "cli/terminal.h"

namespace {

/// Says which word is no command where one is expected; false: that is not what was wrong.
bool say_unknown_command(const CLI::App& app) {
    const CLI::App* at = &app;
    std::string path;
    while (!at->get_subcommands().empty()) {
        at = at->get_subcommands().front();
        path += at->get_name() + ": ";
    }
    const std::vector<std::string> words = at->remaining();
    std::vector<std::string_view> known;
    for (const CLI::App* child : at->get_subcommands([](const CLI::App*) { return true; })) {
        if (!child->get_group().empty()) known.push_back(child->get_name());
    }
    if (known.empty() || words.empty() || words.front().starts_with('-')) return false;
    std::fprintf(stderr, "penstock: %sthere is no command %s; %s\n", path.c_str(),
                 penstock::printable(words.front()).c_str(),
                 penstock::name_suggestion(words.front(), known).c_str());
    return true;
}

/// "%*": whose work the line is about, "shop: ".
class ScopeFlag : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg&, const std::tm&, spdlog::memory_buf_t& out) override {
        const std::string& scope = penstock::LogScope::current();
        if (scope.empty()) return;
        const std::string text = penstock::printable(scope) + ": ";
        out.append(text.data(), text.data() + text.size());
    }
    std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<ScopeFlag>(); }
};

}  // namespace

int main(int argc, char** argv) {
    using namespace penstock;
    std::signal(SIGPIPE, SIG_IGN);
    auto logger = spdlog::stderr_logger_mt("penstock");
    // On a terminal a log line takes the place of the progress bar, which is drawn anew below it.
    auto format = std::make_unique<spdlog::pattern_formatter>();
    format->add_flag<ScopeFlag>('*');
    format->set_pattern(isatty(STDERR_FILENO) ? "\r\x1b[K%H:%M:%S %l: %*%v"
                                              : "%Y-%m-%dT%H:%M:%S.%e%z %l: %*%v");
    logger->set_formatter(std::move(format));
    spdlog::set_default_logger(std::move(logger));

    CLI::App app(
        "Penstock copies MySQL and MariaDB tables into ClickHouse and keeps them in step.\n"
        "Start with a pipe file (docs/pipe-file.md), then:\n"
        "  penstock check shop.yaml    is the source ready? prints the SQL that makes it so\n"
        "  penstock run shop.yaml      load the tables, then follow their changes; Ctrl-C pauses\n"
        "  penstock status shop.yaml   where the pipe is\n"
        "  penstock verify shop.yaml   compare both sides, value by value\n"
        "Or many pipes in one process, made and changed through an API:\n"
        "  penstock serve                    the service; shows an API key at its first start\n"
        "  penstock pipe create shop.yaml    then pipe list, watch, stop, start, edit, resync, delete, ...\n"
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
    add_serve_command(app, action);
    add_secrets_command(app, action);
    add_pipe_command(app, action);
    add_service_command(app, action);
    add_key_command(app, action);
    add_completion_command(app, action);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        if (e.get_exit_code() != 0 && say_unknown_command(app)) return kExitUsage;
        if (e.get_exit_code() != 0) std::fputs("penstock: ", stderr);
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
