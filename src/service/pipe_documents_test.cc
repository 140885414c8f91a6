#include "service/pipe_documents.h"

#include <functional>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pipe/pipe_file.h"
#include "service/request_error.h"

namespace penstock {
namespace {

using nlohmann::json;

json least_body() {
    return json::parse(R"({
        "name": "shop",
        "source": {"mysql": {"host": "db", "port": 3306, "credentials": {"username": "u", "password": "sesame"},
                             "settings": {"replicationMode": "cdc"},
                             "tableMappings": [{"sourceSchemaName": "shop", "sourceTable": "orders",
                                                "targetTable": "orders"}]}}})");
}

json document_of(const json& body) {
    return stored_document(body, checked_pipe_body(body));
}

PipeRecord record_of(const json& document) {
    PipeRecord record;
    record.id = "0d8e5c1a-0000-4000-8000-000000000001";
    record.service_id = "0d8e5c1a-0000-4000-8000-000000000002";
    record.name = document.at("name");
    record.spec_json = document.dump();
    record.state = "Running";
    record.created_at = 1'700'000'000'007;
    record.updated_at = 951'827'696'789;
    return record;
}

/// The message of the RequestError(kBadRequest) that the action throws.
std::string refusal_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const RequestError& e) {
        EXPECT_EQ(e.refusal(), Refusal::kBadRequest);
        return e.message();
    }
    return "not refused";
}

/// Every value of `sent` is in `shown` as it was sent.
void expect_within(const json& sent, const json& shown, const std::string& path) {
    if (sent.is_object()) {
        for (const auto& [name, value] : sent.items()) {
            ASSERT_TRUE(shown.contains(name)) << path << "." << name;
            expect_within(value, shown[name], path + "." + name);
        }
    } else if (sent.is_array() && !sent.empty() && sent[0].is_object()) {
        ASSERT_EQ(sent.size(), shown.size()) << path;
        for (size_t i = 0; i < sent.size(); ++i) expect_within(sent[i], shown[i], path + "[]");
    } else {
        EXPECT_EQ(sent, shown) << path;
    }
}

TEST(PipeDocument, WhatIsLeftOutHasTheValueInForce) {
    json shown = shown_pipe(record_of(document_of(least_body())));
    EXPECT_EQ(shown["id"], "0d8e5c1a-0000-4000-8000-000000000001");
    EXPECT_EQ(shown["serviceId"], "0d8e5c1a-0000-4000-8000-000000000002");
    EXPECT_EQ(shown["state"], "Running");
    EXPECT_EQ(shown["createdAt"], "2023-11-14T22:13:20.007Z");
    EXPECT_EQ(shown["updatedAt"], "2000-02-29T12:34:56.789Z");
    EXPECT_EQ(shown["destination"], json({{"database", "default"}}));
    EXPECT_EQ(shown["fieldMappings"], json::array());
    EXPECT_EQ(shown["settings"], json::object());
    EXPECT_FALSE(shown.contains("scaling"));
    const json& mysql = shown["source"]["mysql"];
    EXPECT_EQ(mysql["type"], "mysql");
    EXPECT_EQ(mysql["authentication"], "basic");
    EXPECT_EQ(mysql["disableTls"], false);
    EXPECT_FALSE(mysql.contains("credentials"));
    EXPECT_EQ(mysql["settings"]["syncIntervalSeconds"], 60);
    EXPECT_EQ(mysql["settings"]["pullBatchSize"], 100000);
    EXPECT_EQ(mysql["settings"]["replicationMechanism"], "GTID");
    EXPECT_EQ(mysql["tableMappings"][0]["tableEngine"], "ReplacingMergeTree");
    EXPECT_EQ(mysql["tableMappings"][0]["excludedColumns"], json::array());
}

