#include "cli/completion.h"

#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/api_session.h"

namespace penstock {
namespace {

using Kind = CompletionValue::Kind;

/// The first clause of a help text, for the lists that shells show.
std::string brief(std::string help) {
    for (char& c : help) {
        if (c == '\n') c = ' ';
    }
    return help.substr(0, std::min(help.find_first_of(";."), help.find(": ")));
}

/// An option's type name is "TYPE", or "TYPE:{text,json}" where only certain words are allowed.
CompletionValue value_of(const CLI::Option& option) {
    if (option.get_items_expected_max() == 0) return {};
    const std::string type = option.get_type_name();
    const size_t open = type.find('{');
    if (open != std::string::npos && type.ends_with('}')) {
        CompletionValue value{.kind = Kind::kWords};
        std::string word;
        for (char c : type.substr(open + 1, type.size() - open - 2)) {
            if (c == ',') {
                value.words.push_back(std::move(word));
                word.clear();
            } else {
                word += c;
            }
        }
        value.words.push_back(std::move(word));
        return value;
    }
    if (type == "BOOL") return {.kind = Kind::kWords, .words = {"true", "false"}};
    if (type == "FILE" || type == "DIR") return {.kind = Kind::kFile};
    if (type == kPipeType) return {.kind = Kind::kPipe};
    if (type == kServiceType) return {.kind = Kind::kService};
    // An argument of no kind that is known may be a file, as a pipe file is.
    return {.kind = option.get_positional() && type == "TEXT" ? Kind::kFile : Kind::kAnything};
}

void collect(const CLI::App& app, const std::string& parent, std::vector<CompletionCommand>& commands) {
    CompletionCommand command;
    command.path = parent.empty() ? app.get_name() : parent + " " + app.get_name();
    command.help = brief(app.get_description());
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_positional()) {
            command.argument = value_of(*option);
            continue;
        }
        if (option->get_group().empty()) continue;
        CompletionOption entry;
        for (const std::string& name : option->get_lnames()) entry.names.push_back("--" + name);
        for (const std::string& name : option->get_snames()) entry.names.push_back("-" + name);
        entry.help = brief(option->get_description());
        entry.value = value_of(*option);
        command.options.push_back(std::move(entry));
    }
    const std::string path = command.path;
    commands.push_back(std::move(command));
    for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (!child->get_group().empty()) collect(*child, path, commands);
    }
}

std::string_view last_word(std::string_view path) {
    return path.substr(path.rfind(' ') + 1);
}

bool is_child(const CompletionCommand& child, const CompletionCommand& parent) {
    return child.path.size() > parent.path.size() + 1 &&
           child.path.compare(0, parent.path.size() + 1, parent.path + " ") == 0 &&
           child.path.find(' ', parent.path.size() + 1) == std::string::npos;
}

std::string joined(const std::vector<std::string>& words, const char* between) {
    return fmt::format("{}", fmt::join(words, between));
}

/// In single quotes for bash and zsh.
std::string shell_quoted(std::string_view text) {
    std::string out = "'";
    for (char c : text) {
        if (c == '\'') {
            out += "'\\''";
        } else {
            out += c;
        }
    }
    return out + "'";
}

std::string fish_quoted(std::string_view text) {
    std::string out = "'";
    for (char c : text) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    return out + "'";
}

/// All commands but the program as patterns of one case branch.
std::vector<std::string> path_patterns(const std::vector<CompletionCommand>& commands,
                                       std::string (*quote)(std::string_view)) {
    std::vector<std::string> patterns;
    for (size_t i = 1; i < commands.size(); ++i) patterns.push_back(quote(commands[i].path));
    return patterns;
}

