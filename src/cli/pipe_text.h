#pragma once
// Pipes and what belongs to them as text for people. Each takes a result of the API and returns whole lines.

#include <string>

#include "cli/api_client.h"
#include "cli/terminal.h"

namespace penstock {

std::string pipes_text(const ApiClient::json& pipes, const Screen& screen);
std::string pipe_text(const ApiClient::json& pipe, const Screen& screen);
std::string tables_text(const ApiClient::json& tables, const Screen& screen);
std::string partitions_text(const ApiClient::json& partitions, const Screen& screen);
std::string batches_text(const ApiClient::json& batches, const Screen& screen);
std::string events_text(const ApiClient::json& events, const Screen& screen);

/// "2026-01-31T10:20:30.123Z" as "2026-01-31 10:20:30"; other texts as they are.
std::string time_text(const std::string& iso8601);
/// Seconds between two such times; negative when one of them is not such a time.
double seconds_between(const std::string& from, const std::string& to);

}  // namespace penstock
