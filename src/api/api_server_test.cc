#include "api/api_server.h"

#include <cstdio>
#include <filesystem>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <nlohmann/json.hpp>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sqlite3.h>

#include "api/api_error.h"
#include "api/openapi.h"
#include "api/routes.h"
#include "api/sign_in.h"
#include "api/test_certificate.h"
#include "base/error.h"
#include "secrets/master_key.h"

namespace penstock {

namespace {

using nlohmann::json;

constexpr const char* kUnknown = "11111111-1111-4111-8111-111111111111";

/// The whole service in this process, with nothing started but the API.
class ApiServerTest : public testing::Test {
  protected:
    ApiServerTest() {
        spdlog::set_level(spdlog::level::off);
        std::string pattern = testing::TempDir() + "penstock-api-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
        catalog_ = std::make_unique<Catalog>(folder_ + "/catalog.sqlite");
        services_ = std::make_unique<Services>(*catalog_, key_, EmbeddedEngineSettings{.data_dir = folder_},
                                               std::vector<ServiceSettings>{});
        pipes_ = std::make_unique<PipeManager>(*catalog_, key_, *services_);
        keys_ = std::make_unique<ApiKeys>(*catalog_);
        admin_ = keys_->create("admin", KeyRole::kAdmin, 0);
        organization_ = "/v1/organizations/" + services_->organization_id();
        service_ = organization_ + "/services/" + services_->default_id();
    }
    ~ApiServerTest() override {
        server_.reset();
        pipes_.reset();
        services_.reset();
        catalog_.reset();
        std::filesystem::remove_all(folder_);
    }

    void serve(ApiServerOptions options = {}) {
        options.listen = {"127.0.0.1:0"};
        options.worker_threads = 2;
        server_ = std::make_unique<ApiServer>(options, *catalog_, *keys_, *services_, *pipes_);
        server_->start();
    }

    httplib::Result send(const std::string& method, const std::string& path, const std::string& body,
                         const NewApiKey& key, const std::string& type = "application/json; charset=utf-8") {
        httplib::Client http(server_->urls()[0]);
        httplib::Request request;
        request.method = method;
        request.path = path;
        if (!key.key.id.empty()) {
            auto [name, value] = httplib::make_basic_authentication_header(key.key.id, key.secret);
            request.set_header(name, value);
        }
        if (!body.empty()) {
            request.body = body;
            request.set_header("Content-Type", type);
        }
        return http.send(request);
    }
    httplib::Result send(const std::string& method, const std::string& path, const std::string& body = "") {
        return send(method, path, body, admin_);
    }

    /// The error of an answer that must have this status.
    std::string error(const httplib::Result& answer, int status) {
        if (!answer) return "no answer";
        EXPECT_EQ(answer->status, status) << answer->body;
        EXPECT_EQ(answer->get_header_value("Content-Type"), "application/json; charset=utf-8");
        json body = json::parse(answer->body);
        EXPECT_EQ(body.at("status"), status);
        EXPECT_EQ(body.at("requestId").get<std::string>().size(), 36u);
        return body.at("error");
    }
    json result(const httplib::Result& answer) {
        if (!answer) return "no answer";
        EXPECT_EQ(answer->status, 200) << answer->body;
        json body = json::parse(answer->body);
        EXPECT_EQ(body.at("status"), 200);
        return body.value("result", json());
    }

    /// A pipe that is in order as far as the document can say.
    static json pipe_body() {
        return {{"name", "p"},
                {"source",
                 {{"mysql",
                   {{"host", "127.0.0.1"},
                    {"port", 1},
                    {"credentials", {{"username", "u"}, {"password", "p"}}},
                    {"settings", {{"replicationMode", "cdc"}}},
                    {"tableMappings",
                     {{{"sourceSchemaName", "s"}, {"sourceTable", "t"}, {"targetTable", "t"}}}}}}}}};
    }

