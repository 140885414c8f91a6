// Pipes as managed resources, on a real MySQL, MariaDB and ClickHouse.

#include "service/pipe_manager.h"

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sqlite3.h>

#include "destination/test_clickhouse.h"
#include "service/test_pipe_manager.h"

namespace penstock {
namespace {

using nlohmann::json;

TEST_P(PipeManagerTest, WhatIsRefusedLeavesNothing) {
    const json good = body("shop", {mapping("orders", "orders"), mapping("vi.si\"ts", "visits")});
    auto with = [&](const char* pointer, const json& value) {
        json changed = good;
        changed[json::json_pointer(pointer)] = value;
        return changed;
    };
    const std::string first = "source.mysql.tableMappings[0]", second = "source.mysql.tableMappings[1]";
    EXPECT_EQ(refused([&] { manager_->create("no-service", good); }).refusal(), Refusal::kNotFound);

    // What its fields say together.
    expect_bad(with("/source/mysql/tableMappings/1/targetTable", "orders"),
               second + ".targetTable: \"orders\"");
    expect_bad(with("/source/mysql/tableMappings/1", mapping("orders", "orders")),
               second + ": is the same mapping");
    expect_bad(with("/source/mysql/authentication", "IAM_ROLE"), "source.mysql.authentication: IAM_ROLE");
    expect_bad(with("/source", {{"kafka", json::object()}}), "source.kafka: is no source");
    // What the source says.
    expect_bad(with("/source/mysql/credentials/password", "wrong"), "Access denied");
    expect_bad(with("/source/mysql/port", 1), user_.host + ":1");
    expect_bad(with("/source/mysql/tableMappings/1/sourceTable", "nope"),
               second + ": table " + database_ + ".nope: found ");
    expect_bad(with("/source/mysql/tableMappings/0", mapping("nokey", "nokey")),
               first + ": key of " + database_ + ".nokey");
    expect_bad(with("/source/mysql/tableMappings/0", mapping("tags", "tags")), "column e of the sorting key");
    expect_bad(with("/source/mysql/tableMappings/1/excludedColumns", {"nope"}), "excludedColumns");
    expect_bad(with("/source/mysql/tableMappings/1/partitionKey", "nope"),
               second + ": partition key of " + database_ +
                   ".vi.si\"ts: found partitionKey names column nope, which the table does not have");
    expect_bad(with("/source/mysql/tableMappings/0/partitionKey", "note"),
               first + ": partition key of " + database_ +
                   ".orders: found partitionKey names column note, which is varchar(20)");
    // Names, and what would have no effect.
    expect_bad(with("/name", "a\nb"), "name: must not hold control characters");
    expect_bad(with("/name", "a\x1b[31m"), "name: must not hold control characters");
    expect_bad(with("/source/mysql/tableMappings/1/targetTable", std::string(194, 'x')),
               second + ".targetTable: is too long");
    expect_bad(with("/source/mysql/tableMappings/1/targetTable", std::string(65, '.')),
               second + ".targetTable: is too long");
    expect_bad(with("/destination/database", "system"), "destination.database: \"system\"");
    expect_bad(with("/destination/database", "INFORMATION_SCHEMA"), "destination.database");
    expect_bad(with("/scaling", {{"replicas", 3}}), "scaling.replicas: a MySQL pipe has no replicas");
    expect_bad(with("/destination/roles", {"r"}), "destination.roles");
    json keys = good;
    keys["source"]["mysql"]["tableMappings"][1]["useCustomSortingKey"] = true;
    keys["source"]["mysql"]["tableMappings"][1]["sortingKeys"] = {"id", "nope"};
    expect_bad(keys, "sortingKeys");

    // What ClickHouse says, and other pipes.
    ClickHouseClient client(test_endpoint());
    client.query("CREATE DATABASE " + quote_target_identifier(target()));
    client.query("CREATE TABLE " + quoted_target(target(), "visits") + " (id Int32) ENGINE = Log");
    RequestError taken = refused_body(good);
    EXPECT_TRUE(taken.message().starts_with(second + ": ")) << taken.message();
    EXPECT_NE(taken.message().find("does not fit"), std::string::npos) << taken.message();
    client.query("DROP TABLE " + quoted_target(target(), "visits"));

    create(good);
    RequestError named = refused_body(body("shop", json::array({mapping("orders", "others")})));
    EXPECT_EQ(named.refusal(), Refusal::kConflict);
    EXPECT_EQ(named.message(), "name: a pipe named \"shop\" exists already");
    RequestError used =
        refused_body(body("shop2", {mapping("orders", "others"), mapping("vi.si\"ts", "orders")}));
    EXPECT_EQ(used.refusal(), Refusal::kBadRequest);
    EXPECT_EQ(used.message(), second + ".targetTable: \"orders\" is a target of the pipe \"shop\"");
    // Another service that is the same server.
    const ClickHouseEndpoint there = test_endpoint();
    std::string url = there.url;
    ASSERT_NE(url.find("127.0.0.1"), url.npos);
    url.replace(url.find("127.0.0.1"), 9, "LocalHost");
    const std::string twin =
        services_
            ->create({{"name", "twin"}, {"url", url}, {"user", there.user}, {"password", there.password}})
            .at("id");
    RequestError twice = refused(
        [&] { manager_->create(twin, body("shop2", json::array({mapping("vi.si\"ts", "orders")}))); });
    EXPECT_EQ(twice.message(), first + ".targetTable: \"orders\" is a target of the pipe \"shop\"");
    // Or that becomes it.
    const std::string moved = services_->create({{"name", "moved"}, {"url", "http://127.0.0.1:9"}}).at("id");
    PipeRecord there_already;
    there_already.id = make_uuid();
    there_already.name = "there already";
    there_already.service_id = moved;
    there_already.spec_json =
        body("there already", {mapping("orders", "mine"), mapping("vi.si\"ts", "orders")}).dump();
    there_already.state = "Paused";
    directory_.catalog().create_pipe(there_already);
    RequestError joined = refused([&] { manager_->edit_service(moved, {{"url", url}}); });
    EXPECT_EQ(joined.refusal(), Refusal::kConflict);
    EXPECT_EQ(joined.message(),
              "url: there the pipe \"there already\" with its target \"orders\" and the pipe \"shop\" with "
              "its target \"orders\" would meet in one table of the database \"" +
                  target() + "\"");
    EXPECT_EQ(services_->place(moved), "localhost:9");
    directory_.catalog().delete_pipe(there_already.id);
    manager_->edit_service(moved, {{"url", url}, {"user", there.user}, {"password", there.password}});
    EXPECT_EQ(services_->place(moved), services_->place(service_));
    json elsewhere = body("shop2", json::array({mapping("orders", "orders")}));
    elsewhere["destination"]["database"] = target() + "_2";  // then it is another table
    manager_->remove(service_, create(elsewhere));
    ClickHouseClient(test_endpoint())
        .query("DROP DATABASE IF EXISTS " + quote_target_identifier(target() + "_2"));
}

TEST_P(PipeManagerTest, AConfigurationThatMakesTargetsOneIsRefused) {
    const ClickHouseEndpoint there = test_endpoint();
    const ServiceSettings first = {
        .name = "default", .url = there.url, .user = there.user, .password = there.password};
    ServiceSettings second = first;
    second.name = "second";
    second.url = "http://127.0.0.1:9";
    stop();
    services_ = directory_.services({first, second});
    for (const json& service : services_->list()) {
        PipeRecord pipe;
        pipe.id = make_uuid();
        pipe.name = "of " + service["name"].get<std::string>();
        pipe.service_id = service["id"];
        pipe.spec_json = body(pipe.name, json::array({mapping("orders", "orders")})).dump();
        pipe.state = "Paused";
        directory_.catalog().create_pipe(pipe);
    }
    manager_ = std::make_unique<PipeManager>(directory_.catalog(), directory_.key(), *services_);
    stop();
    second.url = there.url;
    services_ = directory_.services({first, second});
    try {
        PipeManager(directory_.catalog(), directory_.key(), *services_);
        ADD_FAILURE() << "two pipes with one target";
    } catch (const Error& e) {
        EXPECT_EQ(e.disposition(), Disposition::kUsage);
        EXPECT_TRUE(e.operation().starts_with("service \"")) << e.what();
        EXPECT_NE(e.message().find("with its target \"orders\" would meet in one table"), std::string::npos)
            << e.what();
    }
}

TEST_P(PipeManagerTest, AServiceThatTurnsItsPipesAwayIsRefused) {
    const ClickHouseEndpoint there = test_endpoint();
    const std::string service = services_->create(
        {{"name", "rotated"}, {"url", there.url}, {"user", there.user}, {"password", there.password}})["id"];
    const std::string id =
        manager_->create(service, body("shop", json::array({mapping("orders", "orders")})))["id"];
    const auto state_is = [&](const char* state) {
        return wait_for([&] { return manager_->get(service, id)["state"] == state; });
    };
    ASSERT_TRUE(state_is("Running"));
    const size_t before = manager_->events(service, id).size();
    RequestError wrong = refused([&] { manager_->edit_service(service, {{"password", "not-it-9"}}); });
    EXPECT_EQ(wrong.refusal(), Refusal::kBadRequest);
    EXPECT_NE(wrong.message().find("AUTHENTICATION_FAILED"), std::string::npos) << wrong.message();
    EXPECT_EQ(wrong.message().find("not-it-9"), std::string::npos);
    EXPECT_EQ(services_->endpoint(service).password, there.password);
    EXPECT_EQ(manager_->events(service, id).size(), before);
    // One that does not answer now is waited for, which is said.
    const json moved = manager_->edit_service(service, {{"url", "http://127.0.0.1:9"}});
    ASSERT_EQ(moved["warnings"].size(), 1u) << moved;
    const std::string silent = moved["warnings"][0];
    EXPECT_NE(silent.find("127.0.0.1:9"), silent.npos) << silent;
    EXPECT_TRUE(has_event(service, id, "its service was edited through the API; warning: " + silent));
    EXPECT_EQ(manager_->edit_service(service, {{"url", there.url}})["warnings"], json::array());
    ASSERT_TRUE(state_is("Running"));
    // What is repeated sends no pipe to work.
    const size_t events = manager_->events(service, id).size();
    json same = services_->get(service);
    same["password"] = there.password;
    EXPECT_EQ(manager_->edit_service(service, same), services_->get(service));
    EXPECT_EQ(manager_->events(service, id).size(), events);
    json embedded = services_->list()[0];
    EXPECT_EQ(manager_->edit_service(embedded["id"], embedded), embedded);
    ASSERT_TRUE(state_is("Running"));
    manager_->remove(service, id);
}

TEST_P(PipeManagerTest, FromCreationToDeletion) {
    const std::string name = "shop.\"1\" `ü` 店";
    json sent = body(name, {mapping("orders", "or.ders \"ü\""), mapping("vi.si\"ts", "visits")});
    sent["source"]["mysql"]["serverId"] = 4242;
    json made = manager_->create(service_, sent);
    const std::string id = made["id"];
    EXPECT_EQ(made["name"], name);
    EXPECT_EQ(made["serviceId"], service_);
    EXPECT_EQ(made["source"]["mysql"]["serverId"], 4242);
    EXPECT_EQ(made["source"]["mysql"]["settings"]["pullBatchSize"], 100000);
    EXPECT_EQ(made.dump().find(user_.password), std::string::npos);
    EXPECT_EQ(made.dump().find(user_.username), std::string::npos);
    ASSERT_TRUE(wait_for_state(id, "Running"));
    EXPECT_EQ(target_query("count()", "or.ders \"ü\""), "2");
    EXPECT_EQ(manager_->list(service_).size(), 1u);

    json tables = manager_->tables(service_, id);
    ASSERT_EQ(tables.size(), 2u);
    EXPECT_EQ(tables[0]["targetTable"], "or.ders \"ü\"");
    EXPECT_EQ(tables[0]["state"], "Running");
    EXPECT_EQ(tables[0]["rowsLoaded"], 2);
    EXPECT_EQ(manager_->partitions(service_, id, "").size(), 2u);
    EXPECT_EQ(manager_->partitions(service_, id, "visits").size(), 1u);
    EXPECT_EQ(refused([&] { manager_->partitions(service_, id, "nope"); }).refusal(), Refusal::kBadRequest);
    json events = manager_->events(service_, id);
    ASSERT_EQ(events.size(), 4u);
    EXPECT_EQ(events[0]["from"], "");
    EXPECT_EQ(events[0]["to"], "Provisioning");
    EXPECT_EQ(events[0]["reason"], "created through the API");
    EXPECT_EQ(events[3]["to"], "Running");
    EXPECT_EQ(manager_->events(service_, id, 1, 3), json::array({events[1]}));
    sql("INSERT INTO orders (id, note) VALUES (3, 'three')");
    ASSERT_TRUE(wait_for([&] { return !manager_->batches(service_, id, 10).empty(); }));
    EXPECT_EQ(manager_->batches(service_, id, 10)[0]["inserted"], 1);
    EXPECT_EQ(manager_->progress(service_, id)["state"], "Running");

    // Commands, and what clients expect of those that come twice.
    RequestError twice = refused([&] { manager_->command(service_, id, PipeCommand::kStart); });
    EXPECT_EQ(twice.refusal(), Refusal::kBadRequest);
    EXPECT_NE(twice.message().find("already running"), std::string::npos) << twice.message();
    manager_->command(service_, id, PipeCommand::kStop);
    ASSERT_TRUE(wait_for_state(id, "Paused"));
    EXPECT_EQ(manager_->command(service_, id, PipeCommand::kStop)["state"], "Paused");
    EXPECT_EQ(refused([&] { manager_->command(service_, id, PipeCommand::kResync, {"nope"}); }).refusal(),
              Refusal::kBadRequest);
    EXPECT_EQ(state(id), "Paused");
    manager_->command(service_, id, PipeCommand::kStart);
    ASSERT_TRUE(wait_for_state(id, "Running"));

    EXPECT_EQ(refused([&] { manager_->get(service_, "x"); }).refusal(), Refusal::kNotFound);
    EXPECT_EQ(refused([&] { manager_->get("x", id); }).refusal(), Refusal::kNotFound);
    manager_->remove(service_, id);
    for (const auto& action : std::initializer_list<std::function<void()>>{
             [&] { manager_->get(service_, id); }, [&] { manager_->tables(service_, id); },
             [&] { manager_->progress(service_, id); }, [&] { manager_->remove(service_, id); },
             [&] { manager_->patch(service_, id, {}); },
             [&] { manager_->command(service_, id, PipeCommand::kStop); }}) {
        EXPECT_EQ(refused(action).refusal(), Refusal::kNotFound);
    }
    EXPECT_EQ(target_query("count()", "or.ders \"ü\""), "3");  // its targets stay
}

TEST_P(PipeManagerTest, Edits) {
    const std::string id = create(body("shop", json::array({mapping("orders", "orders")})));
    ASSERT_TRUE(wait_for_state(id, "Running"));
    manager_->command(service_, id, PipeCommand::kStop);
    ASSERT_TRUE(wait_for_state(id, "Paused"));
    const json before = manager_->get(service_, id);
    const size_t events = manager_->events(service_, id).size();

    // Nothing of that touches a paused pipe.
    EXPECT_EQ(manager_->patch(service_, id, json::object()), before);
    EXPECT_EQ(manager_->patch(service_, id, source_patch({{"tableMappingsToAdd", json::array()}})), before);
    EXPECT_EQ(manager_->patch(service_, id, source_patch({{"credentials", credentials(user_)}})), before);
    json renamed =
        manager_->patch(service_, id, {{"name", "new"}, {"settings", {{"clickhouse_max_threads", 2}}}});
    EXPECT_EQ(renamed["name"], "new");
    EXPECT_EQ(renamed["settings"], json({{"clickhouse_max_threads", 2}}));
    EXPECT_EQ(manager_->settings(service_, id), renamed["settings"]);
    EXPECT_EQ(manager_->put_settings(service_, id, {{"object_storage_concurrency", 3}}),
              json({{"object_storage_concurrency", 3}}));
    EXPECT_EQ(state(id), "Paused");

    // What is wrong changes nothing.
    auto expect_refused = [&](const json& patch, const std::string& words) {
        const json was = manager_->get(service_, id);
        RequestError error = refused([&] { manager_->patch(service_, id, patch); });
        EXPECT_EQ(error.refusal(), Refusal::kBadRequest) << error.what();
        EXPECT_NE(error.message().find(words), std::string::npos) << error.message() << "\nwanted: " << words;
        EXPECT_EQ(manager_->get(service_, id), was);
    };
    auto add = [&](const json& added) {
        return source_patch({{"tableMappingsToAdd", json::array({added})}});
    };
    expect_refused(source_patch({{"tableMappingsToRemove", json::array({mapping("orders", "orders")})}}),
                   "must keep at least one mapping");
    expect_refused(add(mapping("orders", "orders")),
                   "source.mysql.tableMappingsToAdd[0]: the pipe has the mapping");
    expect_refused(add(mapping("tags", "tags")), "column e of the sorting key");
    json unknown_column = mapping("vi.si\"ts", "visits");
    unknown_column["excludedColumns"] = {"nope"};
    expect_refused(add(unknown_column), "source.mysql.tableMappingsToAdd[0]: excludedColumns");
    expect_refused(source_patch({{"credentials", {{"username", user_.username}, {"password", "wrong-1"}}}}),
                   "Access denied");
    json nowhere = source_patch({});
    nowhere["source"]["mysql"]["port"] = 1;
    expect_refused(nowhere, ":1");
    EXPECT_EQ(manager_->events(service_, id).size(), events);

    // Another account: the pipe goes on with it.
    SourceEndpoint other =
        new_user("two", {"SELECT ON " + database_ + ".*", "REPLICATION SLAVE ON *.*", binlog_grant()});
    manager_->patch(service_, id, source_patch({{"credentials", credentials(other)}}));
    sql("DROP USER '" + user_.username + "'@'%'");
    ASSERT_TRUE(wait_for_state(id, "Running"));
    // A table comes and a setting changes on a running pipe, and another start finds both, and the password.
    sql("INSERT INTO `vi.si\"ts` VALUES (1, '2026-01-01')");
    json patch = add(mapping("vi.si\"ts", "visits"));
    patch["source"]["mysql"]["settings"] = {{"pullBatchSize", 17}};
    EXPECT_EQ(manager_->patch(service_, id, patch)["source"]["mysql"]["tableMappings"].size(), 2u);
    ASSERT_TRUE(wait_for([&] { return manager_->tables(service_, id)[1]["rowsLoaded"] == 1; }));
    ASSERT_TRUE(wait_for_state(id, "Running"));
    stop();
    start();
    ASSERT_TRUE(wait_for_state(id, "Running"));
    json shown = manager_->get(service_, id);
    EXPECT_EQ(shown["name"], "new");
    EXPECT_EQ(shown["source"]["mysql"]["settings"]["pullBatchSize"], 17);
    sql("INSERT INTO orders (id, note) VALUES (9, 'nine')");
    ASSERT_TRUE(wait_for([&] { return target_query("count()", "orders") == "3"; }));
    manager_->patch(service_, id,
                    source_patch({{"tableMappingsToRemove", json::array({mapping("orders", "orders")})}}));
    ASSERT_TRUE(wait_for_state(id, "Running"));
    EXPECT_EQ(manager_->tables(service_, id).size(), 1u);
}

TEST_P(PipeManagerTest, ACompletedPipeIsOnlyResyncedAndDeleted) {
    json snapshot = body("shop", json::array({mapping("orders", "orders")}));
    snapshot["source"]["mysql"]["settings"]["replicationMode"] = "snapshot";
    const std::string id = create(snapshot);
    ASSERT_TRUE(wait_for_state(id, "Completed"));
    for (const auto& action : std::initializer_list<std::function<void()>>{
             [&] { manager_->command(service_, id, PipeCommand::kStart); },
             [&] { manager_->command(service_, id, PipeCommand::kStop); },
             [&] {
                 manager_->patch(service_, id, {{"name", "other"}});
             }}) {
        RequestError error = refused(action);
        EXPECT_EQ(error.refusal(), Refusal::kBadRequest);
        EXPECT_NE(error.message().find("Completed"), std::string::npos) << error.message();
    }
    sql("INSERT INTO orders (id, note) VALUES (3, 'three')");
    manager_->command(service_, id, PipeCommand::kResync);
    ASSERT_TRUE(wait_for_state(id, "Completed"));
    EXPECT_EQ(target_query("count()", "orders"), "3");
    manager_->remove(service_, id);
}

TEST_P(PipeManagerTest, ThePasswordIsSealed) {
    create(body("shop", json::array({mapping("orders", "orders")})));
    stop();
    for (const char* end : {"", "-wal"}) {
        std::ifstream file(directory_.file() + end, std::ios::binary);
        std::ostringstream bytes;
        bytes << file.rdbuf();
        EXPECT_EQ(bytes.str().find(user_.password), std::string::npos);
    }
}

TEST_P(PipeManagerTest, APasswordThatDoesNotOpenFailsItsPipeOnly) {
    const std::string broken = create(body("broken", json::array({mapping("orders", "orders")})));
    const std::string sound = create(body("sound", json::array({mapping("vi.si\"ts", "visits")})));
    ASSERT_TRUE(wait_for_state(broken, "Running"));
    ASSERT_TRUE(wait_for_state(sound, "Running"));
    stop();
    PipeChange change;
    change.sealed_password = directory_.key().seal(user_.password, "pipe/another/password");
    directory_.catalog().change_pipe(broken, change);
    start();
    ASSERT_TRUE(wait_for_state(broken, "Failed"));
    EXPECT_EQ(state(sound), "Running");
    const std::string reason = directory_.catalog().get_pipe(broken)->state_reason;
    EXPECT_TRUE(reason.starts_with("pipe broken: its password: ")) << reason;
    RequestError without = refused([&] {
        manager_->patch(service_, broken, source_patch({{"settings", {{"pullBatchSize", 7}}}}));
    });
    EXPECT_TRUE(without.message().starts_with("source.mysql.credentials.password: ")) << without.message();
    manager_->patch(service_, broken, source_patch({{"credentials", credentials(user_)}}));
    EXPECT_TRUE(wait_for([&] { return state(broken) == "Running"; }));
}

TEST_P(PipeManagerTest, AnEmptyPasswordCanBeGiven) {
    const std::string id = create(body("shop", json::array({mapping("orders", "orders")})));
    ASSERT_TRUE(wait_for_state(id, "Running"));
    sql("ALTER USER '" + user_.username + "'@'%' IDENTIFIED BY ''");
    json empty = credentials(user_);
    empty["password"] = "";
    manager_->patch(service_, id, source_patch({{"credentials", empty}}));
    stop();
    start();
    sql("INSERT INTO orders (id) VALUES (3)");
    EXPECT_TRUE(wait_for([&] { return target_query("count()", "orders") == "3"; })) << state(id);
}

TEST_P(PipeManagerTest, AServerIdIsOfOnePipeOfASource) {
    json one = body("one", json::array({mapping("orders", "orders")}));
    one["source"]["mysql"]["serverId"] = 4711;
    json two = body("two", json::array({mapping("vi.si\"ts", "visits")}));
    two["source"]["mysql"]["serverId"] = 4711;
    two["source"]["mysql"]["host"] = "localhost";
    const std::string id = create(one);
    RequestError twice = refused_body(two);
    EXPECT_TRUE(twice.message().starts_with("source.mysql.serverId: 4711 is used by the pipe \"one\""))
        << twice.message();
    two["source"]["mysql"]["serverId"] = 4712;
    const std::string other = create(two);
    RequestError changed = refused([&] {
        manager_->patch(service_, other, source_patch({{"serverId", 4711}}));
    });
    EXPECT_TRUE(changed.message().starts_with("source.mysql.serverId: ")) << changed.message();
    // null takes it out.
    json shown = manager_->patch(service_, id, source_patch({{"serverId", nullptr}}));
    EXPECT_FALSE(shown["source"]["mysql"].contains("serverId")) << shown;
    manager_->patch(service_, other, source_patch({{"serverId", 4711}}));
}

TEST_P(PipeManagerTest, TroubleOfTheCatalogIsNotTheRequests) {
    const std::string id = create(body("shop", json::array({mapping("orders", "orders")})));
    ASSERT_TRUE(wait_for_state(id, "Running"));
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(directory_.file().c_str(), &other), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    try {
        manager_->command(service_, id, PipeCommand::kStop);
        ADD_FAILURE() << "stopped without the catalog";
    } catch (const RequestError& e) {
        ADD_FAILURE() << "refused: " << e.what();
    } catch (const Error& e) {
        EXPECT_TRUE(e.operation().starts_with("catalog ")) << e.what();
    }
    sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
    sqlite3_close(other);
    manager_->command(service_, id, PipeCommand::kStop);
}

TEST_P(PipeManagerTest, WhoLooksNeverWaitsAndNeverFails) {
    const std::string id = create(body("shop", json::array({mapping("orders", "orders")})));
    std::atomic<bool> done = false;
    std::atomic<int> looks = 0;
    std::vector<std::jthread> watchers;
    for (int i = 0; i < 3; ++i) {
        watchers.emplace_back([&] {
            while (!done) {
                try {
                    manager_->list(service_);
                    manager_->get(service_, id);
                    manager_->tables(service_, id);
                    manager_->progress(service_, id);
                    manager_->partitions(service_, id, "");
                    ++looks;
                } catch (const RequestError& e) {
                    EXPECT_EQ(e.refusal(), Refusal::kNotFound) << e.what();
                }
            }
        });
    }
    ASSERT_TRUE(wait_for_state(id, "Running"));
    manager_->command(service_, id, PipeCommand::kResync);
    ASSERT_TRUE(wait_for_state(id, "Running"));
    manager_->remove(service_, id);
    done = true;
    watchers.clear();
    EXPECT_GT(looks, 0);
}

TEST_P(PipeManagerTest, Discovery) {
    json schemas = manager_->discover_schemas(source());
    EXPECT_EQ(schemas, json::array({database_}));  // all that this user sees
    json tables = manager_->discover_tables(source(), database_);
    ASSERT_EQ(tables.size(), 5u);
    EXPECT_EQ(tables[0]["name"], "nokey");
    EXPECT_EQ(tables[0]["hasKey"], false);
    EXPECT_EQ(tables[1]["name"], "orders");
    EXPECT_EQ(tables[1]["hasKey"], true);
    EXPECT_EQ(tables[1]["engine"], "InnoDB");
    EXPECT_EQ(tables[4]["name"], "vi.si\"ts");
    EXPECT_EQ(manager_->discover_tables(source(), "no'such").size(), 0u);

    json columns = manager_->discover_columns(source(), database_, "vi.si\"ts");
    ASSERT_EQ(columns.size(), 2u);
    EXPECT_EQ(columns[0]["name"], "id");
    EXPECT_EQ(columns[0]["key"], 1);
    EXPECT_EQ(columns[0]["targetType"], "Int32");
    EXPECT_EQ(columns[1], (json{{"name", "day"},
                                {"type", "date"},
                                {"targetType", "Nullable(Date32)"},
                                {"nullable", true},
                                {"key", nullptr},
                                {"indexed", true},
                                {"problem", nullptr}}));
    columns = manager_->discover_columns(source(), database_, "places");
    EXPECT_EQ(columns[1]["targetType"], "String");
    EXPECT_EQ(columns[1]["problem"], nullptr);
    EXPECT_EQ(refused([&] { manager_->discover_columns(source(), database_, "nope"); }).refusal(),
              Refusal::kBadRequest);
    json wrong = source();
    wrong["mysql"]["credentials"]["password"] = "wrong";
    EXPECT_EQ(refused([&] { manager_->discover_schemas(wrong); }).refusal(), Refusal::kBadRequest);

    json check = manager_->check(service_, body("any", json::array({mapping("nokey", "nokey")})));
    bool found = false;
    for (const json& item : check) {
        if (item["name"] != "key of " + database_ + ".nokey") continue;
        found = true;
        EXPECT_EQ(item["state"], "failed");
        EXPECT_TRUE(item["fixSql"].get<std::string>().starts_with("ALTER TABLE")) << item;
    }
    EXPECT_TRUE(found) << check;
}

TEST_P(PipeManagerTest, Scaling) {
    auto scaling = [](uint32_t millicores, uint32_t gigabytes) {
        return json{{"replicaCpuMillicores", millicores}, {"replicaMemoryGb", gigabytes}};
    };
    EXPECT_EQ(manager_->cdc_scaling(service_), scaling(2000, 8));
    EXPECT_EQ(manager_->patch_cdc_scaling(service_, scaling(4000, 16)), scaling(4000, 16));
    EXPECT_EQ(manager_->patch_cdc_scaling(service_, json::object()), scaling(4000, 16));
    EXPECT_EQ(refused([&] {
                  manager_->patch_cdc_scaling(service_, {{"replicaMemoryGb", 8}});
              }).message(),
              "replicaMemoryGb: must be four times the cores: 16 with replicaCpuMillicores 4000, not 8");
    for (const json& bad :
         {scaling(0, 0), scaling(1500, 6), scaling(33000, 132), json{{"replicaMemoryGb", 16.5}}}) {
        EXPECT_EQ(refused([&] { manager_->patch_cdc_scaling(service_, bad); }).refusal(),
                  Refusal::kBadRequest);
    }
    EXPECT_EQ(refused([&] { manager_->cdc_scaling("x"); }).refusal(), Refusal::kNotFound);
    stop();
    start();
    EXPECT_EQ(manager_->cdc_scaling(service_), scaling(4000, 16));

    const std::string id = create(body("shop", json::array({mapping("orders", "orders")})));
    EXPECT_EQ(manager_->patch_scaling(service_, id, {{"replicas", nullptr}})["id"], id);
    RequestError error = refused([&] { manager_->patch_scaling(service_, id, {{"replicas", 2}}); });
    EXPECT_EQ(error.refusal(), Refusal::kBadRequest);
    EXPECT_NE(error.hint().find("clickpipesCdcScaling"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Servers, PipeManagerTest, testing::Values("MYSQL", "MARIADB"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace penstock
