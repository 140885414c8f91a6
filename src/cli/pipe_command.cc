// penstock pipe ...: the pipes of a running service, over its API.

#include <functional>
#include <stop_token>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/api_session.h"
#include "cli/options.h"
#include "cli/pipe_edit.h"
#include "cli/pipe_follow.h"
#include "cli/pipe_text.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "pipe/pipe_file.h"

namespace penstock {
namespace {

using json = ApiClient::json;

struct PipeOptions {
    CommonOptions common;  // only how to print
    ApiOptions api;
    std::string pipe;  // name or id
    std::string file;
    EditOptions edit;
    std::vector<std::string> tables;
    std::string table;
    uint64_t limit = 20;
    uint64_t event_limit = 100;
    std::string until;
    bool wait = false;
    bool yes = false;
};

using Text = std::string (*)(const json&, const Screen&);

void print(const PipeOptions& options, const json& result, Text text) {
    if (options.common.json()) {
        print_json(result);
    } else {
        fmt::print("{}", text(result, Screen::of(stdout)));
    }
}

void print_state(const std::string& name, const std::string& state, const std::string& more = {}) {
    const Screen screen = Screen::of(stdout);
    fmt::print("{} is {}{}\n", printable(name), coloured(screen, colour_of_state(state), state),
               printable(more));
}

/// Follows the pipe to its goal, prints where it ended, and returns the exit code.
int wait_for(ApiSession& api, const PipeOptions& options, const std::string& name, const std::string& path,
             const FollowGoal& goal, const std::stop_token& stop) {
    const FollowEnd end =
        follow_pipe(api, name, path, goal,
                    options.common.json() ? FollowDisplay::kNone : FollowDisplay::kText, stderr, stop);
    if (end.interrupted) {
        fmt::print(stderr, "penstock: no longer waiting; the pipe goes on\n");
        return kExitInterrupted;
    }
    if (options.common.json()) {
        print_json(end.gone ? json() : api.client().get(path));
    } else if (end.gone) {
        fmt::print("{} is deleted\n", printable(name));
    } else {
        print_state(name, end.state, end.reached || end.reason.empty() ? "" : ": " + end.reason);
    }
    return end.reached ? kExitOk : kExitFailed;
}

/// What every command that changes a pipe ends with: `changed` is the pipe as the API answered it.
int finish(ApiSession& api, const PipeOptions& options, const std::string& path, const json& changed,
           const FollowGoal& goal, const std::stop_token& stop) {
    const std::string name = text_at(changed, "/name");
    print_warnings(changed);
    if (options.wait) return wait_for(api, options, name, path, goal, stop);
    if (options.common.json()) {
        print_json(changed);
    } else {
        print_state(name, text_at(changed, "/state"));
    }
    return kExitOk;
}

int list(const PipeOptions& options) {
    ApiSession api(options.api);
    print(options, api.client().get(api.pipes_path()), pipes_text);
    return kExitOk;
}

/// A GET of the pipe, or of what belongs to it.
int show(const PipeOptions& options, const std::string& below, Text text) {
    ApiSession api(options.api);
    print(options, api.client().get(api.pipe_path(options.pipe) + below), text);
    return kExitOk;
}

int create(const PipeOptions& options) {
    const PipeSpec spec = load_pipe_file(options.file);
    json body = to_json(spec);
    body["source"]["mysql"]["credentials"]["password"] = spec.source.password;
    std::stop_source stop;
    SignalWatcher signals(stop);
    ApiSession api(options.api, stop.get_token());
    const json pipe = api.client().post(api.pipes_path(), body);
    print_warnings(pipe);
    if (!options.common.json()) {
        print_state(spec.name, text_at(pipe, "/state"), "; its id is " + text_at(pipe, "/id"));
        std::fflush(stdout);
    }
    const std::string path = api.pipes_path() + "/" + percent_encoded(text_at(pipe, "/id"));
    if (options.wait) return wait_for(api, options, spec.name, path, at_work_goal(), stop.get_token());
    if (options.common.json()) print_json(pipe);
    return kExitOk;
}

int edit(const PipeOptions& options) {
    std::stop_source stop;
    SignalWatcher signals(stop);
    ApiSession api(options.api, stop.get_token());
    const std::string path = api.pipe_path(options.pipe);
    const json patch = to_patch(options.edit, api.client().get(path));
    const json pipe = api.client().patch(path, patch);
    FollowGoal goal = at_work_goal();
    // A name alone sets nothing going.
    if (!patch.contains("source")) goal.passed = text_at(pipe, "/state");
    return finish(api, options, path, pipe, goal, stop.get_token());
}

int change_state(const PipeOptions& options, const char* command, const FollowGoal& goal) {
    std::stop_source stop;
    SignalWatcher signals(stop);
    ApiSession api(options.api, stop.get_token());
    const std::string path = api.pipe_path(options.pipe);
    json body = {{"command", command}};
    if (!options.tables.empty()) body["tables"] = options.tables;
    return finish(api, options, path, api.client().patch(path + "/state", body), goal, stop.get_token());
}

int remove(const PipeOptions& options) {
    std::stop_source stop;
    ApiSession api(options.api, stop.get_token());
    const std::string path = api.pipe_path(options.pipe);
    const std::string name = text_at(api.client().get(path), "/name");
    if (!options.yes &&
        !confirmed(fmt::format("Delete the pipe {}? Its target tables stay.", printable(name)))) {
        fmt::print(stderr, "penstock: nothing was deleted\n");
        return kExitFailed;
    }
    SignalWatcher signals(stop);  // after the question, which Ctrl-C ends
    const json result = api.client().remove(path);
    if (options.wait) return wait_for(api, options, name, path, {.gone = true}, stop.get_token());
    if (options.common.json()) {
        print_json(result);
    } else {
        fmt::print("{} is deleted\n", printable(name));
    }
    return kExitOk;
}

int watch(const PipeOptions& options) {
    std::stop_source stop;
    SignalWatcher signals(stop);
    ApiSession api(options.api, stop.get_token());
    const std::string path = api.pipe_path(options.pipe);
    const std::string name = text_at(api.client().get(path), "/name");
    FollowGoal goal;
    goal.passed = options.until;
    goal.failed = {"Failed"};
    if (options.until.empty()) goal.reached = {"Completed"};  // nothing more happens there
    const FollowEnd end = follow_pipe(api, name, path, goal,
                                      options.common.json() ? FollowDisplay::kJson : FollowDisplay::kText,
                                      stdout, stop.get_token());
    if (end.gone) throw Error(Disposition::kRetry, "watch", printable(name) + " was deleted meanwhile");
    return end.reached || end.interrupted ? kExitOk : kExitFailed;
}

/// Adds the commands one by one; each has the options of the API and of printing.
class Commands {
  public:
    Commands(CLI::App& group, Action& action) : group_(group), action_(action) {}

