#include "cli/pipe_follow.h"

#include <algorithm>
#include <chrono>

#include "base/backoff.h"
#include "cli/watch_view.h"

namespace penstock {
namespace {

using json = ApiClient::json;
using Clock = std::chrono::steady_clock;

constexpr auto kPeriod = std::chrono::milliseconds(500);
constexpr double kCountsEverySeconds = 5;  // where lines cannot be drawn anew
constexpr double kOutOfReachSeconds = 60;

/// Shows what a view has, on whatever there is.
class Follower {
  public:
    Follower(const std::string& name, FollowDisplay display, std::FILE* stream)
        : view_(name), display_(display), stream_(stream), area_(stream), begin_(Clock::now()) {}

    void add(const json& progress, const json& tables) {
        view_.add(progress, tables, seconds());
        if (display_ == FollowDisplay::kJson) {
            json compared = progress;
            if (compared.is_object()) compared.erase("lagSeconds");
            const std::string text = compared.dump(-1, ' ', false, json::error_handler_t::replace);
            if (text == last_text_) return;
            last_text_ = text;
            std::fprintf(stream_, "%s\n",
                         progress.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
            std::fflush(stream_);
        }
        show();
    }

    void add_trouble(const Error& error) {
        view_.set_connection_trouble(error.what());
        show();
    }

    /// On a terminal the last drawing stays where `keep` says so.
    void end(bool keep) {
        if (display_ == FollowDisplay::kText && Screen::of(stream_).terminal && !keep) area_.clear();
    }

  private:
    double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

    void show() {
        if (display_ != FollowDisplay::kText) return;
        const Screen screen = Screen::of(stream_);
        if (screen.terminal) {
            area_.draw(view_.lines(screen));
            return;
        }
        const std::string milestone = view_.milestone();
        const std::string text = view_.summary();
        if (text == last_text_) return;
        if (milestone == last_milestone_ && seconds() - last_line_ < kCountsEverySeconds) return;
        last_text_ = text;
        last_milestone_ = milestone;
        last_line_ = seconds();
        std::fprintf(stream_, "%s\n", text.c_str());
        std::fflush(stream_);
    }

    WatchView view_;
    FollowDisplay display_;
    std::FILE* stream_;
    LiveArea area_;
    Clock::time_point begin_;
    std::string last_text_, last_milestone_;
    double last_line_ = 0;
};

/// True when an event newer than `number` entered the state; `number` becomes the newest one's.
bool passed_through(const json& events, const std::string& state, uint64_t& number) {
    bool passed = false;
    uint64_t newest = number;
    for (const json& event : events) {
        const uint64_t n = count_at(event, "number");
        passed = passed || (n > number && text_at(event, "/to") == state);
        newest = std::max(newest, n);
    }
    number = newest;
    return passed;
}

}  // namespace

FollowGoal at_work_goal() {
    return {.reached = {"Running", "Completed"}, .failed = {"Failed", "Paused"}, .settled = true};
}

FollowEnd follow_pipe(ApiSession& api, const std::string& name, const std::string& pipe_path,
                      const FollowGoal& goal, FollowDisplay display, std::FILE* stream,
                      const std::stop_token& stop) {
    ApiClient& client = api.client();
    Follower follower(name, display, stream);
    uint64_t newest_event = 0;
    bool answered = false;
    Clock::time_point last_answer = Clock::now();
    FollowEnd end;
    while (true) {
        try {
            const json progress = client.get(pipe_path + "/progress");
            const json tables = client.get(pipe_path + "/tables");
            end.state = text_at(progress, "/state");
            end.reason = text_at(progress, "/reason");
            if (!goal.passed.empty()) {
                const json events = client.get(pipe_path + "/events");
                end.reached = passed_through(events, goal.passed, newest_event) && answered;
                end.reached = end.reached || end.state == goal.passed;
            }
            answered = true;
            last_answer = Clock::now();
            follower.add(progress, tables);
            const bool settled =
                !goal.settled || std::none_of(tables.begin(), tables.end(), table_is_loading);
            end.reached = end.reached || (goal.reached.contains(end.state) && settled);
            if (end.reached || goal.failed.contains(end.state)) break;
            // Before that the pipe itself may still fail.
            const bool degraded = end.state == "Degraded" && settled;
            if (goal.settled && degraded && std::any_of(tables.begin(), tables.end(), table_is_stopped))
                break;
        } catch (const Error& e) {
            const auto* answer = dynamic_cast<const ApiAnswerError*>(&e);
            if (answer != nullptr && answer->status() == 404) {
                end.gone = true;
                end.reached = goal.gone;
                break;
            }
            const std::chrono::duration<double> silence = Clock::now() - last_answer;
            if (!answered || e.disposition() != Disposition::kRetry || silence.count() > kOutOfReachSeconds) {
                throw;
            }
            follower.add_trouble(e);
        }
        if (!sleep_unless_stopped(stop, kPeriod)) {
            end.interrupted = true;
            break;
        }
    }
    follower.end(stream == stdout);
    return end;
}

}  // namespace penstock