/// The names are the values of `"name": "..."` of the listed objects; their own members are indented by four.
/// JSON writes a quote or a backslash in them behind a backslash (in brackets here: fish reads two as one).
constexpr const char* kNamesFilter =
    R"sh(sed -n '/^    "name": "/{s/^    "name": "\(.*\)",\{0,1\}$/\1/;s/[\]\(["\]\)/\1/g;p;}')sh";

}  // namespace

std::vector<CompletionCommand> completion_commands(const CLI::App& app) {
    std::vector<CompletionCommand> commands;
    collect(app, "", commands);
    return commands;
}

std::string bash_completion(const std::vector<CompletionCommand>& commands) {
    auto action = [](const CompletionValue& value) -> std::string {
        switch (value.kind) {
            case Kind::kWords:
                return "words=" + shell_quoted(joined(value.words, " "));
            case Kind::kFile:
                return "files=1";
            case Kind::kPipe:
                return "names=pipe";
            case Kind::kService:
                return "names=service";
            default:
                return ":";
        }
    };
    std::string values, arguments;
    for (const CompletionCommand& command : commands) {
        std::vector<std::string> words;
        for (const CompletionOption& option : command.options) {
            words.insert(words.end(), option.names.begin(), option.names.end());
            if (option.value.kind == Kind::kNothing) continue;
            std::vector<std::string> patterns;
            for (const std::string& name : option.names)
                patterns.push_back(shell_quoted(command.path + " " + name));
            values += fmt::format("        {}) {} ;;\n", joined(patterns, "|"), action(option.value));
        }
        std::vector<std::string> children;
        for (const CompletionCommand& child : commands) {
            if (is_child(child, command)) children.emplace_back(last_word(child.path));
        }
        arguments += fmt::format("        {}) options={} words={}; {} ;;\n", shell_quoted(command.path),
                                 shell_quoted(joined(words, " ")), shell_quoted(joined(children, " ")),
                                 action(command.argument));
    }
    return fmt::format(R"sh(# bash completion for penstock, made by: penstock completion bash
_penstock_names() {{
    "${{COMP_WORDS[0]}}" "$1" list --output json 2>/dev/null | {filter}
}}
_penstock() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
    local command=penstock options= words= names= files= word i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$command ${{COMP_WORDS[i]}}" in
        {paths}) command+=" ${{COMP_WORDS[i]}}" ;;
        esac
    done
    # --option=value comes as three words.
    if [[ $current == = ]]; then
        current=
    elif [[ $previous == = ]]; then
        previous=${{COMP_WORDS[COMP_CWORD-2]}}
    fi
    case "$command $previous" in
{values}        *)
        case "$command" in
{arguments}        esac
        [[ $current == -* ]] && words=$options names= files=
        ;;
    esac
    COMPREPLY=()
    if [[ -n $names ]]; then
        while IFS= read -r word; do
            [[ $word == "$current"* ]] && COMPREPLY+=("$(printf %q "$word")")
        done < <(_penstock_names "$names")
    elif [[ -n $files ]]; then
        compopt -o default 2>/dev/null
    else
        for word in $words; do
            [[ $word == "$current"* ]] && COMPREPLY+=("$word")
        done
    fi
    return 0
}}
complete -F _penstock penstock
)sh",
                       fmt::arg("filter", kNamesFilter),
                       fmt::arg("paths", joined(path_patterns(commands, shell_quoted), "|")),
                       fmt::arg("values", values), fmt::arg("arguments", arguments));
}

