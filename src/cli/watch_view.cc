#include "cli/watch_view.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/api_session.h"

namespace penstock {
namespace {

using json = ApiClient::json;

constexpr size_t kLongestName = 32;

double number_at(const json& object, const char* member, double otherwise) {
    auto found = object.find(member);
    return found != object.end() && found->is_number() ? found->get<double>() : otherwise;
}

bool flag_at(const json& object, const char* member) {
    auto found = object.find(member);
    return found != object.end() && found->is_boolean() && found->get<bool>();
}

double fraction_of(uint64_t part, uint64_t whole) {
    if (whole == 0) return 0;
    return std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
}

std::string percent(double fraction) {
    return fmt::format("{:3.0f}%", fraction * 100);
}

std::string time_left(uint64_t loaded, uint64_t estimated, double per_second) {
    if (per_second < 1 || estimated <= loaded) return {};
    return fmt::format("  {} left", duration_text(static_cast<double>(estimated - loaded) / per_second));
}

uint64_t changes_of(const json& progress) {
    return count_at(progress, "inserted") + count_at(progress, "updated") + count_at(progress, "deleted");
}

std::string fit(const std::string& line, const Screen& screen) {
    return screen.width > 1 ? shortened(line, screen.width - 1) : line;
}

}  // namespace

bool table_is_loading(const json& table) {
    const std::string state = text_at(table, "/state");
    return flag_at(table, "resyncing") || state == "Setup" || state == "Snapshot" || state == "Resync";
}

bool table_is_stopped(const json& table) {
    return !text_at(table, "/error").empty();
}

void WatchView::add(const json& progress, const json& tables, double now_seconds) {
    progress_ = progress;
    changes_.add(changes_of(progress), now_seconds);
    tables_.clear();
    loaded_ = estimated_ = 0;
    for (const json& t : tables) {
        Table table;
        table.name = printable(text_at(t, "/targetTable"));
        table.resyncing = flag_at(t, "resyncing");
        table.loading = table_is_loading(t);
        table.loaded = count_at(t, "rowsLoaded");
        table.estimated = count_at(t, "rowsEstimated");
        table.partitions_loaded = count_at(t, "partitionsLoaded");
        table.partitions_total = count_at(t, "partitionsTotal");
        RateMeter& meter = table_rows_[table.name];
        meter.add(table.loaded, now_seconds);
        table.rows_per_second = meter.per_second();
        if (table.loading) {
            loaded_ += table.loaded;
            estimated_ += table.done() ? table.loaded : std::max(table.estimated, table.loaded);
        }
        tables_.push_back(std::move(table));
    }
    rows_.add(loaded_, now_seconds);
    connection_trouble_.clear();
}

bool WatchView::loading() const {
    return text_at(progress_, "/state") == "Snapshot" || text_at(progress_, "/state") == "Resync";
}

std::string WatchView::load_text() const {
    return fmt::format("{} of about {} rows  {} of {} tables", grouped(loaded_), grouped(estimated_),
                       count_at(progress_, "tablesLoaded"), count_at(progress_, "tablesTotal"));
}

std::string WatchView::changes_text() const {
    std::string text =
        fmt::format("inserted {}  updated {}  deleted {}  in {} batches",
                    grouped(count_at(progress_, "inserted")), grouped(count_at(progress_, "updated")),
                    grouped(count_at(progress_, "deleted")), grouped(count_at(progress_, "batches")));
    if (uint64_t adjusted = count_at(progress_, "adjusted")) {
        text += fmt::format("  {} values adjusted", grouped(adjusted));
    }
    return text;
}

std::string WatchView::table_line(const Table& table, size_t name_width) const {
    const std::string name = shortened(table.name, name_width);
    const std::string padding(name_width - display_width(name), ' ');
    const double fraction = table.done() ? 1 : fraction_of(table.loaded, table.estimated);
    std::string line = fmt::format("  {}{}  {} {}  {} rows", name, padding, progress_bar(fraction, 20),
                                   percent(fraction), grouped(table.loaded));
    if (table.done()) return line + "  loaded";
    if (!table.begun()) return line + "  waiting";
    if (table.partitions_total > 0) {
        line += fmt::format("  {}/{} partitions", table.partitions_loaded, table.partitions_total);
    }
    return line + time_left(table.loaded, table.estimated, table.rows_per_second);
}

std::vector<std::string> WatchView::lines(const Screen& screen) const {
    const std::string state = text_at(progress_, "/state");
    const std::string reason = printable(text_at(progress_, "/reason"));
    const std::string trouble = printable(text_at(progress_, "/trouble"));
    const double lag = number_at(progress_, "lagSeconds", -1);

    const double fraction = fraction_of(loaded_, estimated_);
    std::string after;
    if (loading()) {
        after = fmt::format("  {} {}{}", progress_bar(fraction), percent(fraction),
                            time_left(loaded_, estimated_, rows_.per_second()));
    } else if (state == "Running" || state == "Degraded") {
        if (lag >= 0) after += fmt::format("  lag {}", duration_text(lag, true));
        after += fmt::format("  {} changes/s", grouped(static_cast<uint64_t>(changes_.per_second())));
    }
    const std::string head = name_ + "  ";
    std::string first = fit(head + state + after, screen);
    if (first.starts_with(head + state)) {
        first.replace(head.size(), state.size(), coloured(screen, colour_of_state(state), state));
    }
    std::vector<std::string> out = {first};
    if (loading()) {
        const std::string rate = grouped(static_cast<uint64_t>(rows_.per_second()));
        out.push_back(fit("  " + load_text() + "  " + rate + " rows/s", screen));
    }
    if (changes_of(progress_) > 0 || state == "Running") out.push_back(fit("  " + changes_text(), screen));
    const std::string position = printable(text_at(progress_, "/position"));
    if (!position.empty() && !loading()) {
        out.push_back(coloured(screen, Colour::kFaint, fit("  position " + position, screen)));
    }
    auto say = [&](Colour colour, const std::string& text) {
        out.push_back(coloured(screen, colour, fit("  " + text, screen)));
    };
    if (state == "Failed" && !reason.empty()) say(Colour::kBad, reason);
    if (!trouble.empty()) say(Colour::kWarning, "trouble: " + trouble);
    if (!connection_trouble_.empty()) say(Colour::kWarning, connection_trouble_);

    // Tables under way first, then those that wait, then those that are done.
    std::vector<const Table*> shown;
    size_t name_width = 0;
    for (const Table& table : tables_) {
        if (!table.loading) continue;
        shown.push_back(&table);
        name_width = std::max(name_width, std::min(kLongestName, display_width(table.name)));
    }
    std::stable_sort(shown.begin(), shown.end(), [](const Table* a, const Table* b) {
        auto rank = [](const Table& t) { return t.done() ? 2 : t.begun() ? 0 : 1; };
        return rank(*a) < rank(*b);
    });
    size_t room = shown.size();
    if (screen.height > 0) {
        const size_t free = screen.height > out.size() + 2 ? screen.height - out.size() - 2 : 0;
        room = std::min(room, free);
    }
    for (size_t i = 0; i < room; ++i) out.push_back(fit(table_line(*shown[i], name_width), screen));
    if (room < shown.size()) {
        const size_t more = shown.size() - room;
        out.push_back(fmt::format("  and {} more {}", more, more == 1 ? "table" : "tables"));
    }
    return out;
}

std::string WatchView::summary() const {
    const std::string state = text_at(progress_, "/state");
    std::string line = name_ + " " + state;
    if (loading()) {
        line += fmt::format(" {}  {}", percent(fraction_of(loaded_, estimated_)), load_text());
    } else if (changes_of(progress_) > 0 || state == "Running") {
        line += "  " + changes_text();
        const double lag = number_at(progress_, "lagSeconds", -1);
        if (lag >= 0) line += "  lag " + duration_text(lag, true);
    }
    for (const Table& table : tables_) {
        if (loading() || !table.loading || !table.begun()) continue;
        line += fmt::format("  {} {}{} rows", table.name, table.resyncing ? "resync " : "",
                            grouped(table.loaded));
    }
    if (state == "Failed") line += "  " + printable(text_at(progress_, "/reason"));
    const std::string trouble = printable(text_at(progress_, "/trouble"));
    if (!trouble.empty()) line += "  trouble: " + trouble;
    if (!connection_trouble_.empty()) line += "  " + connection_trouble_;
    return line;
}

std::string WatchView::milestone() const {
    std::string text = text_at(progress_, "/state") + "|" + text_at(progress_, "/reason") + "|" +
                       text_at(progress_, "/trouble") + "|" + connection_trouble_ + "|" +
                       text_at(progress_, "/tablesLoaded");
    if (loading()) text += fmt::format("|{}", static_cast<int>(fraction_of(loaded_, estimated_) * 10));
    for (const Table& table : tables_) text += "|" + table.name + (table.loading ? " loading" : "");
    return text;
}

}  // namespace penstock
