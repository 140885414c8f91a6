// penstock completion SHELL: a script that completes commands, options and names.

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/completion.h"
#include "cli/options.h"

namespace penstock {
namespace {

int print_script(const CLI::App& app, const std::string& shell) {
    const std::vector<CompletionCommand> commands = completion_commands(app);
    if (shell == "bash") fmt::print("{}", bash_completion(commands));
    if (shell == "zsh") fmt::print("{}", zsh_completion(commands));
    if (shell == "fish") fmt::print("{}", fish_completion(commands));
    return kExitOk;
}

}  // namespace

void add_completion_command(CLI::App& app, Action& action) {
    CLI::App* command =
        app.add_subcommand("completion",
                           "Print a script that completes commands, options and pipe names in a shell:\n"
                           "  bash   source <(penstock completion bash)\n"
                           "  zsh    source <(penstock completion zsh)\n"
                           "  fish   penstock completion fish | source");
    auto shell = std::make_shared<std::string>();
    command->add_option("SHELL", *shell, "bash, zsh or fish")
        ->check(CLI::IsMember({"bash", "zsh", "fish"}))
        ->required();
    command->callback(
        [shell, &app, &action] { action = [shell, &app] { return print_script(app, *shell); }; });
}

}  // namespace penstock