TEST(PipeDocument, WhatWasSentComesBackAsItWasSent) {
    json body = json::parse(R"({
        "name": "a.b \"c\" ü",
        "source": {"mysql": {"type": "mariadb", "host": "10.0.0.1", "port": 3307, "authentication": "basic",
            "iamRole": "arn:x", "credentials": {"username": "u", "password": "sesame"}, "tlsHost": "db.example",
            "caCertificate": "-----BEGIN", "disableTls": true, "skipCertVerification": true, "serverId": 4242,
            "settings": {"replicationMode": "snapshot", "syncIntervalSeconds": 7, "allowNullableColumns": false,
                         "deleteOnMerge": true, "invalidDates": "error", "tinyInt1": "int8"},
            "tableMappings": [
                {"sourceSchemaName": "s.1", "sourceTable": "t\"1", "targetTable": "ü", "excludedColumns": ["b", "a"],
                 "useCustomSortingKey": true, "sortingKeys": ["z", "y"], "tableEngine": "MergeTree",
                 "partitionKey": "id"},
                {"sourceSchemaName": "s", "sourceTable": "t", "targetTable": "t", "sortingKeys": ["unused"]}]},
            "validateSamples": true},
        "destination": {"database": "d.b", "table": "x", "managedTable": true, "roles": [],
            "tableDefinition": {"engine": {"type": "MergeTree", "columnIds": ["a"]}, "sortingKey": ["q"]},
            "columns": [{"name": "n", "type": "String"}]},
        "fieldMappings": [{"sourceField": "a", "destinationField": "b"}],
        "scaling": {},
        "settings": {"streaming_max_insert_wait_ms": 5000, "clickhouse_max_threads": 0}})");
    json document = document_of(body);
    EXPECT_EQ(document.dump().find("sesame"), std::string::npos);
    json shown = shown_pipe(record_of(document));
    json expected = body;
    expected["source"].erase("validateSamples");       // not in the API's answer
    expected["source"]["mysql"].erase("credentials");  // never come back
    expected["destination"].erase("roles");            // not in the API's answer
    expect_within(expected, shown, "");
    EXPECT_EQ(shown.dump().find("\"u\""), std::string::npos);
    // What is stored is a pipe, too.
    PipeSpec spec = from_json(document);
    EXPECT_EQ(spec.source.server_id, 4242u);
    EXPECT_EQ(spec.mappings[0].sorting_keys, (std::vector<std::string>{"z", "y"}));
    EXPECT_EQ(spec.target_database, "d.b");
}

TEST(PipeDocument, NullIsNotGiven) {
    json body = least_body();
    body["source"]["mysql"]["type"] = nullptr;
    body["source"]["mysql"]["tlsHost"] = nullptr;
    body["source"]["mysql"]["settings"]["pullBatchSize"] = nullptr;
    body["destination"] = nullptr;
    body["settings"] = {{"clickhouse_max_threads", nullptr}};
    json shown = shown_pipe(record_of(document_of(body)));
    EXPECT_EQ(shown["source"]["mysql"]["type"], "mysql");
    EXPECT_FALSE(shown["source"]["mysql"].contains("tlsHost"));
    EXPECT_EQ(shown["source"]["mysql"]["settings"]["pullBatchSize"], 100000);
    EXPECT_EQ(shown["destination"]["database"], "default");
    EXPECT_EQ(shown["settings"], json::object());
}

TEST(PipeDocument, WhatIsWrongIsNamed) {
    json body = least_body();
    body["source"] = {{"postgres", {{"host", "x"}}}};
    EXPECT_EQ(refusal_of([&] { checked_pipe_body(body); }),
              "source.postgres: is no source that Penstock reads; allowed: source.mysql (MySQL, MariaDB)");
    body = least_body();
    body["source"]["mysql"]["type"] = "postgres";
    EXPECT_EQ(
        refusal_of([&] { checked_pipe_body(body); }),
        "source.mysql.type: \"postgres\" is not allowed; allowed: mysql, rdsmysql, auroramysql, mariadb, "
        "rdsmariadb");
    body = least_body();
    body["source"]["mysql"]["authentication"] = "IAM_ROLE";
    EXPECT_TRUE(
        refusal_of([&] { checked_pipe_body(body); }).starts_with("source.mysql.authentication: IAM_ROLE"));
    body = least_body();
    json second = body["source"]["mysql"]["tableMappings"][0];
    second["sourceTable"] = "others";
    body["source"]["mysql"]["tableMappings"].push_back(second);
    EXPECT_EQ(refusal_of([&] { checked_pipe_body(body); }),
              "source.mysql.tableMappings[1].targetTable: \"orders\" is the target of "
              "source.mysql.tableMappings[0] too; each mapping needs its own");
    EXPECT_EQ(refusal_of([&] { checked_pipe_body(json::array()); }),
              "must be an object with the fields name, source and destination");
}

