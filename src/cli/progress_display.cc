#include "cli/progress_display.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/backoff.h"
#include "cli/number_text.h"
#include "cli/terminal.h"

namespace penstock {

std::string json_string(std::string_view text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

ProgressDisplay::ProgressDisplay(const Progress& progress, std::string name, bool json)
    : progress_(progress), name_(std::move(name)), json_(json), terminal_(isatty(STDERR_FILENO) == 1) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

ProgressDisplay::~ProgressDisplay() {
    thread_.request_stop();
    thread_.join();
    if (terminal_ && !json_) std::fputs("\r\x1b[K", stderr);
}

void ProgressDisplay::run(const std::stop_token& stop) {
    using Clock = std::chrono::steady_clock;
    const auto period = std::chrono::milliseconds(json_ ? 1000 : terminal_ ? 200 : 5000);
    Clock::time_point last = Clock::now();
    while (sleep_unless_stopped(stop, period)) {
        Clock::time_point now = Clock::now();
        double seconds = std::chrono::duration<double>(now - last).count();
        last = now;
        if (json_) {
            std::puts(json_line().c_str());
            std::fflush(stdout);
        } else if (terminal_) {
            std::fprintf(stderr, "\r\x1b[K%s", text_line(seconds).c_str());
        } else {
            std::fprintf(stderr, "%s\n", text_line(seconds).c_str());
        }
    }
}

std::string ProgressDisplay::text_line(double seconds) {
    const Progress& p = progress_;
    PipeState state = p.state;
    std::string line = fmt::format("{} {}", name_, state_name(state));
    uint64_t changes = p.inserted + p.updated + p.deleted;
    uint64_t rows = p.rows_read() + changes;
    double now = rows > last_rows_ ? static_cast<double>(rows - last_rows_) / seconds : 0;
    rate_ = rate_ * 0.7 + now * 0.3;
    last_rows_ = rows;
    if (state == PipeState::kSnapshot) {
        uint64_t total = std::max<uint64_t>(p.rows_estimated, 1);
        double fraction = std::min(1.0, static_cast<double>(p.rows_read()) / static_cast<double>(total));
        line += fmt::format(" {} {:3.0f}%  {} rows read, {} loaded  {}/{} tables  {} rows/s",
                            progress_bar(fraction), fraction * 100, grouped(p.rows_read()),
                            grouped(p.rows_loaded), p.tables_loaded.load(), p.tables_total.load(),
                            grouped(static_cast<uint64_t>(rate_)));
        if (std::optional<double> left = p.seconds_left())
            line += fmt::format("  {} left", duration_text(*left));
    } else if (state == PipeState::kRunning || state == PipeState::kDegraded) {
        line += fmt::format("  inserted {}  updated {}  deleted {}  {} rows/s  {} batches",
                            grouped(p.inserted), grouped(p.updated), grouped(p.deleted),
                            grouped(static_cast<uint64_t>(rate_)), grouped(p.batches));
        if (uint32_t commit = p.last_commit_time) {
            line += fmt::format("  newest commit {} ago",
                                duration_text(std::max(0.0, std::difftime(std::time(nullptr), commit))));
        }
    }
    if (p.adjusted != 0) line += fmt::format("  {} values adjusted", grouped(p.adjusted));
    if (std::string trouble = p.trouble(); !trouble.empty()) {
        line += "  waiting: " + trouble;
    } else if (std::string late = p.source_trouble(); !late.empty()) {
        line += "  " + late;
    } else if (std::string stopped = p.stopped_tables(); !stopped.empty()) {
        line += "  " + stopped;
    }
    line = printable(line);
    // A line that is wider than the terminal is not taken back by a carriage return.
    return terminal_ ? shortened(line, Screen::of(stderr).width) : line;
}

std::string ProgressDisplay::json_line() const {
    const Progress& p = progress_;
    nlohmann::json line = {{"pipe", name_},
                           {"state", state_name(p.state)},
                           {"tablesTotal", p.tables_total.load()},
                           {"tablesLoaded", p.tables_loaded.load()},
                           {"partitionsTotal", p.partitions_total.load()},
                           {"partitionsLoaded", p.partitions_loaded.load()},
                           {"rowsEstimated", p.rows_estimated.load()},
                           {"rowsRead", p.rows_read()},
                           {"rowsLoaded", p.rows_loaded.load()},
                           {"secondsLeft", nullptr},
                           {"inserted", p.inserted.load()},
                           {"updated", p.updated.load()},
                           {"deleted", p.deleted.load()},
                           {"batches", p.batches.load()},
                           {"adjusted", p.adjusted.load()},
                           {"lastCommitTime", p.last_commit_time.load()},
                           {"trouble", p.any_trouble()}};
    if (std::optional<double> left = p.seconds_left()) line["secondsLeft"] = *left;
    return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace penstock
