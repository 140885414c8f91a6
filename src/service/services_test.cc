#include "service/services.h"

#include <fstream>
#include <functional>
#include <future>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "embedded/engine.h"
#include "embedded/engine_helper.h"
#include "service/test_service.h"

namespace penstock {
namespace {

using nlohmann::json;

// The engine's process is this test program, started again.
const bool kNotTheHelper = (run_engine_helper_if_asked(), true);

json names(const Services& services) {
    json list = json::array();
    for (const json& service : services.list()) list.push_back(service["name"]);
    return list;
}

void add_pipe(Catalog& catalog, const std::string& service_id, const std::string& name) {
    PipeRecord pipe;
    pipe.id = make_uuid();
    pipe.name = name;
    pipe.spec_json = "{}";
    pipe.state = "Paused";
    pipe.service_id = service_id;
    catalog.create_pipe(pipe);
}

std::string error_line(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& e) {
        EXPECT_EQ(e.disposition(), Disposition::kUsage);
        return e.what();
    }
    return "no error";
}

TEST(Services, TheEmbeddedEngineIsTheDefault) {
    DataDirectory directory;
    auto services = directory.services();
    json list = services->list();
    ASSERT_EQ(list.size(), 1u);
    EXPECT_EQ(list[0]["name"], "default");
    EXPECT_EQ(list[0]["id"], services->default_id());
    EXPECT_EQ(list[0]["embedded"], true);
    EXPECT_EQ(list[0]["origin"], "embedded");
    EXPECT_EQ(list[0]["state"], "stopped");
    EXPECT_EQ(list[0]["endpoints"], json::array());
    EXPECT_FALSE(services->is_up(services->default_id()));
    EXPECT_EQ(services->get(services->default_id()), list[0]);

    EXPECT_EQ(services->organizations().size(), 1u);
    EXPECT_EQ(services->organization(services->organization_id())["id"], services->organization_id());
    EXPECT_EQ(refused([&] { services->organization("x"); }).refusal(), Refusal::kNotFound);
    for (const auto& action : std::initializer_list<std::function<void()>>{
             [&] { services->get("x"); }, [&] { services->require("x"); }, [&] { services->remove("x"); },
             [&] { services->endpoint("x"); }, [&] { services->is_up("x"); },
             [&] { services->while_there("x", [] { FAIL(); }); }}) {
        EXPECT_EQ(refused(action).refusal(), Refusal::kNotFound);
    }
}

TEST(Services, IdsStayFromStartToStart) {
    DataDirectory directory;
    const std::vector<ServiceSettings> configured = {{.name = "b", .url = "https://b:8443"},
                                                     {.name = "a", .url = "http://a"}};
    auto first = directory.services(configured);
    const json before = first->list();
    const std::string organization = first->organization_id();
    EXPECT_EQ(names(*first), json::array({"default", "a", "b"}));
    EXPECT_EQ(before[2]["endpoints"], json::array({{{"protocol", "https"}, {"host", "b"}, {"port", 8443}}}));
    EXPECT_EQ(before[2]["state"], "running");
    EXPECT_EQ(before[1]["endpoints"][0]["port"], 80);
    first.reset();
    auto again = directory.services({{.name = "a", .url = "http://elsewhere:1"}, configured[0]});
    EXPECT_EQ(again->list()[0], before[0]);
    EXPECT_EQ(again->list()[1]["id"], before[1]["id"]);
    EXPECT_EQ(again->list()[1]["endpoints"][0]["host"], "elsewhere");
    EXPECT_EQ(again->list()[2], before[2]);
    EXPECT_EQ(again->organization_id(), organization);
}

TEST(Services, MadeThroughTheApi) {
    DataDirectory directory;
    const std::string pem = "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n";
    std::string id;
    {
        auto services = directory.services();
        json made = services->create({{"name", "wärehouse \"1\".x"},
                                      {"url", "https://w:8443"},
                                      {"user", "writer"},
                                      {"password", "sesame-open"},
                                      {"caCertificate", pem},
                                      {"cluster", "main"}});
        id = made["id"];
        EXPECT_EQ(made["origin"], "api");
        EXPECT_EQ(made.dump().find("sesame"), std::string::npos);
    }
    auto services = directory.services();  // another start
    EXPECT_EQ(services->get(id)["name"], "wärehouse \"1\".x");
    ClickHouseEndpoint endpoint = services->endpoint(id);
    EXPECT_EQ(endpoint.url, "https://w:8443");
    EXPECT_EQ(endpoint.user, "writer");
    EXPECT_EQ(endpoint.password, "sesame-open");
    EXPECT_EQ(endpoint.ca_certificate, pem);
    EXPECT_EQ(endpoint.cluster, "main");
    EXPECT_TRUE(services->is_up(id));
    for (const char* end : {"", "-wal"}) {
        std::ifstream file(directory.file() + end, std::ios::binary);
        std::ostringstream bytes;
        bytes << file.rdbuf();
        EXPECT_EQ(bytes.str().find("sesame-open"), std::string::npos);
    }

    json again = {{"name", "wärehouse \"1\".x"}, {"url", "http://h"}};
    EXPECT_EQ(refused([&] { services->create(again); }).refusal(), Refusal::kConflict);
    RequestError bad_url = refused([&] { services->create({{"name", "n"}, {"url", "http://u:sesame@h"}}); });
    EXPECT_EQ(bad_url.refusal(), Refusal::kBadRequest);
    EXPECT_TRUE(bad_url.message().starts_with("url: is not the URL of a ClickHouse")) << bad_url.message();
    EXPECT_EQ(bad_url.message().find("sesame"), std::string::npos);
    EXPECT_EQ(refused([&] {
                  services->create({{"name", ""}, {"url", "http://h"}});
              }).message(),
              "name: must not be empty");
    EXPECT_EQ(refused([&] {
                  services->create({{"name", 1}, {"url", "http://h"}});
              }).message(),
              "name: must be text");
    EXPECT_EQ(refused([&] {
                  services->create({{"name", "n"}, {"url", "http://h"}, {"caCertificate", "x"}});
              }).message(),
              "caCertificate: is not a certificate in PEM text");
    EXPECT_EQ(services->list().size(), 2u);

    add_pipe(directory.catalog(), id, "p");
    EXPECT_EQ(refused([&] { services->remove(id); }).refusal(), Refusal::kConflict);
    directory.catalog().delete_pipe(directory.catalog().find_pipe("p")->id);
    services->remove(id);
    EXPECT_EQ(names(*services), json::array({"default"}));
    EXPECT_EQ(refused([&] { services->remove(services->default_id()); }).refusal(), Refusal::kConflict);
}

TEST(Services, AnotherKeyDoesNotOpenTheirPasswords) {
    DataDirectory directory;
    const std::string id =
        directory.services()->create({{"name", "w"}, {"url", "http://w"}, {"password", "sesame"}})["id"];
    const MasterKey other = MasterKey::from_text(MasterKey::generate_text(), "other");
    // It stops what would use it, not the process.
    Services services(directory.catalog(), other, {.data_dir = directory.path()}, {});
    std::string line;
    try {
        services.endpoint(id);
    } catch (const Error& e) {
        EXPECT_EQ(e.disposition(), Disposition::kFailPipe);
        line = e.what();
    }
    EXPECT_TRUE(line.starts_with("service w: its password: ")) << line;
    EXPECT_EQ(line.find("sesame"), line.npos);
    EXPECT_EQ(refused([&] { services.edit(id, {{"name", "v"}}); }).refusal(), Refusal::kBadRequest);
    EXPECT_FALSE(services.changes(id, {{"name", "w"}}));
    EXPECT_TRUE(services.changes(id, {{"password", ""}}));  // whatever it was
    services.edit(id, {{"password", "other"}});
    EXPECT_EQ(services.endpoint(id).password, "other");
}

TEST(Services, WhatWasMadeThroughTheApiCanBeChanged) {
    DataDirectory directory;
    auto services = directory.services();
    const std::string id =
        services->create({{"name", "w"}, {"url", "http://W:1"}, {"password", "old"}})["id"];
    services->edit(id, {{"password", "new"}});
    EXPECT_EQ(services->endpoint(id).url, "http://W:1");
    services->edit(id, {{"url", "http://127.0.0.2:2"}, {"user", "u"}, {"name", "v"}, {"cluster", "c"}});
    EXPECT_EQ(services->place(id), "localhost:2");
    EXPECT_EQ(refused([&] { services->edit(id, {{"url", "nonsense"}}); }).refusal(), Refusal::kBadRequest);
    EXPECT_EQ(refused([&] { services->edit(id, {{"name", "default"}}); }).refusal(), Refusal::kConflict);
    EXPECT_EQ(refused([&] {
                  services->edit(services->default_id(), {{"name", "x"}});
              }).refusal(),
              Refusal::kConflict);
    services = directory.services();  // all of it is kept
    const ClickHouseEndpoint endpoint = services->endpoint(id);
    EXPECT_EQ(endpoint.url + endpoint.user + endpoint.password + endpoint.cluster, "http://127.0.0.2:2unewc");
    EXPECT_EQ(services->get(id)["name"], "v");
    services->edit(id, {{"password", ""}});
    EXPECT_EQ(directory.services()->endpoint(id).password, "");
}

TEST(Services, WhatIsRepeatedIsNoChange) {
    DataDirectory directory;
    const ServiceSettings configured{
        .name = "w", .url = "http://w", .user = "u", .password = "p", .cluster = "c"};
    auto services = directory.services({configured});
    const std::string embedded = services->default_id(), fixed = services->list()[1]["id"];
    const std::string made =
        services->create({{"name", "v"}, {"url", "http://v"}, {"password", "sesame"}})["id"];
    for (const std::string& id : {embedded, fixed, made}) {
        json whole = services->get(id);
        EXPECT_FALSE(services->changes(id, whole)) << whole;
        whole["warnings"] = {"of an earlier answer"};
        EXPECT_FALSE(services->changes(id, whole)) << whole;
        const json others = {{"id", made + "0"},
                             {"provider", "aws"},
                             {"region", "mars"},
                             {"state", "idle"},
                             {"endpoints", {{{"protocol", "https"}}}},
                             {"embedded", id != embedded},
                             {"origin", "nowhere"},
                             {"createdAt", "2020-01-01T00:00:00Z"}};
        for (const auto& [field, other] : others.items()) {
            RequestError error = refused([&] { services->changes(id, {{field, other}}); });
            EXPECT_EQ(error.refusal(), Refusal::kBadRequest);
            EXPECT_TRUE(error.message().starts_with(field + ": cannot change from " + whole[field].dump()))
                << error.message();
            EXPECT_EQ(error.hint(), "Leave it out or repeat it as it is");
        }
        EXPECT_TRUE(services->changes(id, {{"name", "x"}}));
        EXPECT_FALSE(services->changes(id, {{"name", nullptr}, {"password", nullptr}}));
    }
    EXPECT_FALSE(services->changes(
        fixed, {{"name", "w"}, {"url", "http://w"}, {"user", "u"}, {"password", "p"}, {"cluster", "c"}}));
    EXPECT_FALSE(services->changes(made, {{"user", "default"}, {"password", "sesame"}, {"cluster", ""}}));
    for (const json& other : {json{{"url", "http://x"}}, json{{"password", "q"}}, json{{"cluster", "d"}}}) {
        EXPECT_TRUE(services->changes(fixed, other));
        EXPECT_TRUE(services->changes(made, other));
    }
}

TEST(Services, PipesNeverPassToAnotherClickHouse) {
    DataDirectory directory;
    const ServiceSettings configured{.name = "w", .url = "http://w"};
    std::string id;
    {
        auto services = directory.services({configured});
        id = services->list()[1]["id"];
    }
    {  // without pipes it may go, and come back as another
        auto services = directory.services();
        EXPECT_EQ(names(*services), json::array({"default"}));
        services->create({{"name", "w"}, {"url", "http://w"}});
    }
    EXPECT_EQ(
        error_line([&] { directory.services({configured}); }),
        "service \"w\": a service of this name was made through the API. Delete that one, or choose another "
        "name in the configuration");
    {
        auto services = directory.services();
        services->remove(services->list()[1]["id"]);
    }
    id = directory.services({configured})->list()[1]["id"];
    add_pipe(directory.catalog(), id, "p");
    EXPECT_EQ(error_line([&] { directory.services(); }),
              "service \"w\": it was one of the configuration and has pipes (1). "
              "Configure it as it was, or delete its pipes first");
    add_pipe(directory.catalog(), directory.services({configured})->default_id(), "q");
    EXPECT_EQ(error_line([&] {
                  directory.services({configured, {.name = "default", .url = "http://d"}});
              }),
              "service \"default\": it was the embedded ClickHouse and has pipes (1). "
              "Configure it as it was, or delete its pipes first");
    // An embedded one whose place is taken, without pipes, is no more.
    directory.catalog().delete_pipe(directory.catalog().find_pipe("q")->id);
    auto services = directory.services({configured, {.name = "default", .url = "http://d"}});
    EXPECT_EQ(services->list()[0]["origin"], "configuration");
    EXPECT_EQ(services->endpoint(services->default_id()).url, "http://d");
}

TEST(Services, TheEngineStartsOnceForAllThatAsk) {
    DataDirectory directory;
    auto services = directory.services();
    const std::string id = services->default_id();
    std::vector<std::future<std::string>> asked;
    for (int i = 0; i < 4; ++i) {
        asked.push_back(std::async(std::launch::async, [&] { return services->endpoint(id).url; }));
    }
    std::vector<std::string> urls;
    for (std::future<std::string>& each : asked) urls.push_back(each.get());
    for (const std::string& url : urls) EXPECT_EQ(url, urls[0]);
    EXPECT_TRUE(services->is_up(id));
    json shown = services->get(id);
    EXPECT_EQ(shown["state"], "running");
    EXPECT_EQ(shown["endpoints"].size(), 2u);
    EXPECT_EQ(urls[0], "http://127.0.0.1:" + std::to_string(shown["endpoints"][0]["port"].get<int>()));
    EXPECT_EQ(ClickHouseClient(services->endpoint(id)).query("SELECT 1"), "1");
    EXPECT_TRUE(engine_is_held(directory.path()));

    // A second process would use that engine; when it has gone it starts its own.
    auto other = directory.services();
    EXPECT_EQ(other->endpoint(id).url, urls[0]);
    EXPECT_FALSE(other->is_up(id));
    services.reset();
    EXPECT_FALSE(engine_is_held(directory.path()));
    EXPECT_EQ(ClickHouseClient(other->endpoint(id)).query("SELECT 1"), "1");
    EXPECT_TRUE(other->is_up(id));
}

TEST(Services, AnEngineThatCannotStartSaysWhy) {
    DataDirectory directory;
    Services services(directory.catalog(), directory.key(),
                      {.data_dir = directory.path(), .library = "/not/there.so"}, {});
    std::string line = error_line([&] { services.endpoint(services.default_id()); });
    EXPECT_NE(line.find("/not/there.so"), line.npos) << line;
    EXPECT_EQ(services.list()[0]["state"], "stopped");
}

}  // namespace
}  // namespace penstock
