#include "cli/pipe_text.h"

#include <cstdio>
#include <ctime>

#include <fmt/format.h>

#include "cli/api_session.h"
#include "cli/number_text.h"
#include "cli/text_table.h"

namespace penstock {
namespace {

using json = ApiClient::json;

std::string count(const json& object, const char* member) {
    return grouped(count_at(object, member));
}

std::string source_text(const json& pipe) {
    const std::string port = text_at(pipe, "/source/mysql/port");
    return text_at(pipe, "/source/mysql/host") + (port.empty() ? "" : ":" + port);
}

std::string list_text(const json& mapping, const char* member) {
    std::string text;
    if (!mapping.contains(member)) return text;
    for (const json& name : mapping[member]) text += (text.empty() ? "" : ", ") + name.get<std::string>();
    return text;
}

/// Seconds since 1970 with fractions; negative for a text that is no such time.
double parse_time(const std::string& text) {
    std::tm tm{};
    double seconds = 0;
    if (std::sscanf(text.c_str(), "%d-%d-%d%*1[T ]%d:%d:%lf", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                    &tm.tm_hour, &tm.tm_min, &seconds) != 6) {
        return -1;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return static_cast<double>(timegm(&tm)) + seconds;
}

constexpr const char* kNoRows = "none\n";

std::string rendered(const TextTable& table, const Screen& screen) {
    return table.empty() ? kNoRows : table.render(screen);
}

}  // namespace

std::string time_text(const std::string& iso8601) {
    if (parse_time(iso8601) < 0 || iso8601.size() < 19) return iso8601;
    std::string text = iso8601.substr(0, 19);
    text[10] = ' ';
    return text;
}

double seconds_between(const std::string& from, const std::string& to) {
    const double begin = parse_time(from);
    const double end = parse_time(to);
    return begin < 0 || end < 0 ? -1 : end - begin;
}

std::string pipes_text(const json& pipes, const Screen& screen) {
    TextTable table({{.title = "NAME"},
                     {.title = "STATE", .state = true},
                     {.title = "MODE"},
                     {.title = "TABLES", .right = true},
                     {.title = "SOURCE", .may_shrink = true},
                     {.title = "DATABASE", .may_shrink = true},
                     {.title = "CREATED"},
                     {.title = "ID"}});
    for (const json& pipe : pipes) {
        const json::json_pointer mappings("/source/mysql/tableMappings");
        table.add({text_at(pipe, "/name"), text_at(pipe, "/state"),
                   text_at(pipe, "/source/mysql/settings/replicationMode"),
                   pipe.contains(mappings) ? grouped(pipe.at(mappings).size()) : "", source_text(pipe),
                   text_at(pipe, "/destination/database"), time_text(text_at(pipe, "/createdAt")),
                   text_at(pipe, "/id")});
    }
    return table.empty() ? "no pipes yet; make one with: penstock pipe create PIPE.yaml\n"
                         : table.render(screen);
}

std::string pipe_text(const json& pipe, const Screen& screen) {
    const std::string state = text_at(pipe, "/state");
    std::string out =
        printable(text_at(pipe, "/name")) + "  " + coloured(screen, colour_of_state(state), state) + "\n";
    auto line = [&](const std::string& title, const std::string& value) {
        if (!value.empty()) out += fmt::format("  {:30}  {}\n", title, printable(value));
    };
    line("id", text_at(pipe, "/id"));
    line("service", text_at(pipe, "/serviceId"));
    line("created", text_at(pipe, "/createdAt"));
    line("updated", text_at(pipe, "/updatedAt"));
    line("source", text_at(pipe, "/source/mysql/type") + " " + source_text(pipe));
    line("destination database", text_at(pipe, "/destination/database"));
    const json::json_pointer settings("/source/mysql/settings");
    if (pipe.contains(settings)) {
        for (const auto& [name, value] : pipe.at(settings).items()) line(name, text_at(value, ""));
    }
    const json::json_pointer mappings("/source/mysql/tableMappings");
    if (!pipe.contains(mappings)) return out;
    TextTable table({{.title = "SOURCE", .may_shrink = true},
                     {.title = "TARGET", .may_shrink = true},
                     {.title = "ENGINE"},
                     {.title = "SORTING KEY", .may_shrink = true},
                     {.title = "EXCLUDED", .may_shrink = true},
                     {.title = "PARTITION KEY", .may_shrink = true}});
    for (const json& mapping : pipe.at(mappings)) {
        table.add({text_at(mapping, "/sourceSchemaName") + "." + text_at(mapping, "/sourceTable"),
                   text_at(mapping, "/targetTable"), text_at(mapping, "/tableEngine"),
                   list_text(mapping, "sortingKeys"), list_text(mapping, "excludedColumns"),
                   text_at(mapping, "/partitionKey")});
    }
    return out + "\n" + rendered(table, screen);
}

std::string tables_text(const json& tables, const Screen& screen) {
    TextTable table({{.title = "TARGET", .may_shrink = true},
                     {.title = "SOURCE", .may_shrink = true},
                     {.title = "STATE", .state = true},
                     {.title = "ROWS LOADED", .right = true},
                     {.title = "OF ABOUT", .right = true},
                     {.title = "PARTITIONS", .right = true},
                     {.title = "INSERTED", .right = true},
                     {.title = "UPDATED", .right = true},
                     {.title = "DELETED", .right = true},
                     {.title = "ADJUSTED", .right = true}});
    std::string errors;
    for (const json& t : tables) {
        if (const std::string error = text_at(t, "/error"); !error.empty())
            errors +=
                "\n" + printable(text_at(t, "/targetTable")) + " is stopped: " + printable(error) + "\n";
        const std::string resync = text_at(t, "/resyncing") == "true" ? " (resync)" : "";
        table.add({text_at(t, "/targetTable"),
                   text_at(t, "/sourceSchemaName") + "." + text_at(t, "/sourceTable"),
                   text_at(t, "/state") + resync, count(t, "rowsLoaded"), count(t, "rowsEstimated"),
                   count(t, "partitionsLoaded") + "/" + count(t, "partitionsTotal"), count(t, "inserted"),
                   count(t, "updated"), count(t, "deleted"), count(t, "adjusted")});
    }
    std::string out = rendered(table, screen);
    TextTable adjusted({{.title = "TARGET", .may_shrink = true},
                        {.title = "COLUMN", .may_shrink = true},
                        {.title = "VALUES ADJUSTED", .right = true}});
    bool any = false;
    for (const json& t : tables) {
        if (!t.contains("adjustedColumns")) continue;
        for (const json& c : t["adjustedColumns"]) {
            adjusted.add({text_at(t, "/targetTable"), text_at(c, "/column"), count(c, "values")});
            any = true;
        }
    }
    if (any) out += "\n" + rendered(adjusted, screen);
    return out + errors;
}

std::string partitions_text(const json& partitions, const Screen& screen) {
    TextTable table({{.title = "TARGET", .may_shrink = true},
                     {.title = "PARTITION", .right = true},
                     {.title = "STATE", .state = true},
                     {.title = "ROWS", .right = true},
                     {.title = "OF ABOUT", .right = true},
                     {.title = "ATTEMPTS", .right = true},
                     {.title = "PREDICATE", .may_shrink = true}});
    for (const json& p : partitions) {
        table.add({text_at(p, "/targetTable"), text_at(p, "/partition"), text_at(p, "/state"),
                   count(p, "rows"), count(p, "estimatedRows"), count(p, "attempts"),
                   text_at(p, "/predicate")});
    }
    return rendered(table, screen);
}

std::string batches_text(const json& batches, const Screen& screen) {
    TextTable table({{.title = "BATCH", .right = true},
                     {.title = "FINISHED"},
                     {.title = "TOOK", .right = true},
                     {.title = "BLOCKS", .right = true},
                     {.title = "SIZE", .right = true},
                     {.title = "INSERTED", .right = true},
                     {.title = "UPDATED", .right = true},
                     {.title = "DELETED", .right = true},
                     {.title = "ADJUSTED", .right = true},
                     {.title = "POSITION", .may_shrink = true}});
    for (const json& b : batches) {
        const std::string finished = text_at(b, "/finishedAt");
        const double took = seconds_between(text_at(b, "/startedAt"), finished);
        table.add({text_at(b, "/batch"), time_text(finished), took < 0 ? "" : duration_text(took, true),
                   count(b, "blocks"), bytes_text(count_at(b, "bytes")), count(b, "inserted"),
                   count(b, "updated"), count(b, "deleted"), count(b, "adjusted"), text_at(b, "/position")});
    }
    return rendered(table, screen);
}

std::string events_text(const json& events, const Screen& screen) {
    TextTable table({{.title = "NUMBER", .right = true},
                     {.title = "TIME"},
                     {.title = "FROM"},
                     {.title = "TO", .state = true},
                     {.title = "REASON", .may_shrink = true}});
    for (const json& e : events) {
        table.add({text_at(e, "/number"), time_text(text_at(e, "/time")), text_at(e, "/from"),
                   text_at(e, "/to"), text_at(e, "/reason")});
    }
    return rendered(table, screen);
}

}  // namespace penstock
