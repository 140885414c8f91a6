#pragma once
// The real ClickHouse of the tests, from the environment: PENSTOCK_TEST_CLICKHOUSE_URL, _USER, _PASSWORD
// (`./dev servers` prints them). A missing one fails the test; nothing is skipped.

#include <cstdlib>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "destination/clickhouse_client.h"
#include "destination/quoting.h"
#include "destination/schema.h"

namespace penstock {

inline ClickHouseEndpoint test_endpoint() {
    auto variable = [](const std::string& name) -> std::string {
        const char* value = std::getenv(name.c_str());
        if (value == nullptr) {
            throw std::runtime_error(name + " is not set: start the servers with ./dev servers start");
        }
        return value;
    };
    return {variable("PENSTOCK_TEST_CLICKHOUSE_URL"), variable("PENSTOCK_TEST_CLICKHOUSE_USER"),
            variable("PENSTOCK_TEST_CLICKHOUSE_PASSWORD"), ""};
}

/// Whether the plan's target exists. Throws as require_fit does when it does not fit.
inline bool has_target(ClickHouseClient& client, const TablePlan& plan) {
    const auto table = describe_table(client, plan.target_database, plan.target_table);
    if (table) require_fit(*table, plan);
    return table.has_value();
}

/// A database of this test's own, dropped at its end.
class ClickHouseTest : public testing::Test {
  protected:
    void SetUp() override {
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        database_ = std::string("penstock_test_") + test->name() + "_" + std::to_string(getpid());
        for (char& c : database_) {
            if (c == '/') c = '_';
        }
        ClickHouseClient client(test_endpoint());
        client.query("DROP DATABASE IF EXISTS " + quote_target_identifier(database_));
        client.query("CREATE DATABASE " + quote_target_identifier(database_));
    }
    void TearDown() override {
        if (database_.empty()) return;
        ClickHouseClient(test_endpoint())
            .query("DROP DATABASE IF EXISTS " + quote_target_identifier(database_));
    }

    std::string database_;
};

}  // namespace penstock
