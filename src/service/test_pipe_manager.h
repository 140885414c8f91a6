#pragma once
// A pipe manager between real servers, for tests of the service layer.

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "destination/schema.h"
#include "destination/test_clickhouse.h"
#include "service/pipe_manager.h"
#include "service/test_service.h"
#include "source/test_server.h"

namespace penstock {

/// A manager with the tests' ClickHouse as its service, and a shop at the source.
class PipeManagerTest : public ServerTest {
  protected:
    using json = nlohmann::json;

    void SetUp() override {
        ServerTest::SetUp();
        sql("CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(20), size INT)");
        sql("CREATE TABLE `vi.si\"ts` (id INT PRIMARY KEY, day DATE, KEY (day))");
        sql("CREATE TABLE nokey (x INT)");
        sql("CREATE TABLE places (id INT PRIMARY KEY, g POINT NOT NULL)");
        sql("CREATE TABLE tags (e ENUM('', 'b') PRIMARY KEY)");
        sql("INSERT INTO orders (id, note) VALUES (1, 'one'), (2, 'two')");
        user_ =
            new_user("svc", {"SELECT ON " + database_ + ".*", "REPLICATION SLAVE ON *.*", binlog_grant()});
        start();
    }
    void TearDown() override {
        manager_.reset();
        services_.reset();
        ClickHouseClient(test_endpoint())
            .query("DROP DATABASE IF EXISTS " + quote_target_identifier(target()));
        ServerTest::TearDown();
    }

    void start() {
        const ClickHouseEndpoint clickhouse = test_endpoint();
        services_ = directory_.services({{.name = "default",
                                          .url = clickhouse.url,
                                          .user = clickhouse.user,
                                          .password = clickhouse.password}});
        service_ = services_->default_id();
        manager_ = std::make_unique<PipeManager>(directory_.catalog(), directory_.key(), *services_);
    }
    void stop() {
        manager_.reset();
        services_.reset();
    }

    std::string binlog_grant() const {
        return mariadb() ? "BINLOG MONITOR ON *.*" : "REPLICATION CLIENT ON *.*";
    }
    std::string target() const { return database_; }
    json mapping(const std::string& table, const std::string& to) const {
        return {{"sourceSchemaName", database_}, {"sourceTable", table}, {"targetTable", to}};
    }
    json credentials(const SourceEndpoint& of) const {
        return {{"username", of.username}, {"password", of.password}};
    }
    json source() const {
        return {{"mysql",
                 {{"type", user_.type},
                  {"host", user_.host},
                  {"port", user_.port},
                  {"credentials", credentials(user_)}}}};
    }
    json body(const std::string& name, const json& mappings) const {
        json body = {{"name", name}, {"source", source()}, {"destination", {{"database", target()}}}};
        json& mysql = body["source"]["mysql"];
        mysql["settings"] = {{"replicationMode", "cdc"}, {"syncIntervalSeconds", 1}};
        mysql["tableMappings"] = mappings;
        return body;
    }
    json source_patch(json fields) const {
        fields["host"] = user_.host;  // clients always send both
        fields["port"] = user_.port;
        return {{"source", {{"mysql", std::move(fields)}}}};
    }

    std::string create(const json& body) { return manager_->create(service_, body)["id"]; }
    std::string state(const std::string& id) const { return manager_->get(service_, id)["state"]; }
    bool wait_for(const std::function<bool()>& condition) const {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        return true;
    }
    bool wait_for_state(const std::string& id, const std::string& wanted) const {
        bool reached = wait_for([&] {
            const std::string now = state(id);
            return now == wanted || (now == "Failed" && wanted != "Failed");
        });
        EXPECT_EQ(state(id), wanted) << manager_->progress(service_, id);
        return reached && state(id) == wanted;
    }
    bool has_event(const std::string& service, const std::string& id, const std::string& reason) const {
        const json events = manager_->events(service, id);
        return std::any_of(events.begin(), events.end(),
                           [&](const json& event) { return event["reason"] == reason; });
    }
    bool has_target_database() const {
        return ClickHouseClient(test_endpoint())
                   .query("SELECT count() FROM system.databases WHERE name = " +
                          quote_target_literal(target())) != "0";
    }
    std::string target_query(const std::string& select, const std::string& table) const {
        return ClickHouseClient(test_endpoint())
            .query("SELECT " + select + " FROM " + quoted_target(target(), table) +
                   " FINAL WHERE _peerdb_is_deleted = 0");
    }
    /// The refusal of a body, of which nothing is left behind.
    RequestError refused_body(const json& bad) {
        const size_t before = directory_.catalog().list_pipes().size();
        RequestError error = refused([&] { manager_->create(service_, bad); });
        EXPECT_EQ(directory_.catalog().list_pipes().size(), before);
        EXPECT_EQ(manager_->list(service_).size(), before);
        const std::string line = error.what();
        EXPECT_EQ(line.find(user_.password), line.npos) << line;
        return error;
    }
    void expect_bad(const json& bad, const std::string& words) {
        RequestError error = refused_body(bad);
        EXPECT_EQ(error.refusal(), Refusal::kBadRequest) << error.what();
        EXPECT_NE(error.message().find(words), std::string::npos) << error.message() << "\nwanted: " << words;
        EXPECT_FALSE(has_target_database());
    }

    DataDirectory directory_;
    SourceEndpoint user_;
    std::unique_ptr<Services> services_;
    std::string service_;
    std::unique_ptr<PipeManager> manager_;
};

}  // namespace penstock
