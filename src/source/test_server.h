#pragma once
// The real servers of the tests, from the environment: PENSTOCK_TEST_<MYSQL|MARIADB|MARIADB11>_HOST, _PORT,
// _USER, _PASSWORD, _SOCKET (`./dev servers` prints them). A missing one fails the test; nothing is skipped.

#include <cstdlib>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "source/mysql_connection.h"
#include "source/server_info.h"
#include "source/table_definition.h"

namespace penstock {

inline std::string test_env(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr)
        throw std::runtime_error(name + " is not set: start the servers with ./dev servers start");
    return value;
}

/// Each test gets a database of its own, dropped at its end, and a connection as the servers' root.
class ServerTest : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        const std::string prefix = std::string("PENSTOCK_TEST_") + GetParam();
        endpoint_.host = test_env(prefix + "_HOST");
        endpoint_.port = static_cast<uint16_t>(std::stoi(test_env(prefix + "_PORT")));
        endpoint_.username = test_env(prefix + "_USER");
        endpoint_.password = test_env(prefix + "_PASSWORD");
        socket_ = test_env(prefix + "_SOCKET");
        if (mariadb()) endpoint_.type = "mariadb";
        connection_.emplace(MysqlConnection::open(endpoint_));
        info_ = read_server_info(*connection_);
        static int count = 0;
        database_ = "penstock_source_" + std::to_string(getpid()) + "_" + std::to_string(++count);
        sql("DROP DATABASE IF EXISTS " + database_);
        sql("CREATE DATABASE " + database_ + " CHARACTER SET utf8mb4");
        sql("USE " + database_);
    }
    void TearDown() override {
        if (!connection_) return;
        for (const std::string& user : users_) sql("DROP USER IF EXISTS " + user);
        sql("DROP DATABASE IF EXISTS " + database_);
    }

    bool mariadb() const { return std::string(GetParam()).starts_with("MARIADB"); }
    void sql(const std::string& statement) { connection_->execute(statement); }
    TableSchema schema_of(const std::string& table) {
        return read_table_schema(*connection_, info_, database_, table);
    }
    /// An endpoint that enters as a new user with these statements' grants ("SELECT ON *.*").
    SourceEndpoint new_user(const std::string& name, const std::vector<std::string>& grants) {
        SourceEndpoint endpoint = endpoint_;
        endpoint.username = name + "_" + std::to_string(getpid());
        endpoint.password = "pass-Word-" + name;
        const std::string user = "'" + endpoint.username + "'@'%'";
        users_.push_back(user);
        sql("DROP USER IF EXISTS " + user);
        sql("CREATE USER " + user + " IDENTIFIED BY '" + endpoint.password + "'");
        for (const std::string& grant : grants) sql("GRANT " + grant + " TO " + user);
        return endpoint;
    }

    SourceEndpoint endpoint_;
    std::string socket_;
    std::string database_;
    ServerInfo info_;
    std::optional<MysqlConnection> connection_;
    std::vector<std::string> users_;
};

/// The Error that `action` throws; a failure when it throws none.
template <typename Action>
Error error_of(Action&& action) {
    try {
        action();
    } catch (const Error& e) {
        return e;
    }
    ADD_FAILURE() << "no Error was thrown";
    return Error(Disposition::kUsage, "no", "error");
}

}  // namespace penstock