TEST(SourceBody, NeedsOnlyTheServer) {
    json source = {
        {"mysql", {{"host", "db"}, {"port", 1}, {"credentials", {{"username", "u"}, {"password", "p"}}}}}};
    PipeSpec spec = checked_source_body(source);
    EXPECT_EQ(spec.source.host, "db");
    EXPECT_EQ(spec.source.password, "p");
    source["mysql"]["settings"] = {{"tinyInt1", "int8"}};
    EXPECT_FALSE(checked_source_body(source).settings.tinyint1_as_bool);
    source["mysql"].erase("credentials");
    EXPECT_EQ(refusal_of([&] { checked_source_body(source); }), "source.mysql.credentials: is required");
    EXPECT_TRUE(
        refusal_of([&] { checked_source_body(json::object()); }).starts_with("source.mysql: is required"));
}

/// A pipe of two tables, orders and visits.
json two_tables() {
    json body = least_body();
    body["source"]["mysql"]["tableMappings"].push_back({{"sourceSchemaName", "shop"},
                                                        {"sourceTable", "visits"},
                                                        {"targetTable", "visits"},
                                                        {"excludedColumns", {"agent"}}});
    return document_of(body);
}

json mapping(const std::string& table, const std::string& target) {
    return {{"sourceSchemaName", "shop"}, {"sourceTable", table}, {"targetTable", target}};
}
json mysql_patch(json fields) {
    fields["host"] = "db";  // clients always send both
    fields["port"] = 3306;
    return {{"source", {{"mysql", std::move(fields)}}}};
}

TEST(Patch, NothingGivenChangesNothing) {
    const json document = two_tables();
    for (const json& patch :
         {json::object(),
          json{{"name", nullptr}, {"source", nullptr}, {"destination", nullptr}, {"settings", nullptr}},
          mysql_patch({{"tableMappingsToAdd", json::array()},
                       {"tableMappingsToRemove", json::array()},
                       {"credentials", nullptr},
                       {"serverId", nullptr},
                       {"tlsHost", nullptr},
                       {"disableTls", nullptr},
                       {"settings", {{"pullBatchSize", nullptr}}}}),
          mysql_patch({{"settings", {{"syncIntervalSeconds", 60}}}})}) {
        PipeEdit edit = edited_pipe(document, patch);
        EXPECT_EQ(edit.document, document) << patch;
        EXPECT_FALSE(edit.changes_work || edit.changes_source || edit.password) << patch;
    }
}

TEST(Patch, WhatIsRepeatedIsNoChange) {
    const json document = two_tables();
    json whole = document;  // as it is answered
    whole["warnings"] = {"of an earlier answer"};
    whole["scaling"] = json::object();
    whole["destination"]["roles"] = json::array();
    whole["destination"]["table"] = "";
    whole["destination"]["managedTable"] = false;
    whole["source"]["validateSamples"] = true;
    json reordered = whole;
    auto& mappings = reordered["source"]["mysql"]["tableMappings"];
    std::swap(mappings[0], mappings[1]);
    mappings[1] = mapping("orders", "orders");  // what is left out is not compared
    json parts = {{"source", {{"mysql", {{"type", "mysql"}, {"settings", {{"replicationMode", "cdc"}}}}}}}};
    json earlier = document;  // stored by a version without these settings
    earlier["source"]["mysql"]["settings"].erase("geometry");
    for (const auto& [in_force, patch] :
         {std::pair{document, whole}, {document, reordered}, {document, parts}, {earlier, whole}}) {
        PipeEdit edit = edited_pipe(in_force, patch);
        EXPECT_EQ(edit.document, in_force) << patch;
        EXPECT_FALSE(edit.changes_work || edit.changes_source || edit.password) << patch;
    }
    const json facts = {{"id", "i"}, {"state", "Running"}};
    EXPECT_EQ(edited_pipe(document, facts, facts).document, document);
}

/// The refusal and what to do.
std::string whole_refusal_of(const json& document, const json& patch, const json& facts = json::object()) {
    try {
        edited_pipe(document, patch, facts);
    } catch (const RequestError& e) {
        EXPECT_EQ(e.refusal(), Refusal::kBadRequest);
        return e.message() + ". " + e.hint();
    }
    return "no refusal";
}

