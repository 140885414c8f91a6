#include "cli/clickhouse_command.h"

#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <stop_token>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "cli/signals.h"
#include "embedded/engine.h"
#include "embedded/engine_helper.h"

namespace penstock {
namespace {

struct ClickHouseOptions {
    CommonOptions common;
    std::optional<std::uint16_t> http_port;
    std::optional<std::uint16_t> tcp_port;
};

void print_addresses(const Engine& engine, bool as_json) {
    const Endpoint& at = engine.endpoint();
    const std::string play = fmt::format("{}/play?user={}", at.url, at.user);
    if (as_json) {
        // One line, so that a script can wait for it.
        std::cout << nlohmann::json{{"url", at.url},
                                    {"http_port", at.http_port},
                                    {"tcp_port", at.tcp_port},
                                    {"user", at.user},
                                    {"password_file", engine.password_file().string()},
                                    {"play", play},
                                    {"log", engine.log_file().string()},
                                    {"pid", engine.pid()}}
                         .dump()
                  << std::endl;
        return;
    }
    std::cout << fmt::format(
                     "ClickHouse is running. Ctrl-C stops it; its data stay.\n"
                     "  HTTP       {}\n"
                     "  native     127.0.0.1:{}\n"
                     "  user       {}\n"
                     "  password   in {}\n"
                     "  web page   {}\n"
                     "  log        {}\n"
                     "  try        curl --user \"{}:$(cat {})\" {} --data 'SELECT version()'\n",
                     at.url, at.tcp_port, at.user, engine.password_file().string(), play,
                     engine.log_file().string(), at.user, engine.password_file().string(), at.url)
              << std::flush;
}

int serve(const ClickHouseOptions& options) {
    const std::stop_source stop;
    const SignalWatcher watcher(stop);
    Engine engine({.data_dir = options.common.data_dir,
                   .http_port = options.http_port,
                   .tcp_port = options.tcp_port,
                   .library = options.common.library});
    engine.start();
    print_addresses(engine, options.common.json());
    while (!stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    engine.stop();
    return kExitOk;
}

}  // namespace

void add_clickhouse_command(CLI::App& app, Action& action) {
    auto options = std::make_shared<ClickHouseOptions>();
    CLI::App* command = app.add_subcommand("clickhouse", "Run the embedded ClickHouse in the foreground");
    add_data_dir_option(*command, options->common);
    command->add_option("--http-port", options->http_port,
                        "Port of 127.0.0.1 for HTTP; a free one is kept if not given");
    command->add_option("--tcp-port", options->tcp_port,
                        "Port of 127.0.0.1 for the native protocol; likewise");
    command->add_option("--library", options->common.library,
                        "The ClickHouse library, libchdb.so; looked for if not given");
    add_output_option(*command, options->common);
    command->callback([&action, options] { action = [options] { return serve(*options); }; });

    struct HelperArguments {
        std::string directory;
        std::string library;
    };
    auto helper = std::make_shared<HelperArguments>();
    CLI::App* engine =
        app.add_subcommand(kEngineHelperCommand, "The engine's own process; `clickhouse` starts it");
    engine->group("");  // not shown
    engine->add_option("directory", helper->directory)->required();
    engine->add_option("library", helper->library)->required();
    engine->callback([&action, helper] {
        action = [helper]() -> int { _exit(run_engine_helper(helper->directory, helper->library)); };
    });
}

}  // namespace penstock
