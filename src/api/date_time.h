#pragma once
// Times in requests: RFC 3339, "2030-01-31T12:00:00Z". service/iso_time.h writes them.

#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock {

/// Milliseconds since 1970-01-01 UTC; nothing where the text is no date and time with an offset.
std::optional<int64_t> parse_date_time(std::string_view text);

}  // namespace penstock
