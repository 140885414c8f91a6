#pragma once
// The question whether the engine answers. Everything else is asked through the destination's client.

#include <cstdint>
#include <string>

namespace penstock {

/// True when a ClickHouse on that port of 127.0.0.1 lets the user in and answers SELECT 1. Waits at most two
/// seconds; never throws.
bool engine_answers(std::uint16_t http_port, const std::string& user, const std::string& password);

}  // namespace penstock
