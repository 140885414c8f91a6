#include "pipe/pipe_file.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "pipe/pipe_file_fields.h"

namespace penstock {
namespace {

using nlohmann::json;

constexpr const char* kSmallest = R"(
name: shop
source:
  mysql:
    host: db.example.com
    port: 3306
    credentials: {username: repl, password: "s3cret"}
    settings: {replicationMode: cdc}
    tableMappings:
      - {sourceSchemaName: shop, sourceTable: items, targetTable: shop_items}
)";

constexpr const char* kFull = R"(
name: "123"
source:
  validateSamples: true
  mysql:
    type: mariadb
    host: /run/mysqld/mysqld.sock
    authentication: basic
    iamRole: ""
    credentials:
      username: repl
      password: s3cret
    tlsHost: tls.example.com
    caCertificate: |
      -----BEGIN CERTIFICATE-----
      abc
    disableTls: true
    skipCertVerification: true
    serverId: 4294967295
    settings:
      replicationMode: cdc_only
      replicationMechanism: FILE_POS
      syncIntervalSeconds: 5
      syncIntervalMilliseconds: 100
      pullBatchSize: 0x10
      useCompression: true
      allowNullableColumns: false
      initialLoadParallelism: 8
      snapshotNumRowsPerPartition: 5000
      snapshotNumberOfParallelTables: 2
      snapshotMaxRowsPerSecond: 7000
      snapshotMaxBytesPerSecond: 1000000
      deleteOnMerge: true
      invalidDates: null        # the word, though YAML reads it as no value
      tinyInt1: int8
      geometry: ewkt
    tableMappings:
      - sourceSchemaName: shop
        sourceTable: items
        targetTable: items
        excludedColumns: [note, "7"]
        useCustomSortingKey: true
        sortingKeys: [b, a]
        tableEngine: Null
        partitionKey: id
      - sourceSchemaName: shop
        sourceTable: items
        targetTable: items_log
        tableEngine: MergeTree
destination:
  database: dwh
  table: x
  managedTable: false
  tableDefinition: {engine: {type: MergeTree}}
  columns: []
  roles: [reader]
fieldMappings: []
scaling: {replicas: 1}
settings: {streaming_max_insert_wait_ms: 5000}
)";

json smallest() {
    return {
        {"name", "shop"},
        {"source",
         {{"mysql",
           {{"host", "db.example.com"},
            {"port", 3306},
            {"credentials", {{"username", "repl"}, {"password", "s3cret"}}},
            {"settings", {{"replicationMode", "cdc"}}},
            {"tableMappings",
             {{{"sourceSchemaName", "shop"}, {"sourceTable", "items"}, {"targetTable", "shop_items"}}}}}}}}};
}

template <typename Work>
std::string error_of(Work&& work) {
    try {
        work();
    } catch (const Error& e) {
        EXPECT_EQ(e.disposition(), Disposition::kUsage);
        std::string line = e.what();
        EXPECT_EQ(line.find('\n'), std::string::npos) << line;
        EXPECT_EQ(line.find("s3cret"), std::string::npos) << line;
        return line;
    }
    return "no error";
}
std::string yaml_error(const std::string& text, const std::string& origin = "pipe.yaml") {
    return error_of([&] { parse_pipe_text(text, origin); });
}
/// The error after `value` is put at a JSON pointer of the smallest pipe; null takes the field away.
std::string error_with(const std::string& pointer, const json& value) {
    json body = smallest();
    body[json::json_pointer(pointer)] = value;
    return error_of([&] { parse_pipe_spec(body); });
}