std::string zsh_completion(const std::vector<CompletionCommand>& commands) {
    auto action = [](const CompletionValue& value) -> std::string {
        switch (value.kind) {
            case Kind::kWords:
                return "compadd -- " + joined(value.words, " ");
            case Kind::kFile:
                return "_files";
            case Kind::kPipe:
                return "_penstock_names pipe";
            case Kind::kService:
                return "_penstock_names service";
            default:
                return ":";
        }
    };
    std::string values, arguments;
    for (const CompletionCommand& command : commands) {
        std::string options, children;
        for (const CompletionOption& option : command.options) {
            for (const std::string& name : option.names)
                options += " " + shell_quoted(name + ":" + option.help);
            if (option.value.kind == Kind::kNothing) continue;
            std::vector<std::string> patterns;
            for (const std::string& name : option.names)
                patterns.push_back(shell_quoted(command.path + " " + name));
            values +=
                fmt::format("        ({}) {}; return ;;\n", joined(patterns, "|"), action(option.value));
        }
        for (const CompletionCommand& child : commands) {
            if (is_child(child, command)) {
                children += " " + shell_quoted(fmt::format("{}:{}", last_word(child.path), child.help));
            }
        }
        const std::string argument =
            children.empty() ? action(command.argument)
                             : fmt::format("candidates=({}); _describe command candidates", children);
        arguments += fmt::format("        ({}) options=({}); [[ $PREFIX == -* ]] || {{ {}; return }} ;;\n",
                                 shell_quoted(command.path), options, argument);
    }
    return fmt::format(R"sh(#compdef penstock
# zsh completion for penstock, made by: penstock completion zsh
_penstock_names() {{
    compadd -- ${{(f)"$("${{words[1]}}" $1 list --output json 2>/dev/null | {filter})"}}
}}
_penstock() {{
    local command=penstock word
    local -a options candidates
    for word in "${{words[@][2,CURRENT-1]}}"; do
        case "$command $word" in
        ({paths}) command="$command $word" ;;
        esac
    done
    case "$command ${{words[CURRENT-1]}}" in
{values}    esac
    case "$command" in
{arguments}    esac
    _describe -o option options
}}
if [[ "$funcstack[1]" == _penstock ]]; then
    _penstock "$@"
else
    compdef _penstock penstock
fi
)sh",
                       fmt::arg("filter", kNamesFilter),
                       fmt::arg("paths", joined(path_patterns(commands, shell_quoted), "|")),
                       fmt::arg("values", values), fmt::arg("arguments", arguments));
}

std::string fish_completion(const std::vector<CompletionCommand>& commands) {
    auto value = [](const CompletionValue& of) -> std::string {
        switch (of.kind) {
            case Kind::kWords:
                return " -x -a " + fish_quoted(joined(of.words, " "));
            case Kind::kFile:
                return " -r -F";
            case Kind::kPipe:
                return " -x -a '(__penstock_names pipe)'";
            case Kind::kService:
                return " -x -a '(__penstock_names service)'";
            case Kind::kAnything:
                return " -x";
            case Kind::kNothing:
                break;
        }
        return {};
    };
    std::string rules;
    for (const CompletionCommand& command : commands) {
        const std::string here = "complete -c penstock -n " + fish_quoted("__penstock_at " + command.path);
        for (const CompletionCommand& child : commands) {
            if (!is_child(child, command)) continue;
            rules += fmt::format("{} -a {} -d {}\n", here, last_word(child.path), fish_quoted(child.help));
        }
        if (command.argument.kind != Kind::kNothing && command.argument.kind != Kind::kAnything) {
            const bool file = command.argument.kind == Kind::kFile;
            rules += here + (file ? " -F" : value(command.argument)) + "\n";
        }
        for (const CompletionOption& option : command.options) {
            rules += here;
            for (const std::string& name : option.names) {
                rules += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
            }
            rules += value(option.value) + " -d " + fish_quoted(option.help) + "\n";
        }
    }
    return fmt::format(R"sh(# fish completion for penstock, made by: penstock completion fish
function __penstock_at
    set -l command penstock
    for word in (commandline -opc)[2..-1]
        switch "$command $word"
            case {paths}
                set command "$command $word"
        end
    end
    test "$command" = "$argv"
end
function __penstock_names
    penstock $argv[1] list --output json 2>/dev/null | {filter}
end
complete -c penstock -f
{rules})sh",
                       fmt::arg("paths", joined(path_patterns(commands, fish_quoted), " ")),
                       fmt::arg("filter", kNamesFilter), fmt::arg("rules", rules));
}

}  // namespace penstock
