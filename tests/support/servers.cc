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

SourceEndpoint account_of_its_own(const std::string& server, const std::string& username) {
    SourceEndpoint endpoint = source_endpoint(server);
    MysqlConnection admin = MysqlConnection::open(endpoint);
    endpoint.username = username;
    admin.execute("DROP USER IF EXISTS " + username);
    admin.execute("CREATE USER " + username + " IDENTIFIED BY '" + endpoint.password + "'");
    admin.execute("GRANT ALL ON *.* TO " + username);
    return endpoint;
}

void kill_log_readers(MysqlConnection& admin, const std::string& username) {
    // MySQL's information_schema.PROCESSLIST fails while anybody's statement holds a character beyond the
    // BMP.
    const std::string list =
        admin.is_mariadb()
            ? "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%' AND USER = "
            : "SELECT PROCESSLIST_ID FROM performance_schema.threads"
              " WHERE PROCESSLIST_COMMAND LIKE 'Binlog Dump%' AND PROCESSLIST_USER = ";
    for (const auto& row : admin.query(list + quote_string(username))) {
        try {
            admin.execute("KILL " + row.at(0).value());
        } catch (const Error&) {  // it has ended by itself
        }
    }
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