TEST(Patch, WhatCannotChangeIsNamed) {
    const json document = two_tables();
    const std::string fixed =
        ". It is fixed when a pipe is created: leave it out or repeat it as it is; for another value, delete "
        "the "
        "pipe and create it anew";
    EXPECT_EQ(whole_refusal_of(document, {{"source", {{"mysql", {{"type", "mariadb"}}}}}}),
              "source.mysql.type: cannot change from \"mysql\" to \"mariadb\"" + fixed);
    EXPECT_EQ(whole_refusal_of(document, {{"destination", {{"database", "other"}}}}),
              "destination.database: cannot change from \"default\" to \"other\"" + fixed);
    EXPECT_EQ(
        whole_refusal_of(document, {{"destination", {{"table", "t"}, {"managedTable", true}}}}),
        "destination.managedTable: cannot change to true; destination.table: cannot change to \"t\"" + fixed);
    const json others = {{"replicationMode", "snapshot"},
                         {"replicationMechanism", "FILE_POS"},
                         {"allowNullableColumns", false},
                         {"initialLoadParallelism", 5},
                         {"snapshotNumRowsPerPartition", 5000},
                         {"snapshotNumberOfParallelTables", 2},
                         {"deleteOnMerge", true},
                         {"invalidDates", "null"},
                         {"tinyInt1", "int8"},
                         {"geometry", "ewkt"}};
    const json& in_force = document["source"]["mysql"]["settings"];
    for (const auto& [name, other] : others.items()) {
        json settings = in_force;
        settings[name] = other;
        settings["pullBatchSize"] = 7;  // what can change is not done either
        EXPECT_EQ(whole_refusal_of(document, mysql_patch({{"settings", settings}})),
                  "source.mysql.settings." + name + ": cannot change from " + in_force[name].dump() + " to " +
                      other.dump() + fixed);
    }
    // The first five of them, in the order of their names.
    const std::string all = whole_refusal_of(document, mysql_patch({{"settings", others}}));
    EXPECT_TRUE(all.starts_with("source.mysql.settings.allowNullableColumns: cannot change")) << all;
    EXPECT_NE(all.find("; and 5 more. It is fixed"), all.npos) << all;

    const json facts = {{"id", "i"}, {"state", "Running"}};
    EXPECT_EQ(whole_refusal_of(document, {{"id", "j"}}, facts),
              "id: cannot change from \"i\" to \"j\". Leave it out or repeat it as it is");
    EXPECT_EQ(
        whole_refusal_of(document, {{"state", "Paused"}}, facts),
        "state: cannot change from \"Running\" to \"Paused\". A state is asked for with PATCH .../state: "
        "start, stop or resync");
    EXPECT_TRUE(whole_refusal_of(document, {{"scaling", {{"replicas", 2}}}})
                    .starts_with("scaling.replicas: a MySQL pipe has no replicas"));
    EXPECT_TRUE(whole_refusal_of(document, {{"destination", {{"roles", {"r"}}}}})
                    .starts_with("destination.roles: Penstock makes no ClickHouse user"));
}

