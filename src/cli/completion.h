#pragma once
// Shell completion, made from the commands themselves: their names, options and the words that options take.

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace penstock {

/// What may stand in a place of the command line.
struct CompletionValue {
    enum class Kind { kNothing, kAnything, kWords, kFile, kPipe, kService };
    Kind kind = Kind::kNothing;
    std::vector<std::string> words{};  ///< of kWords
};

struct CompletionOption {
    std::vector<std::string> names;  ///< "--output", "-h"
    std::string help;
    CompletionValue value;  ///< kNothing: a flag
};

/// Commands and options that are hidden from --help are left out.
struct CompletionCommand {
    std::string path;  ///< "penstock pipe list"
    std::string help;
    std::vector<CompletionOption> options;
    CompletionValue argument;  ///< of the positional arguments
};

/// The program itself, then every command below it, parents first. `app` must have a name.
std::vector<CompletionCommand> completion_commands(const CLI::App& app);

std::string bash_completion(const std::vector<CompletionCommand>& commands);
std::string zsh_completion(const std::vector<CompletionCommand>& commands);
std::string fish_completion(const std::vector<CompletionCommand>& commands);

}  // namespace penstock