TEST(PipeFile, the_smallest_one_has_all_defaults) {
    PipeSpec spec = parse_pipe_text(kSmallest, "pipe.yaml");
    EXPECT_EQ(spec.name, "shop");
    EXPECT_EQ(spec.source.type, "mysql");
    EXPECT_EQ(spec.source.host, "db.example.com");
    EXPECT_EQ(spec.source.port, 3306);
    EXPECT_EQ(spec.source.username, "repl");
    EXPECT_EQ(spec.source.password, "s3cret");
    EXPECT_FALSE(spec.source.server_id);
    EXPECT_EQ(spec.settings.mode, ReplicationMode::kCdc);
    EXPECT_EQ(spec.target_database, "default");
    ASSERT_EQ(spec.mappings.size(), 1u);
    EXPECT_EQ(spec.mappings[0].source_database, "shop");
    EXPECT_EQ(spec.mappings[0].source_table, "items");
    EXPECT_EQ(spec.mappings[0].target_table, "shop_items");
    EXPECT_EQ(spec.mappings[0].engine, TableEngine::kReplacingMergeTree);
    EXPECT_EQ(to_json(parse_pipe_spec(smallest())), to_json(spec));
}

TEST(PipeFile, every_default_in_the_table_is_the_one_in_force) {
    json shown = to_json(parse_pipe_spec(smallest()));
    size_t checked = 0;
    for (const PipeField& field : pipe_fields()) {
        if (field.preset.empty()) continue;
        std::string pointer = "/" + std::string(field.path);
        for (size_t at; (at = pointer.find("[]")) != std::string::npos;) pointer.replace(at, 2, "/0");
        for (char& c : pointer) c = c == '.' ? '/' : c;
        ASSERT_TRUE(shown.contains(json::json_pointer(pointer))) << pointer;
        EXPECT_EQ(shown[json::json_pointer(pointer)], json::parse(field.preset)) << pointer;
        ++checked;
    }
    EXPECT_GT(checked, 15u);
}