TEST(Patch, MappingsAreRepeatedOrNamed) {
    const json document = two_tables();
    auto with = [&](json mappings) {
        return whole_refusal_of(document, mysql_patch({{"tableMappings", std::move(mappings)}}));
    };
    const std::string list = ". Name what changes in tableMappingsToAdd and tableMappingsToRemove";
    json both = document["source"]["mysql"]["tableMappings"];
    EXPECT_EQ(with(json::array({both[0]})),
              "source.mysql.tableMappings: lacks the mapping of shop.visits to visits" + list);
    json more = both;
    more.push_back(mapping("new", "new"));
    EXPECT_EQ(with(more), "source.mysql.tableMappings[2]: the pipe has no mapping of shop.new to new" + list);
    json other = both;
    other[1]["excludedColumns"] = {"agent", "more"};
    other[0]["tableEngine"] = "MergeTree";
    EXPECT_EQ(
        with(other),
        "source.mysql.tableMappings[0].tableEngine: cannot change from \"ReplacingMergeTree\" to "
        "\"MergeTree\"; source.mysql.tableMappings[1].excludedColumns: cannot change from [\"agent\"] to "
        "[\"agent\",\"more\"]. Remove the mapping, then empty or drop its target, and add the mapping with "
        "another request");
    json two_excluded = document;
    two_excluded["source"]["mysql"]["tableMappings"][1]["excludedColumns"] = {"a", "b"};
    json turned = mapping("visits", "visits");
    turned["excludedColumns"] = {"b", "a"};
    EXPECT_EQ(edited_pipe(two_excluded, mysql_patch({{"tableMappings", {both[0], turned}}})).document,
              two_excluded);
    // Each name counts by itself, whatever they spell together.
    json spelt = both;
    spelt[0]["sourceSchemaName"] = "shop.or";
    json alike = spelt[0];
    alike["sourceSchemaName"] = "shop";
    alike["sourceTable"] = "or.orders";
    json dotted = document;
    dotted["source"]["mysql"]["tableMappings"] = spelt;
    EXPECT_EQ(refusal_of([&] {
                  edited_pipe(dotted, mysql_patch({{"tableMappingsToRemove", {alike}}}));
              }),
              "source.mysql.tableMappingsToRemove[0]: the pipe has no mapping of shop.or.orders to orders");
    // A removal names a whole mapping as well.
    json removed = both[1];
    removed["tableEngine"] = "MergeTree";  // not compared: its names name it
    EXPECT_EQ(
        edited_pipe(document, mysql_patch({{"tableMappings", both}, {"tableMappingsToRemove", {removed}}}))
            .spec.mappings.size(),
        1u);
}

TEST(Patch, PartsOfASourceAreEnough) {
    const json document = two_tables();
    auto edit = [&](const json& fields) { return edited_pipe(document, {{"source", {{"mysql", fields}}}}); };
    EXPECT_EQ(edit({{"tableMappingsToAdd", {mapping("new", "new")}}}).spec.mappings.size(), 3u);
    EXPECT_EQ(edit({{"port", 4000}}).spec.source.port, 4000);
    EXPECT_EQ(edit({{"port", 4000}}).spec.source.host, "db");
    EXPECT_EQ(edit({{"credentials", {{"username", "v"}}}}).spec.source.username, "v");
    EXPECT_EQ(edit({{"credentials", {{"username", "v"}}}}).password, std::nullopt);
    EXPECT_EQ(edit({{"credentials", {{"password", "new"}}}}).password, "new");
}

TEST(Patch, WhatTheRunningPipeNeedNotKnow) {
    const json document = two_tables();
    PipeEdit edit =
        edited_pipe(document, {{"name", "new"},
                               {"destination", {{"columns", {{{"name", "a"}, {"type", "String"}}}}}},
                               {"fieldMappings", {{{"sourceField", "a"}, {"destinationField", "b"}}}},
                               {"settings", {{"clickhouse_max_threads", 4}}}});
    EXPECT_FALSE(edit.changes_work);
    EXPECT_FALSE(edit.changes_source);
    EXPECT_EQ(edit.spec.name, "new");
    EXPECT_EQ(edit.document["destination"]["columns"][0]["type"], "String");
    EXPECT_EQ(edit.document["fieldMappings"][0]["destinationField"], "b");
    EXPECT_EQ(shown_settings(edit.document), json({{"clickhouse_max_threads", 4}}));
    // A PATCH adds to what is there, a PUT takes its place.
    PipeEdit more = edited_pipe(edit.document, {{"settings", {{"clickhouse_max_insert_threads", 2}}}});
    EXPECT_EQ(shown_settings(more.document),
              json({{"clickhouse_max_threads", 4}, {"clickhouse_max_insert_threads", 2}}));
    json put = with_settings(more.document,
                             {{"clickhouse_max_threads", nullptr}, {"object_storage_concurrency", 1}});
    EXPECT_EQ(shown_settings(put), json({{"object_storage_concurrency", 1}}));
    EXPECT_EQ(insert_settings(more.document), (std::vector<std::pair<std::string, std::string>>{
                                                  {"max_insert_threads", "2"}, {"max_threads", "4"}}));
    EXPECT_TRUE(insert_settings(put).empty());
}

