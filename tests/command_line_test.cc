// The commands over the API, against a service with real servers on both sides.

#include <algorithm>
#include <cctype>
#include <csignal>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source/mysql_connection.h"
#include "support/serve_process.h"
#include "support/servers.h"
#include "support/subprocess.h"

namespace penstock {
namespace {

using namespace test;
using nlohmann::json;

class CommandLine : public testing::Test {
  protected:
    void SetUp() override {
        server_.start();
        source_ = source_endpoint("MARIADB");
        // Tests run side by side.
        database_ = "cli_";
        for (const char* c = testing::UnitTest::GetInstance()->current_test_info()->name(); *c != 0; ++c) {
            database_ += static_cast<char>(std::tolower(*c));
        }
        MysqlConnection connection = MysqlConnection::open(source_);
        connection.execute("DROP DATABASE IF EXISTS " + database_);
        connection.execute("CREATE DATABASE " + database_);
        for (const char* table : {"orders", "items", "extra"}) {
            connection.execute(
                fmt::format("CREATE TABLE {}.{} (id INT PRIMARY KEY, v VARCHAR(20))", database_, table));
            connection.execute(
                fmt::format("INSERT INTO {}.{} VALUES (1, 'a'), (2, 'b'), (3, 'c')", database_, table));
        }
    }

    /// The command with the key of the first start, and with no terminal.
    std::vector<std::string> command(const std::vector<std::string>& arguments) const {
        std::vector<std::string> all = {"/usr/bin/env",
                                        "-u",
                                        "NO_COLOR",
                                        "TERM=xterm",
                                        "PENSTOCK_URL=" + server_.url() + "/v1",
                                        "PENSTOCK_KEY_ID=" + key_id_,
                                        "PENSTOCK_KEY_SECRET=" + key_secret_,
                                        "PENSTOCK_SERVICE=target",
                                        "SOURCE_PASSWORD=" + source_.password,
                                        penstock_program()};
        all.insert(all.end(), arguments.begin(), arguments.end());
        return all;
    }
    Finished run(const std::vector<std::string>& arguments) {
        if (key_id_.empty()) use_key(server_.key_id(), server_.key_secret());
        std::vector<std::string> all = {"/bin/sh", "-c", "exec \"$@\" </dev/null", "sh"};
        for (const std::string& word : command(arguments)) all.push_back(word);
        return run_program(all);
    }
    json run_json(std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"--output", "json"});
        Finished finished = run(arguments);
        EXPECT_EQ(finished.exit_code, 0) << finished.err;
        return json::parse(finished.out, nullptr, false);
    }
    void use_key(const std::string& id, const std::string& secret) {
        key_id_ = id;
        key_secret_ = secret;
    }

    /// A file for a pipe of orders and items; drops what an earlier one may have left of their targets.
    std::string pipe_file(const std::string& name, const json& more = json::object()) {
        json body = pipe_body(name, source_, database_, {"orders", "items"}, more);
        body["source"]["mysql"]["credentials"]["password"] = "${SOURCE_PASSWORD}";
        const std::string path = directory_.path() + "/pipe.json";
        write_file(path, body.dump());
        return path;
    }
    json targets(const std::string& pipe) {
        json names = json::array();
        for (const json& table : run_json({"pipe", "tables", pipe})) names.push_back(table["targetTable"]);
        return names;
    }

    ServeProcess server_;
    TemporaryDirectory directory_;
    SourceEndpoint source_;
    std::string database_, key_id_, key_secret_;
};