TEST(PipeFile, every_field_reaches_the_spec) {
    PipeSpec spec = parse_pipe_text(kFull, "pipe.yaml");
    EXPECT_EQ(spec.name, "123");
    const SourceEndpoint& source = spec.source;
    EXPECT_EQ(source.type, "mariadb");
    EXPECT_EQ(source.host, "/run/mysqld/mysqld.sock");
    EXPECT_EQ(source.tls_host, "tls.example.com");
    EXPECT_EQ(source.ca_certificate, "-----BEGIN CERTIFICATE-----\nabc\n");
    EXPECT_TRUE(source.disable_tls);
    EXPECT_TRUE(source.skip_cert_verification);
    EXPECT_TRUE(source.use_compression);
    EXPECT_EQ(source.server_id, 4'294'967'295u);
    const SourceSettings& settings = spec.settings;
    EXPECT_EQ(settings.mode, ReplicationMode::kCdcOnly);
    EXPECT_EQ(settings.mechanism, ReplicationMechanism::kFilePos);
    EXPECT_EQ(settings.sync_interval_seconds, 5u);
    EXPECT_EQ(settings.sync_interval_milliseconds, 100u);
    EXPECT_EQ(settings.pull_batch_size, 16u);
    EXPECT_TRUE(settings.use_compression);
    EXPECT_FALSE(settings.allow_nullable_columns);
    EXPECT_EQ(settings.initial_load_parallelism, 8u);
    EXPECT_EQ(settings.snapshot_rows_per_partition, 5000u);
    EXPECT_EQ(settings.snapshot_parallel_tables, 2u);
    EXPECT_EQ(settings.snapshot_max_rows_per_second, 7000u);
    EXPECT_EQ(settings.snapshot_max_bytes_per_second, 1'000'000u);
    EXPECT_TRUE(settings.delete_on_merge);
    EXPECT_EQ(settings.invalid_dates, InvalidDatePolicy::kNull);
    EXPECT_FALSE(settings.tinyint1_as_bool);
    EXPECT_EQ(settings.geometry, GeometryText::kEwkt);
    ASSERT_EQ(spec.mappings.size(), 2u);
    const TableMapping& mapping = spec.mappings[0];
    EXPECT_EQ(mapping.excluded_columns, (std::vector<std::string>{"note", "7"}));
    EXPECT_TRUE(mapping.use_custom_sorting_key);
    EXPECT_EQ(mapping.sorting_keys, (std::vector<std::string>{"b", "a"}));
    EXPECT_EQ(mapping.engine, TableEngine::kNull);
    EXPECT_EQ(mapping.partition_key, "id");
    EXPECT_EQ(spec.mappings[1].engine, TableEngine::kMergeTree);
    EXPECT_EQ(spec.target_database, "dwh");
}

TEST(PipeFile, what_is_stored_comes_back_without_the_password) {
    for (const char* text : {kSmallest, kFull}) {
        PipeSpec spec = parse_pipe_text(text, "pipe.yaml");
        json stored = to_json(spec);
        EXPECT_EQ(stored.dump().find("s3cret"), std::string::npos);
        PipeSpec back = from_json(json::parse(stored.dump()));
        EXPECT_EQ(back.source.password, "");
        EXPECT_EQ(back.source.use_compression, spec.source.use_compression);
        EXPECT_EQ(to_json(back), stored);
    }
}

TEST(PipeFile, the_password_may_come_from_the_environment) {
    std::string text = kSmallest;
    text.replace(text.find("s3cret"), 6, "${PENSTOCK_TEST_PASSWORD}");
    unsetenv("PENSTOCK_TEST_PASSWORD");
    EXPECT_EQ(yaml_error(text),
              "pipe.yaml: source.mysql.credentials.password: the environment has no variable "
              "PENSTOCK_TEST_PASSWORD. Set it before penstock starts");
    setenv("PENSTOCK_TEST_PASSWORD", "from ${HOME} \"env\"", 1);
    EXPECT_EQ(parse_pipe_text(text, "pipe.yaml").source.password, "from ${HOME} \"env\"");
    json body = smallest();
    body["source"]["mysql"]["credentials"]["password"] = "${PENSTOCK_TEST_PASSWORD}";
    EXPECT_EQ(parse_pipe_spec(body).source.password,
              "${PENSTOCK_TEST_PASSWORD}");  // the API's body: as it is
    unsetenv("PENSTOCK_TEST_PASSWORD");
    text.replace(text.find("${PENS"), 25, "${}x");
    EXPECT_EQ(parse_pipe_text(text, "pipe.yaml").source.password, "${}x");
}

TEST(PipeFile, scalars_have_the_types_of_yaml) {
    auto with_password = [](const std::string& scalar) {
        std::string text = kSmallest;
        text.replace(text.find("\"s3cret\""), 8, scalar);
        return text;
    };
    auto password = [&](const std::string& s) {
        return parse_pipe_text(with_password(s), "x").source.password;
    };
    EXPECT_EQ(password("\"123\""), "123");
    EXPECT_EQ(password("'true'"), "true");
    EXPECT_EQ(password("!!str 123"), "123");
    EXPECT_EQ(password("\"\""), "");
    EXPECT_EQ(password("yes"), "yes");
    EXPECT_EQ(password("1.2.3"), "1.2.3");
    EXPECT_EQ(password("12ab"), "12ab");
    EXPECT_EQ(password("0xzz"), "0xzz");
    EXPECT_EQ(password("-"), "-");
    for (const char* scalar : {"123", "+5", "-7", "0x1F", "0o17", "1.5", "1e3", "99999999999999999999"}) {
        std::string line = yaml_error(with_password(scalar));
        EXPECT_NE(line.find("password: must be text, not a number"), std::string::npos) << line;
        EXPECT_EQ(line.find(scalar), std::string::npos) << line;
    }
    EXPECT_NE(yaml_error(with_password("true")).find("must be text, not true or false"), std::string::npos);
    for (const char* scalar : {"null", "~", "", "Null"}) {
        EXPECT_NE(yaml_error(with_password(scalar)).find("password: is required"), std::string::npos);
    }
    for (const char* scalar :
         {"!!binary aGk=", "!s3cret", "*s3cret", "@s3cret", "\"\\qs3cret\"", "[s3cret", "s3cret: s3cret"}) {
        std::string line = yaml_error(with_password(scalar));
        EXPECT_EQ(line.substr(0, 18), "pipe.yaml: line 7,") << line;
    }
    EXPECT_TRUE(
        yaml_error(with_password("\"\\qs3cret\"")).ends_with("not valid YAML: unknown escape character"));
    EXPECT_EQ(yaml_error(with_password("!s3cret")),
              "pipe.yaml: line 7, column 45: unknown tag; a value that begins with one of ! & * % @ ` needs "
              "quotes");
}

TEST(PipeFile, a_wrong_field_is_named_with_what_is_allowed) {
    struct Case {
        const char* pointer;
        json value;
        const char* error;
    };
    const Case cases[] = {
        {"/name", nullptr, "pipe: name: is required"},
        {"/name", 5, "pipe: name: must be text, not the number 5; put it in quotes"},
        {"/name", " ", "pipe: name: must not be empty"},
        {"/naem", "x", "pipe: naem: unknown field; did you mean name?"},
        {"/zzzzzzz", "x",
         "pipe: zzzzzzz: unknown field; known here: name, source, destination, fieldMappings, scaling, "
         "settings"},
        {"/source", nullptr, "pipe: source: is required"},
        {"/source", "x", "pipe: source: must be an object, not text"},
        {"/source", "mysql://u:s3cret@db", "pipe: source: must be an object, not text"},
        {"/source/mysql", nullptr, "pipe: source.mysql: is required"},
        {"/source/postgres", json::object(),
         "pipe: source.postgres: unknown field; known here: mysql, validateSamples"},
        {"/source/mysql/host", nullptr, "pipe: source.mysql.host: is required"},
        {"/source/mysql/host", "a b",
         "pipe: source.mysql.host: is not a host; allowed: a name, an address, or a socket's path"},
        {"/source/mysql/host", "u:s3cret@db",
         "pipe: source.mysql.host: is not a host; allowed: a name, an address, or a socket's path"},
        {"/source/mysql/host", "/" + std::string(107, 'a'),
         "pipe: source.mysql.host: a socket's path has at most 107 bytes"},
        {"/source/mysql/port", 0, "pipe: source.mysql.port: 0 is out of range; allowed: 1 to 65535"},
        {"/source/mysql/port", 65536, "pipe: source.mysql.port: 65536 is out of range; allowed: 1 to 65535"},
        {"/source/mysql/port", -1, "pipe: source.mysql.port: -1 is out of range; allowed: 1 to 65535"},
        {"/source/mysql/port", UINT64_MAX,
         "pipe: source.mysql.port: 18446744073709551615 is out of range; allowed: 1 to 65535"},
        {"/source/mysql/port", "3306",
         "pipe: source.mysql.port: must be a whole number, not the text \"3306\""},
        {"/source/mysql/port", 3306.0,
         "pipe: source.mysql.port: must be a whole number, not the number 3306.0"},
        {"/source/mysql/port", true, "pipe: source.mysql.port: must be a whole number, not true"},
        {"/source/mysql/hots", "x", "pipe: source.mysql.hots: unknown field; did you mean host?"},
        {"/source/mysql/disabletls", true,
         "pipe: source.mysql.disabletls: unknown field; did you mean disableTls?"},
        {"/source/mysql/disableTls", "yes",
         "pipe: source.mysql.disableTls: must be true or false, not the text \"yes\""},
        {"/source/mysql/type", "oracle",
         "pipe: source.mysql.type: \"oracle\" is not allowed; allowed: mysql, rdsmysql, auroramysql, "
         "mariadb, "
         "rdsmariadb"},
        {"/source/mysql/authentication", "IAM_ROLE",
         "pipe: source.mysql.authentication: IAM_ROLE is not supported yet by this build; allowed: basic"},
        {"/source/mysql/credentials", nullptr, "pipe: source.mysql.credentials: is required"},
        {"/source/mysql/credentials/username", "",
         "pipe: source.mysql.credentials.username: must not be empty"},
        {"/source/mysql/credentials/password", nullptr,
         "pipe: source.mysql.credentials.password: is required"},
        {"/source/mysql/credentials/password", 12345,
         "pipe: source.mysql.credentials.password: must be text, not a number; put it in quotes"},
        {"/source/mysql/serverId", 0,
         "pipe: source.mysql.serverId: 0 is out of range; allowed: 1 to 4294967295"},
        {"/source/mysql/serverId", 4294967296,
         "pipe: source.mysql.serverId: 4294967296 is out of range; allowed: 1 to 4294967295"},
        {"/source/mysql/settings", nullptr, "pipe: source.mysql.settings: is required"},
        {"/source/mysql/settings/replicationMode", nullptr,
         "pipe: source.mysql.settings.replicationMode: is required; allowed: cdc, snapshot, cdc_only"},
        {"/source/mysql/settings/replicationMode", "CDC",
         "pipe: source.mysql.settings.replicationMode: \"CDC\" is not allowed; allowed: cdc, snapshot, "
         "cdc_only"},
        {"/source/mysql/settings/replicationMechanism", "POS",
         "pipe: source.mysql.settings.replicationMechanism: \"POS\" is not allowed; allowed: GTID, FILE_POS"},
        {"/source/mysql/settings/syncInterval", 1,
         "pipe: source.mysql.settings.syncInterval: unknown field; known here: replicationMode, "
         "replicationMechanism, syncIntervalSeconds, syncIntervalMilliseconds, pullBatchSize, "
         "useCompression, "
         "allowNullableColumns, initialLoadParallelism, snapshotNumRowsPerPartition, "
         "snapshotNumberOfParallelTables, snapshotMaxRowsPerSecond, snapshotMaxBytesPerSecond, "
         "deleteOnMerge, "
         "invalidDates, tinyInt1, geometry"},
        {"/source/mysql/settings/syncIntervalSeconds", 0,
         "pipe: source.mysql.settings.syncIntervalSeconds: 0 is out of range; allowed: 1 to 31536000"},
        {"/source/mysql/settings/snapshotNumRowsPerPartition", 999,
         "pipe: source.mysql.settings.snapshotNumRowsPerPartition: 999 is out of range; allowed: 1000 to "
         "1000000000000"},
        {"/source/mysql/settings/invalidDates", "zero",
         "pipe: source.mysql.settings.invalidDates: \"zero\" is not allowed; allowed: clamp, null, error"},
        {"/source/mysql/tableMappings", json::array(),
         "pipe: source.mysql.tableMappings: must have at least one entry"},
        {"/source/mysql/tableMappings", json::object(),
         "pipe: source.mysql.tableMappings: must be a list of objects, not an object"},
        {"/source/mysql/tableMappings/0", "shop.items",
         "pipe: source.mysql.tableMappings[0]: must be an object, not text"},
        {"/source/mysql/tableMappings/0/targetTable", "",
         "pipe: source.mysql.tableMappings[0].targetTable: must not be empty"},
        {"/source/mysql/tableMappings/0/targetTabel", "x",
         "pipe: source.mysql.tableMappings[0].targetTabel: unknown field; did you mean targetTable?"},
        {"/source/mysql/tableMappings/0/excludedColumns",
         {"a", "b", "a"},
         "pipe: source.mysql.tableMappings[0].excludedColumns[2]: \"a\" is in the list already, at [0]"},
        {"/source/mysql/tableMappings/0/excludedColumns",
         {"a", 1},
         "pipe: source.mysql.tableMappings[0].excludedColumns[1]: must be text that is not empty, not the "
         "number 1"},
        {"/source/mysql/tableMappings/0/excludedColumns", "a",
         "pipe: source.mysql.tableMappings[0].excludedColumns: must be a list of texts, not the text \"a\""},
        {"/source/mysql/tableMappings/0/useCustomSortingKey", true,
         "pipe: source.mysql.tableMappings[0].sortingKeys: is required when useCustomSortingKey is true; "
         "name at "
         "least one column"},
        {"/source/mysql/tableMappings/0/sortingKeys",
         {"a", "a"},
         "pipe: source.mysql.tableMappings[0].sortingKeys[1]: \"a\" is in the list already, at [0]"},
        {"/source/mysql/tableMappings/0/tableEngine", "Log",
         "pipe: source.mysql.tableMappings[0].tableEngine: \"Log\" is not allowed; allowed: "
         "ReplacingMergeTree, "
         "MergeTree, Null"},
        {"/destination/database", "", "pipe: destination.database: must not be empty"},
        {"/scaling", 3, "pipe: scaling: must be an object, not a number"},
        {"/fieldMappings", {1}, "pipe: fieldMappings[0]: must be an object, not a number"},
    };
    for (const Case& c : cases) EXPECT_EQ(error_with(c.pointer, c.value), c.error);
}

TEST(PipeFile, mappings_are_held_against_each_other) {
    json body = smallest();
    json& mappings = body["source"]["mysql"]["tableMappings"];
    mappings.push_back(mappings[0]);
    EXPECT_EQ(error_of([&] { parse_pipe_spec(body); }),
              "pipe: source.mysql.tableMappings[1]: is the same mapping as source.mysql.tableMappings[0]");
    mappings[1]["sourceTable"] = "other";
    EXPECT_EQ(error_of([&] { parse_pipe_spec(body); }),
              "pipe: source.mysql.tableMappings[1].targetTable: \"shop_items\" is the target of "
              "source.mysql.tableMappings[0] too; each mapping needs its own");
    mappings[1]["sourceTable"] = "items";
    mappings[1]["targetTable"] = "shop_items_2";
    EXPECT_EQ(parse_pipe_spec(body).mappings.size(), 2u);
    mappings[1]["useCustomSortingKey"] = true;
    mappings[1]["sortingKeys"] = {"a", "b"};
    mappings[1]["excludedColumns"] = {"b"};
    EXPECT_EQ(error_of([&] { parse_pipe_spec(body); }),
              "pipe: source.mysql.tableMappings[1].sortingKeys: the column \"b\" is also in excludedColumns");
}

TEST(PipeFile, all_problems_are_in_the_one_line) {
    json body = smallest();
    body["source"]["mysql"]["port"] = 0;
    body["source"]["mysql"]["disableTls"] = 1;
    EXPECT_EQ(
        error_of([&] { parse_pipe_spec(body, "a.yaml"); }),
        "a.yaml: source.mysql.port: 0 is out of range; allowed: 1 to 65535; source.mysql.disableTls: must "
        "be true or false, not the number 1");
    for (char c = 'p'; c <= 't'; ++c) body[std::string(9, c)] = 1;
    std::string line = error_of([&] { parse_pipe_spec(body, "a.yaml"); });
    EXPECT_TRUE(line.ends_with("; and 2 more problems")) << line;
    EXPECT_EQ(error_of([&] { parse_pipe_spec(json::array(), "a.yaml"); }),
              "a.yaml: must be an object with the fields name, source and destination");
}

TEST(PipeFile, bad_syntax_has_line_and_column) {
    EXPECT_EQ(yaml_error("name: shop\nsource: [1, 2\nx: y\n").substr(0, 24), "pipe.yaml: line 3, colum");
    EXPECT_EQ(yaml_error("name: a\nname: b\n"), "pipe.yaml: line 2, column 1: the field name is given twice");
    EXPECT_EQ(yaml_error("? [a]\n: b\n"), "pipe.yaml: line 1, column 3: a field name must be text");
    EXPECT_EQ(yaml_error("a: 1\n---\nb: 1\n"), "pipe.yaml: the file holds 2 documents. Leave one of them");
    EXPECT_EQ(yaml_error(""), "pipe.yaml: the file is empty");
    EXPECT_EQ(yaml_error("# nothing\n"), "pipe.yaml: the file is empty");
    EXPECT_EQ(yaml_error("just text"),
              "pipe.yaml: must be an object with the fields name, source and destination");
    EXPECT_EQ(yaml_error("name: *gone\n").substr(0, 29), "pipe.yaml: line 1, column 7: ");
    EXPECT_EQ(
        yaml_error("{\"name\": \"shop\",\n  \"password\": \"s3cret\n}", "pipe.json"),
        "pipe.json: line 2, column 22: not valid JSON: invalid string: control character U+000A (LF) must "
        "be escaped to \\u000A or \\n");
    EXPECT_EQ(yaml_error("{\"name\": \"s3cret\" \"b\"}", "pipe.json").substr(0, 46),
              "pipe.json: line 1, column 21: not valid JSON: ");
    EXPECT_EQ(yaml_error("{\"name\": \"a\", \"name\": \"b\"}"),
              "pipe.yaml: the field name is given twice in one object");
    EXPECT_EQ(
        yaml_error("{\"a\": {\"b\": 1}, \"c\": [{\"b\": 1}, {\"b\": 2}], \"name\": {\"x\": 1, \"x\": 2}}",
                   "p.json"),
        "p.json: the field x is given twice in one object");
}

TEST(PipeFile, a_document_that_explodes_is_stopped) {
    std::string text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (int i = 1; i < 9; ++i) {
        std::string last = "*a" + std::to_string(i - 1);
        text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
        for (int j = 0; j < 9; ++j) text += "," + last;
        text += "]\n";
    }
    EXPECT_NE(yaml_error(text).find("the document is too large"), std::string::npos);
    std::string deep = "a: " + std::string(100, '[') + std::string(100, ']');
    EXPECT_NE(yaml_error(deep).find("nested too deeply"), std::string::npos) << yaml_error(deep);
}

TEST(PipeFile, json_is_read_as_json) {
    std::string text = smallest().dump(1, '\t');  // tabs, which YAML would refuse
    EXPECT_EQ(to_json(parse_pipe_text(text, "pipe.json")), to_json(parse_pipe_spec(smallest())));
    EXPECT_EQ(to_json(parse_pipe_text("\xef\xbb\xbf" + text, "pipe.yaml")),
              to_json(parse_pipe_spec(smallest())));
    EXPECT_EQ(yaml_error("{name: shop}").substr(0, 36), "pipe.yaml: source: is required");
}

TEST(PipeFile, a_file_that_cannot_be_read_is_named) {
    EXPECT_EQ(error_of([] { load_pipe_file("/nowhere/pipe.yaml"); }),
              "/nowhere/pipe.yaml: cannot open the file: No such file or directory");
    EXPECT_EQ(error_of([] { load_pipe_file("/tmp"); }), "/tmp: is a directory, not a pipe file");
}

/// The rows of docs/pipe-file.md as the table of fields gives them.
std::string documented_fields() {
    const char* kinds[] = {"text",   "whole number",    "true or false",
                           "object", "list of objects", "list of texts"};
    std::string text = "| field | type | allowed | default | meaning |\n|---|---|---|---|---|\n";
    for (const PipeField& field : pipe_fields()) {
        std::string allowed;
        for (std::string_view word : field.allowed) {
            allowed += (allowed.empty() ? "`" : ", `") + std::string(word) + "`";
        }
        if (field.kind == FieldKind::kInteger) {
            allowed = std::to_string(field.minimum) + " to " + std::to_string(field.maximum);
        }
        if (!field.may_be_empty) allowed = "not empty";
        std::string preset = field.required         ? "required"
                             : field.preset.empty() ? ""
                                                    : "`" + std::string(field.preset) + "`";
        text += "| `" + std::string(field.path) + "` | " + kinds[static_cast<size_t>(field.kind)] + " | " +
                allowed + " | " + preset + " | " + std::string(field.help) + " |\n";
    }
    return text;
}

TEST(PipeFile, the_document_lists_every_field) {
    std::ifstream file(PENSTOCK_TEST_DATA "/../../docs/pipe-file.md");
    std::ostringstream text;
    text << file.rdbuf();
    std::string expected = documented_fields();
    EXPECT_NE(text.str().find("\n\n" + expected + "\n"), std::string::npos)
        << "docs/pipe-file.md must hold this table:\n"
        << expected;
    // Its example is a pipe that works.
    size_t begin = text.str().find("```yaml\n"), end = text.str().find("\n```", begin);
    ASSERT_NE(end, std::string::npos);
    setenv("SHOP_PASSWORD", "x", 1);
    PipeSpec spec = parse_pipe_text(text.str().substr(begin + 8, end - begin - 7), "docs/pipe-file.md");
    EXPECT_EQ(spec.source.password, "x");
    unsetenv("SHOP_PASSWORD");
}

}  // namespace
}  // namespace penstock