TEST(Patch, SettingsAndSource) {
    const json document = two_tables();
    PipeEdit edit = edited_pipe(document, mysql_patch({{"settings", {{"syncIntervalSeconds", 5}}}}));
    EXPECT_TRUE(edit.changes_work);
    EXPECT_FALSE(edit.changes_source);
    EXPECT_EQ(edit.spec.settings.sync_interval_seconds, 5u);
    EXPECT_EQ(edit.spec.settings.pull_batch_size, 100000u);

    // Milliseconds go before seconds, until seconds alone are given.
    PipeEdit fine = edited_pipe(edit.document, mysql_patch({{"settings",
                                                             {{"syncIntervalMilliseconds", 50},
                                                              {"snapshotMaxRowsPerSecond", 7},
                                                              {"snapshotMaxBytesPerSecond", 8}}}}));
    EXPECT_TRUE(fine.changes_work);
    EXPECT_EQ(fine.spec.settings.sync_interval_milliseconds, 50u);
    EXPECT_EQ(fine.spec.settings.sync_interval_seconds, 5u);
    EXPECT_EQ(fine.spec.settings.snapshot_max_rows_per_second, 7u);
    EXPECT_EQ(fine.spec.settings.snapshot_max_bytes_per_second, 8u);
    PipeEdit batch = edited_pipe(fine.document, mysql_patch({{"settings", {{"pullBatchSize", 9}}}}));
    EXPECT_EQ(batch.spec.settings.sync_interval_milliseconds, 50u);
    PipeEdit coarse = edited_pipe(fine.document, mysql_patch({{"settings", {{"syncIntervalSeconds", 5}}}}));
    EXPECT_TRUE(coarse.changes_work);
    EXPECT_EQ(coarse.spec.settings.sync_interval_milliseconds, 0u);
    EXPECT_EQ(coarse.spec.settings.snapshot_max_rows_per_second, 7u);

    json patch = mysql_patch({{"serverId", 9}, {"caCertificate", "PEM"}});
    patch["source"]["mysql"]["host"] = "other";
    edit = edited_pipe(document, patch);
    EXPECT_TRUE(edit.changes_work && edit.changes_source);
    EXPECT_EQ(edit.spec.source.host, "other");
    EXPECT_EQ(edit.spec.source.server_id, 9u);
    EXPECT_EQ(edit.document["source"]["mysql"]["caCertificate"], "PEM");

    // null takes optional ones out.
    edit = edited_pipe(edit.document, mysql_patch({{"serverId", nullptr}, {"caCertificate", nullptr}}));
    EXPECT_TRUE(edit.changes_source);
    EXPECT_EQ(edit.spec.source.server_id, std::nullopt);
    EXPECT_FALSE(edit.document["source"]["mysql"].contains("caCertificate"));

    EXPECT_TRUE(refusal_of([&] {
                    edited_pipe(document, mysql_patch({{"authentication", "IAM_ROLE"}}));
                }).starts_with("source.mysql.authentication: IAM_ROLE"));
}

TEST(Patch, Credentials) {
    const json document = two_tables();
    PipeEdit edit =
        edited_pipe(document, mysql_patch({{"credentials", {{"username", "u"}, {"password", "new"}}}}));
    EXPECT_EQ(edit.password, "new");
    EXPECT_EQ(edit.document, document);  // the password is not in it
    EXPECT_FALSE(edit.changes_source);
    edit = edited_pipe(document, mysql_patch({{"credentials", {{"username", "v"}, {"password", "new"}}}}));
    EXPECT_TRUE(edit.changes_source);
    EXPECT_EQ(edit.spec.source.username, "v");
    EXPECT_EQ(edit.document.dump().find("new"), std::string::npos);
}