TEST_F(CommandLine, LeadsAPipeThroughItsLife) {
    const std::string file = pipe_file("shop");
    Finished made = run({"pipe", "create", file, "--wait"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    EXPECT_TRUE(made.out.ends_with("shop is Running\n")) << made.out;
    EXPECT_NE(made.err.find("shop Running"), std::string::npos) << made.err;
    EXPECT_EQ(run({"pipe", "create", file}).exit_code, 2);  // the name is taken

    // What is printed as JSON is the API's result.
    const std::string id = run_json({"pipe", "list"})[0]["id"];
    const std::string path = "/clickpipes/" + id;
    EXPECT_EQ(run_json({"pipe", "get", "shop"}), server_.call("GET", path).result());
    EXPECT_EQ(run_json({"pipe", "get", id}), server_.call("GET", path).result());
    EXPECT_EQ(run_json({"pipe", "tables", "shop"}), server_.call("GET", path + "/tables").result());
    EXPECT_EQ(run_json({"pipe", "events", "shop"}), server_.call("GET", path + "/events").result());
    EXPECT_EQ(run_json({"pipe", "partitions", "shop", "--table", "items"}),
              server_.call("GET", path + "/partitions?table=items").result());
    EXPECT_EQ(run_json({"pipe", "partitions", "shop"}).size(), 2u);

    MysqlConnection connection = MysqlConnection::open(source_);
    connection.execute(fmt::format("INSERT INTO {}.orders VALUES (4, 'd')", database_));
    ASSERT_TRUE(server_.wait_until_caught_up(id, source_));
    const json batches = run_json({"pipe", "batches", "shop", "--limit", "1"});
    ASSERT_EQ(batches.size(), 1u);
    EXPECT_EQ(batches[0]["inserted"], 1);

    // Without a terminal, text is a table for people without colours.
    const Finished list = run({"pipe", "list"});
    EXPECT_EQ(list.out.find('\x1b'), std::string::npos);
    EXPECT_TRUE(list.out.starts_with("NAME  STATE    MODE  TABLES")) << list.out;
    EXPECT_NE(list.out.find("shop  Running  cdc        2"), std::string::npos) << list.out;

    EXPECT_EQ(run_json({"pipe", "stop", "shop", "--wait"})["state"], "Paused");
    EXPECT_EQ(run({"pipe", "stop", "shop"}).exit_code, 0);  // changes nothing
    EXPECT_EQ(run_json({"pipe", "start", "shop", "--wait"})["state"], "Running");
    const Finished again = run({"pipe", "start", "shop"});
    EXPECT_EQ(again.exit_code, 2);
    EXPECT_NE(again.err.find("already running"), std::string::npos) << again.err;

    EXPECT_EQ(run({"pipe", "edit", "shop", "--add-table", database_ + ".extra:extra", "--wait"}).exit_code,
              0);
    EXPECT_EQ(targets("shop"), json({"orders", "items", "extra"}));
    EXPECT_EQ(run({"pipe", "edit", "shop", "--remove-table", "items", "--wait"}).exit_code, 0);
    EXPECT_EQ(targets("shop"), json({"orders", "extra"}));
    EXPECT_EQ(run({"pipe", "edit", "shop", "--sync-interval", "2", "--username", source_.username,
                   "--password-env", "SOURCE_PASSWORD", "--wait"})
                  .exit_code,
              0);
    EXPECT_EQ(run_json({"pipe", "get", "shop"})["source"]["mysql"]["settings"]["syncIntervalSeconds"], 2);
    const Finished refused = run({"pipe", "edit", "shop", "--sync-interval", "0"});
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_NE(refused.err.find("syncIntervalSeconds"), std::string::npos) << refused.err;

    EXPECT_EQ(run({"pipe", "resync", "shop", "--table", "orders", "--wait"}).exit_code, 0);
    bool exchanged = false;
    for (const json& event : run_json({"pipe", "events", "shop"}))
        exchanged = exchanged || event["to"] == "Resync";
    EXPECT_TRUE(exchanged);

    EXPECT_EQ(run({"pipe", "edit", "shop", "--name", "store", "--wait"}).exit_code, 0);
    const Finished unasked = run({"pipe", "delete", "store"});
    EXPECT_EQ(unasked.exit_code, 2);
    EXPECT_NE(unasked.err.find("--yes"), std::string::npos) << unasked.err;
    EXPECT_EQ(run_json({"pipe", "get", "store"})["id"], id);  // still there
    EXPECT_TRUE(run_json({"pipe", "delete", "store", "--yes", "--wait"}).is_null());
    const Finished gone = run({"pipe", "get", "store"});
    EXPECT_EQ(gone.exit_code, 2);
    EXPECT_NE(gone.err.find("no pipe is called 'store'"), std::string::npos) << gone.err;
}

TEST_F(CommandLine, PrintsWhatTheApiWarnsOf) {
    const Finished made = run({"pipe", "create", pipe_file("odd", {{"type", "mysql"}}), "--output", "json"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    const json warnings = json::parse(made.out).at("warnings");
    ASSERT_EQ(warnings.size(), 1u) << made.out;
    EXPECT_EQ(made.err, "penstock: warning: " + warnings[0].get<std::string>() + "\n");
    EXPECT_TRUE(made.err.starts_with("penstock: warning: flavour: found MariaDB")) << made.err;
    const Finished other = run({"service", "create", "other", "--clickhouse-url", "http://127.0.0.1:1"});
    ASSERT_EQ(other.exit_code, 0) << other.err;
    EXPECT_TRUE(other.err.starts_with("penstock: warning: ask ClickHouse: no answer from ClickHouse"))
        << other.err;
    EXPECT_EQ(run({"service", "edit", "other", "--name", "another"}).err, "");
}

TEST_F(CommandLine, WatchesUntilAStateAndEndsWhenThePipeFails) {
    ASSERT_EQ(run({"pipe", "create", pipe_file("watched")}).exit_code, 0);
    EXPECT_EQ(run({"pipe", "watch", "watched", "--until", "Running"}).exit_code, 0);

    Background watch(command({"pipe", "watch", "watched", "--output", "json", "--until", "Failed"}),
                     directory_.path() + "/json");
    ASSERT_TRUE(server_.wait_until([&] { return watch.output().find("\"Running\"") != std::string::npos; }));
    Background lines(command({"pipe", "watch", "watched"}), directory_.path() + "/lines");
    ASSERT_TRUE(
        server_.wait_until([&] { return lines.output().find("watched Running") != std::string::npos; }));

    MysqlConnection connection = MysqlConnection::open(source_);
    connection.execute(fmt::format("DROP TABLE {0}.orders, {0}.items", database_));
    EXPECT_EQ(watch.wait(), 0) << watch.output();
    const std::string documents = watch.output();
    const size_t last = documents.rfind('\n', documents.size() - 2) + 1;
    EXPECT_EQ(json::parse(documents.substr(last))["state"], "Failed");
    EXPECT_EQ(lines.wait(), 1) << lines.output();
    EXPECT_NE(lines.output().find("watched Failed"), std::string::npos) << lines.output();
    EXPECT_NE(lines.output().find("orders"), std::string::npos) << lines.output();  // the reason

    EXPECT_EQ(run({"pipe", "watch", "watched"}).exit_code, 1);  // Failed already
}

TEST_F(CommandLine, SaysWhyAPipeThatWasWaitedForIsDegradedOrFailed) {
    MysqlConnection connection = MysqlConnection::open(source_);
    auto spoil = [&](const char* table) {
        connection.execute(
            fmt::format("ALTER TABLE {}.{} ADD d DATE NOT NULL DEFAULT '0000-00-00'", database_, table));
    };
    auto create = [&](const char* name) {
        return run(
            {"pipe", "create", pipe_file(name, {{"settings", {{"invalidDates", "error"}}}}), "--wait"});
    };
    spoil("items");
    const Finished degraded = create("limping");
    EXPECT_EQ(degraded.exit_code, 1);
    EXPECT_NE(degraded.out.find("limping is Degraded: "), std::string::npos) << degraded.out << degraded.err;
    EXPECT_NE(degraded.out.find("items"), std::string::npos) << degraded.out;
    ASSERT_EQ(run({"pipe", "delete", "limping", "--yes", "--wait"}).exit_code, 0);

    spoil("orders");
    const Finished failed = create("doomed");
    EXPECT_EQ(failed.exit_code, 1);
    EXPECT_NE(failed.out.find("doomed is Failed: "), std::string::npos) << failed.out << failed.err;
    EXPECT_NE(failed.out.find("every table of the pipe is stopped"), std::string::npos) << failed.out;
}

TEST_F(CommandLine, EndsWithCtrlCAndLeavesThePipeAlone) {
    ASSERT_EQ(run({"pipe", "create", pipe_file("calm"), "--wait"}).exit_code, 0);
    MysqlConnection connection = MysqlConnection::open(source_);
    connection.execute(fmt::format("LOCK TABLES {}.items WRITE", database_));  // holds what reads it
    Background wait(command({"pipe", "resync", "calm", "--wait"}), directory_.path() + "/wait");
    ASSERT_TRUE(server_.wait_until([&] { return wait.output().find("calm S") != std::string::npos; }));
    wait.signal(SIGINT);
    EXPECT_EQ(wait.wait(), 130) << wait.output();
    connection.execute("UNLOCK TABLES");

    EXPECT_EQ(run({"pipe", "watch", "calm", "--until", "Running"}).exit_code, 0);
    Background watch(command({"pipe", "watch", "calm"}), directory_.path() + "/watch");
    ASSERT_TRUE(server_.wait_until([&] { return watch.output().find("calm Running") != std::string::npos; }));
    watch.signal(SIGINT);
    EXPECT_EQ(watch.wait(), 0) << watch.output();
    EXPECT_EQ(run_json({"pipe", "get", "calm"})["state"], "Running");
}

TEST_F(CommandLine, GoesOnWatchingWhenTheServiceIsStartedAgain) {
    ASSERT_EQ(run({"pipe", "create", pipe_file("steady"), "--wait"}).exit_code, 0);
    Background watch(command({"pipe", "watch", "steady", "--until", "Paused"}), directory_.path() + "/watch");
    ASSERT_TRUE(
        server_.wait_until([&] { return watch.output().find("steady Running") != std::string::npos; }));
    const std::string address = server_.url().substr(server_.url().find("//") + 2);
    server_.kill();
    auto says_so = [&] { return watch.output().find("does not answer") != std::string::npos; };
    while (watch.running() && !says_so()) usleep(10'000);  // between two looks
    EXPECT_TRUE(says_so()) << watch.output();
    server_.start({{"PENSTOCK_LISTEN", address}});
    EXPECT_EQ(run({"pipe", "stop", "steady"}).exit_code, 0);
    EXPECT_EQ(watch.wait(), 0) << watch.output();
}

TEST_F(CommandLine, MakesAndRevokesKeys) {
    const std::string admin_id = server_.key_id(), admin_secret = server_.key_secret();
    const Finished made = run({"key", "create", "look", "--role", "reader", "--expires-in-days", "2"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    const size_t line = made.out.find('\n');
    const std::string id = made.out.substr(std::string("PENSTOCK_KEY_ID=").size(), line - 16);
    const std::string secret = made.out.substr(line + 21, made.out.size() - line - 22);

    use_key(id, secret);
    EXPECT_EQ(run({"pipe", "list"}).exit_code, 0);
    const Finished refused = run({"key", "create", "more"});
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_NE(refused.err.find("reader"), std::string::npos) << refused.err;

    use_key(admin_id, admin_secret);
    const json keys = run_json({"key", "list"});
    ASSERT_EQ(keys.size(), 2u);
    EXPECT_EQ(keys.dump().find(secret), std::string::npos);
    EXPECT_EQ(run({"key", "revoke", "look"}).exit_code, 2);  // nobody to ask
    EXPECT_EQ(run({"key", "revoke", "look", "--yes"}).exit_code, 0);
    EXPECT_NE(run({"key", "list"}).out.find("revoked"), std::string::npos);

    use_key(id, secret);
    const Finished revoked = run({"pipe", "list"});
    EXPECT_EQ(revoked.exit_code, 2);
    EXPECT_NE(revoked.err.find("PENSTOCK_KEY_ID"), std::string::npos) << revoked.err;
    EXPECT_EQ(revoked.err.find(secret), std::string::npos);

    // A file holds the secret as well.
    write_file(directory_.path() + "/secret", admin_secret + "\n");
    use_key("wrong", "wrong");
    EXPECT_EQ(run({"pipe", "list"}).exit_code, 2);
    EXPECT_EQ(run({"pipe", "list", "--key-id", admin_id, "--key-secret-file", directory_.path() + "/secret"})
                  .exit_code,
              0);
}

TEST_F(CommandLine, MakesScalesAndDeletesServices) {
    ASSERT_EQ(run({"service", "create", "other", "--clickhouse-url", "http://127.0.0.1:1"}).exit_code, 0);
    EXPECT_EQ(run_json({"service", "get", "other"})["origin"], "api");
    EXPECT_NE(run({"service", "list"}).out.find("http://127.0.0.1:1 "), std::string::npos);
    EXPECT_EQ(run_json({"pipe", "list", "--service", "other"}), json::array());
    EXPECT_EQ(run({"pipe", "list", "--service", "nowhere"}).exit_code, 2);

    EXPECT_EQ(run({"service", "scaling", "other", "--cpu-millicores", "4000", "--memory-gb", "16"}).exit_code,
              0);
    EXPECT_EQ(run_json({"service", "scaling", "other"}),
              json({{"replicaCpuMillicores", 4000}, {"replicaMemoryGb", 16}}));
    const Finished refused = run({"service", "scaling", "other", "--cpu-millicores", "1500"});
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_NE(refused.err.find("multiple of 1000"), std::string::npos) << refused.err;

    // The memory follows from the processors.
    EXPECT_EQ(run({"service", "scaling", "other", "--cpu-millicores", "3000"}).exit_code, 0);
    EXPECT_EQ(run_json({"service", "scaling", "other"})["replicaMemoryGb"], 12);
    EXPECT_EQ(run({"service", "edit", "other", "--name", "moved", "--clickhouse-url", "http://127.0.0.1:2"})
                  .exit_code,
              0);
    EXPECT_NE(run({"service", "list"}).out.find("http://127.0.0.1:2 "), std::string::npos);
    EXPECT_EQ(run({"service", "edit", "moved"}).exit_code, 2);
    EXPECT_EQ(run({"service", "edit", "default", "--name", "x"}).exit_code, 2);
    EXPECT_EQ(run({"service", "edit", "moved", "--name", "other"}).exit_code, 0);
    const Finished unknown = run({"pipe", "lst"});
    EXPECT_EQ(unknown.exit_code, 2);
    EXPECT_EQ(unknown.err, "penstock: pipe: there is no command lst; did you mean list?\n");
    EXPECT_EQ(run({"service", "delete", "other", "--yes"}).exit_code, 0);
    EXPECT_EQ(run({"service", "delete", "default", "--yes"}).exit_code, 2);  // the embedded one stays
}

TEST_F(CommandLine, SaysWhatIsWrongWithTheWayToTheService) {
    const Finished closed = run({"pipe", "list", "--url", "http://127.0.0.1:1"});
    EXPECT_EQ(closed.exit_code, 1);
    EXPECT_NE(closed.err.find("penstock serve"), std::string::npos) << closed.err;
    const Finished other = run({"pipe", "list", "--url", clickhouse_endpoint().url});
    EXPECT_EQ(other.exit_code, 2);
    EXPECT_NE(other.err.find("not as Penstock's API does"), std::string::npos) << other.err;
    const Finished tls = run({"pipe", "list", "--url", "https" + server_.url().substr(4)});
    EXPECT_EQ(tls.exit_code, 1);
    EXPECT_NE(tls.err.find("TLS"), std::string::npos) << tls.err;
}

TEST_F(CommandLine, WaitsWhereTheServiceLimitsRequests) {
    use_key(server_.key_id(), server_.key_secret());
    EXPECT_EQ(server_.stop(), 0);
    server_.start({{"PENSTOCK_REQUESTS_PER_MINUTE", "30"}});
    for (int i = 0; i < 12; ++i) EXPECT_EQ(run({"pipe", "list"}).exit_code, 0);  // three requests each
    EXPECT_NE(server_.log().find(" 429 "), std::string::npos);
}

/// Runs a command on a terminal of 70 columns and types `input` when it has asked.
Finished run_on_terminal(const std::vector<std::string>& command, const std::string& input) {
    std::vector<char*> argv;
    for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    winsize size{.ws_row = 20, .ws_col = 70, .ws_xpixel = 0, .ws_ypixel = 0};
    int terminal = -1;
    const pid_t pid = forkpty(&terminal, nullptr, nullptr, &size);
    if (pid == 0) {
        execv(argv[0], argv.data());
        _exit(127);
    }
    Finished finished;
    bool typed = input.empty();
    char bytes[4096];
    for (ssize_t n; (n = read(terminal, bytes, sizeof bytes)) > 0;) {
        finished.out.append(bytes, static_cast<size_t>(n));
        if (!typed && finished.out.find("[y/N]") != std::string::npos) {
            typed = write(terminal, input.data(), input.size()) > 0;
        }
    }
    int status = 0;
    waitpid(pid, &status, 0);
    close(terminal);
    finished.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return finished;
}

TEST_F(CommandLine, AsksAndDrawsOnATerminal) {
    use_key(server_.key_id(), server_.key_secret());
    const Finished made = run_on_terminal(command({"pipe", "create", pipe_file("shown"), "--wait"}), "");
    EXPECT_EQ(made.exit_code, 0);
    EXPECT_NE(made.out.find("\x1b[J"), std::string::npos) << "nothing was drawn in place: " << made.out;
    EXPECT_TRUE(made.out.ends_with("shown is \x1b[32mRunning\x1b[0m\r\n")) << made.out;

    const Finished kept = run_on_terminal(command({"pipe", "delete", "shown"}), "n\n");
    EXPECT_EQ(kept.exit_code, 1);
    EXPECT_NE(kept.out.find("Delete the pipe shown?"), std::string::npos) << kept.out;
    EXPECT_EQ(run_json({"pipe", "list"}).size(), 1u);
    EXPECT_EQ(run_on_terminal(command({"pipe", "delete", "shown"}), "y\n").exit_code, 0);
    EXPECT_EQ(run_json({"pipe", "list"}).size(), 0u);
}

TEST_F(CommandLine, VerifyLooksAtThePipesOwnService) {
    const std::string file = pipe_file("shown");
    ASSERT_EQ(run({"pipe", "create", file, "--wait"}).exit_code, 0);
    auto verify = [&](const std::string& pipe, const std::vector<std::string>& more,
                      const std::string& environment = "PENSTOCK_MASTER_KEY=") {
        std::vector<std::string> words = command({"verify", pipe, "--data-dir", server_.data_dir()});
        words.insert(words.end(), more.begin(), more.end());
        words.insert(std::find(words.begin(), words.end(), penstock_program()), environment);
        return run_program(words);
    };
    auto expect_equal = [](const Finished& verified) {
        EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
        EXPECT_NE(verified.out.find("orders: 3 rows"), std::string::npos) << verified.out;
    };
    // A service of the configuration file.
    const Finished unknown = verify(file, {});
    EXPECT_EQ(unknown.exit_code, 2) << unknown.out;
    EXPECT_NE(unknown.err.find("the service \"target\" is of the configuration file"), std::string::npos)
        << unknown.err;
    EXPECT_NE(unknown.err.find("--config"), std::string::npos) << unknown.err;
    expect_equal(verify(file, {"--config", server_.config_file()}));
    expect_equal(verify("shown", {"--config", server_.config_file()}));
    const ClickHouseEndpoint clickhouse = clickhouse_endpoint();
    expect_equal(verify(file, {"--clickhouse-url", clickhouse.url, "--clickhouse-user", clickhouse.user},
                        "PENSTOCK_CLICKHOUSE_PASSWORD=" + clickhouse.password));

    // One made through the API, whose password is sealed.
    ASSERT_EQ(run({"pipe", "delete", "shown", "--yes", "--wait"}).exit_code, 0);
    const Answer made = server_.call_path("POST", server_.services_path(),
                                          {{"name", "sealed"},
                                           {"url", clickhouse.url},
                                           {"user", clickhouse.user},
                                           {"password", clickhouse.password}});
    ASSERT_EQ(made.status, 200) << made.body;
    pipe_file("shown");  // what the other one left goes
    ASSERT_EQ(run({"pipe", "create", file, "--service", "sealed", "--wait"}).exit_code, 0);
    expect_equal(verify(file, {}));
    expect_equal(verify("shown", {}));
    const Finished locked = verify(file, {}, "PENSTOCK_MASTER_KEY=" + std::string(43, 'A') + "=");
    EXPECT_EQ(locked.exit_code, 2) << locked.out;
    EXPECT_NE(locked.err.find("sealed under"), std::string::npos) << locked.err;
}

TEST_F(CommandLine, CompletesNamesOfPipesInBash) {
    ASSERT_EQ(run({"pipe", "create", pipe_file("my shop")}).exit_code, 0);
    std::vector<std::string> bash = command({});
    const std::string program = bash.back();
    bash.pop_back();
    const std::string script = fmt::format(
        "source <({0} completion bash); COMP_WORDS=({0} pipe get m); COMP_CWORD=3; _penstock; echo "
        "\"${{COMPREPLY[*]}}\"",
        program);
    bash.insert(bash.end(), {"bash", "-c", script});
    const Finished completed = run_program(bash);
    EXPECT_EQ(completed.out, "my\\ shop\n") << completed.err;
}

}  // namespace
}  // namespace penstock