    using Run = std::function<int(const PipeOptions&)>;

    CLI::App& add(const char* name, const char* help, Run run) {
        options_ = std::make_shared<PipeOptions>();
        CLI::App* command = group_.add_subcommand(name, help);
        add_api_options(*command, options_->api);
        add_service_option(*command, options_->api);
        add_output_option(*command, options_->common);
        command->callback([options = options_, run = std::move(run), &action = action_] {
            action = [options, run] { return run(*options); };
        });
        return *command;
    }
    CLI::App& add_for_pipe(const char* name, const char* help, Run run) {
        CLI::App& command = add(name, help, std::move(run));
        command.add_option("PIPE", options_->pipe, "The pipe's name or id")->type_name(kPipeType)->required();
        return command;
    }
    void add_wait(CLI::App& command, const char* help) { command.add_flag("--wait", options_->wait, help); }
    PipeOptions& options() { return *options_; }  ///< of the command that was added last

  private:
    CLI::App& group_;
    Action& action_;
    std::shared_ptr<PipeOptions> options_;
};

void add_looking_commands(Commands& commands) {
    commands.add("list", "List the pipes of a service", list);
    commands.add_for_pipe("get", "Show a pipe: state, source, settings, table mappings",
                          [](const PipeOptions& o) { return show(o, "", pipe_text); });
    commands.add_for_pipe("tables", "Show a pipe's tables: state, rows loaded, changes",
                          [](const PipeOptions& o) { return show(o, "/tables", tables_text); });
    CLI::App& partitions = commands.add_for_pipe(
        "partitions", "Show the parts in which tables are loaded", [](const PipeOptions& o) {
            const std::string table = o.table.empty() ? "" : "?table=" + percent_encoded(o.table);
            return show(o, "/partitions" + table, partitions_text);
        });
    partitions.add_option("--table", commands.options().table, "Only of this target table")
        ->type_name("TARGET");
    CLI::App& batches =
        commands.add_for_pipe("batches", "Show the newest batches of changes", [](const PipeOptions& o) {
            return show(o, fmt::format("/batches?limit={}", o.limit), batches_text);
        });
    batches.add_option("--limit", commands.options().limit, "How many")
        ->check(CLI::Range(uint64_t{1}, uint64_t{1000}))
        ->capture_default_str();
    CLI::App& events = commands.add_for_pipe(
        "events", "Show the newest changes of a pipe's state, with their time and reason",
        [](const PipeOptions& o) {
            return show(o, fmt::format("/events?limit={}", o.event_limit), events_text);
        });
    events.add_option("--limit", commands.options().event_limit, "How many")
        ->check(CLI::Range(uint64_t{1}, uint64_t{1000}))
        ->capture_default_str();
    CLI::App& watch_command = commands.add_for_pipe(
        "watch",
        "Show a pipe at work until Ctrl-C: progress of its load, then its changes and how far it is behind.\n"
        "Ends by itself when the pipe is Completed, and with exit code 1 when it is Failed.",
        watch);
    watch_command
        .add_option("--until", commands.options().until, "End when the pipe is in this state, or was")
        ->check(CLI::IsMember({"Provisioning", "Setup", "Snapshot", "Running", "Degraded", "Pausing",
                               "Paused", "Modifying", "Resync", "Completed", "Failed"}));
}

void add_changing_commands(Commands& commands) {
    const char* wait_for_work = "Wait until it is Running or Completed; exit code 1 when it is Failed";
    CLI::App& create_command = commands.add(
        "create",
        "Make a pipe from a pipe file (docs/pipe-file.md) and start it. A password written as ${NAME} is\n"
        "taken from the environment of this command.",
        create);
    create_command.add_option("FILE", commands.options().file, "The pipe file, YAML or JSON")
        ->type_name("FILE")
        ->required();
    commands.add_wait(create_command, wait_for_work);

    CLI::App& edit_command = commands.add_for_pipe(
        "edit",
        "Change a pipe: its tables, settings, source or name. A paused pipe goes on afterwards, unless only\n"
        "its name was changed.",
        edit);
    add_edit_options(edit_command, commands.options().edit);
    commands.add_wait(edit_command, wait_for_work);

    CLI::App& stop_command = commands.add_for_pipe(
        "stop", "Pause a pipe: what is in flight is finished or dropped", [](const PipeOptions& o) {
            return change_state(o, "stop", {.reached = {"Paused", "Completed"}, .failed = {"Failed"}});
        });
    commands.add_wait(stop_command, "Wait until it is Paused; exit code 1 when it is Failed");

    CLI::App& start_command =
        commands.add_for_pipe("start", "Let a paused or failed pipe go on where it was",
                              [](const PipeOptions& o) { return change_state(o, "start", at_work_goal()); });
    commands.add_wait(start_command, wait_for_work);

    CLI::App& resync_command =
        commands.add_for_pipe("resync",
                              "Load a pipe's tables anew beside the old ones, then exchange them; readers "
                              "see the old ones until then",
                              [](const PipeOptions& o) { return change_state(o, "resync", at_work_goal()); });
    resync_command
        .add_option("--table", commands.options().tables, "Only this target table; may be repeated")
        ->type_name("TARGET")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    commands.add_wait(resync_command, wait_for_work);

    CLI::App& delete_command =
        commands.add_for_pipe("delete", "Stop a pipe and forget it; its target tables stay", remove);
    delete_command.add_flag("--yes", commands.options().yes, "Do not ask");
    commands.add_wait(delete_command, "Wait until it is gone");
}

}  // namespace

void add_pipe_command(CLI::App& app, Action& action) {
    CLI::App* group =
        app.add_subcommand("pipe", "Make, watch, change and remove the pipes of penstock serve");
    group->require_subcommand(1);
    Commands commands(*group, action);
    add_looking_commands(commands);
    add_changing_commands(commands);
}

}  // namespace penstock