TEST(Patch, TablesComeAndGo) {
    const json document = two_tables();
    json added = mapping("customers", "customers");
    added["excludedColumns"] = {"phone"};
    PipeEdit edit =
        edited_pipe(document, mysql_patch({{"tableMappingsToAdd", {added}},
                                           {"tableMappingsToRemove", {mapping("visits", "visits")}}}));
    EXPECT_TRUE(edit.changes_work);
    ASSERT_EQ(edit.added.size(), 1u);
    EXPECT_EQ(edit.added[0].source_table, "customers");
    EXPECT_EQ(edit.added[0].excluded_columns, std::vector<std::string>{"phone"});
    ASSERT_EQ(edit.removed.size(), 1u);
    EXPECT_EQ(edit.removed[0].source_table, "visits");
    const json& mappings = edit.document["source"]["mysql"]["tableMappings"];
    ASSERT_EQ(mappings.size(), 2u);
    EXPECT_EQ(mappings[1]["targetTable"], "customers");
    EXPECT_EQ(mappings[1]["tableEngine"], "ReplacingMergeTree");  // in force
    EXPECT_EQ(edit.spec.mappings.size(), 2u);

    // The same source table may go to a second target.
    edit = edited_pipe(document, mysql_patch({{"tableMappingsToAdd", {mapping("orders", "orders_again")}}}));
    EXPECT_EQ(edit.spec.mappings.size(), 3u);
    // The last one may be replaced by another, but not taken away.
    const json one = document_of(least_body());
    edit = edited_pipe(one, mysql_patch({{"tableMappingsToAdd", {mapping("visits", "visits")}},
                                         {"tableMappingsToRemove", {mapping("orders", "orders")}}}));
    EXPECT_EQ(edit.spec.mappings.size(), 1u);
    EXPECT_EQ(refusal_of([&] {
                  edited_pipe(one, mysql_patch({{"tableMappingsToRemove", {mapping("orders", "orders")}}}));
              }),
              "source.mysql.tableMappingsToRemove: a pipe must keep at least one mapping");
}

TEST(Patch, TablesThatCannotComeOrGo) {
    const json document = two_tables();
    auto remove = [&](const json& list) {
        return refusal_of([&] { edited_pipe(document, mysql_patch({{"tableMappingsToRemove", list}})); });
    };
    auto add = [&](const json& list, const json& removed = json::array()) {
        return refusal_of([&] {
            edited_pipe(document,
                        mysql_patch({{"tableMappingsToAdd", list}, {"tableMappingsToRemove", removed}}));
        });
    };
    // All three names count.
    EXPECT_EQ(remove({mapping("orders", "orders"), mapping("visits", "orders")}),
              "source.mysql.tableMappingsToRemove[1]: the pipe has no mapping of shop.visits to orders");
    EXPECT_EQ(remove({mapping("orders", "orders"), mapping("orders", "orders")}),
              "source.mysql.tableMappingsToRemove[1]: the pipe has no mapping of shop.orders to orders");
    EXPECT_EQ(
        add({mapping("new", "new"), mapping("orders", "orders")}),
        "source.mysql.tableMappingsToAdd[1]: the pipe has the mapping of shop.orders to orders already");
    EXPECT_EQ(add({mapping("new", "new"), mapping("new", "new")}),
              "source.mysql.tableMappingsToAdd[1]: the pipe has the mapping of shop.new to new already");
    EXPECT_EQ(add(json::array({mapping("orders", "orders")}), json::array({mapping("orders", "orders")})),
              "source.mysql.tableMappingsToAdd[0]: the mapping of shop.orders to orders is removed and added "
              "in one "
              "request");
    EXPECT_EQ(add(json::array({mapping("new", "visits")})),
              "source.mysql.tableMappingsToAdd[0].targetTable: \"visits\" is the target of "
              "source.mysql.tableMappings[1] too; each mapping needs its own");
    json bad = mapping("new", "new");
    bad["useCustomSortingKey"] = true;
    EXPECT_EQ(
        add({mapping("other", "other"), bad}),
        "source.mysql.tableMappingsToAdd[1].sortingKeys: is required when useCustomSortingKey is true; name "
        "at least one column");
    // A target that is called like a path is not taken for one.
    json odd = mapping("new", "source.mysql.tableMappings[x]");
    odd["useCustomSortingKey"] = true;
    EXPECT_TRUE(add(json::array({odd})).starts_with("source.mysql.tableMappingsToAdd[0].sortingKeys: "));
}

TEST(MappingPath, OnlyWhereItIsClear) {
    std::vector<TableMapping> mappings(3);
    for (TableMapping& mapping : mappings) mapping.source_database = "shop";
    mappings[0].source_table = "a";
    mappings[1].source_table = mappings[2].source_table = "b";
    EXPECT_EQ(mapping_path(mappings, "shop.a", "list"), "list[0]");
    EXPECT_EQ(mapping_path(mappings, "shop.b", "list"), "");
    EXPECT_EQ(mapping_path(mappings, "shop.c", "list"), "");
}

}  // namespace
}  // namespace penstock
