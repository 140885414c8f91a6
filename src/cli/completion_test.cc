// The scripts are run by the shells that are there: bash always, zsh and fish where they are installed.

#include "cli/completion.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/options.h"

namespace penstock {
namespace {

/// The commands over the API, and a hidden one.
class Completion : public testing::Test {
  protected:
    Completion() : app_("A test", "penstock") {
        app_.set_version_flag("--version", "penstock 0");
        add_check_command(app_, action_);
        add_pipe_command(app_, action_);
        add_service_command(app_, action_);
        add_key_command(app_, action_);
        add_completion_command(app_, action_);
        app_.add_subcommand("engine-helper", "Not for people")->group("");
        commands_ = completion_commands(app_);
        directory_ = std::filesystem::temp_directory_path() / fmt::format("penstock-completion-{}", getpid());
        std::filesystem::create_directory(directory_);
    }
    ~Completion() override { std::filesystem::remove_all(directory_); }

    const CompletionCommand& command(const std::string& path) const {
        auto found = std::find_if(commands_.begin(), commands_.end(),
                                  [&](const CompletionCommand& c) { return c.path == path; });
        if (found == commands_.end()) throw std::out_of_range(path);
        return *found;
    }

    std::string write(const std::string& name, const std::string& text) const {
        const std::string path = directory_ / name;
        std::ofstream(path) << text;
        return path;
    }

    /// A program called penstock that lists these pipes and services.
    void make_program(const std::string& json) const {
        write("penstock", "#!/bin/sh\ncat <<'END'\n" + json + "\nEND\n");
        std::filesystem::permissions(directory_ / "penstock", std::filesystem::perms::owner_all);
    }

    /// stdout and stderr of a shell command, run in the directory with its programs first.
    std::string run(const std::string& shell_command) const {
        const std::string line =
            fmt::format("cd {0} && PATH={0}:$PATH HOME={0} {1} 2>&1", directory_.string(), shell_command);
        std::FILE* pipe = popen(line.c_str(), "r");
        std::string out;
        for (int c; (c = std::fgetc(pipe)) != EOF;) out += static_cast<char>(c);
        pclose(pipe);
        return out;
    }

    /// What bash completes of these words, the last of which is being typed.
    std::string bash(const std::string& words) const {
        write("penstock.bash", bash_completion(commands_));
        write("try.bash", fmt::format("source ./penstock.bash\nCOMP_WORDS=({})\n"
                                      "COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n_penstock\n"
                                      "IFS=,\nprintf '%s' \"${{COMPREPLY[*]}}\"\n",
                                      words));
        return run("bash try.bash");
    }

    CLI::App app_;
    Action action_;
    std::vector<CompletionCommand> commands_;
    std::filesystem::path directory_;
};

TEST_F(Completion, KnowsTheCommandTree) {
    EXPECT_EQ(commands_[0].path, "penstock");
    const CompletionCommand& watch = command("penstock pipe watch");
    EXPECT_EQ(watch.argument.kind, CompletionValue::Kind::kPipe);
    const auto until = std::find_if(watch.options.begin(), watch.options.end(),
                                    [](const CompletionOption& o) { return o.names[0] == "--until"; });
    ASSERT_NE(until, watch.options.end());
    EXPECT_EQ(until->value.kind, CompletionValue::Kind::kWords);
    EXPECT_EQ(until->value.words.size(), 11u);
    EXPECT_EQ(command("penstock check").argument.kind, CompletionValue::Kind::kFile);
    EXPECT_EQ(command("penstock service delete").argument.kind, CompletionValue::Kind::kService);
    EXPECT_EQ(command("penstock completion").argument.words,
              (std::vector<std::string>{"bash", "zsh", "fish"}));
    EXPECT_THROW(command("penstock engine-helper"), std::out_of_range);
}

TEST_F(Completion, BashCompletesCommandsOptionsAndWords) {
    EXPECT_EQ(bash("penstock pi"), "pipe");
    EXPECT_EQ(bash("penstock pipe st"), "stop,start");
    EXPECT_EQ(bash("penstock --v"), "--version");
    EXPECT_EQ(bash("penstock pipe list --out"), "--output");
    EXPECT_EQ(bash("penstock pipe list --output ''"), "text,json");
    EXPECT_EQ(bash("penstock pipe list --output = j"), "json");
    EXPECT_EQ(bash("penstock pipe list --output ="), "text,json");
    EXPECT_EQ(bash("penstock pipe watch --until Pa"), "Pausing,Paused");
    EXPECT_EQ(bash("penstock pipe edit shop --compression ''"), "true,false");
    EXPECT_EQ(bash("penstock pipe edit --port ''"), "");
    EXPECT_EQ(bash("penstock engine"), "");
}

TEST_F(Completion, BashAsksForNamesAndRunsNothingThatTheyHold) {
    make_program(R"json([
  {
    "name": "shop",
    "source": {
      "name": "not a pipe"
    },
    "state": "Running"
  },
  {
    "name": "my shop",
    "state": "Running"
  },
  {
    "name": "a \"b\" c\\\\d",
    "state": "Running"
  },
  {
    "state": "Paused",
    "name": "$(touch broken)"
  }
])json");
    EXPECT_EQ(bash("penstock pipe get ''"), R"(shop,my\ shop,a\ \"b\"\ c\\\\d,\$\(touch\ broken\))");
    EXPECT_EQ(bash("penstock pipe get m"), "my\\ shop");
    EXPECT_EQ(bash("penstock pipe list --service s"), "shop");
    EXPECT_FALSE(std::filesystem::exists(directory_ / "broken"));
}

TEST_F(Completion, EveryShellThatIsThereTakesItsScript) {
    write("penstock.bash", bash_completion(commands_));
    EXPECT_EQ(run("bash -n penstock.bash"), "");
    if (!run("command -v zsh").empty()) {
        write("penstock.zsh", zsh_completion(commands_));
        EXPECT_EQ(run("zsh -f -n penstock.zsh"), "");
    }
    if (!run("command -v fish").empty()) {
        write("penstock.fish", fish_completion(commands_));
        EXPECT_EQ(run("fish --no-config -c 'source penstock.fish; complete -C \"penstock pipe sto\"'"),
                  "stop\tPause a pipe\n");
    }
}

TEST_F(Completion, ScriptsHoldEveryCommand) {
    for (const std::string& script :
         {bash_completion(commands_), zsh_completion(commands_), fish_completion(commands_)}) {
        for (const CompletionCommand& each : commands_) {
            EXPECT_NE(script.find(each.path), std::string::npos) << each.path;
        }
    }
}

/// docs/command-line.md names every command and every option.
TEST_F(Completion, DocumentNamesWhatThereIs) {
    std::ifstream in(std::filesystem::path(PENSTOCK_TEST_DATA) / "../../docs/command-line.md");
    std::ostringstream text;
    text << in.rdbuf();
    const std::string document = text.str();
    for (const CompletionCommand& each : commands_) {
        const bool group = std::any_of(commands_.begin(), commands_.end(), [&](const CompletionCommand& c) {
            return c.path.starts_with(each.path + " ");
        });
        if (!group) {
            EXPECT_NE(document.find("`" + each.path), std::string::npos) << each.path;
        }
        for (const CompletionOption& option : each.options) {
            if (option.names[0] == "--help" || option.names[0] == "--version") continue;
            EXPECT_NE(document.find("`" + option.names[0]), std::string::npos)
                << each.path << " " << option.names[0];
        }
    }
}

}  // namespace
}  // namespace penstock
