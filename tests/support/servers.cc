#include "support/servers.h"

#include <cstdlib>
#include <stdexcept>

namespace penstock::test {

std::string required_environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr)
        throw std::runtime_error(name + " is not set; ./dev test starts the servers and sets it");
    return value;
}

SourceEndpoint source_endpoint(const std::string& server) {
    const std::string prefix = "PENSTOCK_TEST_" + server + "_";
    SourceEndpoint endpoint;
    endpoint.type = server.rfind("MARIADB", 0) == 0 ? "mariadb" : "mysql";
    endpoint.host = required_environment(prefix + "HOST");
    endpoint.port = static_cast<uint16_t>(std::stoi(required_environment(prefix + "PORT")));
    endpoint.username = required_environment(prefix + "USER");
    endpoint.password = required_environment(prefix + "PASSWORD");
    return endpoint;
}

ClickHouseEndpoint clickhouse_endpoint() {
    ClickHouseEndpoint endpoint;
    endpoint.url = required_environment("PENSTOCK_TEST_CLICKHOUSE_URL");
    endpoint.user = required_environment("PENSTOCK_TEST_CLICKHOUSE_USER");
    endpoint.password = required_environment("PENSTOCK_TEST_CLICKHOUSE_PASSWORD");
    return endpoint;
}

}  // namespace penstock::test