    std::string folder_;
    MasterKey key_ = MasterKey::from_text(MasterKey::generate_text(), "test");
    std::unique_ptr<Catalog> catalog_;
    std::unique_ptr<Services> services_;
    std::unique_ptr<PipeManager> pipes_;
    std::unique_ptr<ApiKeys> keys_;
    NewApiKey admin_;
    std::unique_ptr<ApiServer> server_;
    std::string organization_, service_;  // paths
};

TEST_F(ApiServerTest, RoutesAndDocumentAreLevel) {
    std::set<std::string> routed{"GET /openapi.json"}, described;
    for (const Route& route : routes()) {
        EXPECT_TRUE(routed.insert(std::string(route.method) + " " + std::string(route.path)).second);
    }
    for (const auto& [path, item] : openapi_document().at("paths").items()) {
        for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
            if (openapi_operation(path, method) != nullptr)
                described.insert(std::string(method) + " " + path);
        }
    }
    EXPECT_EQ(routed, described);
}

/// A keyword that the checker does not know would allow everything.
void expect_known_keywords(const json& schema, const std::string& where) {
    static const std::set<std::string> kKnown = {
        "type",      "enum",        "required",    "properties", "additionalProperties",
        "items",     "minimum",     "maximum",     "multipleOf", "minLength",
        "maxLength", "minItems",    "uniqueItems", "oneOf",      "$ref",
        "format",    "description", "default",     "deprecated", "writeOnly"};
    for (const auto& [keyword, value] : schema.items()) {
        EXPECT_TRUE(kKnown.contains(keyword)) << where << ": " << keyword;
        if (keyword == "properties") {
            for (const auto& [name, property] : value.items())
                expect_known_keywords(property, fmt::format("{}.{}", where, name));
        }
        if (keyword == "items") expect_known_keywords(value, where + "[]");
        EXPECT_FALSE(keyword == "additionalProperties" && value != false) << where;
        if (keyword != "oneOf") continue;
        ASSERT_EQ(value.size(), 2u) << where;
        EXPECT_EQ(value[1], (json{{"type", "null"}})) << where;
        expect_known_keywords(value[0], where);
    }
}

TEST_F(ApiServerTest, TheDocumentUsesOnlyWhatTheCheckerKnows) {
    for (const auto& [name, schema] : openapi_document().at("components").at("schemas").items()) {
        expect_known_keywords(schema, name);
    }
}

/// Every object in a body refuses fields that it does not know.
void expect_closed(const json& schema, const std::string& where) {
    const json& document = openapi_document();
    if (schema.contains("$ref")) {
        return expect_closed(document.at(json::json_pointer(schema["$ref"].get<std::string>().substr(1))),
                             where);
    }
    if (schema.contains("oneOf")) return expect_closed(schema["oneOf"][0], where);
    if (schema.contains("items")) return expect_closed(schema["items"], where + "[]");
    if (!schema.contains("properties")) return;
    EXPECT_EQ(schema.value("additionalProperties", json()), false) << where;
    for (const auto& [name, property] : schema["properties"].items())
        expect_closed(property, fmt::format("{}.{}", where, name));
}

TEST_F(ApiServerTest, BodiesAreClosed) {
    int bodies = 0;
    for (const Route& route : routes()) {
        const json* schema = openapi_body_schema(*openapi_operation(route.path, route.method));
        if (schema == nullptr) continue;
        ++bodies;
        expect_closed(*schema, std::string(route.path));
    }
    EXPECT_EQ(bodies, 13);
}

TEST_F(ApiServerTest, WhatNeedsNoKey) {
    serve();
    auto document = send("GET", "/openapi.json", "", {});
    ASSERT_TRUE(document);
    EXPECT_EQ(document->status, 200);
    EXPECT_EQ(json::parse(document->body), openapi_document());
    EXPECT_EQ(result(send("GET", "/healthz", "", {})), (json{{"healthy", true}}));
    EXPECT_EQ(result(send("GET", "/readyz", "", {})), (json{{"ready", true}}));
    EXPECT_EQ(error(send("GET", "/nothing", "", {}), 404), "there is no such path; /openapi.json lists them");
    EXPECT_EQ(error(send("POST", "/healthz", "", {}), 405),
              "POST is not a method of this path; allowed: GET");
}

TEST_F(ApiServerTest, EveryPathMayEndWithASlash) {
    serve();
    for (const char* path : {"/healthz", "/readyz", "/openapi.json"}) {
        auto plain = send("GET", path, "", {}), slash = send("GET", std::string(path) + "/", "", {});
        ASSERT_TRUE(plain && slash);
        EXPECT_EQ(slash->status, 200) << path;
        EXPECT_EQ(slash->body.size(), plain->body.size()) << path;
    }
    int known = 0;
    for (const Route& route : routes()) {
        std::string path(route.path);
        for (const auto& [name, value] : {std::pair{"{organizationId}", services_->organization_id()},
                                          {"{serviceId}", services_->default_id()},
                                          {"{clickPipeId}", kUnknown},
                                          {"{keyId}", "nobody"}}) {
            if (size_t at = path.find(name); at != path.npos)
                path.replace(at, std::string_view(name).size(), value);
        }
        const std::string body =
            openapi_body_schema(*openapi_operation(route.path, route.method)) ? "{}" : "";
        auto plain = send(std::string(route.method), path, body);
        auto slash = send(std::string(route.method), path + "/", body);
        ASSERT_TRUE(plain && slash) << path;
        const json wanted = json::parse(plain->body), found = json::parse(slash->body);
        EXPECT_EQ(slash->status, plain->status) << route.method << " " << path;
        EXPECT_EQ(found.value("error", ""), wanted.value("error", "")) << route.method << " " << path;
        ++known;
    }
    EXPECT_GT(known, 30);
    EXPECT_EQ(result(send("GET", "/v1/organizations/?")), result(send("GET", "/v1/organizations")));
    EXPECT_EQ(result(send("GET", service_ + "/clickpipes/")), json::array());
    // One, and not in the middle.
    for (const std::string& path :
         {service_ + "/clickpipes//", organization_ + "//services", std::string("/")}) {
        EXPECT_EQ(error(send("GET", path), 404), "there is no such path; /openapi.json lists them") << path;
    }
    EXPECT_EQ(error(send("GET", "/v1/organizations/", "", {}), 401),
              "sign in with Basic authentication: key id and key secret");
}

TEST_F(ApiServerTest, SigningIn) {
    serve();
    auto without = send("GET", "/v1/organizations", "", {});
    EXPECT_EQ(error(without, 401), "sign in with Basic authentication: key id and key secret");
    EXPECT_EQ(without->get_header_value("WWW-Authenticate"), "Basic realm=\"penstock\", charset=\"UTF-8\"");
    NewApiKey wrong = admin_;
    wrong.secret.back() = wrong.secret.back() == 'a' ? 'b' : 'a';
    EXPECT_EQ(error(send("GET", "/v1/organizations", "", wrong), 401),
              "the key is unknown, wrong, expired or revoked");
    wrong.key.id = "nobody";
    EXPECT_EQ(error(send("GET", "/v1/nothing", "", wrong), 401),
              "the key is unknown, wrong, expired or revoked");
    json organizations = result(send("GET", "/v1/organizations"));
    ASSERT_EQ(organizations.size(), 1u);
    EXPECT_EQ(organizations[0]["id"], services_->organization_id());
    for (const char* header : {"Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Bearer abc", "Basic Og=="}) {
        httplib::Client http(server_->urls()[0]);
        auto answer = http.Get("/v1/organizations", {{"Authorization", header}});
        EXPECT_EQ(error(answer, 401), "sign in with Basic authentication: key id and key secret") << header;
    }
}

TEST_F(ApiServerTest, UnknownPathsAndIds) {
    serve();
    std::string organization = std::string("/v1/organizations/") + kUnknown;
    EXPECT_EQ(error(send("GET", "/v1/nothing"), 404), "there is no such path; /openapi.json lists them");
    EXPECT_NE(error(send("GET", organization), 404).find(kUnknown), std::string::npos);
    error(send("GET", organization + "/services"), 404);
    error(send("GET", organization_ + "/services/" + kUnknown), 404);
    error(send("GET", organization_ + "/services/" + kUnknown + "/clickpipes"), 404);
    error(send("GET", service_ + "/clickpipes/" + kUnknown), 404);
    error(send("GET", service_ + "/clickpipes/" + kUnknown + "/progress"), 404);
    // The path is there, the service in it is not: no word about the body before that.
    error(send("POST", organization_ + "/services/" + kUnknown + "/clickpipes", "{}"), 404);
}

TEST_F(ApiServerTest, MethodsOfAPath) {
    serve();
    auto answer = send("DELETE", service_ + "/clickpipes");
    EXPECT_EQ(error(answer, 405), "DELETE is not a method of this path; allowed: GET, POST");
    EXPECT_EQ(answer->get_header_value("Allow"), "GET, POST");
    auto head = send("HEAD", service_ + "/clickpipes");
    ASSERT_TRUE(head);
    EXPECT_EQ(head->status, 200);
    EXPECT_EQ(head->body, "");
    EXPECT_EQ(error(send("OPTIONS", "/v1/organizations"), 405),
              "OPTIONS is not a method of this path; allowed: GET");
    answer = send("QUERY", "/v1/organizations");  // which the library does not know
    EXPECT_EQ(error(answer, 405), "the method is none that this API has");
    EXPECT_EQ(answer->get_header_value("Allow"), "GET, HEAD, POST, PUT, PATCH, DELETE");
}

TEST_F(ApiServerTest, SecurityHeadersAndNoCors) {
    serve();
    auto answer = send("GET", "/v1/organizations");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->get_header_value("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(answer->get_header_value("X-Frame-Options"), "DENY");
    EXPECT_EQ(answer->get_header_value("Cache-Control"), "no-store");
    EXPECT_FALSE(answer->has_header("Access-Control-Allow-Origin"));
    EXPECT_FALSE(answer->has_header("Strict-Transport-Security"));
}

TEST_F(ApiServerTest, ReadersMayOnlyLook) {
    serve();
    NewApiKey reader = keys_->create("reader", KeyRole::kReader, 0);
    EXPECT_EQ(result(send("GET", service_ + "/clickpipes", "", reader)), json::array());
    for (auto [method, path] : {std::pair{"POST", service_ + "/clickpipes"},
                                {"DELETE", service_ + "/clickpipes/" + kUnknown},
                                {"PATCH", service_ + "/clickpipesCdcScaling"},
                                {"POST", service_ + "/clickpipesDiscovery/schemas"},
                                {"POST", organization_ + "/keys"}}) {
        EXPECT_EQ(error(send(method, path, "{}", reader), 403),
                  "this key is a reader's: it may only use GET");
    }
}

TEST_F(ApiServerTest, Bodies) {
    serve({.max_body_bytes = 10'000});
    std::string path = service_ + "/clickpipes";
    EXPECT_EQ(error(send("POST", path, "{}", admin_, "text/plain"), 415),
              "send the body as Content-Type: application/json");
    EXPECT_EQ(error(send("POST", path), 415), "send the body as Content-Type: application/json");
    EXPECT_EQ(error(send("POST", path, "{\"name\": "), 400),
              "the body is not JSON in UTF-8; what is wrong begins at byte 10");
    EXPECT_EQ(error(send("POST", path, "[]"), 400), "the body: must be an object, not a list");
    EXPECT_EQ(error(send("POST", path, "{\"nam\": 1}"), 400),
              "nam: unknown field; did you mean name?; name: is required; source: is required");
    EXPECT_EQ(error(send("POST", path, "{\"name\": \"" + std::string(10'000, 'x') + "\"}"), 413),
              "the body is larger than 10000 bytes");
    json body = pipe_body();
    json& mysql = body["source"]["mysql"];
    mysql["port"] = 70000;
    mysql["credentials"]["password"] = 271828;
    mysql["settings"]["replicationMode"] = "all";
    mysql["tableMappings"].push_back(mysql["tableMappings"][0]);
    mysql["tableMappings"][1]["tableEngine"] = "Log";
    EXPECT_EQ(error(send("POST", path, body.dump()), 400),
              "source.mysql.credentials.password: must be text, not a number; "
              "source.mysql.port: must be 1 to 65535, not 70000; "
              "source.mysql.settings.replicationMode: the text \"all\" is not allowed; "
              "allowed: cdc, snapshot, cdc_only; "
              "source.mysql.tableMappings[1].tableEngine: the text \"Log\" is not allowed; "
              "allowed: ReplacingMergeTree, MergeTree, Null");
    EXPECT_EQ(result(send("GET", path)), json::array());
}

TEST_F(ApiServerTest, QueryParameters) {
    serve();
    std::string path = service_ + "/clickpipes/" + kUnknown + "/batches";
    EXPECT_EQ(error(send("GET", path + "?limit=0"), 400), "limit: must be 1 to 1000, not 0");
    EXPECT_EQ(error(send("GET", path + "?limit=x"), 400),
              "limit: must be a whole number, not the text \"x\"");
    EXPECT_EQ(error(send("GET", path + "?max=3"), 400),
              "\"max\": unknown query parameter; known here: limit");
    EXPECT_EQ(error(send("GET", service_ + "/clickpipes?x=1"), 400),
              "\"x\": unknown query parameter; known here: none");
    error(send("GET", path + "?limit=3"), 404);
}

TEST_F(ApiServerTest, Keys) {
    serve();
    std::string path = organization_ + "/keys";
    json made = result(send("POST", path, R"({"name": "ci", "role": "reader", "expiresInDays": 2})"));
    EXPECT_EQ(made["key"]["name"], "ci");
    EXPECT_EQ(made["key"]["role"], "reader");
    EXPECT_EQ(made["key"]["state"], "active");
    EXPECT_EQ(made["key"]["id"], made["keyId"]);
    NewApiKey reader;
    reader.key.id = made["keyId"];
    reader.secret = made["keySecret"];
    json listed = result(send("GET", path, "", reader));
    ASSERT_EQ(listed.size(), 2u);
    EXPECT_EQ(listed.dump().find(reader.secret), std::string::npos);
    int64_t lives = catalog_->api_keys()[1].expires_at - catalog_->api_keys()[1].created_at;
    EXPECT_NEAR(static_cast<double>(lives), 2.0 * 86'400'000, 60'000);

    EXPECT_EQ(result(send("DELETE", path + "/" + reader.key.id)), json());
    error(send("GET", path, "", reader), 401);
    for (const json& key : result(send("GET", path))) {
        EXPECT_EQ(key["state"], key["id"] == reader.key.id ? "revoked" : "active");
    }
    EXPECT_EQ(result(send("DELETE", path + "/" + reader.key.id)), json());
    EXPECT_EQ(error(send("DELETE", path + "/nobody"), 404), "there is no key nobody");
    EXPECT_EQ(error(send("DELETE", path + "/" + admin_.key.id), 409),
              "this is the last admin key in force. Make another one first");
    result(send("POST", path, R"({"name": "two", "role": "admin"})"));
    EXPECT_EQ(result(send("DELETE", path + "/" + admin_.key.id)), json());
    error(send("GET", path), 401);
}

TEST_F(ApiServerTest, KeysThatMakeNoSense) {
    serve();
    std::string path = organization_ + "/keys";
    EXPECT_EQ(error(send("POST", path, R"({"name": "", "role": "owner"})"), 400),
              "name: must not be empty; role: the text \"owner\" is not allowed; allowed: admin, reader");
    EXPECT_EQ(error(send("POST", path, R"({"name": "a", "role": "admin", "expiresAt": "tomorrow"})"), 400),
              "expiresAt: must be a time as 2030-01-31T12:00:00Z, not the text \"tomorrow\"");
    EXPECT_EQ(
        error(send("POST", path, R"({"name": "a", "role": "admin", "expiresAt": "2001-01-01T00:00:00Z"})"),
              400),
        "expiresAt: must be a time to come");
    EXPECT_EQ(
        error(
            send(
                "POST", path,
                R"({"name": "a", "role": "admin", "expiresInDays": 1, "expiresAt": "2101-01-01T00:00:00Z"})"),
            400),
        "expiresAt: not together with expiresInDays");
    json made =
        result(send("POST", path, R"({"name": "a", "role": "admin", "expiresAt": "2101-01-01T00:00:00Z"})"));
    EXPECT_EQ(made["key"]["expiresAt"], "2101-01-01T00:00:00.000Z");
    EXPECT_EQ(keys_->list().size(), 2u);
}

TEST_F(ApiServerTest, ServicesWithoutTheirPasswords) {
    serve();
    std::string path = organization_ + "/services";
    json made = result(send(
        "POST", path, R"({"name": "far", "url": "http://127.0.0.1:1", "user": "u", "password": "hunter2"})"));
    EXPECT_EQ(made["name"], "far");
    EXPECT_EQ(made["origin"], "api");
    auto listed = send("GET", path);
    EXPECT_EQ(result(listed).size(), 2u);
    EXPECT_EQ(listed->body.find("hunter2"), std::string::npos);
    std::string id = made["id"];
    ASSERT_EQ(made["warnings"].size(), 1u) << made;  // it does not answer
    EXPECT_NE(made["warnings"][0].get<std::string>().find("127.0.0.1:1"), std::string::npos);
    made.erase("warnings");
    EXPECT_EQ(result(send("GET", path + "/" + id)), made);
    EXPECT_EQ(result(send("DELETE", path + "/" + id)), json());
    error(send("GET", path + "/" + id), 404);
}

TEST_F(ApiServerTest, TooManyRequests) {
    serve({.requests_per_minute = 3});
    for (int i = 0; i < 3; ++i) result(send("GET", "/v1/organizations"));
    auto answer = send("GET", "/v1/organizations");
    EXPECT_EQ(error(answer, 429).find("this key has made 3 requests within a minute; again in "), 0u);
    int seconds = std::stoi(answer->get_header_value("X-RateLimit-Reset"));
    EXPECT_GE(seconds, 1);
    EXPECT_LE(seconds, 20);
    EXPECT_EQ(answer->get_header_value("Retry-After"), answer->get_header_value("X-RateLimit-Reset"));
    // Another key has its own.
    result(send("GET", "/v1/organizations", "", keys_->create("other", KeyRole::kReader, 0)));
}

TEST_F(ApiServerTest, TooManyFailedSignIns) {
    serve({.failed_sign_ins_per_minute = 2});
    result(send("GET", "/v1/organizations"));
    NewApiKey wrong = admin_;
    wrong.key.id = "nobody";
    for (int i = 0; i < 2; ++i) error(send("GET", "/v1/organizations", "", wrong), 401);
    auto answer = send("GET", "/v1/organizations", "", wrong);
    EXPECT_EQ(error(answer, 429).find("too many failed sign-ins from 127.0.0.1"), 0u);
    // Other keys are not locked out by it.
    result(send("GET", "/v1/organizations", "", keys_->create("new", KeyRole::kReader, 0)));
    result(send("GET", "/v1/organizations"));
    // The known key's own failures count apart.
    wrong = admin_;
    wrong.secret = "wrong";
    for (int i = 0; i < 2; ++i) error(send("GET", "/v1/organizations", "", wrong), 401);
    error(send("GET", "/v1/organizations", "", wrong), 429);
}

TEST_F(ApiServerTest, GuessesAtManyKeysLockOutWhoWasNeverRight) {
    const auto still = std::chrono::steady_clock::now();
    SignIn sign_in(*keys_, 0, 1, [&] { return still; });
    auto status = [&](const std::string& id, const std::string& secret, const std::string& client) {
        try {
            sign_in.sign_in(httplib::make_basic_authentication_header(id, secret).second, client);
            return 200;
        } catch (const ApiError& e) {
            return e.status();
        }
    };
    const std::string here = "192.0.2.1";
    EXPECT_EQ(status(admin_.key.id, admin_.secret, here), 200);
    for (uint32_t i = 0; i < SignIn::kNetworkFactor; ++i) {
        EXPECT_EQ(status("guess" + std::to_string(i), "wrong", here), 401);
    }
    EXPECT_EQ(status("another", "wrong", here), 429);
    const NewApiKey later = keys_->create("later", KeyRole::kReader, 0);
    EXPECT_EQ(status(later.key.id, later.secret, here), 429);
    EXPECT_EQ(status(later.key.id, later.secret, "192.0.2.2"), 200);
    EXPECT_EQ(status(admin_.key.id, admin_.secret, here), 200);
}

TEST_F(ApiServerTest, ASourceThatDoesNotAnswerIsTheRequestsFault) {
    serve();
    std::string reason = error(send("POST", service_ + "/clickpipes", pipe_body().dump()), 400);
    EXPECT_NE(reason.find("127.0.0.1"), std::string::npos) << reason;
    json source = {{"source", pipe_body()["source"]}};
    source["source"]["mysql"].erase("settings");
    source["source"]["mysql"].erase("tableMappings");
    reason = error(send("POST", service_ + "/clickpipesDiscovery/schemas", source.dump()), 400);
    EXPECT_NE(reason.find("127.0.0.1"), std::string::npos) << reason;
    EXPECT_EQ(result(send("GET", service_ + "/clickpipes")), json::array());
}

TEST_F(ApiServerTest, ResyncOfTablesOnly) {
    serve();
    std::string path = service_ + "/clickpipes/" + kUnknown + "/state";
    EXPECT_EQ(error(send("PATCH", path, R"({"command": "stop", "tables": ["a"]})"), 400),
              "tables: only with the command resync");
    EXPECT_EQ(error(send("PATCH", path, R"({"command": "restart"})"), 400),
              "command: the text \"restart\" is not allowed; allowed: start, stop, resync");
    error(send("PATCH", path, R"({"command": "resync", "tables": ["a"]})"), 404);
}

TEST_F(ApiServerTest, ATroubledCatalogIsNotTheRequestsFault) {
    serve();
    sqlite3* file = nullptr;
    ASSERT_EQ(sqlite3_open((folder_ + "/catalog.sqlite").c_str(), &file), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(file, "ALTER TABLE pipes RENAME TO elsewhere", nullptr, nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(file);
    std::string reason = error(send("GET", "/readyz", "", {}), 503);
    EXPECT_EQ(reason.find("unexpected trouble; the log of penstock has the reason under "), 0u);
    reason = error(send("GET", service_ + "/clickpipes"), 500);
    EXPECT_EQ(reason.find("unexpected trouble; the log of penstock has the reason under "), 0u);
    EXPECT_EQ(reason.find("elsewhere"), std::string::npos);
    error(send("POST", service_ + "/clickpipes", pipe_body().dump()), 500);
}

TEST_F(ApiServerTest, LogsWhatWasAskedAndNoSecret) {
    std::ostringstream log;
    auto before = spdlog::default_logger();
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
    spdlog::set_level(spdlog::level::trace);
    serve();
    json body = pipe_body();
    body["source"]["mysql"]["credentials"]["password"] = "hunter2";
    body["source"]["mysql"]["port"] = 0;
    error(send("POST", service_ + "/clickpipes?token=hunter2", body.dump()), 400);
    error(send("POST", service_ + "/clickpipes", body.dump()), 400);
    error(send("GET", "/v1/a%0Ab"), 404);
    server_->stop();
    spdlog::set_default_logger(before);
    EXPECT_NE(log.str().find("API: POST " + service_ + "/clickpipes 400 "), std::string::npos) << log.str();
    EXPECT_NE(log.str().find("API: GET /v1/a\\nb 404 "), std::string::npos) << log.str();
    EXPECT_NE(log.str().find(": there is no such path; /openapi.json lists them\n"), std::string::npos);
    EXPECT_NE(log.str().find(": source.mysql.port: "), std::string::npos) << log.str();
    EXPECT_NE(log.str().find("key " + admin_.key.id), std::string::npos);
    for (const std::string& secret : {std::string("hunter2"), admin_.secret}) {
        EXPECT_EQ(log.str().find(secret), std::string::npos) << log.str();
    }
}

TEST_F(ApiServerTest, Tls) {
    TestCertificate certificate;
    serve({.tls_certificate = certificate.certificate_file(), .tls_key = certificate.key_file()});
    EXPECT_EQ(server_->urls()[0].find("https://127.0.0.1:"), 0u);
    httplib::Client http(server_->urls()[0]);
    http.set_ca_cert_path(certificate.certificate_file());
    auto answer = http.Get("/healthz");
    ASSERT_TRUE(answer) << httplib::to_string(answer.error());
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->get_header_value("Strict-Transport-Security"), "max-age=31536000");
}

TEST_F(ApiServerTest, ACertificateWithoutItsKey) {
    try {
        serve({.tls_certificate = "certificate.pem"});
        FAIL();
    } catch (const Error& e) {
        EXPECT_STREQ(e.what(),
                     "TLS of the API: a certificate and its key go together. Give both files or none");
    }
}

}  // namespace

}  // namespace penstock
