#include "cli/options.h"

#include <cstdlib>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/text_file.h"
#include "embedded/engine.h"

namespace penstock {
namespace {

ClickHouseEndpoint to_endpoint(const Endpoint& engine) {
    ClickHouseEndpoint endpoint;
    endpoint.url = engine.url;
    endpoint.user = engine.user;
    endpoint.password = engine.password;
    return endpoint;
}

}  // namespace

std::string CommonOptions::catalog_path() const {
    return data_dir + "/catalog.sqlite";
}

void add_output_option(CLI::App& command, CommonOptions& options) {
    command.add_option("--output", options.output, "How to print: text or json")
        ->check(CLI::IsMember({"text", "json"}))
        ->capture_default_str();
}

void add_data_dir_option(CLI::App& command, CommonOptions& options) {
    options.data_dir = "./penstock-data";
    command
        .add_option("--data-dir", options.data_dir, "Where the pipes' state and the embedded ClickHouse live")
        ->envname("PENSTOCK_DATA_DIR")
        ->type_name("DIR")
        ->capture_default_str();
}

void add_config_option(CLI::App& command, std::string& file) {
    command.add_option("--config", file, "The configuration file of penstock serve, YAML or JSON")
        ->type_name("FILE")
        ->envname("PENSTOCK_CONFIG");
}

CLI::Option& add_clickhouse_address(CLI::App& command, CommonOptions& options, const std::string& help) {
    CLI::Option* url = command.add_option("--clickhouse-url", options.clickhouse_url, help)
                           ->envname("PENSTOCK_CLICKHOUSE_URL");
    command.add_option("--clickhouse-user", options.clickhouse_user, "Its user")
        ->envname("PENSTOCK_CLICKHOUSE_USER")
        ->capture_default_str();
    command
        .add_option("--clickhouse-password-file", options.clickhouse_password_file,
                    "File whose first line is the password; else $PENSTOCK_CLICKHOUSE_PASSWORD")
        ->type_name("FILE");
    return *url;
}

void add_clickhouse_options(CLI::App& command, CommonOptions& options) {
    add_clickhouse_address(command, options,
                           "The target ClickHouse, e.g. https://host:8443; not given: the embedded one");
    command
        .add_option("--library", options.library,
                    "The embedded ClickHouse's libchdb.so; looked for if not given")
        ->type_name("FILE");
}

std::string read_clickhouse_password(const CommonOptions& options) {
    if (options.clickhouse_password_file.empty()) {
        const char* value = std::getenv("PENSTOCK_CLICKHOUSE_PASSWORD");
        return value != nullptr ? value : "";
    }
    return read_first_line(options.clickhouse_password_file, "file with the ClickHouse password");
}

Destination::Destination() = default;
Destination::Destination(Destination&&) noexcept = default;
Destination::~Destination() = default;

Destination Destination::open(const CommonOptions& options) {
    Destination destination;
    if (!options.clickhouse_url.empty()) {
        destination.endpoint_.url = options.clickhouse_url;
        destination.endpoint_.user = options.clickhouse_user;
        destination.endpoint_.password = read_clickhouse_password(options);
        return destination;
    }
    if (std::optional<Endpoint> running = find_running_engine(options.data_dir)) {
        destination.endpoint_ = to_endpoint(*running);
        return destination;
    }
    EngineOptions engine;
    engine.data_dir = options.data_dir;
    engine.library = options.library;
    destination.engine_ = std::make_unique<Engine>(std::move(engine));
    destination.engine_->start();
    destination.endpoint_ = to_endpoint(destination.engine_->endpoint());
    return destination;
}

}  // namespace penstock
